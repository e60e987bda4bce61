# SPDX-License-Identifier: Apache-2.0
"""The machine that tuners tune: maps of the BPF programs, netlink, the clock."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ainkad.analysis import read_signals
from ainkad.bpf import BpfObject, HashMap, PerCpuArray
from ainkad.core import task_features
from ainkad.disks import SAMPLE_NS, Disks
from ainkad.layouts_gen import (
    DEV_REC_DTYPE,
    DEVS_MAX,
    SCHED_STATS_DTYPE,
    TASK_KTHREAD,
    TASK_REC_DTYPE,
    TASKS_MAX,
)
from ainkad.netlink.client import Client
from ainkad.procfs import TaskInfo, task_info
from ainkad.ring import possible_cpus
from ainkad.signals_gen import TASK_SIGNALS
from ainkad.tuner.definition import COUNTERS, Tuner
from ainkad.tuner.machine import Candidates
from ainkad.wire import Wire

# The names that the module refuses to touch; an experiment on them would only be refused.
MODULE_PROTECTS = Path("/sys/module/ainka/parameters/protect")

USER_US = "cpu.user_us"

_COLUMN = {signal.name: signal.index for signal in TASK_SIGNALS}

Tasks = NDArray[np.void]


def choose(
    tuner: Tuner,
    records: Tasks,
    now_ns: int,
    protected: frozenset[str],
    info: Callable[[int], TaskInfo | None] = task_info,
    own: int | None = None,
) -> Candidates:
    """The candidates of a tuner among task records (n,) of TASK_REC_DTYPE, largest first.

    Left out: torn copies, kernel threads, pid 1, this process and its children, real-time tasks,
    the protected names, those too young. (The module refuses most of these too; an experiment must
    not count on tasks that it cannot treat.)
    """
    own = os.getpid() if own is None else own
    usable = (records["seq"] & 1 == 0) & (records["flags"] & TASK_KTHREAD == 0)
    usable &= (records["tgid"] != 1) & (records["tgid"] != own)
    records = records[usable]
    values, fresh = task_features(records, now_ns)
    columns = [_COLUMN[name] for name in tuner.features]
    rank, age = _COLUMN[tuner.candidate_signal], _COLUMN["task.age_ms"]
    large = fresh[:, [rank, age, *columns]].all(axis=1)
    large &= values[:, rank] >= tuner.candidate_min
    large &= values[:, age] >= tuner.candidate_age_ms
    order = np.flatnonzero(large)
    order = order[np.argsort(-values[order, rank], kind="stable")]
    rows: list[int] = []
    comms: list[str] = []
    for row in order.tolist():
        task = info(int(records["pid"][row]))
        leader = int(records["tgid"][row])
        if task is None or task.kernel_thread or not task.fair or task.parent == own:
            continue
        if task.comm in protected or task.comm in tuner.exclude or leader == 1:
            continue
        rows.append(row)
        comms.append(task.comm)
        if len(rows) == tuner.most:
            break
    return Candidates(
        ids=records["pid"][rows].astype(np.int64),
        names=tuple(comms),
        features=values[rows][:, columns],
    )


def machine_candidate(tuner: Tuner, values: Mapping[str, float | None]) -> Candidates:
    """The machine itself, or nothing: by its signals, None where stale."""
    row = [values.get(name) for name in tuner.features]
    rank = values.get(tuner.candidate_signal)
    there = rank is not None and rank >= tuner.candidate_min and None not in row
    rows = [[int(value or 0) for value in row]] if there else []
    return Candidates(
        ids=np.zeros(len(rows), dtype=np.int64),
        names=("machine",) * len(rows),
        features=np.array(rows, dtype=np.int64).reshape(-1, len(row)),
    )


def module_protects(path: Path = MODULE_PROTECTS) -> frozenset[str]:
    """The command names in the module's parameter ``protect``."""
    try:
        return frozenset(name for name in path.read_text().strip().split(",") if name)
    except OSError:
        return frozenset()


def own_user_us() -> int:
    """CPU time in user mode that this process has taken.

    Not that of its children, which is known only when they have ended: it would come all at once.
    """
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_utime * 1e6)


class LiveMachine(Wire):
    """See ``ainkad.tuner.machine.Machine``."""

    def __init__(
        self,
        client: Client,
        bpf: BpfObject,
        protected: tuple[str, ...],
        devices_fd: int | None = None,
    ) -> None:
        """``bpf`` must be loaded; ``devices_fd`` is the map of disks, if somebody tunes them.

        Raises AinkaError when the maps have another layout.
        """
        super().__init__(client)
        self._protected = frozenset(protected) | module_protects()
        self._stats = PerCpuArray(bpf.map_fd("sched_stats"), SCHED_STATS_DTYPE, possible_cpus())
        self._tasks = HashMap(bpf.map_fd("tasks"), np.uint32, TASK_REC_DTYPE, TASKS_MAX)
        self._devices: HashMap | None = None
        if devices_fd is not None:
            self._devices = HashMap(devices_fd, np.uint32, DEV_REC_DTYPE, DEVS_MAX)
        self._disks = Disks()

    def signal(self, name: str) -> int | None:
        """A system signal, None while stale; of CPU time in user mode, that of all others.

        As a reward it stands for work that gets done, and what the daemon does is none.
        """
        value = super().signal(name)
        return value - own_user_us() if value is not None and name == USER_US else value

    def now_ns(self) -> int:
        """CLOCK_MONOTONIC, the clock of the records."""
        return time.monotonic_ns()

    async def sleep(self, nanoseconds: int) -> None:
        """Let other work of the daemon run; meanwhile disks are looked at."""
        until = self.now_ns() + nanoseconds
        while self._devices is not None:
            self._look_at_disks()
            left = until - self.now_ns()
            if left <= SAMPLE_NS:
                break
            await asyncio.sleep(SAMPLE_NS / 1e9)
        await asyncio.sleep(max(0, until - self.now_ns()) / 1e9)

    def _look_at_disks(self) -> None:
        now = self.now_ns()
        if self._devices is not None and self._disks.due(now):
            self._disks.add(self._devices.read_all()[1], now)

    def candidates(self, tuner: Tuner) -> Candidates:
        """The subjects that may be treated now."""
        if tuner.subject == "system":
            return machine_candidate(tuner, read_signals(self._client))
        if tuner.subject == "device":
            self._look_at_disks()
            return self._disks.choose(tuner)
        _, records = self._tasks.read_all()
        return choose(tuner, records, self.now_ns(), self._protected)

    def counters(self) -> Mapping[str, int]:
        """Sums over the CPUs; each only grows."""
        stats = self._stats.read()
        return {name: int(stats[name].sum(dtype=np.uint64)) for name in COUNTERS}
