# SPDX-License-Identifier: Apache-2.0
"""Forks and execs a second below each process, against a count by hand."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from ainkad import process_tree
from ainkad.event_records import SLOT, Records
from ainkad.layouts_gen import EV_EXEC, EV_EXIT, EV_FORK
from ainkad.process_table import records_of
from ainkad.process_tree import MOST_WAITING, ProcessTree
from ainkad.subtrees import MAX_DEPTH, MOSTLY, WINDOW_S, SubtreeRates

SECOND = 1_000_000_000


class Machine:
    """Processes that fork, execute and end, the table of them, and a count by hand."""

    def __init__(self, pids: int = 1 << 20, asked: bool = True) -> None:
        """``asked``: somebody asks after each batch, so that none waits for others."""
        self.asked = asked
        self.tree = ProcessTree()
        self.now_ns = 100 * SECOND
        self._free = list(range(pids, 1, -1))
        self.parent: dict[int, tuple[int, ...]] = {1: ()}  # living: all ancestors, nearest first
        self.start: dict[int, tuple[int, int]] = {}  # when each began, and its parent
        self.counted: dict[int, list[int]] = {}
        self._batch: list[dict[str, Any]] = []
        init = {"pid": 1, "tgid": 1, "start_ns": 1, "comm": b"init"}
        self.tree.seed(records_of([init], 2), 2)

    def children(self, pid: int) -> list[int]:
        """Those whose parent it was when they began."""
        return [child for child, (_, parent) in self.start.items() if parent == pid]

    def _event(self, kind: int, pid: int, **more: Any) -> None:
        self.now_ns += 1000
        row = {"type": kind, "pid": pid, "tgid": pid, "time_ns": self.now_ns, "weight": 1}
        self._batch.append(row | more)

    def _count(self, actors: tuple[int, ...], which: int) -> None:
        for pid in actors:
            self.counted.setdefault(pid, [0, 0])[which] += 1

    def fork(self, parent: int, comm: bytes = b"sh") -> int:
        pid = self._free.pop()
        line = (parent, *self.parent[parent])
        self.parent[pid] = line
        self._count(line, 0)
        self.start[pid] = (self.now_ns + 1000, parent)
        self._event(EV_FORK, pid, ppid=parent, start_ns=self.start[pid][0], comm=comm)
        return pid

    def exec(self, pid: int, comm: bytes = b"make") -> None:
        self._count((pid, *self.parent[pid]), 1)
        self._event(EV_EXEC, pid, ppid=self.start[pid][1], start_ns=self.start[pid][0], comm=comm)

    def exit(self, pid: int) -> None:
        start, parent = self.start[pid]
        self._event(EV_EXIT, pid, ppid=parent, start_ns=start, comm=b"sh")
        del self.parent[pid]
        self._free.insert(0, pid)

    def flush(self) -> None:
        rows: Records = np.zeros(len(self._batch), SLOT)
        for row, fields in zip(rows, self._batch, strict=True):
            for name, value in fields.items():
                row[name] = value
        self._batch = []
        if len(rows):
            self.tree.note(rows)
            if self.asked:
                assert len(self.tree.rows) == len(self.parent)

    def report(self, most: int = 1000) -> dict[int, dict[str, Any]]:
        self.flush()
        found = self.tree.busiest(self.now_ns, most)
        return {row["pid"]: row for row in found}


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_every_ancestor_has_what_is_below_it(seed: int, asked: bool) -> None:
    draw = random.Random(seed)
    machine = Machine(asked=asked)
    machine.flush()
    for _ in range(600):
        living = sorted(machine.parent)
        what = draw.random()
        pid = draw.choice(living)
        if what < 0.5 and len(machine.parent[pid]) < MAX_DEPTH - 2:
            machine.fork(pid)
        elif what < 0.75 and pid != 1:
            machine.exec(pid)
        elif pid != 1:
            machine.exit(pid)
        if draw.random() < 0.1:
            machine.flush()
    found = machine.report(most=10_000)
    assert found
    for pid, row in found.items():
        assert [row["fork-rate-hz"], row["exec-rate-hz"]] == machine.counted[pid]
    # who is not named has nearly all of it from one child
    for pid, counts in machine.counted.items():
        below = [machine.counted.get(other, [0]) for other in machine.children(pid)]
        most = max((sum(one) for one in below), default=0)
        assert (pid in found) == (most < MOSTLY * sum(counts))


def machine_with_a_shell() -> tuple[Machine, int, int]:
    """A quiet machine, a shell on it, and what was started from that long ago."""
    machine = Machine()
    shell = machine.fork(1, b"sshd")
    storm = machine.fork(shell, b"make")
    machine.flush()
    machine.now_ns += 2 * WINDOW_S * SECOND
    return machine, shell, storm


def test_the_maker_of_a_storm_is_named_and_not_those_above() -> None:
    machine, shell, storm = machine_with_a_shell()
    for _ in range(50):
        child = machine.fork(storm)
        machine.exec(child)
        machine.exit(child)
    first = next(iter(machine.report().values()))
    assert (first["pid"], first["comm"]) == (storm, "make")
    assert first["fork-rate-hz"] == first["exec-rate-hz"] == 50 / WINDOW_S
    assert shell not in machine.report()


def test_the_maker_is_named_though_those_above_make_a_little() -> None:
    machine, shell, storm = machine_with_a_shell()
    for number in range(50):
        machine.exit(machine.fork(storm))
        if number % 20 == 0:
            machine.exit(machine.fork(1))
            machine.exit(machine.fork(shell))
    assert next(iter(machine.report())) == storm
    assert not {1, shell} & machine.report().keys()


def test_whoever_has_ended_still_stands_between() -> None:
    """An orphan's forks count for those who made it, also when its parent has gone long ago."""
    machine = Machine()
    top = machine.fork(1)
    middle = machine.fork(top)
    orphan = machine.fork(middle)
    machine.flush()
    machine.exit(middle)
    machine.flush()
    machine.now_ns += 2 * WINDOW_S * SECOND
    machine.fork(top)  # so that top is not named by its child's name alone
    machine.fork(orphan)
    assert machine.report()[top]["fork-rate-hz"] == 2 / WINDOW_S


def test_a_number_that_is_used_again_is_somebody_else() -> None:
    machine = Machine(pids=4)
    first = machine.fork(1)  # has a child, ends; its number goes to another
    child = machine.fork(first)
    machine.flush()
    machine.exit(first)
    machine.flush()
    machine.now_ns += 2 * WINDOW_S * SECOND
    other = machine.fork(child)
    again = machine.fork(other)
    assert again == first
    found = machine.report()
    assert found[other]["fork-rate-hz"] == 1 / WINDOW_S
    assert again not in found


def test_it_is_forgotten_and_weights_count() -> None:
    machine = Machine()
    pid = machine.fork(1)
    machine._batch[-1]["weight"] = 7
    machine.flush()
    assert machine.tree.busiest(machine.now_ns, 5)[0]["fork-rate-hz"] == 7
    machine.exec(pid)
    machine.exit(pid)
    first = next(row for row in machine.report().values() if row["pid"] == pid)
    assert first["comm"] == "sh"  # it has ended, and is named still
    later = machine.now_ns + (WINDOW_S + 1) * SECOND
    assert machine.tree.busiest(later, 5) == []
    machine.now_ns = later
    machine.exit(machine.fork(1))
    machine.flush()
    assert pid not in machine.tree._subtrees._gone["pid"]


def test_nothing_is_known_of_anybody() -> None:
    rates = SubtreeRates()
    rows = np.zeros(1, SLOT)
    rows["type"], rows["pid"], rows["ppid"], rows["weight"] = EV_FORK, 9, 8, 1
    rows["time_ns"] = SECOND
    rates.update(rows, rows[:0], rows[:0])
    assert [row["pid"] for row in rates.report(SECOND, rows[:0], 5)] == [8]


def test_batches_wait_for_the_end_of_their_second_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folds: list[int] = []

    class Seen(SubtreeRates):
        def update(self, events: Records, before: Records, after: Records) -> None:
            folds.append(len(events))
            super().update(events, before, after)

    monkeypatch.setattr(process_tree, "SubtreeRates", Seen)
    machine = Machine(asked=False)
    for _ in range(20):
        machine.exit(machine.fork(1))
        machine.flush()
    assert folds == []
    machine.now_ns += SECOND
    machine.exit(machine.fork(1))
    machine.flush()
    assert folds == [40]  # those of the second before, not what has just come
    assert machine.report()[1]["fork-rate-hz"] == 21 / 2
    assert folds == [40, 2]
    for _ in range(MOST_WAITING // 2):
        machine.exit(machine.fork(1))
        machine.flush()
    assert folds == [40, 2, MOST_WAITING]
