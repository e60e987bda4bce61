# SPDX-License-Identifier: Apache-2.0
"""The processes and who makes them, worked out from events when somebody asks.

What numpy does for a batch costs some hundred calls whatever is in it. So batches wait, and are
taken note of together: when they begin another second, when they are many, and when somebody asks.
"""

from __future__ import annotations

from typing import Any, Final

from ainkad.event_records import Records, join
from ainkad.process_table import ProcessTable
from ainkad.subtrees import SubtreeRates

MOST_WAITING: Final = 4096
"""Events that wait at most."""
_NS: Final = 1_000_000_000


class ProcessTree:
    """The table of processes, and the rates of what is below each of them."""

    def __init__(self) -> None:
        self._table = ProcessTable()
        self._subtrees = SubtreeRates()
        self._waiting: list[Records] = []
        self._n_waiting = 0
        self._second = 0

    def note(self, events: Records) -> None:
        """Take note of a batch of events (n,), n > 0, of any type, in their order."""
        second = int(events["time_ns"][-1]) // _NS
        if second != self._second:
            # Rates have seconds; those of another one must not be counted as this one's.
            self._fold()
            self._second = second
        self._waiting.append(events)
        self._n_waiting += len(events)
        if self._n_waiting >= MOST_WAITING:
            self._fold()

    def _fold(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting, self._n_waiting = self._waiting, [], 0
        events = join(waiting)
        before = self._table.rows
        self._table.update(events)
        self._subtrees.update(events, before, self._table.rows)

    def seed(self, processes: Records, since_ns: int) -> None:
        """See ProcessTable.seed()."""
        self._fold()
        self._table.seed(processes, since_ns)

    @property
    def rows(self) -> Records:
        """The processes as of the last event: shape (n,), dtype SLOT, by pid."""
        self._fold()
        return self._table.rows

    def busiest(self, now_ns: int, most: int) -> list[dict[str, Any]]:
        """See SubtreeRates.report(); ``now_ns`` is CLOCK_MONOTONIC, the clock of the events."""
        return self._subtrees.report(now_ns, self.rows, most)
