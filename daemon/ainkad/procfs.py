# SPDX-License-Identifier: Apache-2.0
"""What a task is, from /proc: its name, its parent, how it is scheduled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# sched(7): the policies between which a task can be moved without losing anything.
_FAIR = (0, 3, 5)  # SCHED_OTHER, SCHED_BATCH, SCHED_IDLE
_PF_KTHREAD = 0x00200000


@dataclass(frozen=True)
class TaskInfo:
    """One task of /proc."""

    comm: str
    parent: int
    kernel_thread: bool
    fair: bool


def task_info(pid: int, root: Path = Path("/proc")) -> TaskInfo | None:
    """A task, None when it has ended. See proc(5) for the fields of ``stat``."""
    try:
        text = (root / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name is in parentheses and may hold anything, parentheses too.
    start, end = text.find("("), text.rfind(")")
    fields = text[end + 1 :].split()
    if start < 0 or end < start or len(fields) < 39:
        return None
    return TaskInfo(
        comm=text[start + 1 : end],
        parent=int(fields[1]),
        kernel_thread=bool(int(fields[6]) & _PF_KTHREAD),
        fair=int(fields[38]) in _FAIR,
    )
