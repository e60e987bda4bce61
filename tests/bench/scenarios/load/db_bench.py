# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: db_bench reading a database on the throttled disk, mapped into memory.

A process for each phase opens the database once and stays; those of the other phases are stopped.
Where a window asks for a fresh one, a process is started for it, whose files are opened under the
setting of the time, as after a restart of the database.
"""

from __future__ import annotations

import re
import signal
import time
from typing import Any

from .programs import Counter, Program, shell, thinned, wait_until

FOLDER = "/mnt/db"
_PROGRESS = re.compile(r"\.\.\. thread 0: \((\d+),\d+\) ops")
#: Between two points of a series: what the page shows. A line of progress each would be 1 MB.
SERIES_S = 0.1
#: Benchmark and operations between two lines of progress.
PHASES = {
    "random": ("readrandom", 10),
    "sequential": ("readseq", 2000),
    "reverse": ("readreverse", 2000),
}


class Reader:
    """One db_bench."""

    def __init__(self, keys: int, phase: str, seed: int) -> None:
        benchmark, every = PHASES[phase]
        # Sequential ones end at the end of the database: once more, and so on.
        repeat = 1 if phase == "random" else 2000
        self._rest = ""
        self.counter = Counter()
        self.program = Program(
            ["db_bench", f"--db={FOLDER}", "--use_existing_db=1", "--readonly=1", "--mmap_read=1",
             "--advise_random_on_open=0", "--cache_size=1", f"--num={keys}", "--value_size=400",
             "--compression_type=none", f"--benchmarks={','.join([benchmark] * repeat)}",
             "--duration=100000", f"--stats_interval={every}", f"--seed={seed}"],
            self._line,
        )  # fmt: skip

    def _line(self, now: float, line: str) -> None:
        match = _PROGRESS.search(line)
        if match:
            self.counter.add(now, int(match[1]))


class Load:
    """Three readers of one database; one of them runs."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._keys = int(options["keys"])
        self._seed = 1
        shell("mkfs.ext4 -q -F /dev/vdb && mkdir -p /mnt && mount -o noatime /dev/vdb /mnt")
        self._fill_s = self._fill()
        shell("sync; echo 3 > /proc/sys/vm/drop_caches")
        self._readers = {phase: self._reader(phase) for phase in PHASES}
        self._runs = ""
        self._series: list[tuple[float, float]] = []

    def _fill(self) -> float:
        begin = time.monotonic()
        shell(
            f"db_bench --db={FOLDER} --num={self._keys} --value_size=400 --compression_type=none "
            "--benchmarks=fillseq --disable_wal=1 --seed=1 >/tmp/fill.log 2>&1",
            timeout_s=900,
        )
        return time.monotonic() - begin

    def _reader(self, phase: str) -> Reader:
        """Started, has the database open and has read something, and is stopped."""
        reader = Reader(self._keys, phase, self._seed)
        self._seed += 1

        def reads() -> bool:
            reader.program.must_run()
            return reader.counter.total > 0

        wait_until(reads, f"progress of db_bench ({phase})", 120)
        reader.program.signal(signal.SIGSTOP)
        return reader

    def facts(self) -> dict[str, Any]:
        """Size of the database."""
        size = int(shell(f"du -sm {FOLDER}").split()[0])
        return {"database_mib": size, "fill_s": round(self._fill_s, 1),
                "db_bench": shell("db_bench --version 2>&1 | tail -1").strip()}  # fmt: skip

    def _stop_all(self) -> None:
        if self._runs:
            self._readers[self._runs].program.signal(signal.SIGSTOP)
            self._runs = ""

    def window(
        self, phase: str, settle_s: float, seconds: float, *, fresh: bool, reset: bool
    ) -> dict[str, float]:
        """Operations a second, and how long it took until they were near that."""
        if fresh or (reset and self._runs != phase):
            self._stop_all()
        if reset:
            # What the window before has read is not to be found in memory.
            shell("echo 1 > /proc/sys/vm/drop_caches")
        reader = self._reader(phase) if fresh else self._readers[phase]
        try:
            if self._runs != phase or fresh:
                self._stop_all()
                reader.program.signal(signal.SIGCONT)
                self._runs = "" if fresh else phase
            changed = time.monotonic()
            begin = changed + settle_s
            end = begin + seconds
            time.sleep(end - changed)
            reader.program.must_run()
            rate = reader.counter.rate(begin, end, since=changed)
            after = reader.counter.steady_after(changed, end, rate)
            seen = thinned(reader.counter.between(changed, end), SERIES_S)
            self._series = [(round(at - changed, 3), total - seen[0][1]) for at, total in seen]
        finally:
            if fresh:
                reader.program.end()
        return {"ops_per_s": rate, **({} if after != after else {"steady_after_s": after})}

    def series(self) -> list[tuple[float, float]]:
        """Progress of the last window: (seconds since its begin, operations)."""
        return self._series

    def close(self) -> None:
        """End them."""
        for reader in self._readers.values():
            reader.program.end()
