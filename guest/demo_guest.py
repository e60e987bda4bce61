# SPDX-License-Identifier: Apache-2.0
"""The demo's hands in the guest: the load, the daemon and its log, AINKA's own command."""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from pathlib import Path
from typing import Any

from guest.demo_stats import Mark
from guest.vm import Guest, GuestError, paths

LOAD = paths.GUEST / "load"
SAMPLES = "/dev/shm/samples"
STORE = "/var/lib/ainka"
_EVENT = re.compile(r"tuner=(?P<tuner>\S+) event=(?P<event>\S+) ?(?P<detail>.*)")


class Load:
    """The interactive task and its hogs: guest/load/periodic.c, taking orders on its stdin."""

    def __init__(self, guest: Guest, period_us: int, work_us: int) -> None:
        guest.put(LOAD / "periodic.c", "/tmp/periodic.c")
        guest.run("gcc -O2 -Wall -o /tmp/periodic /tmp/periodic.c")
        self._guest = guest
        self._process = guest.popen(f"exec /tmp/periodic {SAMPLES} {period_us} {work_us}")
        self.pid = int(self._answer()["pid"])
        self.hogs: list[int] = []

    def mark(self, name: str) -> Mark:
        """The counters of the interactive task."""
        row = self._order(f"mark {name}")
        return Mark(row["time_ns"], row["run_ns"], row["delay_ns"], row["wakeups"], row["missed"])

    def set_hogs(self, number: int) -> int:
        """Start or end hogs until there are ``number``; returns when, on the guest's clock."""
        row = self._order(f"hogs {number}")
        self.hogs = [int(pid) for pid in row["pids"]]
        return int(row["time_ns"])

    def fetch(self, to: Path) -> None:
        """Copy the samples."""
        self._guest.get(SAMPLES, to)

    def close(self) -> None:
        """End it all."""
        if self._process.poll() is None:
            self._process.communicate("quit\n", timeout=60)

    def _order(self, line: str) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout and self._process.stderr
        line = self._process.stdout.readline()
        if not line:
            raise GuestError(f"the load ended: {self._process.stderr.read().strip()}")
        answer: dict[str, Any] = json.loads(line)
        if answer["event"] == "error":
            raise GuestError("the load did not understand an order")
        return answer


class DaemonLog:
    """The daemon's log as it is written: the tuners' events."""

    def __init__(self, guest: Guest) -> None:
        command = "exec journalctl --follow --lines=all --unit=ainkad --output=cat"
        self._process = guest.popen(command)
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line.rstrip())

    def event(self, seconds: float) -> tuple[str, str] | None:
        """The tuner's next event and its details as text; None after ``seconds`` without one."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                match = _EVENT.search(self._lines.get(timeout=left))
            except queue.Empty:
                return None
            if match:
                return match["event"], match["detail"]
        return None

    def close(self) -> None:
        """Stop following."""
        self._process.kill()
        self._process.wait()


def start_daemon(guest: Guest, window: str) -> None:
    """Load the module, forbid it to experiment yet, and start the daemon as a service.

    The service is not to come back by itself after it has been killed: we want to see what happens
    when nobody vouches for the policies any more. ``window`` is the length of the tuner's windows;
    everything else is as installed.
    """
    config = f'# The demo\'s\n[learning]\nwindow = "{window}"\n'
    guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=config)
    guest.run("modprobe ainka && echo 'config_update learning_mode=0' > /proc/ainka")
    guest.run(
        "mkdir -p /run/systemd/system/ainkad.service.d && "
        "printf '[Service]\\nRestart=no\\n' > /run/systemd/system/ainkad.service.d/demo.conf && "
        "systemctl daemon-reload && systemctl start ainkad",
        timeout=120,
    )


def let_it_learn(guest: Guest) -> None:
    """Experiments may run from now on; nothing else is told to anybody."""
    guest.run("echo 'config_update learning_mode=1' > /proc/ainka")


def ainkactl(guest: Guest, *words: str) -> Any:
    """What ``ainkactl … --json`` prints."""
    return json.loads(guest.run(["ainkactl", *words, "--json"]).stdout)


def explain(guest: Guest, number: int) -> str:
    """What ``ainkactl explain`` prints for people."""
    return guest.run(["ainkactl", "explain", str(number)]).stdout.rstrip()


def settings(guest: Guest) -> dict[str, Any]:
    """Every tunable of the system that AINKA could change, with its present value."""
    rows = ainkactl(guest, "tunables")
    return {row["name"]: row["current"] for row in rows if "kind" in row and "current" in row}


def scheduling(guest: Guest, pids: list[int]) -> dict[int, tuple[int, int]]:
    """Policy and nice value of tasks."""
    code = (
        "import os, sys; print([(int(p), os.sched_getscheduler(int(p)), "
        "os.getpriority(os.PRIO_PROCESS, int(p))) for p in sys.argv[1:]])"
    )
    text = guest.run(["python3", "-c", code, *map(str, pids)]).stdout
    rows = json.loads(text.replace("(", "[").replace(")", "]"))
    return {pid: (policy, nice) for pid, policy, nice in rows}


def kill_and_watch(
    guest: Guest, baseline: dict[int, tuple[int, int]], limit_s: float
) -> dict[str, Any]:
    """SIGKILL to the daemon; see guest/load/watch_return.py for what comes back."""
    guest.put(LOAD / "watch_return.py", "/tmp/watch_return.py")
    pid = guest.run("systemctl show --property=MainPID --value ainkad").stdout.strip()
    tasks = [f"{task}={policy},{nice}" for task, (policy, nice) in baseline.items()]
    command = ["python3", "/tmp/watch_return.py", pid, str(limit_s), *tasks]
    report: dict[str, Any] = json.loads(guest.run(command, timeout=limit_s + 60).stdout)
    return report


def fetch_store(guest: Guest, to: Path) -> Path:
    """Copy the daemon's telemetry, with what its write-ahead log holds, to a file."""
    sql = "VACUUM INTO '/tmp/telemetry.db'"
    code = f'import sqlite3; sqlite3.connect("{STORE}/telemetry.db").execute("{sql}")'
    guest.run(["python3", "-c", code])
    guest.get("/tmp/telemetry.db", to)
    return to
