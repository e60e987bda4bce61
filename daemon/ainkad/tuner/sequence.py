# SPDX-License-Identifier: Apache-2.0
"""An interval that may be looked at after every value: a confidence sequence for a mean.

For normal values of unknown scale. The ratio of two densities of what does not depend on the scale,
one with a mean of standard deviations drawn from N(0, g) and one with a mean of zero, is

    B(t) = (1 + n g)^(-1/2) · ((1 + t²/ν) / (1 + t²/(ν (1 + n g))))^((ν + 1)/2),   ν = n - 1,

with Student's t of the first n values (M. Gönen, W. Johnson, Y. Lu, P. Westfall, The Bayesian
two-sample t test, The American Statistician 59 (2005) 252-257). With the right Haar prior for the
scale it is a nonnegative martingale whose expectation is one when the mean is zero, whenever one
stops (M. Pérez-Ortiz, T. Lardy, R. de Heide, P. Grünwald, E-statistics, group invariance and
anytime-valid testing, The Annals of Statistics 52 (2024) 1410-1432). By Ville's inequality it ever
exceeds 1/α with a probability of at most α. The means against which it does not are the interval:
the chance that it ever misses the true one is at most α, however often one looks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from ainkad.tuner.stats import Interval

SCALE: Final = 1.0
"""g: effects of about one standard deviation of a pair are what is looked for."""


def critical_t(n: int, alpha: float, scale: float = SCALE) -> float:
    """The |t| of ``n`` values up to which a mean stays in the interval; infinite for few values."""
    if n < 2:
        return math.inf
    degrees, spread = n - 1, 1.0 + n * scale
    # B(t) < 1/α, solved for t².
    bound = math.exp((math.log(spread) / 2 - math.log(alpha)) * 2 / (degrees + 1))
    if bound >= spread:
        return math.inf
    return math.sqrt(degrees * (bound - 1.0) / (1.0 - bound / spread))


def always_valid(values: Sequence[float], alpha: float, scale: float = SCALE) -> Interval:
    """Mean and interval at 1 − alpha of independent normal values, valid at every look."""
    n = len(values)
    mean = sum(values) / n if n else math.nan
    critical = critical_t(n, alpha, scale)
    if not math.isfinite(critical):
        return Interval(mean, -math.inf, math.inf, alpha, n)
    variance = sum((value - mean) ** 2 for value in values) / (n - 1)
    half = critical * math.sqrt(variance / n)
    return Interval(mean, mean - half, mean + half, alpha, n)


def arm_alpha(alpha: float, arms: int) -> float:
    """The alpha of each of several arms that are compared with the baseline (Bonferroni)."""
    return alpha / max(1, arms)
