# SPDX-License-Identifier: Apache-2.0
"""A SIMULATED machine that sends over a path which loses packets or does not, for tests of tuners.

No figure from it says anything of a real one. Connections of 3 s follow each other and keep the
congestion control that they began with. Of 1 % loss cubic makes much less than bbr does; without
loss it is a little better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ainkad.core import evaluate_model
from ainkad.learning.compile import full_evaluate
from ainkad.tuner.definition import Tuner
from ainkad.tuner.machine import Candidates

LOSSY, CLEAN = 0, 1
SEGMENTS = {"": (320.0, 2340.0), "bbr": (2150.0, 2180.0)}
"""Segments a second that arrive, on either path."""
SPREAD = (0.4, 0.03)
"""Of the logarithm of that, from connection to connection."""
RETRANSMITS = {"": (3.5, 0.2), "bbr": (22.0, 0.2)}
"""A second, on average."""
CONNECTION_NS = 3 * 10**9


@dataclass
class PathMachine:
    """See ``ainkad.tuner.machine.Machine``."""

    tuner: Tuner
    seed: int
    phase_ns: int = 60 * 10**9
    helps: bool = True
    now: int = 0
    state: str = "learning"
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    delivered: float = 0.0
    used: str = ""
    rate: float = 0.0
    until: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 79])

    @property
    def phase(self) -> int:
        """Which path it is."""
        return int(self.now // self.phase_ns) % 2

    def now_ns(self) -> int:
        return self.now

    async def sleep(self, nanoseconds: int) -> None:
        end = self.now + nanoseconds
        while self.now < end:
            if self.now >= self.until:
                self.used = self.value() if self.helps else ""
                noise = float(np.exp(self.rng.normal(0, SPREAD[self.phase])))
                self.rate = SEGMENTS[self.used][self.phase] * min(noise, 2.0)
                self.until = self.now + CONNECTION_NS
            step = min(end, self.until) - self.now
            self.delivered += self.rate * step / 1e9
            self.now += step

    def features(self) -> list[int]:
        """What the tuner looks at: permille of what is sent, over the last second."""
        again = self.rng.poisson(RETRANSMITS[self.used][self.phase])
        return [int(1000 * again / max(self.rate, 1.0))]

    def value(self) -> str:
        """The congestion control of connections that begin now; empty for the baseline."""
        for policy in self.policies.values():
            allowed = (
                ("optimizing",) if policy["origin"] == "learner" else ("learning", "optimizing")
            )
            if policy["mode"] != "enforce" or self.state not in allowed:
                continue
            if "model" in policy:
                rows = np.array([self.features()], dtype=np.int64)
                evaluate = full_evaluate(self.tuner.features, evaluate_model)
                if not evaluate(policy["model"], rows)[0]:
                    continue
            return str(policy["action"][0]["value"])
        return ""

    def candidates(self, tuner: Tuner) -> Candidates:
        return Candidates(
            ids=np.zeros(1, dtype=np.int64),
            names=("system",),
            features=np.array([self.features()], dtype=np.int64),
        )

    def counters(self) -> Mapping[str, int]:
        raise AssertionError("no counter of the scheduler is wanted")

    def signal(self, name: str) -> int | None:
        return int(self.delivered) if name == "net.tcp_delivered_count" else 5

    def push(self, request: Mapping[str, Any]) -> None:
        assert request["subject"] == "system"
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
