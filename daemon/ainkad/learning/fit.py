# SPDX-License-Identifier: Apache-2.0
"""Whom to treat, and with which arm, from windows in which that was decided at random.

A task i of window w is treated (a = 1) with probability p = 1/2. The transformed outcome

    Y* = (y_w - mean y) (a - p) / (p (1 - p))

then has the effect of treating a task like i as its expectation (S. Athey and G. Imbens, Recursive
partitioning for heterogeneous causal effects, PNAS 113 (2016) 7353-7360), so an ordinary regression
tree on it finds the features by which the effect differs. (In windows where tasks that are alike
are treated together, it is the effect of treating a task like i and what comes with it.)

Rows of one window share y_w and are not independent. The effects of the leaves are therefore not
read off the tree but estimated by least squares on windows: y_w on the number of treated less
untreated tasks in each leaf. That also takes the noise of the other leaves' treatments out. By the
same estimates
  - the tree is grown again, a few times, on the transformed outcome of what the effects of the
    other tasks leave of y_w (backfitting), which has far less noise than y_w itself; the one that
    explains the windows best is kept;
  - a split stays only if its sides differ by more than the best of many cuts would by chance;
    otherwise part of a leaf that should be treated would be left out for its noise;
  - of all cuts that explain the windows about as well, the one in the widest gap is taken, if
    tasks do not cross it from window to window, and moments not within one;
  - leaves that treatment harms are set aside, and the others are looked at again in the windows in
    which nobody of those was treated.

Where it is the moment that decides and not who is treated (parameter ``context``: the machine, its
disks), a window has a row or two, and how it went depends first of all on what there was to do. All
subjects are treated or none, each arm is as frequent as the baseline, and each is compared with all
untreated windows. What the features alone explain of y_w is taken out beforehand (by trees that
have not seen the window; X. Nie and S. Wager, Quasi-oracle estimation of heterogeneous treatment
effects, Biometrika 108 (2021) 299-319), and each leaf has a level of its own beside its effect. A
feature that goes to and fro with time is then as good as any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainkad.learning.cuts import Nodes, leaf_of, wavering, widen
from ainkad.learning.dataset import Dataset
from ainkad.learning.effects import Effects, leaf_effects, level, tamed

P_TREATED = 0.5
CUTS = 10
# Whom to treat is only proposed here. What decides is the confirmation, by an interval of its own;
# to ask for the same certainty twice would throw away most of the proposals that pay.
PROPOSE_ALPHA = 0.25
ROUNDS = 5
# Steps of robust least squares; see effects_of.
TAMINGS = 3


def holdout_windows(data: Dataset, share: float, seed: int) -> NDArray[np.bool_]:
    """Which windows (W,) are kept from training."""
    count = len(data.outcome)
    held = np.zeros(count, dtype=np.bool_)
    chosen = np.random.default_rng(seed).permutation(count)[: max(1, math.ceil(share * count))]
    held[chosen] = True
    return held


class GrownTree:
    """scikit-learn's tree with the splits that turned out to mean nothing taken back."""

    def __init__(self, model: Any, features: NDArray[np.int64]) -> None:
        tree = model.tree_
        self._tree = tree
        self._parent = {
            int(child): node
            for node in range(tree.node_count)
            for child in (tree.children_left[node], tree.children_right[node])
            if child >= 0
        }
        self._reached = model.apply(features)
        self._cut: set[int] = set()

    def leaf_of_rows(self) -> NDArray[np.int64]:
        """The leaf (n,) of each row, as the tree is now."""
        leaf = {int(node): self._leaf(int(node)) for node in np.unique(self._reached)}
        return np.array([leaf[int(node)] for node in self._reached], dtype=np.int64)

    def _leaf(self, node: int) -> int:
        found = node
        while node in self._parent:
            node = self._parent[node]
            if node in self._cut:
                found = node
        return found

    def pairs(self, leaves: set[int]) -> list[tuple[int, int, int]]:
        """Splits (node, left, right) both of whose sides are leaves now."""
        tree = self._tree
        sides = [(n, int(tree.children_left[n]), int(tree.children_right[n]))
                 for n in range(tree.node_count)]  # fmt: skip
        return [(n, a, b) for n, a, b in sides if a in leaves and b in leaves]

    def cut(self, node: int) -> None:
        """Make a leaf of a node."""
        self._cut.add(node)

    def nodes(self) -> Nodes:
        """The tree as a list; a leaf has a class, an inner node feature, threshold, left, right.

        Numbers are those of scikit-learn; what is below a node that was cut counts as leaves, to
        which nothing leads.
        """
        tree = self._tree
        nodes: Nodes = []
        for i in range(tree.node_count):
            above = i
            while above in self._parent and above not in self._cut:
                above = self._parent[above]
            if tree.children_left[i] < 0 or above in self._cut:
                nodes.append({"class": 0})
            else:
                nodes.append(
                    {
                        "feature": int(tree.feature[i]),
                        "threshold": float(tree.threshold[i]),
                        "left": int(tree.children_left[i]),
                        "right": int(tree.children_right[i]),
                    }
                )
        return nodes


@dataclass(frozen=True)
class Sample:
    """The windows and rows of one arm.

    ``outcome`` (W,); of each row ``window`` (n,), ``treatment`` (n,): a - p, ``features`` and
    ``after`` (n, F), ``task`` (n,). With ``context`` each leaf has a level of its own.
    """

    outcome: NDArray[np.float64]
    window: NDArray[np.int64]
    treatment: NDArray[np.float64]
    features: NDArray[np.int64]
    after: NDArray[np.int64]
    task: NDArray[np.int64]
    context: bool = False

    def crossing(self, rows: NDArray[np.int64], feature: int, cut: float) -> float:
        """In how many of the steps that these rows (n,) show a cut is crossed, 0 to 1.

        A task is seen in one window after the other, a moment before and after its own.
        """
        above = self.features[rows, feature] > cut
        if self.context:
            return float((above != (self.after[rows, feature] > cut)).mean())
        return wavering(above, self.task[rows])

    def members(self, column: NDArray[np.int64], leaves: int) -> NDArray[np.float64] | None:
        """Rows of each leaf in each window (W, L), where that matters."""
        return self._sums(column, leaves, np.ones(len(column))) if self.context else None

    def counts(self, column: NDArray[np.int64], leaves: int) -> NDArray[np.float64]:
        """Sums of a - p (W, L), given the leaf (n,) of each row."""
        return self._sums(column, leaves, self.treatment)

    def _sums(
        self, column: NDArray[np.int64], leaves: int, values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        sums = np.zeros((len(self.outcome), leaves))
        np.add.at(sums, (self.window, column), values)
        return sums


@dataclass(frozen=True)
class Grown:
    """A tree, its leaves' numbers (L,), the place of each row's leaf (n,), the effects."""

    nodes: Nodes
    leaves: NDArray[np.int64]
    column: NDArray[np.int64]
    effects: Effects


def effects_of(sample: Sample, leaf: NDArray[np.int64]) -> tuple[Any, Any, Effects]:
    """Leaves (L,), place of each row's leaf (n,) and effects, given the leaf (n,) of each row."""
    leaves, column = np.unique(leaf, return_inverse=True)
    counts = sample.counts(column, len(leaves))
    members = sample.members(column, len(leaves))
    effects = leaf_effects(sample.outcome, counts, members)
    # A moment that was taken for another one by its features is far off in its leaf, not among all.
    for _ in range(TAMINGS if sample.context else 0):
        outcome = sample.outcome - effects.residual + tamed(effects.residual)
        effects = leaf_effects(outcome, counts, members)
    return leaves, column, effects


def grow(sample: Sample, pseudo: NDArray[np.float64], p: dict[str, Any]) -> Grown:
    """Grow a tree on pseudo-outcomes (n,), then take back the splits that mean nothing."""
    from sklearn.tree import DecisionTreeRegressor

    model = DecisionTreeRegressor(
        max_depth=p["depth"], min_samples_leaf=p["min_leaf"], random_state=p["seed"]
    ).fit(sample.features, pseudo)
    tree = GrownTree(model, sample.features)
    # The split that was taken is the best of many: about ten cuts that matter. (Features are alike
    # enough to count as one; they are tried on the same tasks.)
    split_alpha = p["alpha"] / CUTS
    while True:
        leaves, column, effects = effects_of(sample, tree.leaf_of_rows())
        index = {int(leaf): i for i, leaf in enumerate(leaves)}
        equal = [
            (effects.p_equal(index[left], index[right]), node)
            for node, left, right in tree.pairs(set(index))
        ]
        if not equal or max(equal)[0] <= split_alpha:
            return Grown(tree.nodes(), leaves, column, effects)
        tree.cut(max(equal)[1])


def settle_cuts(sample: Sample, grown: Grown, p: dict[str, Any]) -> Grown:
    """The same tree with its cuts in the widest gaps that the data allow."""

    def unexplained(leaf: NDArray[np.int64]) -> tuple[float, int]:
        effects = effects_of(sample, leaf)[2]
        return float(effects.residual @ effects.residual), effects.freedom

    nodes = widen(grown.nodes, sample.features, sample.crossing, p["min_leaf"], unexplained)
    return Grown(nodes, *effects_of(sample, leaf_of(nodes, sample.features)))


def spare_harmed(sample: Sample, grown: Grown, p: dict[str, Any]) -> Effects:
    """The effects of the leaves when those that treatment harms are left alone.

    Treating a task that must not be treated drowns what treating others does, and a policy will not
    do it. Who is treated was drawn at random, so the windows in which nobody of such a leaf was
    may be looked at by themselves.
    """
    effects = grown.effects
    harmed = -effects.negated().upper(p["alpha"]) > p["min_effect"]
    # With levels of their own, leaves do not disturb each other.
    if sample.context or not harmed.any() or harmed.all():
        return effects
    touched = sample.window[harmed[grown.column] & (sample.treatment > 0)]
    kept = np.ones(len(sample.outcome), dtype=np.bool_)
    kept[touched] = False
    counts = sample.counts(grown.column, len(grown.leaves))
    some = leaf_effects(sample.outcome[kept], counts[kept][:, ~harmed])
    if not some.known.any():
        return effects
    mean, known = effects.mean.copy(), effects.known.copy()
    covariance = effects.covariance.copy()
    mean[~harmed], known[~harmed] = some.mean, some.known
    covariance[np.ix_(~harmed, ~harmed)] = some.covariance
    return Effects(mean, covariance, some.freedom, known, some.residual)


def fit_arm(
    data: Dataset,
    arm: int,
    train: NDArray[np.bool_],
    p: dict[str, Any],
    expected: NDArray[np.float64] | None = None,
) -> dict[str, Any]:
    """The tree of one arm: nodes, leaves with effects, and what treating by it should bring.

    ``train`` (W,) marks the windows to learn from; ``p`` has depth, min_leaf, min_effect, alpha
    and seed; ``expected`` (W,), if given, is what the features alone say (see ``level``). The
    result is plain data; ``total`` is the predicted change of the log reward.
    """
    used = train & (data.arm == arm)
    if expected is not None:
        # Untreated windows are those of every arm.
        nobody = np.bincount(data.window, weights=data.treated, minlength=len(data.outcome)) == 0
        used |= train & nobody
    windows = np.flatnonzero(used)
    rows = np.flatnonzero(np.isin(data.window, windows))
    nothing = {"arm": arm, "total": 0.0, "nodes": [], "leaves": [], "windows": len(windows)}
    if len(windows) < 8 or len(rows) < 2 * p["min_leaf"]:
        return nothing
    number = np.full(len(data.outcome), -1)
    number[windows] = np.arange(len(windows))
    context, outcome = expected is not None, data.outcome[windows]
    if expected is not None:
        outcome = tamed(outcome - expected[windows])
    sample = Sample(
        outcome=outcome,
        window=number[data.window[rows]],
        treatment=data.treated[rows] - P_TREATED,
        features=data.features[rows],
        after=data.after[rows],
        task=data.task[rows],
        context=context,
    )
    partial = (sample.outcome - sample.outcome.mean())[sample.window]
    fitted = []
    for _ in range(ROUNDS):
        grown = grow(sample, partial * sample.treatment / (P_TREATED * (1 - P_TREATED)), p)
        fitted.append(grown)
        own = grown.effects.mean[grown.column] * sample.treatment
        partial = grown.effects.residual[sample.window] + own
    best = min(fitted, key=lambda one: one.effects.variance)
    best = settle_cuts(sample, best, p)
    leaves, column = best.leaves, best.column
    effects = spare_harmed(sample, best, p)
    high = effects.upper(PROPOSE_ALPHA)
    chosen = (effects.mean < -p["min_effect"]) & (high < 0)
    nodes = [dict(node) for node in best.nodes]
    for leaf in leaves[chosen]:
        nodes[leaf]["class"] = 1
    present = np.bincount(column, minlength=len(leaves)) / len(windows)
    return {
        "arm": arm,
        "windows": len(windows),
        "total": float((effects.mean * present)[chosen].sum()),
        "nodes": nodes,
        "leaves": [
            {
                "node": int(leaves[i]),
                "samples": int((column == i).sum()),
                "per_window": float(present[i]),
                "effect": float(effects.mean[i]),
                "high": float(high[i]) if np.isfinite(high[i]) else None,
                "treat": bool(chosen[i]),
            }
            for i in range(len(leaves))
        ],
    }


def predict(nodes: Nodes, features: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class of each row (n, F) by the tree as scikit-learn walks it: float32 and float64."""
    classes = np.array([node.get("class", 0) for node in nodes], dtype=np.int64)
    return classes[leaf_of(nodes, features)]


def fit(data: Dataset, p: dict[str, Any]) -> dict[str, Any]:
    """The best arm's tree, and the arms beside it.

    ``p`` has arms (their number), depth, min_leaf, min_effect, alpha, holdout, seed, and context
    where it is the moment that decides. The result is plain data: ``best`` (None when no arm treats
    anybody with profit), ``arms``, and the rows held out with the classes that the original gives
    them.
    """
    held = holdout_windows(data, p["holdout"], p["seed"])
    expected = level(data, ~held, p) if p.get("context") else None
    arms = [fit_arm(data, arm, ~held, p, expected) for arm in range(p["arms"])]
    best = min(arms, key=lambda result: result["total"])
    rows = np.flatnonzero(held[data.window])
    result: dict[str, Any] = {"best": None, "arms": arms, "holdout": rows.tolist(), "classes": []}
    if best["total"] < 0:
        result["best"] = best["arm"]
        result["classes"] = predict(best["nodes"], data.features[rows]).tolist()
    return result
