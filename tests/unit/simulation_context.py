# SPDX-License-Identifier: Apache-2.0
"""What SIMULATED machines have in common for which the moment decides: their policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ainkad.core import evaluate_model
from ainkad.learning.compile import full_evaluate
from ainkad.tuner.definition import Tuner
from ainkad.tuner.machine import Candidates


@dataclass
class ContextMachine:
    """See ``ainkad.tuner.machine.Machine``; a subclass has ``sleep``, ``signal`` and a subject."""

    tuner: Tuner
    seed: int
    now: int = 0
    state: str = "learning"
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def subject(self) -> tuple[int, str]:
        """Number and name of the one subject."""
        raise NotImplementedError

    def rows(self) -> list[list[int]]:
        """Its features as they are now, in one row; none while it is no candidate."""
        raise NotImplementedError

    def check(self, policy: Mapping[str, Any]) -> None:
        """Look at a policy that is in force without a model."""

    def now_ns(self) -> int:
        return self.now

    def value(self) -> str:
        """What the policies in force set the tunable to now; empty for the baseline."""
        found = ""
        for policy in self.policies.values():
            allowed = (
                ("optimizing",) if policy["origin"] == "learner" else ("learning", "optimizing")
            )
            if policy["mode"] != "enforce" or self.state not in allowed:
                continue
            if "model" in policy:
                evaluate = full_evaluate(self.tuner.features, evaluate_model)
                if not evaluate(policy["model"], np.array(self.rows(), dtype=np.int64))[0]:
                    continue
            else:
                self.check(policy)
            (action,) = policy["action"]
            ((tunable, _),) = self.tuner.treated_arms[0].settings
            assert action["tunable"] == tunable
            found = action["value"]
        return found

    def candidates(self, tuner: Tuner) -> Candidates:
        rows, (number, name) = self.rows(), self.subject()
        return Candidates(
            ids=np.full(len(rows), number, dtype=np.int64),
            names=(name,) * len(rows),
            features=np.array(rows, dtype=np.int64).reshape(-1, len(tuner.features)),
        )

    def counters(self) -> Mapping[str, int]:
        raise AssertionError("no counter of the scheduler is wanted")

    def push(self, request: Mapping[str, Any]) -> None:
        assert request["subject"] == self.tuner.subject
        self.policies[request["name"]] = dict(request)

    def remove(self, name: str) -> None:
        self.policies.pop(name, None)

    def policy(self, name: str) -> Mapping[str, Any] | None:
        policy = self.policies.get(name)
        return None if policy is None else {**policy, "active": int(bool(self.value()))}

    def learned(self) -> list[str]:
        return [name for name, policy in self.policies.items() if policy["origin"] == "learner"]

    def status(self) -> Mapping[str, Any]:
        return {"state": self.state, "enforce": 1, "learning-mode": 1}

    def set_state(self, state: str, why: str) -> None:
        self.state = state
