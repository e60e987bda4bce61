# SPDX-License-Identifier: Apache-2.0
"""The binary form of models, struct ainka_model_hdr and what follows it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ainkad.errors import AinkaError
from ainkad.layouts_gen import (
    MODEL_HDR_DTYPE,
    MODEL_LEAF,
    MODEL_LINEAR,
    MODEL_MAGIC,
    MODEL_MAX_CLASSES,
    MODEL_MAX_NODES,
    MODEL_MAX_TERMS,
    MODEL_MAX_TREES,
    MODEL_NODE_DTYPE,
    MODEL_TERM_DTYPE,
    MODEL_THRESHOLD,
    MODEL_VERSION,
)
from ainkad.signals_gen import BY_NAME

S64_HIGHEST = 2**63 - 1


@dataclass(frozen=True)
class Leaf:
    """The end of a way through a tree: a value, the number of a class or of a row of weights."""

    value: int


@dataclass(frozen=True)
class Split:
    """A question; the side for values up to ``threshold`` is the next node of the tree.

    ``right`` is the position of the other side in the tree.
    """

    signal: str
    threshold: int
    right: int


Tree = list[Leaf | Split]
"""A tree in preorder."""


def integer_threshold(threshold: float) -> int:
    """The integer t for which x <= t means what scikit-learn means by x <= ``threshold``.

    scikit-learn compares x as a float32. Rounding to a float32 keeps the order, so that for
    integers there is one such t, which is the floor wherever integers are exact (up to 2 ** 24).
    """
    below = np.float32(threshold)
    if float(below) > threshold:
        below = np.nextafter(below, np.float32(-np.inf))
    above = np.nextafter(below, np.float32(np.inf))
    if not np.isfinite(below) or not np.isfinite(above):
        return S64_HIGHEST if threshold > 0 else -S64_HIGHEST
    if abs(below) < 2**24:
        return math.floor(threshold)
    middle = (int(below) + int(above)) // 2
    # The middle itself goes to the even neighbour.
    if float(np.float32(middle)) > threshold:
        middle -= 1
    return max(-S64_HIGHEST, min(S64_HIGHEST, middle))


def _number(name: str) -> int:
    signal = BY_NAME.get(name)
    if signal is None:
        raise AinkaError(f"{name} is not a signal", "ainkactl signals lists them")
    return signal.id


def _header(kind: int, trained_ns: int) -> np.ndarray[tuple[()], np.dtype[np.void]]:
    header = np.zeros((), MODEL_HDR_DTYPE)
    header["magic"], header["version"] = MODEL_MAGIC, MODEL_VERSION
    header["kind"], header["trained_ns"] = kind, trained_ns
    return header


def _limit(what: str, n: int, most: int) -> None:
    if n > most:
        raise AinkaError(f"the model has {n} {what}", f"at most {most}")


def forest(
    kind: int,
    trees: Sequence[Tree],
    classes: Sequence[int] = (),
    weights: Sequence[Sequence[int]] = (),
    shift: int = 0,
    trained_ns: int = 0,
) -> bytes:
    """The blob of a forest of ``kind``; raises AinkaError for one that is too large.

    ``classes`` are the results of kinds VOTE and WEIGH, ``weights`` the rows of kind WEIGH (16
    bits each), ``shift`` the bits behind the binary point of the leaves of kind MEAN.
    """
    _limit("trees", len(trees), MODEL_MAX_TREES)
    _limit("nodes", sum(map(len, trees)), MODEL_MAX_NODES)
    _limit("classes", len(classes), MODEL_MAX_CLASSES)
    _limit("rows of weights", len(weights), MODEL_MAX_NODES)
    header = _header(kind, trained_ns)
    header["n_trees"], header["n_nodes"] = len(trees), sum(map(len, trees))
    header["n_classes"], header["n_rows"], header["shift"] = len(classes), len(weights), shift
    table = np.zeros(int(header["n_nodes"]), MODEL_NODE_DTYPE)
    row = 0
    for tree in trees:
        root = row
        for node in tree:
            if isinstance(node, Leaf):
                table[row] = (node.value, MODEL_LEAF, 0)
            else:
                table[row] = (node.threshold, _number(node.signal), root + node.right)
            row += 1
    return (
        header.tobytes()
        + np.array(classes, dtype=np.int64).tobytes()
        + table.tobytes()
        + np.array(weights, dtype=np.uint16).tobytes()
    )


def linear(
    weights: Mapping[str, int],
    bias: int,
    shift: int = 0,
    threshold: bool = False,
    trained_ns: int = 0,
) -> bytes:
    """The blob of a linear model: ``bias`` and weights by signal, with ``shift`` fraction bits.

    With ``threshold`` its result is 1 where the score is greater than 0, else 0. Raises AinkaError.
    """
    _limit("terms", len(weights), MODEL_MAX_TERMS)
    header = _header(MODEL_THRESHOLD if threshold else MODEL_LINEAR, trained_ns)
    header["n_terms"], header["shift"], header["bias"] = len(weights), shift, bias
    table = np.zeros(len(weights), MODEL_TERM_DTYPE)
    for row, (name, weight) in enumerate(weights.items()):
        table[row] = (weight, _number(name), 0)
    return header.tobytes() + table.tobytes()
