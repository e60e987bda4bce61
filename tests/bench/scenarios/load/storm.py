# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: a periodic service, and now and then a bounded fork bomb in its own cgroup."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from .hogs import Load as Periodic
from .programs import Plain, compile_c, percentile, shell, wait_until

CGROUP = Path("/sys/fs/cgroup/stormy")
#: A wake-up is late when its delay is more than so many times the usual p99.
USUAL = 5.0
#: The service is back to normal when of so many wake-ups, from then on, this share is late at most.
BACK_WAKEUPS, BACK_SHARE = 100, 0.02


def service(
    rows: list[tuple[float, float]], begun: float, mark: float, contained: float, end: float
) -> dict[str, float]:
    """Figures of the service from (due, delay) in seconds: before, from the mark on, afterwards.

    ``service_back_ms``: from containment to the first wake-up from which on the service is back to
    normal; to ``end`` when it is not until then. A single late one proves nothing: under emulation
    there are such without any load.
    """
    usual = [delay for due, delay in rows if due < begun]
    limit = USUAL * percentile(usual, 99)
    hit = [delay for due, delay in rows if mark - 0.1 <= due <= contained]
    after = [(due, delay > limit) for due, delay in rows if contained < due < end]
    late = [is_late for _, is_late in after]
    back = end
    for i, (due, _) in enumerate(after):
        span = late[i : i + BACK_WAKEUPS]
        if sum(span) <= BACK_SHARE * len(span):
            back = contained if i == 0 else due
            break
    return {
        "service_usual_p99_ms": percentile(usual, 99) * 1000,
        "service_worst_ms": max(hit, default=0.0) * 1000,
        "service_back_ms": (back - contained) * 1000,
    }


class Load(Plain):
    """The service runs all the time."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._periodic = Periodic({**options, "hogs": 0})
        self._bomb = compile_c("bomb")
        shell("echo +pids > /sys/fs/cgroup/cgroup.subtree_control")
        CGROUP.mkdir(exist_ok=True)

    def facts(self) -> dict[str, Any]:
        """What was set up."""
        autogroup = Path("/proc/sys/kernel/sched_autogroup_enabled")
        return {"autogroup": autogroup.read_text().strip() if autogroup.exists() else "none",
                "controllers": (CGROUP / "cgroup.controllers").read_text().strip(),
                **self._periodic.facts()}  # fmt: skip

    def window(
        self, phase: str, settle_s: float, seconds: float, *, fresh: bool, reset: bool
    ) -> dict[str, float]:
        """One bomb: from its task number ``mark`` until a fork of it fails, or it is frozen and
        has grown for the last time.

        ``contained`` is 0 where no fork of it failed and it was not frozen: it stopped by its own
        limit then. ``frozen_ms``: until all of its tasks stood still, 0 if they never did.
        """
        start = self._mark()
        time.sleep(settle_s)
        mark, limit = self._options["mark"], self._options["limit"]
        command = [self._bomb, str(CGROUP), str(mark), str(limit), str(round(seconds))]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
        finally:
            (CGROUP / "cgroup.kill").write_text("1")
        if done.returncode:
            raise RuntimeError(f"bomb: {done.stderr}")
        bomb = json.loads(done.stdout)
        wait_until(self._empty, "empty cgroup", 60)
        if not bomb["mark_ns"]:
            raise RuntimeError(f"the bomb got to {bomb['tasks']} tasks only")
        if bomb["failed_ns"]:
            contained_ns = bomb["failed_ns"]
        elif bomb["frozen_ns"]:
            # Seen growing a little after it had: a millisecond at most.
            contained_ns = max(bomb["grown_ns"], bomb["mark_ns"])
        else:
            contained_ns = bomb["bound_ns"] or bomb["ended_ns"]
        frozen_ns = bomb["frozen_ns"] or bomb["mark_ns"]
        # What ending some hundred tasks at once does to the service is not what they did to it.
        times = (bomb["begun_ns"], bomb["mark_ns"], contained_ns, bomb["ended_ns"])
        rows = [(due / 1e9, delay / 1e9) for due, delay in self._periodic.samples(start)]
        return {
            "containment_ms": (contained_ns - bomb["mark_ns"]) / 1e6,
            "contained": float(bool(bomb["failed_ns"] or bomb["frozen_ns"])),
            "frozen_ms": (frozen_ns - bomb["mark_ns"]) / 1e6,
            "tasks": float(bomb["tasks"]),
            **service(rows, *(time_ns / 1e9 for time_ns in times)),
        }

    def _mark(self) -> int:
        return int(self._periodic.mark("a")["wakeups"])

    @staticmethod
    def _empty() -> bool:
        return "populated 0" in (CGROUP / "cgroup.events").read_text()

    def close(self) -> None:
        """End the service."""
        self._periodic.close()
