#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kill a process with SIGKILL and time how long the machine takes to be at its baseline again.

In the guest: watch_return.py PID LIMIT_S TASK=POLICY,NICE… with the baseline of every task, as in
``watch_return.py 271 20 300=0,0 301=0,0``. Prints one line of JSON: when the process was killed,
when the last task was seen back (null: not within LIMIT_S), when /proc/ainka counted nothing away
from its baseline any more, who was away before and who is still. Times are CLOCK_MONOTONIC in ns.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

POLL_S = 0.01
STATUS = Path("/proc/ainka")
_HELD = re.compile(r"^away from baseline: (\d+)\b", re.MULTILINE)


def held() -> int:
    """How many tunables the module has away from their baseline."""
    match = _HELD.search(STATUS.read_text())
    if match is None:
        raise ValueError(f"{STATUS} does not say what is away from baseline")
    return int(match[1])


def away(baseline: dict[int, tuple[int, int]]) -> dict[int, list[int]]:
    """The tasks that are scheduled otherwise than at their baseline, and how."""
    found: dict[int, list[int]] = {}
    for pid, expected in baseline.items():
        now = (os.sched_getscheduler(pid), os.getpriority(os.PRIO_PROCESS, pid))
        if now != expected:
            found[pid] = list(now)
    return found


def main() -> int:
    """Kill, watch, tell."""
    victim, limit_s = int(sys.argv[1]), float(sys.argv[2])
    baseline: dict[int, tuple[int, int]] = {}
    for word in sys.argv[3:]:
        pid, _, value = word.partition("=")
        policy, _, nice = value.partition(",")
        baseline[int(pid)] = (int(policy), int(nice))
    before, held_before = away(baseline), held()
    os.kill(victim, signal.SIGKILL)
    killed_ns = time.monotonic_ns()
    tasks_ns: int | None = None
    module_ns: int | None = None
    deadline_ns = killed_ns + int(limit_s * 1e9)
    while (tasks_ns is None or module_ns is None) and time.monotonic_ns() < deadline_ns:
        if tasks_ns is None and not away(baseline):
            tasks_ns = time.monotonic_ns()
        if module_ns is None and not held():
            module_ns = time.monotonic_ns()
        time.sleep(POLL_S)
    report = {
        "killed_ns": killed_ns,
        "tasks_back_ns": tasks_ns,
        "module_back_ns": module_ns,
        "away_before": before,
        "held_before": held_before,
        "away_after": away(baseline),
        "held_after": held(),
    }
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
