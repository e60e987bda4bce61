# SPDX-License-Identifier: Apache-2.0
"""Events as the programs would send them, made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from ainkad.event_records import SLOT, Records
from ainkad.process_table import ProcessTable
from ainkad.process_tree import ProcessTree


def event(kind: int, pid: int, time_ns: int = 1, **more: Any) -> dict[str, Any]:
    """One of a process, by fields."""
    return {"type": kind, "pid": pid, "tgid": pid, "time_ns": time_ns, **more}


def batch(*events: dict[str, Any]) -> Records:
    """As they come from the ring: shape (n,)."""
    rows = np.zeros(len(events), SLOT)
    for row, fields in zip(rows, events, strict=True):
        for name, value in fields.items():
            row[name] = value
    return rows


def pids(table: ProcessTable | ProcessTree) -> list[int]:
    """Who is in a table."""
    return [int(pid) for pid in table.rows["pid"]]
