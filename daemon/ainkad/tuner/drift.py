# SPDX-License-Identifier: Apache-2.0
"""Has the load changed? Cumulative sums of what a tuner sees, without touching anything.

E. Page, Continuous inspection schemes, Biometrika 41 (1954) 100-115, for each number in both
directions, in units of its own spread in the time before.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

import numpy as np

from ainkad.tuner.definition import TIME, Tuner
from ainkad.tuner.machine import Machine
from ainkad.tuner.windows import amounts

REFERENCE: Final = 30
"""Looks that say what is usual."""
SLACK: Final = 1.5
"""A change of twice this many standard deviations is found soonest, one of less than this late."""
LIMIT: Final = 12.0
"""Excess over the slack, summed, that is a change: five looks that are four deviations off."""


class Drift:
    """A stream of vectors; begins anew after a change."""

    def __init__(self, reference: int = REFERENCE) -> None:
        self._reference = reference
        self.restart()

    def restart(self) -> None:
        """What comes now is what is usual."""
        self._first: list[Sequence[float]] = []
        self._mean: list[float] = []
        self._spread: list[float] = []
        self._up: list[float] = []
        self._down: list[float] = []

    def add(self, values: Sequence[float]) -> int | None:
        """The index of the number that has changed, None while none has."""
        if len(self._first) < self._reference:
            self._first.append(tuple(values))
            if len(self._first) == self._reference:
                self._learn()
            return None
        for i, value in enumerate(values):
            off = (value - self._mean[i]) / self._spread[i]
            self._up[i] = max(0.0, self._up[i] + off - SLACK)
            self._down[i] = max(0.0, self._down[i] - off - SLACK)
            if max(self._up[i], self._down[i]) > LIMIT:
                self.restart()
                return i
        return None

    def _learn(self) -> None:
        columns = list(zip(*self._first, strict=True))
        # Medians: a few looks at something else do not make everything usual.
        self._mean = [statistics.median(column) for column in columns]
        self._spread = [
            max(1.4826 * statistics.median(abs(v - m) for v in column), 0.05)
            for column, m in zip(columns, self._mean, strict=True)
        ]
        self._up = [0.0] * len(columns)
        self._down = [0.0] * len(columns)


class Observer:
    """What a tuner's load looks like from one look to the next: counters and candidates.

    Nothing is measured in windows, and nobody is treated for it.
    """

    def __init__(self, machine: Machine, tuner: Tuner) -> None:
        self._machine = machine
        self._tuner = tuner
        self._before: tuple[int, int] | None = None
        self._before_ns = 0
        self.names = ("reward", "events", "candidates", *tuner.features)

    def restart(self) -> None:
        """Forget the last look: something else has happened meanwhile."""
        self._before = None

    def look(self) -> tuple[float, ...] | None:
        """Logarithms of what happened since the last look; None for the first one.

        Raises AinkaError when the machine cannot be asked.
        """
        reward, now = self._tuner.reward, self._machine.now_ns()
        after = amounts(self._machine, reward)
        before, self._before = self._before, after
        begun, self._before_ns = self._before_ns, now
        candidates = self._machine.candidates(self._tuner)
        if before is None or after is None or now <= begun:
            return None
        if reward.signal:
            value, events = self._machine.signal(reward.signal), 0
            level = math.log1p(max(0, value or 0))
        else:
            total, events = after[0] - before[0], after[1] - before[1]
            if reward.denominator == TIME:
                total, events = int(total * 1e9 / max(1, events)), 0
            level = math.log1p(max(0, total) / max(1, events))
        rate = math.log1p(events * 1e9 / (now - begun))
        if len(candidates):
            features = np.log1p(np.maximum(candidates.features, 0)).mean(axis=0).tolist()
        else:
            features = [0.0] * len(self._tuner.features)
        return (level, rate, math.log1p(len(candidates)), *features)
