# SPDX-License-Identifier: Apache-2.0
"""From scikit-learn's trees, forests and linear models to models of the module.

Nothing of scikit-learn is imported: a fitted estimator is known by its attributes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainkad.errors import AinkaError
from ainkad.layouts_gen import MODEL_MAX_SHIFT, MODEL_MEAN, MODEL_VOTE, MODEL_WEIGH
from ainkad.learning.blob import Leaf, Split, Tree, forest, integer_threshold, linear

WEIGHT = 65535
"""Weight of a class that a leaf is sure of."""

FRACTION_BITS = 16
"""Bits behind the binary point of the leaves of a regression forest."""

_WEIGHT_BITS = 30


def compile_estimator(estimator: Any, features: Sequence[str], trained_ns: int = 0) -> bytes:
    """The blob of a fitted estimator over the signals ``features``, in the order of its columns.

    Decision trees, random forests and extra trees of both kinds give what ``predict`` gives, for
    regression rounded to the nearest whole number. A forest of classifiers whose leaves are not
    pure weighs probabilities in steps of 1/65535, so where the classes are closer than that, it may
    choose another one. Linear models give ``predict`` too: of a classifier 0 or 1. Raises
    AinkaError for another estimator, and for one that is too large.
    """
    scaler = None
    if hasattr(estimator, "steps"):
        (*before, (_, estimator)) = estimator.steps
        if len(before) > 1 or any(not hasattr(step, "scale_") for _, step in before):
            raise AinkaError("a pipeline of more than a scaler and an estimator", "fold it first")
        scaler = before[0][1] if before else None
    if getattr(estimator, "n_outputs_", 1) != 1:
        raise AinkaError(f"the model has {estimator.n_outputs_} outputs", "one is allowed")
    if hasattr(estimator, "coef_"):
        return _linear(estimator, scaler, features, trained_ns)
    if scaler is not None:
        raise AinkaError("a scaler before a tree", "train the tree on the signals themselves")
    if hasattr(estimator, "tree_"):
        trees = [estimator.tree_]
    elif hasattr(estimator, "estimators_") and all(
        hasattr(tree, "tree_") for tree in np.ravel(estimator.estimators_)
    ):
        trees = [tree.tree_ for tree in np.ravel(estimator.estimators_)]
    else:
        raise AinkaError(
            f"{type(estimator).__name__} cannot be compiled",
            "decision trees, random forests, extra trees and linear models can",
        )
    if type(estimator).__name__.startswith(("GradientBoosting", "AdaBoost", "Bagging")):
        raise AinkaError(
            f"{type(estimator).__name__} does not take the mean of its trees",
            "random forests and extra trees do",
        )
    if hasattr(estimator, "classes_"):
        return _classifier(trees, _classes(estimator), features, trained_ns)
    return _regressor(trees, features, trained_ns)


def _classes(estimator: Any) -> list[int]:
    values = np.asarray(estimator.classes_)
    if values.dtype.kind not in "iub":
        raise AinkaError(f"the classes are {values.tolist()}: whole numbers are allowed")
    return [int(value) for value in values]


def _preorder(tree: Any, features: Sequence[str], leaf: Callable[[int], int]) -> Tree:
    """The nodes of a scikit-learn tree in preorder; ``leaf`` gives the value of a leaf."""
    nodes: Tree = []

    def copy(i: int) -> None:
        if tree.children_left[i] == -1:
            nodes.append(Leaf(leaf(i)))
            return
        place = len(nodes)
        nodes.append(Leaf(0))
        copy(tree.children_left[i])
        threshold = integer_threshold(float(tree.threshold[i]))
        nodes[place] = Split(features[tree.feature[i]], threshold, len(nodes))
        copy(tree.children_right[i])

    copy(0)
    return nodes


def _nearest(value: float) -> int:
    """Rounded as the module rounds: halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _regressor(trees: Sequence[Any], features: Sequence[str], trained_ns: int) -> bytes:
    # One tree needs no fraction: rounding its leaves rounds its answer.
    shift = FRACTION_BITS if len(trees) > 1 else 0

    def value(tree: Any) -> Callable[[int], int]:
        return lambda i: _nearest(float(tree.value[i, 0, 0]) * 2**shift)

    compiled = [_preorder(tree, features, value(tree)) for tree in trees]
    return forest(MODEL_MEAN, compiled, shift=shift, trained_ns=trained_ns)


def _probabilities(tree: Any) -> NDArray[np.float64]:
    values = tree.value[:, 0, :]
    return np.asarray(values / values.sum(axis=1, keepdims=True))


def _classifier(
    trees: Sequence[Any], classes: list[int], features: Sequence[str], trained_ns: int
) -> bytes:
    shares = [_probabilities(tree) for tree in trees]
    leaves = np.concatenate(
        [share[tree.children_left == -1] for tree, share in zip(trees, shares, strict=True)]
    )
    if len(trees) == 1:
        best = shares[0].argmax(axis=1)
        tree = _preorder(trees[0], features, lambda i: classes[best[i]])
        return forest(MODEL_MEAN, [tree], trained_ns=trained_ns)
    if (leaves.max(axis=1) == 1.0).all():
        votes = [
            _preorder(tree, features, lambda i, share=share: int(share[i].argmax()))  # type: ignore[misc]
            for tree, share in zip(trees, shares, strict=True)
        ]
        return forest(MODEL_VOTE, votes, classes=classes, trained_ns=trained_ns)
    rows: dict[tuple[int, ...], int] = {}

    def row(share: NDArray[np.float64]) -> Callable[[int], int]:
        def number(i: int) -> int:
            weights = tuple(round(float(p) * WEIGHT) for p in share[i])
            return rows.setdefault(weights, len(rows))

        return number

    weighed = [
        _preorder(tree, features, row(share)) for tree, share in zip(trees, shares, strict=True)
    ]
    return forest(MODEL_WEIGH, weighed, classes=classes, weights=list(rows), trained_ns=trained_ns)


def _linear(estimator: Any, scaler: Any, features: Sequence[str], trained_ns: int) -> bytes:
    coefficients = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    bias = np.atleast_1d(np.asarray(estimator.intercept_, dtype=np.float64))
    threshold = hasattr(estimator, "classes_")
    if coefficients.shape[0] != 1 or (threshold and list(estimator.classes_) != [0, 1]):
        raise AinkaError("a linear model with several outputs", "a value, or classes 0 and 1")
    weights, constant = coefficients[0], float(bias[0])
    if scaler is not None:
        scale = scaler.scale_ if scaler.scale_ is not None else np.ones(len(weights))
        mean = scaler.mean_ if scaler.mean_ is not None else np.zeros(len(weights))
        weights = weights / scale
        constant -= float(weights @ mean)
    if not np.isfinite(weights).all() or not math.isfinite(constant):
        raise AinkaError("a weight of the model is not a number", "train it again")
    # Weights of 30 bits leave room for signals of 32 bits in a product; beyond that it saturates.
    largest = max(float(np.abs(weights).max(initial=0.0)), abs(constant) / 2**30, 2.0**-60)
    shift = max(0, min(MODEL_MAX_SHIFT, _WEIGHT_BITS - math.ceil(math.log2(largest))))
    fixed = {
        name: round(float(weight) * 2**shift)
        for name, weight in zip(features, weights, strict=True)
        if round(float(weight) * 2**shift)
    }
    limit = 2**62
    if any(abs(weight) > limit for weight in [*fixed.values(), round(constant * 2**shift)]):
        raise AinkaError("a weight of the model is too large", f"at most {limit}")
    return linear(fixed, round(constant * 2**shift), shift, threshold, trained_ns)
