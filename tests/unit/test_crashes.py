# SPDX-License-Identifier: Apache-2.0
"""Programs that crash again and again, from events of processes."""

from __future__ import annotations

import logging
import signal
from typing import Any

import numpy as np
import pytest
from ainkad.crashes import LOOP, MINUTE, WORST, Crashes
from ainkad.layouts_gen import EV_EXEC, EV_EXIT, EVENT_REC_DTYPE
from ainkad.pusher import Pusher

SECOND = 10**9


class Pushed:
    """What was pushed last, by name, and how often anything was."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.times = 0

    def __call__(self, name: str, value: int, max_age_ns: int) -> None:
        self.last[name] = value
        self.times += 1


def exits(*ends: tuple[str, int], at_s: float = 1.0, weight: int = 1) -> Any:
    """Events: programs that ended with a status as wait(2) gives it."""
    batch = np.zeros(len(ends), EVENT_REC_DTYPE)
    batch["type"], batch["weight"], batch["time_ns"] = EV_EXIT, weight, int(at_s * SECOND)
    for i, (comm, code) in enumerate(ends):
        batch[i]["comm"], batch[i]["code"] = comm.encode(), code
    return batch


CORE_DUMPED = 0x80


def test_crashes_are_counted_and_forgotten_after_a_minute() -> None:
    pushed = Pushed()
    crashes = Crashes(Pusher(pushed))
    crashes.update(exits(("worker", signal.SIGSEGV | CORE_DUMPED), ("worker", signal.SIGABRT)))
    assert pushed.last == {MINUTE: 2, WORST: 2}
    crashes.update(exits(("other", signal.SIGBUS), at_s=31, weight=3))
    assert pushed.last == {MINUTE: 5, WORST: 3}
    crashes.step(62 * SECOND)
    assert pushed.last == {MINUTE: 3, WORST: 3}
    crashes.step(92 * SECOND)
    assert pushed.last == {MINUTE: 0, WORST: 0}
    times = pushed.times
    crashes.step(93 * SECOND)
    assert pushed.times == times, "nothing is pushed while there is nothing to say"


def test_what_others_end_and_what_ends_by_itself_is_no_crash() -> None:
    pushed = Pushed()
    crashes = Crashes(Pusher(pushed))
    crashes.update(
        exits(
            ("a", 0), ("b", 1 << 8), ("c", signal.SIGTERM), ("d", signal.SIGKILL), ("e", 139 << 8)
        )
    )
    execs = exits(("f", signal.SIGSEGV))
    execs["type"] = EV_EXEC
    crashes.update(execs)
    assert pushed.times == 0


def test_a_loop_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    crashes = Crashes(Pusher(Pushed()))
    with caplog.at_level(logging.WARNING, "ainkad.crashes"):
        for i in range(3 * LOOP):
            crashes.update(exits(("worker", signal.SIGSEGV), at_s=i))
        told = [record.getMessage() for record in caplog.records]
        assert told == [f"event=crash-loop comm='worker' crashes={LOOP} within_s=60"]
        for i in range(LOOP):
            crashes.update(exits(("worker", signal.SIGSEGV), at_s=70 + i))
        assert len(caplog.records) == 2
