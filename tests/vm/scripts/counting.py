# SPDX-License-Identifier: Apache-2.0
"""For scripts in the guest: one object of BPF programs, and what they have counted."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ainkad.bpf import BpfObject, PerCpuArray
from ainkad.core import hist_percentile_wide
from ainkad.layouts_gen import COUNTERS_DTYPE, TIMES_DTYPE
from ainkad.signals_gen import COUNTERS, TIMES

LIBRARY = Path("/usr/lib/ainka")
Histogram = npt.NDArray[np.uint32]
CGROUPS = Path("/sys/fs/cgroup")


def check(right: bool, message: str) -> None:
    """Go on if it is right."""
    if not right:
        sys.exit(f"FAILED: {message}")


def between(what: str, low: float, got: float, high: float) -> None:
    """``got`` lies between what two others say."""
    print(f"{what}: {got:.0f}, between {low:.0f} and {high:.0f}", flush=True)
    check(low <= got <= high, f"{what}: {got} is not between {low} and {high}")


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait for a condition; False if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def possible_cpus() -> int:
    """How many values a per-CPU map has."""
    last = Path("/sys/devices/system/cpu/possible").read_text().strip().split("-")[-1]
    return int(last) + 1


class Counted(dict[str, int]):
    """Sums over the CPUs: counters, and of times the number (``x.n``) and ns (``x.ns``)."""

    def __init__(self, sums: Mapping[str, int], hists: Mapping[str, Histogram]) -> None:
        super().__init__(sums)
        self._hists = dict(hists)

    def since(self, old: Counted) -> Counted:
        """What was counted in between."""
        return Counted(
            {name: n - old[name] for name, n in self.items()},
            {name: hist - old._hists[name] for name, hist in self._hists.items()},
        )

    def median_ns(self, name: str) -> int:
        """Median of a time, at most 12.5 % off."""
        return hist_percentile_wide(self._hists[name], 500)

    def mean_ns(self, name: str) -> float:
        """Mean of a time."""
        return self[f"{name}.ns"] / max(1, self[f"{name}.n"])


class Counting:
    """All programs of an object file, attached; each must be."""

    def __init__(self, file: str) -> None:
        started = time.monotonic()
        self.bpf = BpfObject(LIBRARY / f"{file}.o")
        for state in self.bpf.attach_all():
            check(state.attached, f"{state.name} is not attached: {state.reason}")
            print(f"attached {state.section}")
        print(f"{file}: loaded and attached in {time.monotonic() - started:.2f} s", flush=True)
        cpus = possible_cpus()
        self._counters = PerCpuArray(self.bpf.map_fd("counters"), COUNTERS_DTYPE, cpus)
        self._times = PerCpuArray(self.bpf.map_fd("times"), TIMES_DTYPE, cpus)
        self._counter_slots = [slot for slot in COUNTERS if slot.file == file]
        self._times_slots = [slot for slot in TIMES if slot.file == file]

    def read(self) -> Counted:
        """The sums at this moment."""
        counted: dict[str, int] = {}
        hists: dict[str, Histogram] = {}
        sums = self._counters.read()["n"].sum(axis=0)
        for slot in self._counter_slots:
            counted[slot.name] = int(sums[slot.index])
        for slot in self._times_slots:
            one = self._times.read(slot.index)
            counted[f"{slot.name}.n"] = int(one["n"].sum())
            counted[f"{slot.name}.ns"] = int(one["sum_ns"].sum())
            hists[slot.name] = one["hist"].sum(axis=0, dtype="u4")
            check(
                abs(int(hists[slot.name].sum(dtype="u8")) - counted[f"{slot.name}.n"]) <= 8,
                f"{slot.name}: the histogram has another number of entries",
            )
        return Counted(counted, hists)

    def of(self, work: Callable[[], object]) -> Counted:
        """What is counted while some work is done."""
        before = self.read()
        work()
        return self.read().since(before)


def make_cgroup(name: str, **limits: str) -> Path:
    """A cgroup with limits such as ``memory_max="40M"``."""
    controllers = CGROUPS / "cgroup.subtree_control"
    controllers.write_text("+memory")
    path = CGROUPS / name
    path.mkdir(exist_ok=True)
    for key, value in limits.items():
        (path / key.replace("_", ".", 1)).write_text(value)
    return path


def in_cgroup(path: Path, work: Callable[[], object]) -> int:
    """Do some work in a child in a cgroup; returns its wait status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            (path / "cgroup.procs").write_text(str(os.getpid()))
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def numbers(path: str | Path) -> dict[str, int]:
    """A file of names and numbers, as /proc/vmstat."""
    rows = (line.split() for line in Path(path).read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2}
