# SPDX-License-Identifier: Apache-2.0
"""The processes that run, from events and from /proc."""

from __future__ import annotations

import os
from pathlib import Path

from ainkad.layouts_gen import EV_EXEC, EV_EXIT, EV_FORK, EV_THREAD_EXIT, EV_THREAD_START
from ainkad.process_table import ProcessTable, records_of
from ainkad.procfs import processes
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_events import batch, event, pids


def test_the_table_follows_forks_execs_and_exits() -> None:
    table = ProcessTable()
    table.update(batch(event(EV_FORK, 5, comm=b"sh"), event(EV_FORK, 3, comm=b"sh")))
    table.update(batch(event(EV_EXEC, 5, comm=b"ls")))
    assert pids(table) == [3, 5]
    assert table.rows["comm"].tolist() == [b"sh", b"ls"]
    table.update(batch(event(EV_EXIT, 3)))
    assert pids(table) == [5]


def test_threads_are_no_processes() -> None:
    table = ProcessTable()
    table.update(batch(event(EV_FORK, 5), event(EV_THREAD_START, 6), event(EV_THREAD_EXIT, 5)))
    assert pids(table) == [5]


def test_a_number_that_is_used_again_in_one_batch() -> None:
    table = ProcessTable()
    table.update(batch(event(EV_FORK, 5, start_ns=1)))
    table.update(batch(event(EV_EXIT, 5), event(EV_FORK, 5, start_ns=9)))
    assert table.rows["start_ns"].tolist() == [9]
    table.update(batch(event(EV_FORK, 7), event(EV_EXIT, 7)))
    assert pids(table) == [5]


def test_what_was_read_from_proc_and_events_of_that_moment_agree() -> None:
    """Events that are older than the look at /proc are in it already, but for exits."""
    table = ProcessTable()
    found = records_of([{"pid": 1, "comm": b"init"}, {"pid": 8, "comm": b"now"}], 100)
    table.seed(found, since_ns=100)
    table.update(
        batch(
            event(EV_FORK, 8, 90, comm=b"before"),  # it is in /proc, with a later name
            event(EV_FORK, 9, 91),  # and this one had ended before we looked
            event(EV_EXIT, 1, 99),  # about to end when we looked
            event(EV_FORK, 10, 101),
        )
    )
    assert pids(table) == [8, 10]
    assert table.rows["comm"].tolist() == [b"now", b""]


@given(
    st.lists(
        st.tuples(st.sampled_from([EV_FORK, EV_EXEC, EV_EXIT, EV_THREAD_START]), st.integers(1, 6)),
        max_size=40,
    ),
    st.integers(1, 10),
)
def test_batches_make_no_difference(steps: list[tuple[int, int]], size: int) -> None:
    table = ProcessTable()
    alive: set[int] = set()
    for at in range(0, len(steps), size):
        part = steps[at : at + size]
        table.update(batch(*(event(kind, pid) for kind, pid in part)))
        for kind, pid in part:
            if kind == EV_EXIT:
                alive.discard(pid)
            elif kind != EV_THREAD_START:
                alive.add(pid)
        assert pids(table) == sorted(alive)


def test_proc_has_this_process() -> None:
    found = {process["pid"]: process for process in processes()}
    me = found[os.getpid()]
    assert me["ppid"] == os.getppid()
    assert (me["uid"], me["gid"]) == (os.getuid(), os.getgid())
    assert records_of([me], 7)["comm"][0] == Path("/proc/self/comm").read_bytes().strip()
