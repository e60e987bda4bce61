# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: one that calls fsync ten times a second, beside one that writes much."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

from .programs import Counter, Plain, Program, compile_c, percentile, shell, wait_until

#: How long a fsync of a window is waited for after its end.
PATIENCE_S = 20.0


class Load(Plain):
    """Both run all the time; a window says how long what was due in it took."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._period_s = int(options["period_ms"]) / 1000
        self._calls: list[tuple[float, float]] = []
        self._lock = threading.Lock()
        self._written = Counter()
        self._again = threading.Event()
        shell("mkfs.ext4 -q -F /dev/vdb && mkdir -p /mnt && mount /dev/vdb /mnt")
        appender, bulk = compile_c("appender"), compile_c("bulk")
        self._appender = Program([appender, "/mnt/log", str(options["period_ms"])], self._call)
        self._bulk = Program([bulk, "/mnt/bulk", str(options["bulk_mib"])], self._wrote)

    def facts(self) -> dict[str, Any]:
        """The file system."""
        return {"mount": shell("grep /mnt /proc/mounts").strip()}

    def _call(self, now: float, line: str) -> None:
        due_ns, latency_ns = line.split()
        with self._lock:
            self._calls.append((int(due_ns) / 1e9, int(latency_ns) / 1e6))
            del self._calls[:-20000]

    def _wrote(self, now: float, line: str) -> None:
        if line.strip() == "again":
            self._again.set()
        else:
            self._written.add(now, int(line))

    def _newest(self) -> float:
        """When the last call that is done was due."""
        self._appender.must_run()
        with self._lock:
            return self._calls[-1][0] if self._calls else 0.0

    def _forgive(self) -> None:
        """Nothing is owed to the disk any more, and nobody waits."""
        self._again.clear()
        self._bulk.signal(signal.SIGUSR1)
        wait_until(self._again.is_set, "new beginning of the bulk writer", 120)
        # It would be in debt again before the other one has caught up.
        self._bulk.signal(signal.SIGSTOP)
        try:
            wait_until(
                lambda: self._newest() > time.monotonic() - 5 * self._period_s,
                "appender in time",
                120,
            )
        finally:
            self._bulk.signal(signal.SIGCONT)

    def window(
        self, phase: str, settle_s: float, seconds: float, *, fresh: bool, reset: bool
    ) -> dict[str, float]:
        """Percentiles of the latency, from when a call was due, and what the other one wrote."""
        if reset:
            self._forgive()
        begin = time.monotonic() + settle_s
        end = begin + seconds
        time.sleep(end - time.monotonic())
        self._bulk.must_run()
        written = self._written.rate(begin - settle_s, end)
        deadline = time.monotonic() + PATIENCE_S
        last = end - self._period_s
        while self._newest() < last and time.monotonic() < deadline:
            time.sleep(0.02)
        now = time.monotonic()
        with self._lock:
            done = {due: took for due, took in self._calls if begin <= due < end}
        found = list(done.values())
        # What is not done by now has taken as long as until now, at least.
        due = max(done, default=begin) + self._period_s
        while due < end:
            found.append((now - due) * 1000)
            due += self._period_s
        return {
            "fsync_p99_ms": percentile(found, 99),
            "fsync_p50_ms": percentile(found, 50),
            "fsyncs": float(len(found)),
            "bulk_mb_per_s": written / 1e6,
        }

    def close(self) -> None:
        """End both."""
        self._appender.end()
        self._bulk.end()
