# SPDX-License-Identifier: Apache-2.0
"""For scripts in the guest: tasks that do a known thing, and what their records say of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ainkad.bpf import BpfObject, HashMap
from ainkad.layouts_gen import TASK_REC_DTYPE, TASKS_MAX
from counting import check, until

SUMS = ("run_ns", "delay_ns", "wake_delay_ns", "runs", "wakes", "voluntary", "involuntary",
        "migrations")  # fmt: skip


def near(what: str, got: int, want: int, part: float, slack: int) -> None:
    """`got` is within the share `part` of `want`, or within `slack`."""
    print(f"{what}: {got} in the records, {want} in /proc")
    check(abs(got - want) <= max(part * want, slack), f"{what} is {got}, /proc says {want}")


class Tasks:
    """The map of tasks, by pid."""

    def __init__(self, bpf: BpfObject) -> None:
        self._map = HashMap(bpf.map_fd("tasks"), "u4", TASK_REC_DTYPE, TASKS_MAX)

    def all(self) -> dict[int, Any]:
        keys, values = self._map.read_all()
        return {int(k): v for k, v in zip(keys, values, strict=True)}

    def get(self, pid: int) -> Any:
        """A record that is not being written."""
        while True:
            record = self.all().get(pid)
            if record is None or not record["seq"] & 1:
                return record


class Watch:
    """Adds up the windows of one task, which must be looked at twice in half a second."""

    def __init__(self, tasks: Tasks, pid: int) -> None:
        self._tasks, self._pid = tasks, pid
        self._closed = dict.fromkeys(SUMS, 0)
        self._last = int(tasks.get(pid)["last"]["start_ns"])

    def sums(self) -> dict[str, int]:
        record = self._tasks.get(self._pid)
        if int(record["last"]["start_ns"]) != self._last:
            self._last = int(record["last"]["start_ns"])
            for name in SUMS:
                self._closed[name] += int(record["last"][name])
        return {name: self._closed[name] + int(record["cur"][name]) for name in SUMS}


def kernel_says(pid: int) -> dict[str, int]:
    run, delay, _ = (int(x) for x in Path(f"/proc/{pid}/schedstat").read_text().split())
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return {
        "run_ns": run,
        "delay_ns": delay,
        "voluntary": int(status["voluntary_ctxt_switches"]),
        "involuntary": int(status["nonvoluntary_ctxt_switches"]),
    }


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def spawn(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


def hog() -> None:
    os.sched_setaffinity(0, {0})
    while True:
        burn(1)


def asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


def done(fd: int) -> bool:
    try:
        return bool(os.read(fd, 1))
    except BlockingIOError:
        return False


def let_work(watch: Watch, pid: int, begin: int, ended: int) -> None:
    """Let a task begin, look at its record until it says that it has ended its work, and sleeps."""
    os.write(begin, b"x")
    os.set_blocking(ended, False)
    while not done(ended):
        watch.sums()
        time.sleep(0.1)
    check(until(lambda: asleep(pid)), "the test task does not sleep again")
