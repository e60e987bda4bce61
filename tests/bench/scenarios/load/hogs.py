# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: a periodic task beside hogs (guest/load/periodic.c), and cyclictest."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

from .programs import Plain, percentile, shell

SAMPLES = Path("/dev/shm/samples")
HEADER = 32
_COUNT = struct.Struct("<2Q")
_SAMPLE = struct.Struct("<2Q")
_BUCKET = re.compile(r"^(\d{6})\s+(\d+)")


def histogram_percentile(text: str, percent: float) -> float:
    """Of cyclictest's histogram, in microseconds."""
    buckets = [(int(m[1]), int(m[2])) for m in map(_BUCKET.match, text.splitlines()) if m]
    over = re.search(r"^# Histogram Overflows: (\d+)", text, re.MULTILINE)
    total = sum(count for _, count in buckets) + (int(over[1]) if over else 0)
    if not total:
        raise RuntimeError("cyclictest measured nothing")
    seen = 0
    for microseconds, count in buckets:
        seen += count
        if seen * 100 >= total * percent:
            return float(microseconds)
    return float(buckets[-1][0] + 1) if buckets else 1e6


class Load(Plain):
    """Both measure themselves; phase "alone" is without hogs."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._hogs = int(options["hogs"])
        self._running = 0
        shell("gcc -O2 -Wall -o /tmp/periodic /tmp/periodic.c")
        self._process = subprocess.Popen(
            ["/tmp/periodic", str(SAMPLES), str(options["period_us"]), str(options["work_us"])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._ready = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("periodic has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _order(self, line: str) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer()

    def mark(self, name: str) -> dict[str, Any]:
        """The counters of the periodic task at this moment."""
        return self._order(f"mark {name}")

    def samples(self, first: int, number: int = -1) -> list[tuple[int, int]]:
        """(due, delay) in ns of its wake-ups from number ``first`` on; -1: all there are."""
        with SAMPLES.open("rb") as file:
            count = _COUNT.unpack(file.read(_COUNT.size))[1]
            file.seek(HEADER + first * _SAMPLE.size)
            wanted = max(0, count - first) if number < 0 else number
            return list(_SAMPLE.iter_unpack(file.read(wanted * _SAMPLE.size)))

    def facts(self) -> dict[str, Any]:
        """What periodic says of itself."""
        return {key: self._ready[key] for key in ("period_us", "work_us", "iterations")}

    def window(
        self, phase: str, settle_s: float, seconds: float, *, fresh: bool, reset: bool
    ) -> dict[str, float]:
        """Delays of the periodic task, then those of cyclictest; half of the time for each."""
        wanted = 0 if phase == "alone" else self._hogs
        if wanted != self._running:
            self._order(f"hogs {wanted}")
            self._running = wanted
        time.sleep(settle_s)
        a = self.mark("a")
        time.sleep(seconds / 2)
        b = self.mark("b")
        text = shell(
            "cyclictest --default-system --policy=other -t1 -i 10000 -q -h 100000 "
            f"-D {max(1, round(seconds / 2))}",
            seconds + 60,
        )
        wakeups = b["wakeups"] - a["wakeups"]
        if wakeups < 1:
            raise RuntimeError("the periodic task did not wake up once")
        delays = [delay / 1e6 for _, delay in self.samples(a["wakeups"], wakeups)]
        return {
            "run_delay_ms": (b["delay_ns"] - a["delay_ns"]) / 1e6 / wakeups,
            "wakeup_p50_ms": percentile(delays, 50),
            "wakeup_p99_ms": percentile(delays, 99),
            "wakeups": float(wakeups),
            "missed": float(b["missed"] - a["missed"]),
            "cyclictest_p50_ms": histogram_percentile(text, 50) / 1000,
            "cyclictest_p99_ms": histogram_percentile(text, 99) / 1000,
        }

    def close(self) -> None:
        """End it all."""
        self._process.communicate("quit\n", timeout=60)
