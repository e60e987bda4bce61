# SPDX-License-Identifier: Apache-2.0
"""The processes that run, kept up to date from events; those that ran before come from /proc."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ainkad.event_records import SLOT, Records, join
from ainkad.layouts_gen import EV_EXEC, EV_EXIT, EV_FORK

ABOUT_PROCESSES: Final = (EV_FORK, EV_EXEC, EV_EXIT)
_IS_ABOUT: Final = np.isin(np.arange(1 << 16), ABOUT_PROCESSES)  # by type, which has 16 bits


class ProcessTable:
    """One row a process: the last event about it, or what /proc said."""

    def __init__(self) -> None:
        self._rows: Records = np.zeros(0, SLOT)
        self._since_ns = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> Records:
        """Shape (n,), dtype SLOT, by pid."""
        return self._rows

    def seed(self, processes: Records, since_ns: int) -> None:
        """Begin with `processes` (n,), as they were found when CLOCK_MONOTONIC was `since_ns`.

        They were looked at while events were collected, and zombies are not among them. So of the
        events before that time only exits say something new: of a process that was still there.
        """
        self._rows = np.sort(processes, order="pid")
        self._since_ns = since_ns

    def update(self, events: Records) -> None:
        """Take note of a batch of events (n,), in their order."""
        ends = events["type"] == EV_EXIT
        about = _IS_ABOUT[events["type"]] & (ends | (events["time_ns"] >= self._since_ns))
        if not about.any():
            return
        events = events[about]
        # The last word on each: the first one from behind.
        backwards = events[::-1]
        _, last = np.unique(backwards["pid"], return_index=True)
        words = backwards[last]
        others = self._rows[~np.isin(self._rows["pid"], words["pid"])]
        rows = join([others, words[words["type"] != EV_EXIT]])
        self._rows = rows[np.argsort(rows["pid"], kind="stable")]


def records_of(processes: Sequence[dict[str, object]], now_ns: int) -> Records:
    """Rows of dtype SLOT from dictionaries with its field names; the type is that of a fork."""
    rows = np.zeros(len(processes), SLOT)
    rows["type"] = EV_FORK
    rows["time_ns"] = now_ns
    rows["weight"] = 1
    for row, process in zip(rows, processes, strict=True):
        for name, value in process.items():
            row[name] = value
    return rows
