# SPDX-License-Identifier: Apache-2.0
"""How large a score has to be to be unusual: learned from the scores themselves.

The excess of scores over a high quantile is taken as exponential (peaks over threshold; A. Siffer,
P.-A. Fouque, A. Termier, C. Largouët, Anomaly detection in streams with extreme value theory, KDD
2017, with the shape fixed at zero, which needs the fewest data). Quantile and mean excess follow
the stream, so that a signal with heavy tails by nature gets a higher threshold.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PEAKS: Final = 0.02
"""Share of the scores that are peaks."""
RISK: Final = 1e-5
"""Chance of a score above the threshold; a second in a day, if seconds were independent."""
_BEYOND: Final = 0.02
_STEP: Final = 0.05
_MEMORY: Final = 50.0


class Thresholds:
    """Thresholds of n streams of scores, all of them at least 0."""

    def __init__(self, n: int, typical: float, lowest: float) -> None:
        """A score is ``typical`` when nothing is; a threshold is never below ``lowest``."""
        self._lowest = lowest
        self.quantile = np.full(n, 2.5 * typical)
        self.excess = np.full(n, 0.4 * typical)
        self.peaks = np.zeros(n)

    def values(self) -> Floats:
        """The thresholds (n,)."""
        above = self.excess * np.log(PEAKS / RISK)
        values: Floats = np.maximum(self.quantile + above, self._lowest)
        return values

    def learn(self, scores: Floats, weight: Floats) -> None:
        """Take in scores (n,) with weights (n,) from 0, which teaches nothing, to 1."""
        over = scores > self.quantile
        # The quantile climbs by as much as balances its falls when PEAKS of the scores are above.
        move = np.where(over, 1 - PEAKS, -PEAKS) * _STEP * np.maximum(self.quantile, 0.1)
        known = ~np.isnan(scores)
        # What is unusual says little of what is usual; but a threshold that is too low must rise.
        weight = np.where(known, weight, 0.0) * np.where(scores > self.values(), _BEYOND, 1.0)
        self.quantile = np.maximum(self.quantile + weight * move, 0.1)
        peak = weight * over
        self.peaks += peak
        # A single enormous score must not raise the threshold for long.
        size = np.minimum(np.where(known, scores - self.quantile, 0.0), 4 * self.excess)
        rate = peak / np.minimum(self.peaks + 5, _MEMORY)
        self.excess = np.maximum(self.excess + rate * (size - self.excess), 0.05)
