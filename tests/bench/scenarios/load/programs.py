# SPDX-License-Identifier: Apache-2.0
"""Programs of a load: compiled, started, read line by line, stopped and continued."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent


def shell(line: str, timeout_s: float = 600) -> str:
    """A shell line; raises RuntimeError with what it said when it fails."""
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=timeout_s)
    if done.returncode:
        said = (done.stderr or done.stdout)[-800:].strip()
        raise RuntimeError(f"{line}: status {done.returncode}: {said}")
    return done.stdout


def compile_c(name: str, folder: str | Path = "/tmp") -> str:
    """Compile load/NAME.c; the path of the program."""
    shell(f"gcc -O2 -Wall -pthread -o {folder}/{name} {HERE / name}.c")
    return f"{folder}/{name}"


def wait_until(true: Callable[[], bool], what: str, seconds: float) -> None:
    """Poll; RuntimeError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"no {what} within {seconds:g} s")
        time.sleep(0.05)


class Program:
    """A process whose lines a thread hands on with the time they came at (CLOCK_MONOTONIC, s)."""

    def __init__(self, command: Sequence[str], on_line: Callable[[float, str], None]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._on_line = on_line
        self._last: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            now = time.monotonic()
            self._last = [*self._last[-4:], line]
            self._on_line(now, line)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def must_run(self) -> None:
        """RuntimeError with its last lines when it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"ended with {self._process.returncode}: {''.join(self._last)}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.must_run()
        os.kill(self.pid, number)

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()


def thinned(seen: Sequence[tuple[float, float]], every_s: float) -> list[tuple[float, float]]:
    """Of (time, total) those that are at least ``every_s`` apart, the first one among them."""
    kept: list[tuple[float, float]] = []
    for one in seen:
        if not kept or one[0] - kept[-1][0] >= every_s:
            kept.append(one)
    return kept


class Plain:
    """A load that tells no more of a window than its figures."""

    def series(self) -> list[tuple[float, float]]:
        """Nothing."""
        return []


class Counter:
    """Something that only grows, with the times it was seen at."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []
        self._lock = threading.Lock()
        self.total = 0.0

    def add(self, now: float, more: float) -> None:
        """It has grown."""
        with self._lock:
            self.total += more
            self._seen.append((now, self.total))
            del self._seen[:-20000]

    def between(self, begin: float, end: float) -> list[tuple[float, float]]:
        """What was seen in a time, (time, total)."""
        with self._lock:
            return [one for one in self._seen if begin <= one[0] <= end]

    def rate(self, begin: float, end: float, since: float | None = None) -> float:
        """Growth a second from the first to the last time it was seen; RuntimeError without two.

        The first may be the last one before ``begin``, from ``since`` on: for what grows seldom.
        """
        earlier = [] if since is None else self.between(since, begin)[-1:]
        seen = earlier + self.between(begin, end)
        if len(seen) < 2 or seen[-1][0] <= seen[0][0]:
            raise RuntimeError(f"no progress in {end - begin:.1f} s")
        return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])

    def steady_after(self, begin: float, end: float, rate: float, span: float = 0.5) -> float:
        """Seconds from ``begin`` until ``span`` seconds grow by 0.9 of ``rate``; nan: never."""
        seen = self.between(begin, end)
        first = 0
        for time_s, total in seen:
            while first < len(seen) and time_s - seen[first][0] > span:
                first += 1
            old_time, old_total = seen[max(first - 1, 0)]
            if time_s > old_time and (total - old_total) / (time_s - old_time) >= 0.9 * rate:
                return old_time - begin
        return float("nan")


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    if not ordered:
        raise RuntimeError("nothing was measured")
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]
