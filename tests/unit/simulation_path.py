# SPDX-License-Identifier: Apache-2.0
"""A SIMULATED machine that sends over a path which loses packets or does not, for tests of tuners.

No figure from it says anything of a real one. Connections of 3 s follow each other and keep the
congestion control that they began with. Of 1 % loss cubic makes much less than bbr does; without
loss it is a little better.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from tests.unit.simulation_context import ContextMachine

LOSSY, CLEAN = 0, 1
SEGMENTS = {"": (320.0, 2340.0), "bbr": (2150.0, 2180.0)}
"""Segments a second that arrive, on either path."""
SPREAD = (0.4, 0.03)
"""Of the logarithm of that, from connection to connection."""
RETRANSMITS = {"": (3.5, 0.2), "bbr": (22.0, 0.2)}
"""A second, on average."""
CONNECTION_NS = 3 * 10**9


@dataclass
class PathMachine(ContextMachine):
    """See ``ainkad.tuner.machine.Machine``."""

    phase_ns: int = 60 * 10**9
    delivered: float = 0.0
    used: str = ""
    rate: float = 0.0
    until: int = 0
    again: int = 0
    past: deque[tuple[int, float]] = field(default_factory=lambda: deque([(0, 0.0)], maxlen=6))

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 79])

    @property
    def phase(self) -> int:
        """Which path it is."""
        return int(self.now // self.phase_ns) % 2

    async def sleep(self, nanoseconds: int) -> None:
        end = self.now + nanoseconds
        while self.now < end:
            if self.now >= self.until:
                self.used = self.value()
                noise = float(np.exp(self.rng.normal(0, SPREAD[self.phase])))
                self.rate = SEGMENTS[self.used][self.phase] * min(noise, 2.0)
                self.until = self.now + CONNECTION_NS
            second = self.now // 10**9 + 1
            step = min(end, self.until, second * 10**9) - self.now
            self.delivered += self.rate * step / 1e9
            self.again += self.rng.poisson(RETRANSMITS[self.used][self.phase] * step / 1e9)
            self.now += step
            if self.now == second * 10**9:
                self.past.append((self.again, self.delivered))

    def subject(self) -> tuple[int, str]:
        return 0, "machine"

    def rows(self) -> list[list[int]]:
        """The one feature: permille of what is sent that is sent again, over 5 s."""
        again, delivered = self.past[0]
        return [[int(1000 * (self.again - again) / max(self.delivered - delivered, 1.0))]]

    def steady(self, phase: int, used: str) -> None:
        """Be as after 5 s of one path and one algorithm."""
        self.now, self.used = phase * self.phase_ns, used
        self.past.clear()
        self.past.append((self.again, self.delivered))
        self.again += self.rng.poisson(5 * RETRANSMITS[used][phase])
        self.delivered += 5 * SEGMENTS[used][phase]

    def signal(self, name: str) -> int | None:
        return int(self.delivered) if name == "net.tcp_delivered_count" else 5
