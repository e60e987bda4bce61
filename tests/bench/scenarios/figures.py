# SPDX-License-Identifier: Apache-2.0
"""What is made of the windows: medians, ratios within rounds, what learning has cost."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from tests.bench.scenarios.scenario import DEFAULTS, Measure

#: A window of learning that does worse than this share of the baseline counts as unsafe.
SAFE = 0.95
#: This share of the best arm counts as having found it.
FOUND = 0.95
LEVEL = 0.95


@dataclass(frozen=True)
class Ratio:
    """How many times better than defaults: geometric mean over the rounds, 95 % interval."""

    mean: float
    low: float
    high: float
    rounds: int


@dataclass(frozen=True)
class Learning:
    """What learning has cost, in windows of the load's; None: not within the time it had."""

    windows: int
    until_found: int | None
    regret: float
    worse: int


def by_round(
    windows: Sequence[dict[str, Any]], measure: Measure, condition: str
) -> dict[int, float]:
    """A figure by round; a window that failed has none."""
    return {
        one["round"]: float(one["figures"][measure.figure])
        for one in windows
        if one["condition"] == condition
        and one["phase"] == measure.phase
        and measure.figure in one["figures"]
    }


def median(windows: Sequence[dict[str, Any]], measure: Measure, condition: str) -> float | None:
    """The middle one of a condition's figures."""
    found = by_round(windows, measure, condition)
    return statistics.median(found.values()) if found else None


def better(measure: Measure, value: float, base: float) -> float:
    """How many times better ``value`` is than ``base``; above 1 is good."""
    return base / value if measure.lower_is_better else value / base


def ratio(windows: Sequence[dict[str, Any]], measure: Measure, condition: str) -> Ratio | None:
    """Against defaults of the same round: Student's interval on the logarithms.

    None where fewer than two rounds have both, or a figure is not positive.
    """
    base = by_round(windows, measure, DEFAULTS)
    ours = by_round(windows, measure, condition)
    pairs = [(ours[n], base[n]) for n in sorted(ours) if n in base]
    if len(pairs) < 2 or any(min(pair) <= 0 for pair in pairs):
        return None
    logs = np.log([better(measure, a, b) for a, b in pairs])
    mean, error = float(logs.mean()), float(stats.sem(logs))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(logs) - 1)) * error
    low, high = float(np.exp(mean - reach)), float(np.exp(mean + reach))
    return Ratio(float(np.exp(mean)), low, high, len(pairs))


def best(
    windows: Sequence[dict[str, Any]], measure: Measure, names: Sequence[str]
) -> tuple[str, float] | None:
    """The best of some conditions by its median, and that median; only those that were measured in
    as many rounds as any of them.
    """
    most = max((len(by_round(windows, measure, name)) for name in names), default=0)
    whole = [name for name in names if len(by_round(windows, measure, name)) == most]
    found = [(name, median(windows, measure, name)) for name in whole]
    known = [(name, value) for name, value in found if value is not None]
    if not known:
        return None
    pick = min if measure.lower_is_better else max
    return pick(known, key=lambda item: item[1])


def found_after(series: Sequence[Sequence[float]], goal: float, span: float = 1.0) -> float | None:
    """Seconds of a window until ``span`` seconds have gone on at 95 % of ``goal`` a second.

    ``series``: (seconds since the change of phase, operations until then). None: not in it.
    """
    for begin, old in series:
        later = next(((at, new) for at, new in series if at >= begin + span), None)
        if later is None:
            return None
        if (later[1] - old) / (later[0] - begin) >= FOUND * goal:
            return begin
    return None


def learning(
    windows: Sequence[dict[str, Any]], measure: Measure, baseline: float, goal: float
) -> Learning:
    """What the windows of the learning phase say, in their order.

    ``baseline`` and ``goal`` are the medians of defaults and of the best static arm. Regret is the
    sum of what each window was below the best arm, as a share of it; it is found from the first
    window on that reaches 95 % of it, and the one after it, too.
    """
    scores = [
        float(one["figures"][measure.figure])
        for one in windows
        if one["phase"] == measure.phase and measure.figure in one["figures"]
    ]
    of_best = [better(measure, score, goal) if score > 0 else 0.0 for score in scores]
    until = next(
        (
            number
            for number in range(len(of_best))
            if of_best[number] >= FOUND and all(x >= FOUND for x in of_best[number + 1 :][:1])
        ),
        None,
    )
    return Learning(
        windows=len(scores),
        until_found=until,
        regret=sum(max(0.0, 1 - share) for share in of_best),
        worse=sum(score <= 0 or better(measure, score, baseline) < SAFE for score in scores),
    )
