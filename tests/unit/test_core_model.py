# SPDX-License-Identifier: Apache-2.0
"""Models: a valid one says what its definition says, any other blob is refused."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from ainkad.core import Model, ModelError, compile_expression, model_paths, verify_model
from ainkad.signals_gen import N_SIGNALS
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core_reference import (
    ALL_SIGNALS,
    HIGHEST,
    LEAF,
    LINEAR,
    MAGIC,
    MEAN,
    MODEL_HEADER,
    MODEL_NODE,
    MODEL_TERM,
    SIGNALS,
    THRESHOLD,
    VOTE,
    WEIGH,
    Inner,
    ModelOf,
    TreeOf,
    answer,
    environments,
    model_blob,
    models,
    reached,
    split,
)

TASK = 1
SHARE, WAKEUPS = 0x101, 0x105
STUMP = Inner(SHARE, 300, 5, -5)


def arrays(known: dict[str, int | None]) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    values = np.array([[known.get(s.name) or 0 for s in ALL_SIGNALS]], dtype=np.int64)
    return values, np.array([[known.get(s.name) is not None for s in ALL_SIGNALS]])


def asked(model: Model, known: dict[str, int | None]) -> int | None:
    result, fresh, _ = model_paths(model, *arrays(known))
    return int(result[0]) if fresh[0] else None


fresh_environments = st.fixed_dictionaries({s.name: st.integers(-25, 25) for s in SIGNALS})


@given(models(), st.one_of(environments, fresh_environments))
def test_a_model_says_what_its_definition_says(
    model: ModelOf, known: dict[str, int | None]
) -> None:
    loaded = Model(model_blob(model), TASK)
    expected = answer(model, known)
    assert asked(loaded, known) == expected
    assert int(model_paths(loaded, *arrays(known))[2][0]) == reached(model, known)
    text = loaded.render(*split(known))
    assert text
    assert ("stale" in text) == (expected is None)
    if expected is not None and model.kind in (VOTE, WEIGH) and len(model.trees) > 1:
        assert f" for {expected}" in text
    if expected is not None and model.kind in (MEAN, LINEAR) and len(model.trees) != 1:
        assert text.startswith(("mean ", "score ")) and text.split()[1].rstrip(";") == str(expected)


@given(models(), environments, st.integers(-(2**63), 2**63 - 1))
def test_the_word_model_is_its_result(
    model: ModelOf, known: dict[str, int | None], threshold: int
) -> None:
    loaded = Model(model_blob(model), TASK)
    program = compile_expression(
        f"model > {threshold}" if threshold >= 0 else f"model > -{-threshold - 1} - 1",
        TASK,
        has_model=True,
    )
    expected = answer(model, known)
    truth = program.evaluate(*split(known), model=loaded)
    assert truth == (None if expected is None else expected > threshold)
    text = program.render(*split(known), model=loaded)
    assert text.endswith(("...", loaded.render(*split(known))))


@given(models(), st.lists(st.tuples(st.integers(0, 4096), st.integers(0, 255)), min_size=1,
                          max_size=4), environments)  # fmt: skip
def test_mutated_models_are_refused_or_safe(
    model: ModelOf, changes: list[tuple[int, int]], known: dict[str, int | None]
) -> None:
    blob = bytearray(model_blob(model))
    for position, value in changes:
        blob[position % len(blob)] = value
    try:
        mutant = Model(bytes(blob), TASK)
    except ModelError:
        return
    asked(mutant, known)
    mutant.render(*split(known))


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(blob: bytes) -> None:
    with pytest.raises(ModelError):
        verify_model(blob, TASK)


nodes = st.tuples(
    st.integers(-3, 3), st.sampled_from([LEAF, LEAF, 0, SHARE, WAKEUPS, 0x200]), st.integers(0, 9)
)


@given(st.lists(nodes, min_size=1, max_size=9), st.integers(1, 3))
def test_random_nodes_are_refused_or_safe(drawn: list[tuple[int, int, int]], n: int) -> None:
    fixed = [(v, s, 0 if s == LEAF else right) for v, s, right in drawn]
    try:
        model = Model(header(n_trees=n, n_nodes=len(fixed)) + packed(fixed), TASK)
    except ModelError:
        return
    values = np.zeros((1, N_SIGNALS), dtype=np.int64)
    model_paths(model, values, np.ones((1, N_SIGNALS), dtype=bool))
    # What is accepted is a forest: leaves are one more than questions in every tree.
    assert sum(s == LEAF for _, s, _ in fixed) == sum(s != LEAF for _, s, _ in fixed) + n


def header(
    magic: int = MAGIC,
    version: int = 1,
    kind: int = MEAN,
    n_trees: int = 1,
    n_classes: int = 0,
    n_nodes: int = 3,
    n_rows: int = 0,
    n_terms: int = 0,
    shift: int = 0,
    pad: int = 0,
    bias: int = 0,
) -> bytes:
    return MODEL_HEADER.pack(
        magic, version, kind, n_trees, n_classes, n_nodes, n_rows, n_terms, shift, pad, 7, bias
    )


def packed(drawn: list[tuple[int, int, int]]) -> bytes:
    return b"".join(MODEL_NODE.pack(*node) for node in drawn)


GOOD = [(300, SHARE, 2), (5, LEAF, 0), (-5, LEAF, 0)]
BODY = packed(GOOD)
FORK = [(1, 0, 2), (1, LEAF, 0), (2, 0, 4), (3, LEAF, 0), (4, LEAF, 0)]


def changed(node: int, value: tuple[int, int, int]) -> bytes:
    return packed([value if i == node else n for i, n in enumerate(GOOD)])


def terms(*drawn: tuple[int, int, int]) -> bytes:
    return b"".join(MODEL_TERM.pack(*term) for term in drawn)


def linear(n: int, **fields: int) -> bytes:
    return header(**{"kind": LINEAR, "n_trees": 0, "n_nodes": 0, "n_terms": n, **fields})


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "shorter than its header"),
        (header()[:31], "shorter than its header"),
        (header(magic=1) + BODY, "magic"),
        (header(version=2) + BODY, "version"),
        (header(kind=0) + BODY, "kind of model"),
        (header(kind=6) + BODY, "kind of model"),
        (header(pad=1) + BODY, "must be 0"),
        (header(n_trees=0) + BODY, "1 to 32 trees"),
        (header(n_trees=33) + BODY, "1 to 32 trees"),
        (header(n_nodes=0), "at most 4096 nodes"),
        (header(n_nodes=4097) + packed([GOOD[1]] * 4097), "at most 4096 nodes"),
        (header(n_terms=1) + BODY, "belong to a linear"),
        (header(bias=1) + BODY, "belong to a linear"),
        (header(n_classes=1) + BODY, "1 to 16 classes"),
        (header(kind=VOTE) + BODY, "1 to 16 classes"),
        (header(kind=VOTE, n_classes=17) + BODY, "1 to 16 classes"),
        (header(kind=VOTE, n_classes=2, n_rows=1) + BODY, "rows of weights"),
        (header(kind=WEIGH, n_classes=2) + BODY, "rows of weights"),
        (header(kind=VOTE, n_classes=2, shift=1) + BODY, "the shift"),
        (header(shift=33) + BODY, "the shift"),
        (header() + BODY[:-1], "size"),
        (header() + BODY + b"\0", "size"),
        (header() + changed(1, (5, LEAF, 2)), "no right side"),
        (header() + changed(0, (300, 0x1F0, 2)), "no such signal"),
        (header() + changed(0, (300, 0x2F0, 2)), "no such signal"),
        (header() + changed(0, (300, SHARE, 0)), "right side of a node must begin behind"),
        (header() + changed(0, (300, SHARE, 1)), "right side of a node must begin behind"),
        (header() + changed(0, (300, SHARE, 3)), "right side of a node must begin behind"),
        (header() + changed(2, (300, SHARE, 2)), "end inside a tree"),
        (header(n_nodes=1) + packed([(300, SHARE, 2)]), "end inside a tree"),
        (header() + packed([GOOD[1]] * 3), "behind the last tree"),
        (header(n_trees=2) + BODY, "end inside a tree"),
        (header(n_trees=2, n_nodes=2) + packed([(2**57 + 1, LEAF, 0), GOOD[1]]), "2 ** 57"),
        (header(n_trees=2, n_nodes=2) + packed([(-(2**57) - 1, LEAF, 0), GOOD[1]]), "2 ** 57"),
        (header(n_nodes=5) + packed([*FORK[:2], (2, 0, 3), *FORK[3:]]), "must begin behind"),
        (header(kind=VOTE, n_classes=1, n_nodes=1) + bytes(8) + packed([(1, LEAF, 0)]), "a class"),
        (header(kind=VOTE, n_classes=1, n_nodes=1) + bytes(8) + packed([(-1, LEAF, 0)]), "a class"),
        (
            header(kind=WEIGH, n_classes=1, n_rows=1, n_nodes=1)
            + bytes(8)
            + packed([(1, LEAF, 0)])
            + bytes(2),
            "a row of weights",
        ),
        (linear(1, n_nodes=1) + BODY[:12] + terms((1, 0, 0)), "no trees, nodes"),
        (linear(65) + terms(*[(1, 0, 0)] * 65), "at most 64 terms"),
        (linear(1, shift=33) + terms((1, 0, 0)), "the shift"),
        (linear(1) + terms((1, 0x1F0, 0)), "no such signal"),
        (linear(1) + terms((1, 0, 1)), "must be 0"),
        (linear(2) + terms((1, 0, 0), (2, 0, 0)), "two terms"),
        (linear(2) + terms((1, 0, 0)), "size"),
    ],
)
def test_refusals(blob: bytes, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        verify_model(blob, TASK)
    assert message in caught.value.message


def test_what_is_not_refused() -> None:
    verify_model(header() + BODY, TASK)
    verify_model(header(n_nodes=5) + packed(FORK), TASK)
    verify_model(header(n_nodes=1) + packed([(-(2**63), LEAF, 0)]), TASK)
    verify_model(linear(0, kind=THRESHOLD), TASK)


def chain(depth: int) -> ModelOf:
    """A tree with a leaf at every level, as deep as asked."""
    tree: TreeOf = 99
    for i in range(depth):
        tree = Inner(0, i, i, tree)
    return ModelOf(MEAN, (tree,))


def test_depth_is_limited() -> None:
    verify_model(model_blob(chain(16)), 0)
    with pytest.raises(ModelError, match="deeper than 16"):
        verify_model(model_blob(chain(17)), 0)


def test_signals_must_be_of_the_subject() -> None:
    for subject in (0, 2, 3):
        with pytest.raises(ModelError, match="no such signal"):
            verify_model(model_blob(ModelOf(MEAN, (STUMP,))), subject)
        with pytest.raises(ModelError, match="no such signal"):
            verify_model(model_blob(ModelOf(LINEAR, terms=((1, SHARE),))), subject)
    with pytest.raises(ModelError, match="no such subject"):
        verify_model(model_blob(chain(1)), 4)


def full(depth: int, signal: int = 0) -> TreeOf:
    if not depth:
        return 1
    return Inner(signal, depth, full(depth - 1, signal), full(depth - 1, signal))


def test_the_largest_forests() -> None:
    blob = model_blob(ModelOf(MEAN, (full(11), 7)))
    assert len(blob) == MODEL_HEADER.size + 4096 * MODEL_NODE.size
    verify_model(blob, 0)
    verify_model(model_blob(ModelOf(MEAN, (full(6),) * 32)), 0)
    verify_model(model_blob(ModelOf(MEAN, (chain(16).trees[0],) * 32)), 0)
    with pytest.raises(ModelError, match="at most 4096 nodes"):
        verify_model(model_blob(ModelOf(MEAN, (full(11), 7, 7))), 0)
    verify_model(model_blob(ModelOf(LINEAR, terms=tuple((1, s.id) for s in SIGNALS[:64]))), TASK)


def test_ties_go_to_the_first_class() -> None:
    known: dict[str, int | None] = dict.fromkeys((s.name for s in SIGNALS), 1)
    for order, expected in (((0, 1), 30), ((1, 0), 30), ((2, 1), 20), ((1, 2, 2), 10)):
        model = Model(model_blob(ModelOf(VOTE, order, (30, 20, 10))), TASK)
        assert asked(model, known) == expected
    rows = ((5, 0), (0, 5), (0, 6))
    assert asked(Model(model_blob(ModelOf(WEIGH, (0, 1), (7, 8), rows)), TASK), known) == 7
    assert asked(Model(model_blob(ModelOf(WEIGH, (0, 2), (7, 8), rows)), TASK), known) == 8


@pytest.mark.parametrize(
    ("leaves", "shift", "expected"),
    [
        ((1, 2), 0, 2),
        ((-1, -2), 0, -2),
        ((1, 1, 2), 0, 1),
        ((0, 0, -2), 0, -1),
        ((3,), 1, 2),
        ((-3,), 1, -2),
        ((5, 6), 2, 1),
        ((2**57, 2**57), 0, 2**57),
        ((HIGHEST,), 32, 2**31),
    ],
)
def test_rounding(leaves: tuple[int, ...], shift: int, expected: int) -> None:
    known: dict[str, int | None] = dict.fromkeys((s.name for s in SIGNALS), 1)
    model = ModelOf(MEAN, leaves, shift=shift)
    assert asked(Model(model_blob(model), TASK), known) == expected


def test_linear_models_saturate() -> None:
    known = dict.fromkeys((s.name for s in SIGNALS), HIGHEST)
    sky = Model(model_blob(ModelOf(LINEAR, terms=((3, 0), (-1, 1)), bias=5)), TASK)
    assert asked(sky, dict(known)) == 0  # saturated, then the second term is taken off
    assert asked(Model(model_blob(ModelOf(THRESHOLD, bias=0)), TASK), dict(known)) == 0
    assert asked(Model(model_blob(ModelOf(THRESHOLD, bias=1)), TASK), dict(known)) == 1


def test_only_stale_signals_on_the_way_matter() -> None:
    tree = Inner(SHARE, 300, 1, Inner(WAKEUPS, 20, 2, 3))
    model = Model(model_blob(ModelOf(MEAN, (tree,))), TASK)
    known: dict[str, int | None] = dict.fromkeys((s.name for s in SIGNALS), None)
    assert asked(model, {**known, "task.cpu_share_permille": 5}) == 1
    assert asked(model, {**known, "task.cpu_share_permille": 500}) is None
    line = Model(model_blob(ModelOf(LINEAR, terms=((1, SHARE), (0, WAKEUPS)))), TASK)
    assert asked(line, {**known, "task.cpu_share_permille": 5}) is None


def explained(model: ModelOf, known: dict[str, int]) -> str:
    return Model(model_blob(model), TASK).render({}, known)


def test_rendered_path() -> None:
    tree = Inner(SHARE, 300, 0, Inner(WAKEUPS, 20, 1, 0))
    model = Model(model_blob(ModelOf(MEAN, (tree,))), TASK)
    known = {"task.cpu_share_permille": 412, "task.wakeup_rate_hz": 3}
    assert model.render({}, known) == (
        "task.cpu_share_permille 412 > 300; task.wakeup_rate_hz 3 <= 20; leaf 3 = 1"
    )
    program = compile_expression("model == 1", TASK, has_model=True)
    assert program.render({}, known, model).startswith("model 1 == 1: true; task.cpu_share")


def test_rendered_forests() -> None:
    known = {"task.cpu_share_permille": 412, "task.wakeup_rate_hz": 3}
    busy, quiet = Inner(SHARE, 300, 0, 1), Inner(WAKEUPS, 20, 1, 0)
    vote = ModelOf(VOTE, (busy, 0, quiet), (10, 19))
    assert explained(vote, known) == (
        "votes 2 for 19, 1 for 10; tree 0: task.cpu_share_permille 412 > 300; leaf 2 = 19;"
        " tree 2: task.wakeup_rate_hz 3 <= 20; leaf 5 = 19"
    )
    weigh = replace(vote, kind=WEIGH, rows=((3, 1), (0, 4)))
    assert explained(weigh, known).startswith("permille 750 for 19, 250 for 10; tree 0: task.cpu")
    assert explained(ModelOf(MEAN, (busy, 4), shift=1), known) == (
        "mean 1 of 2 trees; tree 0: task.cpu_share_permille 412 > 300; leaf 2 = 1;"
        " tree 1: leaf 3 = 2"
    )
    assert explained(vote, {"task.cpu_share_permille": 1}) == (
        "unknown; tree 2: task.wakeup_rate_hz stale"
    )


def test_rendered_linear_models() -> None:
    known = {s.name: 10 for s in SIGNALS if s.subject == TASK}
    few = ModelOf(LINEAR, terms=((2, SHARE), (-64, WAKEUPS)), bias=16, shift=4)
    assert explained(few, known) == (
        "score -38; task.wakeup_rate_hz 10: -40; task.cpu_share_permille 10: +1; bias +1"
    )
    ids = [s.id for s in SIGNALS if s.subject == TASK][:6]
    many = ModelOf(THRESHOLD, terms=tuple((10 * i + 1, n) for i, n in enumerate(ids)))
    text = explained(many, known)
    assert text.startswith("score 1560 > 0; ")
    assert text.endswith("; 2 smaller terms; bias +0")
    assert text.count(": +") == 4
    assert explained(few, {}) == "unknown; task.cpu_share_permille stale"


def test_a_text_that_does_not_fit_ends_in_dots() -> None:
    tree = Inner(SHARE, 300, 0, 1)
    model = ModelOf(VOTE, (tree,) * 32, (0, 1))
    text = explained(model, {"task.cpu_share_permille": 412})
    assert text.startswith("votes 32 for 1; tree 0:")
    program = compile_expression("model == 1", TASK, has_model=True)
    assert len(text) < 4096
    assert program.render({}, {"task.cpu_share_permille": 412}, Model(model_blob(model))).endswith(
        text[-20:]
    )


def test_blob_sizes() -> None:
    assert struct.calcsize("<IBBBBHHHBBQq") == 32
    assert MODEL_NODE.size == MODEL_TERM.size == 12
