#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: the daemon's table of processes against /proc, before and after a storm.

check_process_table.py PROGRAM: tests/vm/scripts/processes.c, compiled.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ainkad.event_socket import DaemonSocket
from ainkad.layouts_gen import EVENT_KTHREAD


def check(right: bool, message: str) -> None:
    if not right:
        sys.exit(f"FAILED: {message}")


def table() -> dict[int, Any]:
    with DaemonSocket({"want": "processes"}) as daemon:
        (rows,) = daemon.frames()
    return {int(row["pid"]): row for row in rows}  # type: ignore[index]


def in_proc() -> set[int]:
    """Processes that are not zombies."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if state not in "ZX":
                found.add(int(folder.name))
    return found


def compare(when: str) -> dict[int, Any]:
    """Those in /proc before and after are in the table, and nobody else; others may come and go."""
    end = time.monotonic() + 120
    while True:
        before = in_proc()
        rows = table()
        after = in_proc()
        missing, ghosts = (before & after) - rows.keys(), rows.keys() - (before | after)
        if not missing and not ghosts:
            print(f"{when}: {len(rows)} processes, as in /proc")
            return rows
        check(time.monotonic() < end, f"{when}: missing {missing}, not in /proc {ghosts}")
        time.sleep(0.2)


def main() -> None:
    rows = compare("at the beginning")
    init, kthreadd, me = rows[1], rows[2], rows[os.getpid()]
    check(init["comm"] == b"systemd" and init["ppid"] == 0, f"pid 1 is {init}")
    check(bool(kthreadd["flags"] & EVENT_KTHREAD), "kthreadd is not of the kernel")
    check(me["ppid"] == os.getppid() and me["comm"] == b"python3", f"we are {me}")
    daemon = subprocess.run(["pgrep", "-x", "ainkad"], capture_output=True, text=True, check=True)
    own = rows[int(daemon.stdout.split()[0])]
    status = Path(f"/proc/{own['pid']}/cgroup").read_text().split("0::", 1)[1].strip()
    inode = Path(f"/sys/fs/cgroup{status}").stat().st_ino
    check(own["cgroup"] == inode, f"cgroup of ainkad is {own['cgroup']}, not {inode}")
    ticks = int(Path(f"/proc/{own['pid']}/stat").read_text().rsplit(")", 1)[1].split()[19])
    start_ns = ticks * 10**9 // os.sysconf("SC_CLK_TCK")
    check(abs(int(own["start_ns"]) - start_ns) < 20_000_000, "start time of ainkad")

    sleepers = [subprocess.Popen(["sleep", "1000"]) for _ in range(20)]
    for sleeper in sleepers:
        atexit.register(sleeper.kill)
    for what, n in (("forks", 1000), ("threads", 100), ("groups", 50), ("leaders", 20)):
        subprocess.run([sys.argv[1], what, str(n)], input=b"x", check=True)
    rows = compare("after a storm")
    for sleeper in sleepers:
        check(rows[sleeper.pid]["comm"] == b"sleep", "a process has another name")
        sleeper.kill()
        sleeper.wait()
    rows = compare("when they are gone")
    check(not {sleeper.pid for sleeper in sleepers} & rows.keys(), "dead ones are in the table")
    print("all right")


if __name__ == "__main__":
    main()
