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

from tests.unit.simulation_context import ContextMachine

DISK = 254 << 20
RANDOM, SEQUENTIAL = 0, 1
WORK_US = (30_000.0, 800_000.0)
"""User time a second in either phase, untreated."""
FACTORS = {"8": (2.5, 0.25), "32": (1.7, 0.7), "512": (0.5, 1.05)}
"""What each value of the tunable makes of it."""


@dataclass
class DiskMachine(ContextMachine):
    """See ``ainkad.tuner.machine.Machine``."""

    factors: Mapping[str, tuple[float, float]] = field(default_factory=lambda: FACTORS)
    noise: float = 0.2
    user_us: float = 0.0
    phase: int = RANDOM
    until: int = 0
    unseen: bool = False

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 78])

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

    def subject(self) -> tuple[int, str]:
        return DISK, "vda"

    def rows(self) -> list[list[int]]:
        """The one feature: permille of the reads that are sequential."""
        if self.unseen:
            return []
        mean, spread = ((30, 20), (960, 20))[self.phase]
        return [[int(np.clip(self.rng.normal(mean, spread), 0, 1000))]]

    def check(self, policy: Mapping[str, Any]) -> None:
        assert re.fullmatch(r"dev.major == 254 and dev.minor == 0", policy["when"])

    def signal(self, name: str) -> int | None:
        assert name == "cpu.user_us"
        return int(self.user_us)
