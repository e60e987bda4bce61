# SPDX-License-Identifier: Apache-2.0
"""A SIMULATED machine with one disk that is read at random or in sequence, for tests of tuners.

No figure from it says anything of a real one. A phase lasts 10 to 40 s. How much work gets done
depends on the phase, by a factor of a hundred, and on the arm within it, by ``factors``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ainkad.core import evaluate_model
from ainkad.learning.compile import full_evaluate
from ainkad.tuner.definition import Tuner
from ainkad.tuner.machine import Candidates

DISK = 254 << 20
RANDOM, SEQUENTIAL = 0, 1
WORK_US = (30_000.0, 800_000.0)
"""User time a second in either phase, untreated."""
FACTORS = {"8": (2.5, 0.25), "32": (1.7, 0.7), "512": (0.5, 1.05)}
"""What each value of the tunable makes of it."""


@dataclass
class DiskMachine:
    """See ``ainkad.tuner.machine.Machine``."""

    tuner: Tuner
    seed: int
    factors: Mapping[str, tuple[float, float]] = field(default_factory=lambda: FACTORS)
    noise: float = 0.2
    now: int = 0
    state: str = "learning"
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    user_us: float = 0.0
    phase: int = RANDOM
    until: int = 0
    unseen: bool = False

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 78])

    def now_ns(self) -> int:
        return self.now

    async def sleep(self, nanoseconds: int) -> None:
        end = self.now + nanoseconds
        noise = float(np.exp(self.rng.normal(0, self.noise)))
        while self.now < end:
            if self.now >= self.until:
                self.phase = 1 - self.phase
                self.until = self.now + int(self.rng.uniform(10e9, 40e9))
            step = min(end, self.until) - self.now
            factor = self.factors.get(self.value(), (1.0, 1.0))[self.phase]
            self.user_us += WORK_US[self.phase] * factor * noise * step / 1e9
            self.now += step

    def sequential_permille(self) -> int:
        """The one feature."""
        mean, spread = ((30, 20), (960, 20))[self.phase]
        return int(np.clip(self.rng.normal(mean, spread), 0, 1000))

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
                rows = np.array([[self.sequential_permille()]], dtype=np.int64)
                evaluate = full_evaluate(self.tuner.features, evaluate_model)
                if not evaluate(policy["model"], rows)[0]:
                    continue
            else:
                assert re.fullmatch(r"dev.major == 254 and dev.minor == 0", policy["when"])
            (action,) = policy["action"]
            assert action["tunable"] == "dev.read_ahead_kb"
            found = action["value"]
        return found

    def candidates(self, tuner: Tuner) -> Candidates:
        rows = [] if self.unseen else [[self.sequential_permille()]]
        return Candidates(
            ids=np.full(len(rows), DISK, dtype=np.int64),
            names=("vda",) * len(rows),
            features=np.array(rows, dtype=np.int64).reshape(-1, 1),
        )

    def counters(self) -> Mapping[str, int]:
        raise AssertionError("no counter of the scheduler is wanted")

    def signal(self, name: str) -> int | None:
        assert name == "cpu.user_us"
        return int(self.user_us)

    def push(self, request: Mapping[str, Any]) -> None:
        assert request["subject"] == "device"
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
