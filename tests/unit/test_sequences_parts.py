# SPDX-License-Identifier: Apache-2.0
"""The parts of the random sequences that need no module: what is drawn, how it is shortened."""

from __future__ import annotations

import pytest

from tests.vm.sequences.__main__ import sequence, shorten, slow_share
from tests.vm.sequences.operations import Operation, parse
from tests.vm.sequences.rows import ROWS, SYSTEM, Row


def drawn(seed: int, count: int) -> list[Operation]:
    found: list[Operation] = []
    number = 0
    while len(found) < count:
        found += sequence(seed, number)[0]
        number += 1
    return found


def test_a_seed_means_the_same_operations() -> None:
    assert sequence(3, 5) == sequence(3, 5)
    assert sequence(3, 5) != sequence(3, 6)
    assert sequence(3, 5) != sequence(4, 5)


def test_an_operation_survives_being_printed() -> None:
    for operation in drawn(1, 500):
        assert parse(str(operation)) == operation


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_slow_lane_is_used_sparingly_and_everything_is_drawn(seed: int) -> None:
    operations = drawn(seed, 10_000)
    assert 0 < slow_share(operations) <= 0.02 * len(operations)
    kinds = {operation.kind for operation in operations}
    assert kinds == {
        "add", "remove", "bad", "foreign", "pause", "reload", "state", "enforce", "reset",
        "parameter", "look", "check", "daemon", "fork", "thread", "exec", "burn", "storm", "end",
    }  # fmt: skip
    touched = " ".join(str(operation) for operation in operations)
    assert all(f'"{row.tunable}"' in touched for row in ROWS)


def reachable(value: str, base: int) -> int:
    """The number a policy's value comes to."""
    if not value.startswith("base"):
        return int(value)
    amount = int(value[4:].rstrip("%"))
    return base + (base * amount // 100 if value.endswith("%") else amount)


@pytest.mark.parametrize("row", [r for r in ROWS if r.ours[0].isdecimal()], ids=lambda r: r.tunable)
def test_ours_and_theirs_do_not_meet(row: Row) -> None:
    """Whatever somebody else has written becomes a baseline; what follows from it is not his."""
    theirs = {int(value) for value in row.theirs}
    bases = set(theirs)
    if row.subject == SYSTEM and row.read(0).strip().isdigit():
        bases.add(int(row.read(0)))
    ours = {reachable(value, base) for value in row.ours for base in bases}
    assert not ours & theirs


def test_shortening_leaves_what_is_needed() -> None:
    def operation(number: int) -> Operation:
        return Operation("pause", {"ms": number})

    needed = [operation(17), operation(60), operation(61)]
    tried = []

    def fails(shorter: list[Operation]) -> bool:
        tried.append(len(shorter))
        return all(one in shorter for one in needed)

    assert shorten([operation(number) for number in range(100)], fails, 60) == needed
    assert len(tried) < 100


def test_shortening_ends_in_time() -> None:
    everything = [Operation("pause", {"ms": number}) for number in range(10)]
    assert shorten(everything, lambda _: True, 0) == everything
