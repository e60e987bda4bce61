# SPDX-License-Identifier: Apache-2.0
"""The machine that a tuner tunes: maps of the BPF programs, netlink, the clock."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainkad.bpf import BpfObject, HashMap, PerCpuArray
from ainkad.core import task_features
from ainkad.layouts_gen import SCHED_STATS_DTYPE, TASK_KTHREAD, TASK_REC_DTYPE, TASKS_MAX
from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError
from ainkad.procfs import TaskInfo, task_info
from ainkad.ring import possible_cpus
from ainkad.signals_gen import TASK_SIGNALS
from ainkad.tuner.definition import COUNTERS, Tuner
from ainkad.tuner.machine import Candidates

# The names that the module refuses to touch; an experiment on them would only be refused.
MODULE_PROTECTS = Path("/sys/module/ainka/parameters/protect")

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
        pids=records["pid"][rows].astype(np.int64),
        comms=tuple(comms),
        features=values[rows][:, columns],
    )


def module_protects(path: Path = MODULE_PROTECTS) -> frozenset[str]:
    """The command names in the module's parameter ``protect``."""
    try:
        return frozenset(name for name in path.read_text().strip().split(",") if name)
    except OSError:
        return frozenset()


class LiveMachine:
    """See ``ainkad.tuner.machine.Machine``."""

    def __init__(self, client: Client, bpf: BpfObject, protected: tuple[str, ...]) -> None:
        """``bpf`` must be loaded. Raises AinkaError when its maps have another layout."""
        self._client = client
        self._protected = frozenset(protected) | module_protects()
        self._stats = PerCpuArray(bpf.map_fd("sched_stats"), SCHED_STATS_DTYPE, possible_cpus())
        self._tasks = HashMap(bpf.map_fd("tasks"), np.uint32, TASK_REC_DTYPE, TASKS_MAX)

    def now_ns(self) -> int:
        """CLOCK_MONOTONIC, the clock of the records."""
        return time.monotonic_ns()

    async def sleep(self, nanoseconds: int) -> None:
        """Let other work of the daemon run."""
        await asyncio.sleep(nanoseconds / 1e9)

    def candidates(self, tuner: Tuner) -> Candidates:
        """The tasks that may be treated now."""
        _, records = self._tasks.read_all()
        return choose(tuner, records, self.now_ns(), self._protected)

    def counters(self) -> Mapping[str, int]:
        """Sums over the CPUs; each only grows."""
        stats = self._stats.read()
        return {name: int(stats[name].sum(dtype=np.uint64)) for name in COUNTERS}

    def signal(self, name: str) -> int | None:
        """A system signal, None while stale."""
        row = self._client.request("signal-get", {"name": name})
        return None if row.get("stale") else row.get("value")

    def push(self, request: Mapping[str, Any]) -> None:
        """Put a policy in force, in place of one of the same name if there is one."""
        self._client.request("policy-add", {**request, "replace": True})

    def remove(self, name: str) -> None:
        """Take it out of force if it is there."""
        try:
            self._client.request("policy-remove", {"name": name})
        except KernelError as error:
            if error.errno != errno.ENOENT:
                raise

    def policy(self, name: str) -> Mapping[str, Any] | None:
        """A policy and its counters, None when there is none of this name."""
        try:
            return self._client.request("policy-get", {"name": name})
        except KernelError as error:
            if error.errno == errno.ENOENT:
                return None
            raise

    def status(self) -> Mapping[str, Any]:
        """State and switches."""
        return self._client.request("state-get", {"brief": True})

    def set_state(self, state: str, why: str) -> None:
        """Ask for a state."""
        self._client.request("state-set", {"state": state, "why": why[:63]})
