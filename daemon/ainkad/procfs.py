# SPDX-License-Identifier: Apache-2.0
"""What a task is, from /proc: its name, its parent, how it is scheduled."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ainkad.layouts_gen import EVENT_KTHREAD

# sched(7): the policies between which a task can be moved without losing anything.
_FAIR = (0, 3, 5)  # SCHED_OTHER, SCHED_BATCH, SCHED_IDLE
_PF_KTHREAD = 0x00200000
CGROUPS = "/sys/fs/cgroup"


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


def _cgroup_id(path: str, known: dict[str, int]) -> int:
    """Id of a cgroup (version 2), which is the inode of its directory; 0 when it is gone."""
    if path not in known:
        try:
            known[path] = Path(f"{CGROUPS}{path}").stat().st_ino
        except OSError:
            known[path] = 0
    return known[path]


def _process(folder: Path, boot_minus_monotonic_ns: int, cgroups: dict[str, int]) -> Any:
    """One process as the fields of an event, None for a zombie. Raises OSError when it is gone."""
    text = (folder / "stat").read_bytes()
    start, end = text.find(b"("), text.rfind(b")")
    fields = text[end + 1 :].split()
    if fields[0] in (b"Z", b"X") and int(fields[17]) <= 1:
        return None
    kernel = bool(int(fields[6]) & _PF_KTHREAD)
    status = (folder / "status").read_bytes()
    uid, gid = (int(status.split(key, 1)[1].split(None, 1)[0]) for key in (b"\nUid:", b"\nGid:"))
    cgroup = (folder / "cgroup").read_text().partition("0::")[2].split("\n", 1)[0]
    started = int(fields[19]) * 10**9 // os.sysconf("SC_CLK_TCK") - boot_minus_monotonic_ns
    return {
        "pid": int(folder.name),
        "tgid": int(folder.name),
        "ppid": int(fields[1]),
        "comm": text[start + 1 : end],
        "start_ns": max(0, started),
        "uid": uid,
        "gid": gid,
        "flags": EVENT_KTHREAD if kernel else 0,
        "cgroup": 0 if kernel or not cgroup else _cgroup_id(cgroup, cgroups),
    }


def processes(root: Path = Path("/proc")) -> list[dict[str, object]]:
    """All processes but zombies, each as the fields of an event that its fork would have had.

    The start time is exact to a clock tick (sysconf SC_CLK_TCK), and off by the time that the
    machine was suspended after the process began.
    """
    offset = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    cgroups: dict[str, int] = {}
    found = []
    for folder in root.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            process = _process(folder, offset, cgroups)
        except (OSError, IndexError, ValueError):
            continue  # it has ended meanwhile
        if process is not None:
            found.append(process)
    return found
