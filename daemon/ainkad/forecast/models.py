# SPDX-License-Identifier: Apache-2.0
"""Models of many series at once, all of them learning with every step; numpy alone.

Every array has one row a series (S,). A step is one second; what is not a number is not known, and
nothing is learned from it. They are small on purpose: the resident daemon has no room for
scikit-learn, and over half a minute there is little more to be known of a load than its level, its
trend, its reversion and its period.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NAMES: Final = ("naive", "level", "trend", "regression", "seasonal")
"""The naive one, what is now, comes first: the others are compared with it."""

HISTORY: Final = 1024
_FAST: Final = 0.3
_SLOW: Final = 0.02
_LEVEL: Final = 0.1
_TREND: Final = 0.05
_DAMPING: Final = 0.95
_FORGET: Final = 0.998
_RIDGE: Final = 10.0
_WIDTH: Final = 5
# How often a period is looked for, how many steps have to be known, how clear it has to be.
_PERIOD_EVERY: Final = 60
_PERIOD_KNOWN: Final = 120
_PERIOD_LOWEST: Final = 8
_PERIOD_CLEAR: Final = 0.4


def _smooth(state: Floats, value: Floats, weight: float) -> Floats:
    """Exponential smoothing; unknown values change nothing, the first known one begins."""
    moved = state + weight * (value - state)
    begun = np.where(np.isnan(state), value, moved)
    return np.where(np.isnan(value), state, begun)


class Models:
    """The models of S series, ``horizon`` steps ahead."""

    def __init__(self, series: int, horizon: int) -> None:
        self._horizon = horizon
        unknown = np.full(series, np.nan)
        self._fast, self._slow = unknown.copy(), unknown.copy()
        # Holt's method with a damped trend: E. Gardner, E. McKenzie, Forecasting trends in time
        # series, Management Science 31 (1985) 1237-1246.
        self._level, self._trend = unknown.copy(), np.zeros(series)
        self._smooth = unknown.copy()
        # Recursive least squares of the value at the horizon on what is known now.
        self._inverse = np.tile(np.eye(_WIDTH) * _RIDGE, (series, 1, 1))
        self._weights = np.zeros((series, _WIDTH))
        self._weights[:, 1] = 1.0
        self._inputs = np.full((horizon, series, _WIDTH), np.nan)
        self.history = np.full((series, HISTORY), np.nan)
        self._period = np.zeros(series, np.int64)
        self._steps = 0

    def step(self, value: Floats) -> Floats:
        """Take in the values (S,) of a step; returns forecasts (len(NAMES), S), unknown as nan."""
        slot = self._steps % self._horizon
        self._learn(self._inputs[slot], value)
        self.history[:, self._steps % HISTORY] = value
        self._fast = _smooth(self._fast, value, _FAST)
        self._slow = _smooth(self._slow, value, _SLOW)
        self._smooth = _smooth(self._smooth, value, _LEVEL)
        self._follow(value)
        inputs = np.stack(
            [np.ones_like(value), value, self._fast, self._slow, self._trend * self._horizon], 1
        )
        self._inputs[slot] = inputs
        if self._steps % _PERIOD_EVERY == _PERIOD_EVERY - 1:
            self._find_periods()
        self._steps += 1
        damped = _DAMPING * (1 - _DAMPING**self._horizon) / (1 - _DAMPING)
        known = np.where(np.isnan(value), np.nan, 0.0)
        return np.stack(
            [
                value,
                self._smooth + known,
                self._level + damped * self._trend + known,
                (inputs * self._weights).sum(axis=1),
                self._seasonal() + known,
            ]
        )

    def _follow(self, value: Floats) -> None:
        before = self._level
        expected = before + _DAMPING * self._trend
        level = np.where(np.isnan(before), value, expected + _FAST * (value - expected))
        trend = _DAMPING * self._trend + _TREND * (level - expected)
        known = ~np.isnan(value)
        self._trend = np.where(known & ~np.isnan(before), trend, self._trend)
        self._level = np.where(known, level, before)

    def _learn(self, inputs: Floats, value: Floats) -> None:
        """The inputs (S, 5) of a horizon ago had to say ``value`` (S,)."""
        known = ~(np.isnan(value) | np.isnan(inputs).any(axis=1))
        if not known.any():
            return
        x = np.where(known[:, None], inputs, 0.0)
        px = np.einsum("sij,sj->si", self._inverse, x)
        gain = px / (_FORGET + (x * px).sum(axis=1))[:, None]
        error = np.where(known, value - (x * self._weights).sum(axis=1), 0.0)
        self._weights += gain * error[:, None]
        updated = (self._inverse - gain[:, :, None] * px[:, None, :]) / _FORGET
        # Without anything new in it the inverse would grow without end.
        trace = np.trace(updated, axis1=1, axis2=2)
        keep = known & (trace < 1e6)
        self._inverse = np.where(keep[:, None, None], updated, self._inverse)

    # ---- periods ----

    def _last(self, n: int) -> Floats:
        """The last ``n`` values (S, n), oldest first."""
        at = (self._steps + 1 - n + np.arange(n)) % HISTORY
        return self.history[:, at]

    def _find_periods(self) -> None:
        n = min(self._steps + 1, HISTORY)
        if n < _PERIOD_KNOWN:
            return
        values = self._last(n)
        known = ~np.isnan(values)
        centred = np.where(
            known, values - np.nanmean(np.where(known, values, 0.0), 1)[:, None], 0.0
        )
        spectrum = np.fft.rfft(centred, 2 * n, axis=1)
        correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, : n // 2]
        # Fewer pairs are that far apart.
        correlation *= n / (n - np.arange(n // 2))
        power = correlation[:, :1]
        correlation = np.divide(
            correlation, power, out=np.zeros_like(correlation), where=power > 1e-9
        )
        self._period[:] = 0
        for row in np.flatnonzero(known.sum(axis=1) >= _PERIOD_KNOWN):
            self._period[row] = _first_peak(correlation[row])

    def _seasonal(self) -> Floats:
        """The value one or two periods before the horizon, their mean where both are known."""
        result = np.full(len(self._period), np.nan)
        for row in np.flatnonzero(self._period):
            period = int(self._period[row])
            back = -(-self._horizon // period) * period - self._horizon
            picks = [back, back + period]
            found = [
                self.history[row, (self._steps - 1 - p) % HISTORY]
                for p in picks
                if p < min(self._steps, HISTORY)
            ]
            found = [value for value in found if not np.isnan(value)]
            if found:
                result[row] = sum(found) / len(found)
        return result


def _first_peak(correlation: Floats) -> int:
    """The lag of the first clear peak behind the first valley, 0 for none."""
    lag = int(np.argmax(correlation < 0))
    if not lag:
        return 0
    rest = correlation[lag:]
    peak = lag + int(np.argmax(rest))
    if peak < _PERIOD_LOWEST or peak >= len(correlation) - 1 or correlation[peak] < _PERIOD_CLEAR:
        return 0
    # A multiple of the period has nearly as high a peak: the first one that is near it counts.
    for divisor in (4, 3, 2):
        near = round(peak / divisor)
        if near >= _PERIOD_LOWEST and correlation[near] > 0.85 * correlation[peak]:
            return near
    return peak
