# SPDX-License-Identifier: Apache-2.0
"""Forks and execs a second below each process, its descendants' included: who makes the storm."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ainkad.event_records import Records
from ainkad.layouts_gen import EV_EXEC, EV_EXIT, EV_FORK

WINDOW_S: Final = 10
MAX_DEPTH: Final = 64
"""Ancestors that are climbed; what is above them is not counted."""
MAX_GONE: Final = 65536
MOSTLY: Final = 0.9
"""Share of a subtree that one child makes, from which on its parent is not named."""
_NS: Final = 1_000_000_000

Counts = npt.NDArray[np.int64]
_PERSON: Final = np.dtype([("pid", "u4"), ("ppid", "u4"), ("start_ns", "u8"), ("comm", "S16")])


def _people(records: Records) -> npt.NDArray[np.void]:
    """The fields of records (n,) that place a process in the tree: shape (n,), dtype _PERSON."""
    found = np.empty(len(records), _PERSON)
    for name in _PERSON.names or ():
        found[name] = records[name]
    return found


class SubtreeRates:
    """Counts of the last WINDOW_S seconds, by process.

    Ancestors are those at the time of the fork: that the kernel gives orphans to init does not hide
    who made them. Those that have ended are remembered while somebody descends from them, or they
    have been busy in the last WINDOW_S seconds.
    """

    def __init__(self) -> None:
        # (second, pids (n,), counts (2, n) of forks and execs), the oldest first
        self._parts: deque[tuple[int, npt.NDArray[np.uint32], Counts]] = deque()
        self._gone = np.empty(0, _PERSON)
        self._since_s: int | None = None

    def update(self, events: Records, before: Records, after: Records) -> None:
        """Take note of a batch of events (n,) that turned the table of processes into another.

        ``before`` and ``after`` are rows (m,) of the table, dtype SLOT.
        """
        forks, execs = events[events["type"] == EV_FORK], events[events["type"] == EV_EXEC]
        if len(forks) or len(execs):
            known = np.concatenate([self._gone, _people(before), _people(forks)])
            second = int(events["time_ns"].max()) // _NS
            self._since_s = second if self._since_s is None else self._since_s
            actors = np.concatenate([forks["ppid"], execs["pid"]])
            starts = np.concatenate([forks["start_ns"], execs["start_ns"]])
            counts = np.zeros((2, len(actors)), np.int64)
            counts[0, : len(forks)] = forks["weight"]
            counts[1, len(forks) :] = execs["weight"]
            self._parts.append((second, *_climb(known, actors, starts, counts)))
            self._forget(second)
        ended = _people(events[events["type"] == EV_EXIT])
        if len(ended) or len(self._gone):
            gone = np.concatenate([self._gone, ended])
            # Somebody descends from them, or they may have to be named.
            named = [pids for _, pids, _ in self._parts]
            needed = np.concatenate([after["ppid"], gone["ppid"], *named])
            self._gone = gone[np.isin(gone["pid"], needed)][-MAX_GONE:]

    def _forget(self, second: int) -> None:
        while self._parts and self._parts[0][0] <= second - WINDOW_S:
            self._parts.popleft()

    def report(self, now_ns: int, table: Records, most: int) -> list[dict[str, Any]]:
        """The busiest subtrees, the busiest first: their root, and rates of all that is below.

        ``table``: rows (n,) of the present table, for the names. Where nearly all of it (MOSTLY)
        comes from one child, only the child is named: its ancestors make nothing.
        """
        second = now_ns // _NS
        self._forget(second)
        if not self._parts or self._since_s is None:
            return []
        pids, where = np.unique(np.concatenate([p for _, p, _ in self._parts]), return_inverse=True)
        counts = np.zeros((2, len(pids)), np.int64)
        np.add.at(counts.T, where, np.concatenate([c for _, _, c in self._parts], axis=1).T)
        # The newest of those who have had a number, and a running one before one that has ended.
        people = np.concatenate([self._gone, _people(table)])
        by_pid = {int(row["pid"]): row for row in people}
        totals = {int(pid): tuple(counts[:, i].tolist()) for i, pid in enumerate(pids)}
        sums = {pid: sum(total) for pid, total in totals.items()}
        above = {pid: int(by_pid[pid]["ppid"]) for pid in sums if pid in by_pid}
        # More than its parent has who got the number of somebody else that had descendants.
        idle = {
            parent
            for pid, parent in above.items()
            if parent in sums and MOSTLY * sums[parent] <= sums[pid] <= sums[parent]
        }
        names = {pid: bytes(row["comm"]).decode(errors="replace") for pid, row in by_pid.items()}
        span_s = min(WINDOW_S, max(1, second - self._since_s + 1))
        order = sorted(totals.keys() - idle, key=lambda pid: (-sums[pid], pid))
        return [
            {
                "pid": pid,
                "comm": names.get(pid, ""),
                "fork-rate-hz": round(totals[pid][0] / span_s, 1),
                "exec-rate-hz": round(totals[pid][1] / span_s, 1),
            }
            for pid in order[:most]
        ]


def _climb(
    known: npt.NDArray[np.void],
    actors: npt.NDArray[np.uint32],
    starts: npt.NDArray[np.uint64],
    counts: Counts,
) -> tuple[npt.NDArray[np.uint32], Counts]:
    """Add the counts (2, n) of actors (n,) to all their ancestors: pids (m,) and counts (2, m).

    ``starts`` (n,): an actor with a number that was used again is the last that began by then.
    """
    known = known[np.lexsort((known["start_ns"], known["pid"]))]
    pids: list[npt.NDArray[np.uint32]] = []
    sums: list[Counts] = []
    for _ in range(MAX_DEPTH):
        if not len(actors):
            break
        # one entry each; the earliest start serves all who have it
        unique, first, where = np.unique(actors, return_index=True, return_inverse=True)
        added = np.zeros((2, len(unique)), np.int64)
        np.add.at(added.T, where, counts.T)
        pids.append(unique)
        sums.append(added)
        if not len(known):
            break
        at = np.searchsorted(known["pid"], unique, "right") - 1
        born = starts[first]
        while True:
            later = (at > 0) & (known["start_ns"][at] > born)
            later &= known["pid"][np.maximum(at - 1, 0)] == unique
            if not later.any():
                break
            at = np.where(later, at - 1, at)
        there = (at >= 0) & (known["pid"][at] == unique) & (known["ppid"][at] != unique)
        there &= known["ppid"][at] != 0
        actors = known["ppid"][at][there]
        starts = known["start_ns"][at][there]
        counts = added[:, there]
    if not pids:
        return np.zeros(0, np.uint32), np.zeros((2, 0), np.int64)
    return np.concatenate(pids), np.concatenate(sums, axis=1)
