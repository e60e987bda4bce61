# SPDX-License-Identifier: Apache-2.0
"""From the learner's tree to a model of the module: integers only, unneeded splits taken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainkad.core import Model
from ainkad.layouts_gen import MODEL_MEAN
from ainkad.learning.blob import Leaf, Split, Tree, forest, integer_threshold
from ainkad.signals_gen import SIGNALS

Nodes = Sequence[dict[str, Any]]
# (blob, features (n, F)) → classes (n,)
Evaluate = Callable[[bytes, NDArray[np.int64]], NDArray[np.int64]]


def prune(nodes: Nodes) -> list[dict[str, Any]]:
    """The same function with fewer nodes: a split whose sides agree is no split.

    Children get higher numbers than their parents, as the kernel's verifier demands.
    """
    result: list[dict[str, Any]] = []

    def same(i: int) -> int | None:
        """The class that every leaf below ``i`` has, or None."""
        node = nodes[i]
        if "class" in node:
            return int(node["class"])
        left, right = same(node["left"]), same(node["right"])
        return left if left == right else None

    def copy(i: int) -> int:
        number = len(result)
        only = same(i)
        if only is not None:
            result.append({"class": only})
            return number
        result.append({})
        left, right = copy(nodes[i]["left"]), copy(nodes[i]["right"])
        result[number] = {**nodes[i], "left": left, "right": right}
        return number

    copy(0)
    return result


def compile_tree(nodes: Nodes, features: Sequence[str], trained_ns: int) -> bytes:
    """The blob of a tree over the signals ``features``; its result is the class.

    Raises AinkaError when the tree is too large.
    """
    tree: Tree = []
    for node in prune(nodes):
        if "class" in node:
            tree.append(Leaf(node["class"]))
        else:
            threshold = integer_threshold(node["threshold"])
            tree.append(Split(features[node["feature"]], threshold, node["right"]))
    return forest(MODEL_MEAN, [tree], trained_ns=trained_ns)


def describe(nodes: Nodes, features: Sequence[str]) -> list[str]:
    """The ways that lead to treatment, each as a condition a person can read."""
    ways: list[str] = []

    def walk(i: int, path: list[str]) -> None:
        node = small[i]
        if "class" in node:
            if node["class"]:
                ways.append(" and ".join(path) or "every candidate")
            return
        name, threshold = features[node["feature"]], integer_threshold(node["threshold"])
        walk(node["left"], [*path, f"{name} <= {threshold}"])
        walk(node["right"], [*path, f"{name} > {threshold}"])

    small = prune(nodes)
    walk(0, [])
    return ways


def agreement(
    blob: bytes, features: NDArray[np.int64], classes: Sequence[int], evaluate: Evaluate
) -> float:
    """Share of the rows (n, F) for which the compiled tree says what the original said."""
    if not classes:
        return 0.0
    return float(np.mean(evaluate(blob, features) == np.asarray(classes)))


def full_evaluate(features: Sequence[str], evaluate: Callable[[Model, Any, Any], Any]) -> Evaluate:
    """``evaluate`` of rows of all signals, as the core has it, for rows of a tuner's features.

    Features are signals of the system and of at most one other kind of subject.
    """
    columns = [next(i for i, s in enumerate(SIGNALS) if s.name == name) for name in features]
    subject = max(SIGNALS[i].subject for i in columns)

    def run(model: bytes, rows: Any) -> Any:
        values = np.zeros((len(rows), len(SIGNALS)), dtype=np.int64)
        fresh = np.zeros(values.shape, dtype=np.bool_)
        values[:, columns], fresh[:, columns] = rows, True
        return evaluate(Model(model, subject), values, fresh)

    return run
