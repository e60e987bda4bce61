# SPDX-License-Identifier: Apache-2.0
"""What a tuner writes down: lines of the log, rows of the store."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from typing import Any, Protocol

from ainkad.tuner.confirm import Measurement
from ainkad.tuner.definition import Tuner
from ainkad.tuner.stats import Interval
from ainkad.tuner.windows import Outcome

log = logging.getLogger("ainkad.tuner")


class Ledger(Protocol):
    """What this needs of a store: Store, GuardedStore or BackgroundStore."""

    def add_event(self, source: str, event: str, detail: Mapping[str, Any]) -> None:
        """Something happened."""

    def add_window(self, **values: Any) -> int:
        """A row of windows; its number."""

    def add_model(self, **values: Any) -> int | None:
        """A row of models; its number, if it has one."""

    def add_effect(self, **values: Any) -> Any:
        """A row of effects."""

    def add_activation(
        self, tuner: str, policy: str, model: int | None, why: str, detail: Mapping[str, Any]
    ) -> None:
        """Another model is in force."""

    def attempts(self, tuner: str) -> int:
        """Confirmations of a tuner so far."""


class Notes:
    """Of one tuner. ``attempt`` is the number of the present one, from 1."""

    def __init__(self, tuner: Tuner, store: Ledger) -> None:
        self._tuner = tuner
        self._store = store
        # Counted here from now on: reading the store may take as long as its disk does.
        self._attempts = store.attempts(tuner.name)
        self.attempt = 1

    def tell(self, event: str, **detail: Any) -> None:
        """One line of the log and one row of the store."""
        words = " ".join(f"{key}={value!r}" for key, value in detail.items() if key != "arms")
        log.info("tuner=%s event=%s %s", self._tuner.name, event, words)
        self._store.add_event(f"tuner.{self._tuner.name}", event, detail)

    def warn(self, event: str, **detail: Any) -> None:
        """A line of the log only: what may come often."""
        words = " ".join(f"{key}={value!r}" for key, value in detail.items())
        log.warning("tuner=%s event=%s %s", self._tuner.name, event, words)

    def window(self, stage: str, arm: str, outcome: Outcome, who: list[Any]) -> int:
        """A window and whom chance chose in it; returns its number."""
        return self._store.add_window(
            tuner=self._tuner.name,
            attempt=self.attempt,
            stage=stage,
            started_ns=outcome.started_ns,
            arm=arm,
            reward=outcome.reward,
            reward_count=outcome.count,
            guards=outcome.guards,
            assignment=who,
        )

    def untreated(self, stage: str, outcome: Outcome) -> None:
        """A window in which nobody was treated."""
        self.window(stage, self._tuner.arms[0].name, outcome, [])

    def attempts(self) -> int:
        """Confirmations so far, of all times."""
        return self._attempts

    def model(self, first: int, last: int, arm: str, tree: bytes, report: dict[str, Any]) -> Any:
        """A model and the windows it was made of; returns its number."""
        return self._store.add_model(
            tuner=self._tuner.name,
            first_window=first,
            last_window=last,
            arm=arm,
            tree=tree,
            report=report,
        )

    def activated(self, model: int | None, why: str, **detail: Any) -> None:
        """Another model is in force, or none."""
        self.tell(why, policy=self._tuner.learned, **detail)
        self._store.add_activation(self._tuner.name, self._tuner.learned, model, why, detail)

    def effect(
        self, stage: str, model: int | None, measured: Measurement, valid: Interval, pays: bool
    ) -> None:
        """A measured effect; ``valid`` is the interval that holds however often one looks."""
        interval = measured.interval
        if stage == "confirm":
            self._attempts += 1
        self._store.add_effect(
            tuner=self._tuner.name,
            policy=self._tuner.learned,
            model=model,
            stage=stage,
            reward=self._tuner.reward.name,
            mean=interval.mean,
            low=interval.low,
            high=interval.high,
            alpha=interval.alpha,
            pairs=interval.n,
            promoted=int(pays),
            valid_low=valid.low if math.isfinite(valid.low) else None,
            valid_high=valid.high if math.isfinite(valid.high) else None,
            decided_by="sequential" if measured.sequential else "fixed",
            arms=len(self._tuner.treated_arms),
            broken=json.dumps(measured.broken),
        )
        self.tell(
            "confirmed" if stage == "confirm" else "remeasured",
            mean=interval.mean,
            low=interval.low,
            high=interval.high,
            broken=list(measured.broken),
            pays=pays,
        )
