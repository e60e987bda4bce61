# SPDX-License-Identifier: Apache-2.0
"""Slow and obvious models of what the pure core does, and strategies for its inputs."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ainkad.signals_gen import BY_ID, SIGNALS
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


# ---- trees ------------------------------------------------------------------------------------

LEAF: Final = 0xFFFF
MAGIC: Final = 0x54524541
TREE_HEADER: Final = struct.Struct("<IHHQ")
TREE_NODE: Final = struct.Struct("<HHHHq")

TreeNode = tuple[int, int, int, int, int]
"""signal, left, right, pad, threshold"""


def tree_blob(nodes: list[TreeNode]) -> bytes:
    return TREE_HEADER.pack(MAGIC, len(nodes), 0, 7) + b"".join(TREE_NODE.pack(*n) for n in nodes)


@st.composite
def trees(draw: st.DrawFn, max_inner: int = 12) -> list[TreeNode]:
    """A random valid tree, grown by splitting leaves."""
    nodes: list[list[int]] = [[LEAF, 0, 0, 0, draw(st.integers(-9, 9))]]
    depth = [0]
    for _ in range(draw(st.integers(0, max_inner))):
        # A leaf may be split only while its children come behind it: all do.
        candidates = [i for i, n in enumerate(nodes) if n[0] == LEAF and depth[i] < 16]
        i = draw(st.sampled_from(candidates))
        signal = draw(st.sampled_from(SIGNALS)).id
        nodes[i] = [signal, len(nodes), len(nodes) + 1, 0, draw(st.integers(-20, 20))]
        for _ in range(2):
            nodes.append([LEAF, 0, 0, 0, draw(st.integers(LOWEST, HIGHEST))])
            depth.append(depth[i] + 1)
    return [(n[0], n[1], n[2], n[3], n[4]) for n in nodes]


def tree_walk(nodes: list[TreeNode], known: Known) -> tuple[int | None, int]:
    """Result (None when a signal was stale) and node reached."""
    i = 0
    while nodes[i][0] != LEAF:
        value = known.get(BY_ID[nodes[i][0]].name)
        if value is None:
            return None, i
        i = nodes[i][1] if value <= nodes[i][4] else nodes[i][2]
    return nodes[i][4], i
