# SPDX-License-Identifier: Apache-2.0
"""Programs that crash, and again: told from the events of processes, within a tenth of a second.

Unlike forecasts and anomalies, which look once a second, this is worked out as the events come:
a service that a supervisor starts anew as often as it crashes may do so many times a second.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import Counter, deque
from typing import Final

import numpy as np

from ainkad.event_records import Records
from ainkad.layouts_gen import EV_EXIT
from ainkad.pusher import Pusher

log = logging.getLogger("ainkad.crashes")

WINDOW_NS: Final = 60_000_000_000
MAX_AGE_NS: Final = 5_000_000_000
LOOP: Final = 5
"""Crashes of one program within the window that are a loop, and are told in the log."""
STEP_S: Final = 1.0

# What a program brings upon itself; not what others end it with (SIGTERM, SIGKILL, SIGPIPE, …).
FATAL: Final = tuple(
    int(number)
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE,
                   signal.SIGTRAP, signal.SIGSYS)
)  # fmt: skip
_IS_FATAL: Final = np.isin(np.arange(0x80), FATAL)
MINUTE: Final = "crash.last_minute_count"
WORST: Final = "crash.one_program_count"


class Crashes:
    """Counts of the last minute, pushed when they change and then once a second."""

    def __init__(self, pusher: Pusher) -> None:
        self._pusher = pusher
        self._batches: deque[tuple[int, Counter[str]]] = deque()
        self._total: Counter[str] = Counter()
        self._told: dict[str, int] = {}

    def update(self, batch: Records) -> None:
        """Take note of events (n,); a listener of the feed."""
        # As wait(2) has it: the low seven bits are the signal.
        fatal = _IS_FATAL[batch["code"] & 0x7F] & (batch["type"] == EV_EXIT)
        if not fatal.any():
            return
        crashed = batch[fatal]
        found: Counter[str] = Counter()
        names, where = np.unique(crashed["comm"], return_inverse=True)
        weights = np.bincount(where, weights=crashed["weight"])
        for name, weight in zip(names.tolist(), weights.tolist(), strict=True):
            found[name.decode(errors="replace")] += int(weight)
        now_ns = int(crashed["time_ns"].max())
        self._batches.append((now_ns, found))
        self._total += found
        self.step(now_ns)

    def step(self, now_ns: int) -> None:
        """Forget what is older than the window, and say what is left."""
        had = bool(self._total)
        while self._batches and now_ns - self._batches[0][0] > WINDOW_NS:
            self._total -= self._batches.popleft()[1]
        if had:
            self._pusher.push(MINUTE, self._total.total(), MAX_AGE_NS)
            self._pusher.push(WORST, max(self._total.values(), default=0), MAX_AGE_NS)
        for name, count in self._total.items():
            if count >= LOOP and now_ns - self._told.get(name, -WINDOW_NS) >= WINDOW_NS:
                self._told[name] = now_ns
                log.warning("event=crash-loop comm=%r crashes=%d within_s=%d",
                            name, count, WINDOW_NS // 10**9)  # fmt: skip
        self._told = {k: v for k, v in self._told.items() if now_ns - v < WINDOW_NS}

    async def run(self) -> None:
        """Let the counts fall again when nothing crashes any more."""
        while True:
            await asyncio.sleep(STEP_S)
            self.step(time.monotonic_ns())
