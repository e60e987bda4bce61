# SPDX-License-Identifier: Apache-2.0
"""Forecasts of signals: which model is used is decided by what each has said before.

Every forecast is kept until its time has come, and scored. A model is used only while its error has
been clearly smaller than that of saying "as now": by SKILL, and by more than chance would do (F.
Diebold, R. Mariano, Comparing predictive accuracy, Journal of Business & Economic Statistics 13
(1995) 253-263, with as many independent values as horizons fit into what was scored). The interval
is between quantiles of the errors that the model has made: nothing is assumed of their shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ainkad.forecast.models import NAMES, Models

SCORED: Final = 600
"""Forecasts that count, the last ten minutes of them."""
FEWEST: Final = 120
CHOOSE_EVERY: Final = 10  # steps
SKILL: Final = 0.05
_CHANCE: Final = 1.65
COVERAGE: Final = 0.9
_LIMIT: Final = float(1 << 62)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Forecast:
    """What a signal is expected to become.

    ``value``, ``low`` and ``high`` (an interval that holds for COVERAGE of the forecasts) are in
    the signal's unit. ``model`` is "" where none beats the naive one; then nothing is expected.
    Errors are mean absolute ones, of ``scored`` forecasts, on the scale of ``scale``.
    """

    signal: str
    now: float
    model: str
    value: float
    low: float
    high: float
    error: float
    naive_error: float
    scored: int
    scale: str


@dataclass(frozen=True)
class _Choice:
    """The model that is used for a signal (0: none), and the errors that say so."""

    made: int
    model: int
    error: float
    naive: float
    scored: int
    low: float
    high: float


class Panel:
    """Forecasts of several signals, one step a second."""

    def __init__(self, signals: Sequence[str], horizon: int = 30) -> None:
        """``horizon`` in steps."""
        self.signals = list(signals)
        self.horizon = horizon
        # Shares are compared as they are, latencies and rates span decades.
        self._linear = np.array([name.endswith("_permille") for name in signals])
        self.restart()

    def restart(self) -> None:
        """Forget everything: what was before says nothing of what comes (a suspended machine)."""
        n = len(self.signals)
        self._models = Models(n, self.horizon)
        self._said = np.full((self.horizon, len(NAMES), n), np.nan)
        self._errors = np.full((SCORED, len(NAMES), n), np.nan)
        self._steps = 0
        self._now = np.full(n, np.nan)
        self._forecasts = np.full((len(NAMES), n), np.nan)
        self._choices: list[_Choice | None] = [None] * n

    def _scaled(self, values: Floats) -> Floats:
        return np.where(self._linear, values / 100.0, np.log1p(np.maximum(values, 0.0)))

    def _plain(self, row: int, value: float) -> float:
        if self._linear[row]:
            return max(0.0, value * 100.0)
        return max(0.0, math.expm1(min(value, 42.0)))

    def step(self, values: Mapping[str, float | None]) -> None:
        """Take in the values of a second by name; those that are None or not there are stale."""
        raw = np.array([_number(values.get(name)) for name in self.signals])
        scaled = self._scaled(raw)
        slot = self._steps % self.horizon
        self._errors[self._steps % SCORED] = scaled - self._said[slot]
        self._forecasts = self._models.step(scaled)
        self._said[slot] = self._forecasts
        self._now = raw
        self._steps += 1

    def forecasts(self) -> list[Forecast]:
        """One for each signal that is known now."""
        return [self._forecast(row) for row in range(len(self.signals)) if self._now[row] >= 0]

    def _forecast(self, row: int) -> Forecast:
        choice = self._choices[row]
        # What has been said in the last seconds changes little of which model is the best.
        if choice is None or self._steps - choice.made >= CHOOSE_EVERY:
            choice = self._choices[row] = self._choose(row)
        value = low = high = math.nan
        expected = float(self._forecasts[choice.model, row])
        used = choice.model > 0 and not math.isnan(expected)
        if used:
            value, low, high = (
                self._plain(row, v)
                for v in (expected, expected + choice.low, expected + choice.high)
            )
        return Forecast(
            self.signals[row], float(self._now[row]), NAMES[choice.model] if used else "", value,
            low, high, choice.error, choice.naive, choice.scored,
            "percent" if self._linear[row] else "log",
        )  # fmt: skip

    def _choose(self, row: int) -> _Choice:
        errors = self._errors[:, :, row]
        with_naive = ~np.isnan(errors[:, 0])
        best, error, naive, scored = 0, math.nan, math.nan, int(with_naive.sum())
        if scored:
            naive = error = float(np.abs(errors[with_naive, 0]).mean())
        for model in range(1, len(NAMES)):
            both = with_naive & ~np.isnan(errors[:, model])
            if both.sum() < FEWEST or math.isnan(self._forecasts[model, row]):
                continue
            own, other = np.abs(errors[both, model]), np.abs(errors[both, 0])
            if _beats(own, other, self.horizon) and (not best or own.mean() < error):
                best, error, naive = model, float(own.mean()), float(other.mean())
        low = high = 0.0
        if best:
            made = errors[~np.isnan(errors[:, best]), best]
            low, high = np.quantile(made, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]).tolist()
        return _Choice(self._steps, best, error, naive, scored, low, high)


def _number(value: float | None) -> float:
    return math.nan if value is None or not 0 <= value < _LIMIT else float(value)


def _beats(own: Floats, naive: Floats, horizon: int) -> bool:
    """Are the errors ``own`` (n,) clearly smaller than ``naive`` (n,)?"""
    mean = float(naive.mean())
    if own.mean() > (1 - SKILL) * mean or mean <= 0:
        return False
    gain = naive - own
    independent = max(2.0, len(gain) / horizon)
    spread = float(gain.std(ddof=1)) / math.sqrt(independent)
    return float(gain.mean()) > _CHANCE * spread
