# SPDX-License-Identifier: Apache-2.0
"""Student's t without scipy, which would cost the resident daemon tens of megabytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_EPSILON = 1e-15
_TINY = 1e-300


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    result = d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + numerator / c
            c = c if abs(c) > _TINY else _TINY
            factor = c * d
            result *= factor
        if abs(factor - 1.0) < _EPSILON:
            break
    return result


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b) for 0 <= x <= 1."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(a, b, x) / a
    return 1.0 - front * _beta_fraction(b, a, 1.0 - x) / b


def t_cdf(t: float, df: float) -> float:
    """P(T <= t) of Student's t with ``df`` degrees of freedom."""
    tail = 0.5 * incomplete_beta(df / 2.0, 0.5, df / (df + t * t))
    return 1.0 - tail if t > 0 else tail


def t_quantile(p: float, df: float) -> float:
    """The t with P(T <= t) = p, for 0 < p < 1, by bisection to 1e-10."""
    if p < 0.5:
        return -t_quantile(1.0 - p, df)
    low, high = 0.0, 1.0
    while t_cdf(high, df) < p:
        high *= 2.0
    while high - low > 1e-10 * max(1.0, high):
        middle = (low + high) / 2.0
        if t_cdf(middle, df) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


@dataclass(frozen=True)
class Interval:
    """A mean with its interval at 1 − alpha, from ``n`` independent values."""

    mean: float
    low: float
    high: float
    alpha: float
    n: int


def t_interval(values: Sequence[float], alpha: float) -> Interval:
    """Mean and Student's t interval. Valid when the number of values was fixed beforehand.

    Fewer than two values give an interval without bounds.
    """
    n = len(values)
    mean = sum(values) / n if n else math.nan
    if n < 2:
        return Interval(mean, -math.inf, math.inf, alpha, n)
    variance = sum((v - mean) ** 2 for v in values) / (n - 1)
    half = t_quantile(1.0 - alpha / 2.0, n - 1) * math.sqrt(variance / n)
    return Interval(mean, mean - half, mean + half, alpha, n)


def attempt_alpha(alpha: float, attempt: int) -> float:
    """The alpha of the ``attempt``-th try, from 1.

    A tuner may try for as long as the machine runs. alpha / (k (k + 1)) sums to alpha over all k,
    so the chance that a policy without effect is ever promoted stays below alpha (Bonferroni).
    """
    return alpha / (attempt * (attempt + 1))
