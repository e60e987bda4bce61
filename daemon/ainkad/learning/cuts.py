# SPDX-License-Identifier: Apache-2.0
"""Where to cut, when the data leave it open: between kinds of task, in the widest gap."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Nodes = list[dict[str, Any]]
# leaf (n,) of each row → sum of squares that it leaves unexplained, and its degrees of freedom
Unexplained = Callable[[NDArray[np.int64]], tuple[float, int]]
# rows (n,), feature, cut → share of the steps in which the cut is crossed
Crossing = Callable[[NDArray[np.int64], int, float], float]

# 99.9 % of chi-square with one degree of freedom: what a cut may be worse by and still be the one.
# So much, because the best of some fifty cuts is better than the right one by chance alone.
_CHI2_999 = 10.83

# What a cut that every task crosses from window to window, or every moment within one, would have
# to be better by, in the same unit; the one to take seldom splits the values of one kind, so a
# twentieth of that is common.
_WAVERING_COST = 200.0


def leaf_of(nodes: Nodes, features: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the leaf (n,) that each row (n, F) reaches; compares as scikit-learn does."""
    values = features.astype(np.float32)
    reached = np.zeros(len(features), dtype=np.int64)

    def walk(i: int, rows: NDArray[np.int64]) -> None:
        node = nodes[i]
        if "class" in node:
            reached[rows] = i
            return
        below = values[rows, node["feature"]] <= node["threshold"]
        walk(node["left"], rows[below])
        walk(node["right"], rows[~below])

    walk(0, np.arange(len(features)))
    return reached


def rows_at(nodes: Nodes, features: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """The rows that pass node ``wanted``."""
    stopped = [dict(node) for node in nodes]
    stopped[wanted] = {"class": 0}
    return np.flatnonzero(leaf_of(stopped, features) == wanted)


def gaps(column: NDArray[np.int64], min_leaf: int) -> Iterator[tuple[float, float]]:
    """Cuts between neighbouring values that leave ``min_leaf`` rows on each side, and their widths.

    Rates and shares span decades, so widths and middles are those of log(1 + x).
    """
    values, counts = np.unique(column, return_counts=True)
    logs = np.log1p(np.maximum(values, 0))
    below = np.cumsum(counts)
    for i in range(len(values) - 1):
        if below[i] >= min_leaf and below[-1] - below[i] >= min_leaf:
            middle = float(np.expm1((logs[i] + logs[i + 1]) / 2))
            yield middle, float(logs[i + 1] - logs[i])


def wavering(above: NDArray[np.bool_], task: NDArray[np.int64]) -> float:
    """How often tasks change sides: share of the steps from one row of a task to its next.

    ``above`` (n,) says on which side of a cut each row is, ``task`` (n,) whose row it is; rows are
    in the order of time.
    """
    order = np.argsort(task, kind="stable")
    same = task[order][1:] == task[order][:-1]
    changed = above[order][1:] != above[order][:-1]
    return float((changed & same).sum() / max(same.sum(), 1))


def widen(
    nodes: Nodes,
    features: NDArray[np.int64],
    crossing: Crossing,
    min_leaf: int,
    unexplained: Unexplained,
) -> Nodes:
    """The tree with each split moved to where it tells kinds of task, or of moment, apart.

    The best cut in a sample may lie among the values of one kind of task by chance, and then parts
    that kind in two when it is used; or it may be a feature that the treatment itself changes, and
    then the policy lets go of whom it has just treated. Either shows in the windows: tasks cross
    the cut from one to the next, moments within one. That counts against it. All cuts of all
    features that are then not significantly worse than the best one (likelihood ratio) could be the
    right one; the widest gap is the safest.
    """
    result = [dict(node) for node in nodes]
    inner = [i for i, node in enumerate(nodes) if "class" not in node]
    for i in inner:
        rows = rows_at(result, features, i)
        found: list[tuple[float, float, int, float]] = []  # cost, width, feature, cut
        for feature in range(features.shape[1]):
            for cut, width in gaps(features[rows, feature], min_leaf):
                moved = list(result)
                moved[i] = {**result[i], "feature": feature, "threshold": cut}
                square, freedom = unexplained(leaf_of(moved, features))
                # twice the negative logarithm of the likelihood, but for a constant
                cost = freedom * math.log(max(square, 1e-12))
                cost += _WAVERING_COST * crossing(rows, feature, cut)
                found.append((cost, width, feature, cut))
        if found:
            limit = min(found)[0] + _CHI2_999
            _, _, feature, cut = max((f for f in found if f[0] <= limit), key=lambda f: f[1])
            result[i] = {**result[i], "feature": feature, "threshold": cut}
    return result
