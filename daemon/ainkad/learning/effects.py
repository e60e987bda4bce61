# SPDX-License-Identifier: Apache-2.0
"""What treating a leaf's rows does to a window, by least squares, and what is due to the moment."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainkad.learning.dataset import Dataset
from ainkad.tuner.stats import t_cdf, t_quantile

# What the features alone explain: at most so many questions in a row, and no leaf smaller.
LEVEL_DEPTH, LEVEL_LEAF, FOLDS = 2, 6, 5
# Robust standard deviations from the median beyond which a residual counts as that far off only.
WILD = 3.0


@dataclass(frozen=True)
class Effects:
    """Effects of treating one task of each leaf, and how sure they are.

    ``mean`` (L,), ``covariance`` (L, L), ``freedom`` degrees of it. ``known`` (L,) is false for a
    leaf that cannot be told apart from others or whose tasks were all treated alike. ``residual``
    (W,) is what the effects leave unexplained.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    freedom: int
    known: NDArray[np.bool_]
    residual: NDArray[np.float64]

    @property
    def variance(self) -> float:
        """Variance of the residual, per degree of freedom."""
        return float(self.residual @ self.residual) / max(self.freedom, 1)

    def upper(self, alpha: float) -> NDArray[np.float64]:
        """Bounds that each effect exceeds with chance alpha at most; infinite where unknown."""
        if not self.known.any():
            return np.full(len(self.mean), np.inf)
        half = t_quantile(1.0 - alpha, self.freedom) * np.sqrt(np.diag(self.covariance))
        return np.where(self.known, self.mean + half, np.inf)

    def negated(self) -> Effects:
        """The same with the opposite sign."""
        return replace(self, mean=-self.mean)

    def p_equal(self, a: int, b: int) -> float:
        """Two-sided p-value of the hypothesis that two leaves have the same effect."""
        c = self.covariance
        variance = c[a, a] + c[b, b] - 2 * c[a, b]
        if not (self.known[a] and self.known[b]) or variance <= 0:
            return 1.0
        t = abs(self.mean[a] - self.mean[b]) / math.sqrt(variance)
        return 2.0 * t_cdf(-float(t), self.freedom)


def leaf_effects(
    outcome: NDArray[np.float64],
    counts: NDArray[np.float64],
    members: NDArray[np.float64] | None = None,
) -> Effects:
    """Least squares of the windows' ``outcome`` (W,) on ``counts`` (W, L).

    ``counts`` holds the sums of a - p over the rows of each leaf; ``members`` (W, L), if given, the
    number of rows of each leaf, which then has a level of its own.
    """
    windows, leaves = counts.shape
    levels = np.ones((windows, 1)) if members is None else members
    design = np.column_stack([levels, counts])
    freedom = windows - design.shape[1]
    first = levels.shape[1]
    if freedom < 3:
        zero = np.zeros(leaves)
        none = np.zeros(leaves, dtype=np.bool_)
        return Effects(zero, np.zeros((leaves, leaves)), freedom, none, outcome)
    known = np.ptp(counts, axis=0) > 0
    if np.linalg.matrix_rank(design) < design.shape[1]:
        known = np.zeros(leaves, dtype=np.bool_)
    inverse = np.linalg.pinv(design.T @ design)
    beta = inverse @ design.T @ outcome
    residual = outcome - design @ beta
    covariance = inverse * (residual @ residual) / max(freedom, 1)
    return Effects(beta[first:], covariance[first:, first:], freedom, known, residual)


def tamed(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (W,) with those far outside brought to the edge (winsorized by median and MAD).

    A window in which one thing ended and another one began is about neither of them.
    """
    if not len(residual):
        return residual
    middle = np.median(residual)
    reach = WILD * 1.4826 * float(np.median(np.abs(residual - middle)))
    return np.clip(residual, middle - reach, middle + reach)


def level(data: Dataset, train: NDArray[np.bool_], p: dict[str, Any]) -> NDArray[np.float64]:
    """What the features alone, without the treatments, say of each window's outcome (W,).

    Each fold of the windows is told by a tree that has seen the others only: one that had seen a
    window would explain a part of what its treatment did.
    """
    from sklearn.tree import DecisionTreeRegressor

    count = len(data.outcome)
    expected = np.full(count, data.outcome[train].mean() if train.any() else 0.0)
    fold = np.random.default_rng(p["seed"]).permutation(count) % FOLDS
    for one in range(FOLDS):
        rows = np.flatnonzero((train & (fold != one))[data.window])
        told = np.flatnonzero((fold == one)[data.window])
        if len(rows) < 2 * LEVEL_LEAF or not len(told):
            continue
        model = DecisionTreeRegressor(
            max_depth=LEVEL_DEPTH, min_samples_leaf=LEVEL_LEAF, random_state=p["seed"]
        ).fit(data.features[rows], data.outcome[data.window[rows]])
        number = np.bincount(data.window[told], minlength=count)
        sums = np.bincount(
            data.window[told], weights=model.predict(data.features[told]), minlength=count
        )
        expected[number > 0] = sums[number > 0] / number[number > 0]
    return expected
