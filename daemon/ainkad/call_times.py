# SPDX-License-Identifier: Apache-2.0
"""How often each system call is made and how long it takes, as ebpf/syscall.bpf.c has counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ainkad.bpf import PerCpuArray
from ainkad.core import hist_percentile_wide
from ainkad.errors import AinkaError
from ainkad.layouts_gen import CALL_REC_DTYPE, CALLS_MAX
from ainkad.system_calls import call_name

OTHERS: Final = CALLS_MAX - 1
"""The element in which calls with larger numbers are counted."""

Sums = npt.NDArray[np.void]
"""Of all CPUs: shape (CALLS_MAX,), dtype CALL_REC_DTYPE."""


class CallTimes:
    """The map of the programs. Reading it costs a call of the kernel for each number there is, so
    that is done when somebody asks.
    """

    def __init__(self, fd: int, cpus: int, clock: Callable[[], float] = time.monotonic) -> None:
        """``fd`` is the map's descriptor, ``cpus`` how many possible CPUs there are."""
        self._map = PerCpuArray(fd, CALL_REC_DTYPE, cpus)
        self._clock = clock
        self._since = clock()

    def read(self) -> Sums:
        """The sums at this moment. Raises BpfError."""
        sums = np.zeros(CALLS_MAX, CALL_REC_DTYPE)
        for number in range(CALLS_MAX):
            cpus = self._map.read(number)
            if not cpus["n"].any():
                continue
            for name in CALL_REC_DTYPE.names or ():
                sums[name][number] = cpus[name].sum(axis=0)
        return sums

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Those of the next ``seconds``, or with 0 those since they are timed."""
        seconds: float = request["seconds"]
        before, start = np.zeros(CALLS_MAX, CALL_REC_DTYPE), self._since
        if seconds:
            before, start = self.read(), self._clock()
            await asyncio.sleep(seconds)
        now, end = self.read(), self._clock()
        return {"seconds": round(end - start, 3), "calls": rows(now, before, end - start)}


async def not_timed(request: dict[str, Any]) -> dict[str, Any]:
    """The answer of a daemon that does not time system calls."""
    raise AinkaError(
        "system calls are not timed",
        "set syscalls = true in [collect] of /etc/ainka/config.toml and restart ainkad",
    )


def rows(now: Sums, before: Sums, seconds: float) -> list[dict[str, Any]]:
    """What was called between two readings ``seconds`` apart, those with the most time first.

    Times are in microseconds; calls whose purpose it is to wait have no number of slow ones.
    """
    found = []
    for number in np.nonzero(now["n"] > before["n"])[0].tolist():
        new, old = now[number], before[number]
        n = int(new["n"]) - int(old["n"])
        total_us = (int(new["sum_ns"]) - int(old["sum_ns"])) / 1000
        counts = new["hist"] - old["hist"]
        row: dict[str, Any] = {
            "call": "others" if number == OTHERS else call_name(number),
            "number": number,
            "count": n,
            "rate-hz": round(n / seconds, 1) if seconds > 0 else 0.0,
            "total-us": round(total_us, 1),
            "mean-us": round(total_us / n, 1),
            "p50-us": hist_percentile_wide(counts, 500) / 1000,
            "p99-us": hist_percentile_wide(counts, 990) / 1000,
            "waits": bool(new["waits"]),
        }
        if not row["waits"]:
            row["slow"] = int(new["slow"]) - int(old["slow"])
        found.append(row)
    return sorted(found, key=lambda row: (row["waits"], -row["total-us"]))
