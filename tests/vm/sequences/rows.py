# SPDX-License-Identifier: Apache-2.0
"""The tunables that the sequences know: one row each, and nothing else in this package names one.

A row says how to read and write the tunable from outside, without the module, and which values are
ours (policies set them) and theirs (somebody else does). The two must not meet, whatever the
baseline: a foreign value is told from the module's own only by being another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FAST, SLOW = "fast", "slow"
SYSTEM, TASK = "system", "task"


@dataclass(frozen=True)
class Row:
    """One tunable.

    ``read`` and ``write`` take the thread id of a task, 0 for the system. ``read`` returns all that
    has to be the same afterwards, byte by byte: more than the value, where writing one attribute
    changes others. ``ours`` is what a policy may ask for, as it is written in a policy; ``theirs``
    what somebody else writes. ``text`` turns what was read into what has to be written to have it
    back. Rows of the slow lane are used sparingly: a write may take 100 ms.
    """

    tunable: str
    subject: str
    read: Callable[[int], bytes]
    write: Callable[[int, str], None]
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    lane: str = FAST
    text: Callable[[bytes], str] = lambda was: was.decode().strip()


def file_row(
    tunable: str, path: str, ours: tuple[str, ...], theirs: tuple[str, ...], lane: str = FAST
) -> Row:
    """A tunable of the system that is one file."""
    file = Path(path)

    def read(_: int) -> bytes:
        return file.read_bytes()

    def write(_: int, text: str) -> None:
        file.write_text(text)

    return Row(tunable, SYSTEM, read, write, ours, theirs, lane)


def sysctl(name: str, ours: tuple[str, ...], theirs: tuple[str, ...]) -> Row:
    """A sysctl, by its dotted name; in what is ours, ``base`` is any of its other values."""
    group, _, rest = name.partition(".")
    while "." in rest and not Path(f"/proc/sys/{group}/{rest}").exists():
        part, _, rest = rest.partition(".")
        group = f"{group}/{part}"
    return file_row(f"sysctl.{name}", f"/proc/sys/{group}/{rest}", ours, theirs)


def read_nice(tid: int) -> bytes:
    return str(os.getpriority(os.PRIO_PROCESS, tid)).encode()


def write_nice(tid: int, text: str) -> None:
    os.setpriority(os.PRIO_PROCESS, tid, int(text))


_POLICIES = {"other": os.SCHED_OTHER, "batch": os.SCHED_BATCH, "idle": os.SCHED_IDLE,
             "fifo": os.SCHED_FIFO}  # fmt: skip
_NAMES = {number: name for name, number in _POLICIES.items()}


def read_policy(tid: int) -> bytes:
    return _NAMES[os.sched_getscheduler(tid)].encode()


def write_policy(tid: int, text: str) -> None:
    priority = 1 if text == "fifo" else 0
    os.sched_setscheduler(tid, _POLICIES[text], os.sched_param(priority))


ROWS = (
    sysctl("vm.swappiness", ("10", "35", "base+7"), ("77", "90")),
    sysctl("vm.vfs_cache_pressure", ("50", "200", "base+20%"), ("133", "170")),
    sysctl("vm.page-cluster", ("0", "5"), ("2", "4")),
    sysctl("vm.dirty_expire_centisecs", ("1000", "base-500"), ("4100", "7700")),
    sysctl("vm.dirty_writeback_centisecs", ("200", "1500"), ("700", "900")),
    # Has a step limit of 200: it takes several rounds to get to 900.
    sysctl("vm.watermark_scale_factor", ("100", "900"), ("37", "77")),
    sysctl("vm.compaction_proactiveness", ("0", "60"), ("33",)),
    sysctl("kernel.sched_autogroup_enabled", ("0",), ("1",)),
    sysctl("net.core.somaxconn", ("1024", "8192"), ("5000",)),
    sysctl("net.core.netdev_max_backlog", ("300", "5000"), ("1234",)),
    sysctl("net.core.netdev_budget", ("600",), ("444",)),
    sysctl("net.ipv4.tcp_max_syn_backlog", ("2048",), ("777",)),
    file_row("block.vda.read_ahead_kb", "/sys/block/vda/queue/read_ahead_kb", ("64", "256"),
             ("32", "512"), SLOW),
    Row("task.nice", TASK, read_nice, write_nice, ("5", "12", "15", "base+3"), ("-3", "2", "7")),
    Row("task.policy", TASK, read_policy, write_policy, ("idle",), ("batch", "fifo")),
)  # fmt: skip

BY_NAME = {row.tunable: row for row in ROWS}
