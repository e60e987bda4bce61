# SPDX-License-Identifier: Apache-2.0
"""A model that was learned: its policies, and whether they pay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ainkad.errors import AinkaError
from ainkad.learning.compile import Evaluate
from ainkad.tuner.confirm import Measurement, measure_pairs, model_policy
from ainkad.tuner.definition import Arm, Tuner
from ainkad.tuner.explore import Usual
from ainkad.tuner.machine import Machine, Module
from ainkad.tuner.notes import Notes
from ainkad.tuner.sequence import always_valid
from ainkad.tuner.stats import Interval
from ainkad.tuner.windows import Outcome


@dataclass(frozen=True)
class Learned:
    """A compiled model and the arm it chooses subjects for."""

    arm: Arm
    tree: bytes
    model: int | None
    report: dict[str, Any]

    def watched(self, tuner: Tuner) -> dict[str, Any]:
        """The policy that only says whom it would treat."""
        return model_policy(tuner, self.arm, self.tree, tuner.shadow, "learner", "observe")

    def promoted(self, tuner: Tuner) -> dict[str, Any]:
        """The policy that treats them."""
        return model_policy(tuner, self.arm, self.tree, tuner.learned, "learner", "enforce")

    def tried(self, tuner: Tuner, name: str, origin: str, mode: str) -> dict[str, Any]:
        """The policy of a window in which it is measured."""
        return model_policy(tuner, self.arm, self.tree, name, origin, mode)


def put_in_force(module: Module, tuner: Tuner, learned: Learned) -> None:
    """Push a learned policy, and let the state be one in which it may act."""
    module.push(learned.promoted(tuner))
    try:
        if module.status().get("state") == "learning":
            module.set_state("optimizing", f"{tuner.learned} has been promoted")
    except AinkaError:
        module.remove(tuner.learned)
        raise


class Measuring:
    """Measures the policies of a tuner's models in pairs of windows, and writes it down.

    ``allowed`` says whether experiments may run.
    """

    def __init__(
        self,
        tuner: Tuner,
        machine: Machine,
        notes: Notes,
        rng: np.random.Generator,
        allowed: Callable[[], bool],
        evaluate: Evaluate,
    ) -> None:
        self._tuner = tuner
        self._machine = machine
        self._notes = notes
        self._rng = rng
        self._allowed = allowed
        self._evaluate = evaluate
        self._since_promotion: list[float] = []

    async def confirm(
        self, learned: Learned, alpha: float, was: Usual | None
    ) -> Measurement | None:
        """Before a promotion; ``was`` is what it must be better than (see ``measure_pairs``)."""
        windows = self._tuner.windows
        self._since_promotion = []
        measured = await self._pairs(
            learned, "confirm", self._tuner.experiment, "experiment", windows.confirm_pairs,
            alpha, None if self._tuner.in_context else was, windows.sequential,
        )  # fmt: skip
        if measured is not None:
            valid = always_valid(measured.differences, alpha)
            self._notes.effect("confirm", learned.model, measured, valid, measured.pays)
        return measured

    async def again(self, learned: Learned) -> Measurement | None:
        """After it: is it still better than nothing?"""
        tuner = self._tuner
        measured = await self._pairs(
            learned, "remeasure", tuner.learned, "learner", tuner.windows.remeasure_pairs,
            tuner.learner.alpha, None, False,
        )  # fmt: skip
        if measured is not None:
            # It is looked at again and again, over all pairs since the promotion.
            self._since_promotion += measured.differences
            valid: Interval = always_valid(self._since_promotion, tuner.learner.alpha)
            self._notes.effect("remeasure", learned.model, measured, valid, False)
        return measured

    async def _pairs(
        self,
        learned: Learned,
        stage: str,
        name: str,
        origin: str,
        pairs: int,
        alpha: float,
        was: Usual | None,
        sequential: bool,
    ) -> Measurement | None:
        def request(mode: str) -> dict[str, Any]:
            if not self._allowed():
                raise AinkaError("experiments may not run any more")
            return learned.tried(self._tuner, name, origin, mode)

        def on_window(mode: str, outcome: Outcome) -> None:
            arm = learned.arm.name if mode == "enforce" else self._tuner.arms[0].name
            self._notes.window(stage, arm, outcome, [])

        def acts() -> bool:
            candidates = self._machine.candidates(self._tuner)
            return bool(self._evaluate(learned.tree, candidates.features).any())

        return await measure_pairs(
            self._machine, self._tuner, request, pairs, alpha, self._rng, on_window, was,
            sequential, acts if self._tuner.in_context else None,
        )  # fmt: skip
