# SPDX-License-Identifier: Apache-2.0
"""Models: a valid tree gives what walking it by hand gives, any other blob is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from ainkad.core import Tree, TreeError, compile_expression, tree_paths, verify_tree
from ainkad.signals_gen import N_SIGNALS, SIGNALS
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core_reference import (
    LEAF,
    MAGIC,
    TREE_HEADER,
    TREE_NODE,
    TreeNode,
    environments,
    split,
    tree_blob,
    tree_walk,
    trees,
)

TASK = 1
GOOD: list[TreeNode] = [(0x101, 1, 2, 0, 300), (LEAF, 0, 0, 0, 5), (LEAF, 0, 0, 0, -5)]


def arrays(known: dict[str, int | None]) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    values = np.array([[known[s.name] or 0 for s in SIGNALS]], dtype=np.int64)
    return values, np.array([[known[s.name] is not None for s in SIGNALS]])


@given(trees(), environments)
def test_a_valid_tree_is_walked(nodes: list[TreeNode], known: dict[str, int | None]) -> None:
    tree = Tree(tree_blob(nodes), TASK)
    result, fresh, leaf = tree_paths(tree, *arrays(known))
    expected, reached = tree_walk(nodes, known)
    assert (int(result[0]) if fresh[0] else None) == expected
    assert int(leaf[0]) == reached
    text = tree.render(*split(known))
    assert text.endswith("stale" if expected is None else f"leaf {reached} = {expected}")


@given(trees(), environments, st.integers(-(2**63), 2**63 - 1))
def test_the_word_model_is_its_result(
    nodes: list[TreeNode], known: dict[str, int | None], threshold: int
) -> None:
    tree = Tree(tree_blob(nodes), TASK)
    program = compile_expression(
        f"model > {threshold}" if threshold >= 0 else f"model > -{-threshold - 1} - 1",
        TASK,
        has_model=True,
    )
    expected, _ = tree_walk(nodes, known)
    truth = program.evaluate(*split(known), tree=tree)
    assert truth == (None if expected is None else expected > threshold)
    assert program.render(*split(known), tree=tree).endswith(tree.render(*split(known)))


@given(trees(), st.lists(st.tuples(st.integers(0, 4096), st.integers(0, 255)), min_size=1,
                         max_size=4), environments)  # fmt: skip
def test_mutated_trees_are_refused_or_walked(
    nodes: list[TreeNode], changes: list[tuple[int, int]], known: dict[str, int | None]
) -> None:
    blob = bytearray(tree_blob(nodes))
    for position, value in changes:
        blob[position % len(blob)] = value
    try:
        tree = Tree(bytes(blob), TASK)
    except TreeError:
        return
    mutant = [
        TREE_NODE.unpack_from(blob, TREE_HEADER.size + i * TREE_NODE.size)
        for i in range(len(nodes))
    ]
    result, fresh, leaf = tree_paths(tree, *arrays(known))
    assert ((int(result[0]) if fresh[0] else None), int(leaf[0])) == tree_walk(mutant, known)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(blob: bytes) -> None:
    with pytest.raises(TreeError):
        verify_tree(blob, TASK)


@given(st.binary(max_size=160), st.integers(0, 12))
def test_random_nodes_are_refused_or_safe(body: bytes, n: int) -> None:
    body = body[: n * TREE_NODE.size].ljust(n * TREE_NODE.size, b"\0")
    try:
        tree = Tree(TREE_HEADER.pack(MAGIC, n, 0, 0) + body, TASK)
    except TreeError:
        return
    tree_paths(tree, np.zeros((1, N_SIGNALS), dtype=np.int64), np.ones((1, N_SIGNALS), dtype=bool))


def changed(node: int, **fields: int) -> bytes:
    names = ("signal", "left", "right", "pad", "threshold")
    nodes = [list(n) for n in GOOD]
    for name, value in fields.items():
        nodes[node][names.index(name)] = value
    return b"".join(TREE_NODE.pack(*n) for n in nodes)


BODY = changed(0)


def header(magic: int = MAGIC, n: int = 3, pad: int = 0) -> bytes:
    return TREE_HEADER.pack(magic, n, pad, 0)


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "shorter than its header"),
        (header()[:15], "shorter than its header"),
        (header(magic=1) + BODY, "magic"),
        (header(n=0), "1 to 1024"),
        (header(n=1025) + BODY, "1 to 1024"),
        (header(pad=1) + BODY, "must be 0"),
        (header() + BODY[:-1], "size"),
        (header() + BODY + b"\0", "size"),
        (header() + changed(0, pad=1), "must be 0"),
        (header() + changed(1, left=2), "a leaf has no children"),
        (header() + changed(0, signal=0x10A), "no such signal"),
        (header() + changed(0, signal=0x200), "no such signal"),
        (header() + changed(0, left=0), "larger number"),
        (header() + changed(0, right=3), "larger number"),
        (header() + changed(0, left=2), "exactly one parent"),
        (header() + changed(0, signal=LEAF, left=0, right=0), "no parent"),
    ],
)
def test_refusals(blob: bytes, message: str) -> None:
    with pytest.raises(TreeError) as caught:
        verify_tree(blob, TASK)
    assert message in caught.value.message


def chain(depth: int) -> bytes:
    """A tree with a leaf at every level, as deep as asked."""
    nodes: list[TreeNode] = []
    for i in range(depth):
        nodes += [(0, 2 * i + 1, 2 * i + 2, 0, i), (LEAF, 0, 0, 0, i)]
    return tree_blob([*nodes, (LEAF, 0, 0, 0, 99)])


def test_depth_is_limited() -> None:
    verify_tree(chain(16), 0)
    with pytest.raises(TreeError, match="deeper than 16"):
        verify_tree(chain(17), 0)


def test_signals_must_be_of_the_subject() -> None:
    for subject in (0, 2, 3):
        with pytest.raises(TreeError, match="no such signal"):
            verify_tree(tree_blob(GOOD), subject)


def test_the_largest_tree() -> None:
    # A full binary tree in the order of levels; one node of 1024 has no sibling to be a pair.
    nodes: list[TreeNode] = [(0, 2 * i + 1, 2 * i + 2, 0, i) for i in range(511)]
    nodes += [(LEAF, 0, 0, 0, i) for i in range(512)]
    verify_tree(tree_blob(nodes), 0)
    assert struct.calcsize("<IHHQ") + 1023 * 16 == len(tree_blob(nodes))


def test_rendered_path() -> None:
    nodes: list[TreeNode] = [
        (0x101, 1, 2, 0, 300),
        (LEAF, 0, 0, 0, 0),
        (0x105, 3, 4, 0, 20),
        (LEAF, 0, 0, 0, 1),
        (LEAF, 0, 0, 0, 0),
    ]
    tree = Tree(tree_blob(nodes), TASK)
    known = {"task.cpu_share_permille": 412, "task.wakeup_rate_hz": 3}
    assert tree.render({}, known) == (
        "task.cpu_share_permille 412 > 300; task.wakeup_rate_hz 3 <= 20; leaf 3 = 1"
    )
    program = compile_expression("model == 1", TASK, has_model=True)
    assert program.render({}, known, tree).startswith("model 1 == 1: true; task.cpu_share")
