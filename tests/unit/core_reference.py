# SPDX-License-Identifier: Apache-2.0
"""Slow and obvious models of what the pure core does, and strategies for its inputs."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from ainkad import signals_gen
from ainkad.signals_gen import BY_ID
from hypothesis import strategies as st

HIGHEST: Final = 2**63 - 1
LOWEST: Final = -(2**63)

Known = Mapping[str, int | None]


def saturate(value: int) -> int:
    return max(LOWEST, min(HIGHEST, value))


def divide(a: int, b: int) -> int:
    """C's division: towards zero, and exact for numbers of any size."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


# ---- expressions ------------------------------------------------------------------------------

PRECEDENCE: Final = (
    {"or": 1, "and": 2, "not": 3}
    | dict.fromkeys(["<", "<=", ">", ">=", "==", "!="], 4)
    | {"+": 5, "-": 5, "*": 6, "/": 6, "%": 6}
)


@dataclass(frozen=True)
class Node:
    """A node of an expression: an operator with its operands, or a leaf without."""

    sign: str
    operands: tuple[Node, ...] = ()

    @property
    def precedence(self) -> int:
        if not self.operands:
            return 9
        if self.sign == "-" and len(self.operands) == 1:
            return 7
        return PRECEDENCE[self.sign]

    def text(self) -> str:
        """The text with no more parentheses than needed."""
        if not self.operands:
            return self.sign
        own = self.precedence
        parts = []
        for place, operand in enumerate(self.operands):
            # All operators group to the left; comparisons do not group at all.
            tight = operand.precedence > own or (
                operand.precedence == own and place == 0 and own != 4
            )
            parts.append(operand.text() if tight else f"({operand.text()})")
        if len(parts) == 1:
            return f"{self.sign} {parts[0]}"
        return f"{parts[0]} {self.sign} {parts[1]}"


def number(node: Node, known: Known) -> int | None:
    """Value of an arithmetic expression; None is unknown."""
    if not node.operands:
        return known.get(node.sign) if node.sign[0].isalpha() else int(node.sign)
    values = [number(o, known) for o in node.operands]
    a = values[0]
    if a is None:
        return None
    if len(values) == 1:
        return saturate(-a)
    b = values[1]
    if b is None:
        return None
    if node.sign in "/%":
        if b == 0:
            return None
        quotient = divide(a, b)
        return saturate(quotient) if node.sign == "/" else a - b * quotient
    return saturate({"+": a + b, "-": a - b, "*": a * b}[node.sign])


def truth(node: Node, known: Known) -> bool | None:
    """Truth of a condition by Kleene's tables."""
    if node.precedence == 4:
        a, b = (number(o, known) for o in node.operands)
        if a is None or b is None:
            return None
        return {
            "<": a < b,
            "<=": a <= b,
            ">": a > b,
            ">=": a >= b,
            "==": a == b,
            "!=": a != b,
        }[node.sign]
    values = [truth(o, known) for o in node.operands]
    if node.sign == "not":
        return None if values[0] is None else not values[0]
    decisive = node.sign == "or"
    if decisive in values:
        return decisive
    return None if None in values else not decisive


#: In the order of their slots.
ALL_SIGNALS: Final = signals_gen.SIGNALS
#: A policy sees the system and one other subject; here that is a task.
SIGNALS: Final = [s for s in ALL_SIGNALS if s.subject <= 1]
NAMES: Final = [s.name for s in SIGNALS]
small = st.integers(0, 20)
any_number = st.one_of(small, st.integers(0, 10**6), st.sampled_from([HIGHEST, HIGHEST - 1]))
signal_values = st.one_of(
    st.none(), st.integers(-20, 20), st.sampled_from([LOWEST, LOWEST + 1, HIGHEST])
)

leaves = st.one_of(
    st.sampled_from(NAMES).map(Node),
    any_number.map(lambda n: Node(str(n))),
    small.map(str).map(Node),
)
numbers = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda s, a, b: Node(s, (a, b)), st.sampled_from("+-*/%"), inner, inner),
        inner.map(lambda a: Node("-", (a,))),
    ),
    max_leaves=6,
)
terms = st.builds(
    lambda s, a, b: Node(s, (a, b)),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.one_of(leaves, numbers),
    st.one_of(leaves, numbers),
)
conditions = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.builds(lambda s, a, b: Node(s, (a, b)), st.sampled_from(["and", "or"]), inner, inner),
        inner.map(lambda a: Node("not", (a,))),
    ),
    max_leaves=8,
)
environments = st.fixed_dictionaries({name: signal_values for name in NAMES})


def split(known: Known) -> tuple[dict[str, int | None], dict[str, int | None]]:
    """The environment as the system's signals and those of the task."""
    task = {k: v for k, v in known.items() if k.startswith("task.")}
    return {k: v for k, v in known.items() if k not in task}, task


# ---- models -----------------------------------------------------------------------------------

LEAF: Final = 0xFFFF
MAGIC: Final = 0x4D4B4E41
MODEL_HEADER: Final = struct.Struct("<IBBBBHHHBBQq")
MODEL_NODE: Final = struct.Struct("<qHH")
MODEL_TERM: Final = struct.Struct("<qHH")
MEAN, VOTE, WEIGH, LINEAR, THRESHOLD = 1, 2, 3, 4, 5


@dataclass(frozen=True)
class Inner:
    """A question of a tree, with the trees for values up to the threshold and above."""

    signal: int
    threshold: int
    low: Inner | int
    high: Inner | int


TreeOf = Inner | int
"""A tree; an integer is a leaf."""


@dataclass(frozen=True)
class ModelOf:
    """A model as one would think of it."""

    kind: int
    trees: tuple[TreeOf, ...] = ()
    classes: tuple[int, ...] = ()
    rows: tuple[tuple[int, ...], ...] = ()
    terms: tuple[tuple[int, int], ...] = ()
    """weight and signal"""
    bias: int = 0
    shift: int = 0


def preorder(tree: TreeOf, start: int) -> list[tuple[int, int, int]]:
    """Nodes as they are packed; the first gets the number ``start``."""
    if isinstance(tree, int):
        return [(tree, LEAF, 0)]
    low = preorder(tree.low, start + 1)
    right = start + 1 + len(low)
    return [(tree.threshold, tree.signal, right), *low, *preorder(tree.high, right)]


def model_nodes(model: ModelOf) -> list[tuple[int, int, int]]:
    """The nodes of all trees."""
    nodes: list[tuple[int, int, int]] = []
    for tree in model.trees:
        nodes += preorder(tree, len(nodes))
    return nodes


def model_blob(model: ModelOf) -> bytes:
    """The bytes of a model."""
    nodes = model_nodes(model)
    return (
        MODEL_HEADER.pack(
            *(MAGIC, 1, model.kind, len(model.trees), len(model.classes), len(nodes)),
            *(len(model.rows), len(model.terms), model.shift, 0, 7, model.bias),
        )
        + struct.pack(f"<{len(model.classes)}q", *model.classes)
        + b"".join(MODEL_NODE.pack(*node) for node in nodes)
        + b"".join(MODEL_TERM.pack(weight, signal, 0) for weight, signal in model.terms)
        + b"".join(struct.pack(f"<{len(row)}H", *row) for row in model.rows)
    )


def walk(tree: TreeOf, known: Known) -> int | None:
    """The leaf, or None when a signal on the way is stale."""
    while not isinstance(tree, int):
        value = known.get(BY_ID[tree.signal].name)
        if value is None:
            return None
        tree = tree.low if value <= tree.threshold else tree.high
    return tree


def nearest(value: Fraction) -> int:
    """Rounded, halves away from zero."""
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def score(model: ModelOf, known: Known) -> int | None:
    """The sum of a linear model, which saturates at every step."""
    total = model.bias
    for weight, signal in model.terms:
        value = known.get(BY_ID[signal].name)
        if value is None:
            return None
        total = saturate(total + saturate(weight * value))
    return total


def answer(model: ModelOf, known: Known) -> int | None:
    """What a model says; None is unknown."""
    if model.kind in (LINEAR, THRESHOLD):
        total = score(model, known)
        if total is None:
            return None
        return (
            int(total > 0) if model.kind == THRESHOLD else nearest(Fraction(total, 2**model.shift))
        )
    leaves = [walk(tree, known) for tree in model.trees]
    if None in leaves:
        return None
    found = [leaf for leaf in leaves if leaf is not None]
    if model.kind == MEAN:
        return nearest(Fraction(sum(found), len(found) * 2**model.shift))
    if model.kind == VOTE:
        sums = [found.count(i) for i in range(len(model.classes))]
    else:
        sums = [sum(model.rows[leaf][i] for leaf in found) for i in range(len(model.classes))]
    return model.classes[sums.index(max(sums))]


def reached(model: ModelOf, known: Known) -> int:
    """Number of the node at which the first tree ends."""
    if not model.trees:
        return 0
    nodes, i = model_nodes(model), 0
    while nodes[i][1] != LEAF:
        value = known.get(BY_ID[nodes[i][1]].name)
        if value is None:
            return i
        i = i + 1 if value <= nodes[i][0] else nodes[i][2]
    return i


def trees(leaf: st.SearchStrategy[int], max_leaves: int = 10) -> st.SearchStrategy[TreeOf]:
    """Random trees."""
    return st.recursive(
        leaf,
        lambda inner: st.builds(
            Inner,
            st.sampled_from(SIGNALS).map(lambda s: s.id),
            st.one_of(st.integers(-20, 20), st.sampled_from([LOWEST, HIGHEST])),
            inner,
            inner,
        ),
        max_leaves=max_leaves,
    )


@st.composite
def models(draw: st.DrawFn) -> ModelOf:
    """Random valid models of every kind."""
    kind = draw(st.sampled_from([MEAN, MEAN, VOTE, WEIGH, LINEAR, THRESHOLD]))
    if kind in (LINEAR, THRESHOLD):
        signals = draw(st.lists(st.sampled_from(SIGNALS), unique=True, max_size=8))
        weight = st.one_of(st.integers(-300, 300), st.integers(LOWEST, HIGHEST))
        return ModelOf(
            kind,
            terms=tuple((draw(weight), s.id) for s in signals),
            bias=draw(weight),
            shift=draw(st.integers(0, 32)),
        )
    n = draw(st.one_of(st.just(1), st.integers(1, 8)))
    if kind == MEAN:
        large = st.integers(LOWEST, HIGHEST) if n == 1 else st.integers(-(2**57), 2**57)
        leaf = st.one_of(st.integers(-9, 9), large)
        shift = draw(st.one_of(st.just(0), st.integers(0, 32)))
        return ModelOf(kind, tuple(draw(trees(leaf)) for _ in range(n)), shift=shift)
    classes = tuple(draw(st.lists(st.integers(LOWEST, HIGHEST), min_size=1, max_size=16)))
    if kind == VOTE:
        leaf = st.integers(0, len(classes) - 1)
        return ModelOf(kind, tuple(draw(trees(leaf)) for _ in range(n)), classes)
    row = st.tuples(*[st.integers(0, 65535)] * len(classes))
    rows = tuple(draw(st.lists(row, min_size=1, max_size=6)))
    leaf = st.integers(0, len(rows) - 1)
    return ModelOf(kind, tuple(draw(trees(leaf)) for _ in range(n)), classes, rows)
