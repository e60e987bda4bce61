# SPDX-License-Identifier: Apache-2.0
"""Events of the BPF programs on their way through the daemon, in batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ainkad.event_maps import TYPES, EventMaps
from ainkad.event_records import SLOT, Records, join
from ainkad.process_table import ABOUT_PROCESSES, records_of
from ainkad.process_tree import ProcessTree
from ainkad.procfs import processes

log = logging.getLogger("ainkad")

GATHER_S: Final = 0.05
"""Time that is let pass after the first event, for those that follow."""

LOOK_S: Final = 1.0
"""How often the counts are looked at, while there are events."""

KEPT: Final = 4096
"""Events that are remembered, for those who ask later."""

RESEED_S: Final = 2.0
"""At most so often is /proc read because events about processes are missing; and so seldom that
this takes no more than one part in RESEED_PART of the time.
"""
RESEED_PART: Final = 20

Listener = Callable[[Records], None]
Notice = Callable[[dict[str, object]], None]


class EventFeed:
    """Reads the ring, keeps track of processes, passes every batch on to its listeners."""

    def __init__(self, maps: EventMaps) -> None:
        self._maps = maps
        self._kept: deque[Records] = deque()
        self._n_kept = 0
        self._counts = maps.counts()
        self._reseed_s = self._looked_s = 0.0
        self._behind = self._read_since_look = False
        self.tree = ProcessTree()
        self.listeners: set[Listener] = set()
        self.notices: set[Notice] = set()

    def seed(self) -> None:
        """Read the processes that run. The programs must be attached already."""
        self._pass_on(self._maps.read())
        now = time.monotonic_ns()
        self.tree.seed(records_of(processes(), now), now)
        took_s = (time.monotonic_ns() - now) / 1e9
        self._reseed_s = time.monotonic() + max(RESEED_S, RESEED_PART * took_s)
        self._behind = False

    async def run(self) -> None:
        """Read batches for ever. Raises AinkaError when the ring is corrupt."""
        while True:
            await self._wait()
            # As long as something comes, a timer is all it takes: no descriptor to be watched.
            while True:
                await asyncio.sleep(GATHER_S)
                batch = self._maps.read()
                self._pass_on(batch)
                if time.monotonic() >= self._looked_s + LOOK_S:
                    self._look_at_counts()
                if self._behind and time.monotonic() >= self._reseed_s:
                    self.seed()
                if not len(batch):
                    break

    async def _wait(self) -> None:
        """Until there is a record, or something to be done without."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        # The kernel wakes us for a record in an empty ring; adding looks at the ring too, so
        # one that came since we read is not missed.
        loop.add_reader(self._maps.fileno(), readable.set)
        try:
            await asyncio.wait_for(readable.wait(), self._patience_s())
        except TimeoutError:
            pass
        finally:
            loop.remove_reader(self._maps.fileno())

    def _patience_s(self) -> float | None:
        """How long there is nothing to do without an event; None for ever."""
        due = [self._reseed_s] if self._behind else []
        if self._read_since_look or self._counts["shift"].any():
            due.append(self._looked_s + LOOK_S)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def take(self) -> None:
        """Take what there is now, and look at what was lost."""
        self._pass_on(self._maps.read())
        self._look_at_counts()

    def _pass_on(self, batch: Records) -> None:
        if not len(batch):
            return
        self._read_since_look = True
        self.tree.note(batch)
        self._kept.append(batch)
        self._n_kept += len(batch)
        while self._n_kept - len(self._kept[0]) >= KEPT:
            self._n_kept -= len(self._kept.popleft())
        for listener in list(self.listeners):
            listener(batch)

    def last(self, types: list[int], most: int) -> Records:
        """The last events of some types, the oldest first: shape (n,), n at most `most`."""
        batches: list[Records] = []
        missing = most
        for batch in reversed(self._kept):
            found = batch[np.isin(batch["type"], types)]
            if missing and len(found):
                batches.append(found[-missing:])
                missing -= len(batches[-1])
        return join(batches[::-1]) if batches else np.zeros(0, SLOT)

    def _look_at_counts(self) -> None:
        """Say it when a hook is sampled with another rate, and when something was lost."""
        now, before = self._maps.counts(), self._counts
        self._counts, self._looked_s = now, time.monotonic()
        self._read_since_look = False
        lost = (now["lost"] - before["lost"]).sum(axis=1)
        skipped = (now["skipped"] - before["skipped"]).sum(axis=1)
        self._behind |= bool((lost + skipped)[list(ABOUT_PROCESSES)].any())
        for kind, cpu in np.argwhere(now["shift"] != before["shift"]).tolist():
            name, one_in = TYPES[kind], 1 << int(now["shift"][kind, cpu])
            log.info("event=sampling type=%s cpu=%d one_in=%d", name, cpu, one_in)
            self._notify({"notice": "sampling", "type": name, "cpu": cpu, "one-in": one_in})
        for kind in np.flatnonzero(lost).tolist():
            log.warning("event=events-lost type=%s events=%d", TYPES[kind], lost[kind])
            self._notify({"notice": "lost", "type": TYPES[kind], "events": int(lost[kind])})

    def _notify(self, notice: dict[str, object]) -> None:
        for tell in list(self.notices):
            tell(notice)

    def counts(self) -> list[dict[str, Any]]:
        """What became of the events of each type since the start, for people."""
        return counts_by_type(self._maps.counts())


def counts_by_type(table: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """One row a type from counts (types, CPUs); what was lost also by CPU."""
    rows = []
    for kind, name in TYPES.items():
        counts = table[kind]
        row: dict[str, Any] = {"type": name, "on": bool(counts["budget"].max())}
        for what in ("seen", "sent", "skipped", "lost"):
            row[what] = int(counts[what].sum())
        row["one-in"] = 1 << int(counts["shift"].max())
        row["lost-by-cpu"] = counts["lost"].tolist()
        rows.append(row)
    return rows
