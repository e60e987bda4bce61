#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: syscall.bpf.o against a program that makes a known number of calls.

Prints what it measured; exits 1 with a message at the first thing that is wrong.
"""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ainkad.bpf import write_number
from ainkad.call_times import CallTimes, rows
from counting import Counting, between, check, possible_cpus

CALLS, OPENS, FAILURES, SLOW, WAITS, RARE, SLEEPS = 100_000, 20_000, 5000, 20, 3000, 4321, 50
SLEEP_US = 20_000

SOURCE = f"""
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{{
	struct timespec nap = {{ .tv_nsec = {SLEEP_US} * 1000 }}, slice;
	char c;

	for (int i = 0; argv[1][0] == 'r' && i < {RARE}; i++)
		syscall(SYS_sched_rr_get_interval, 0, &slice);
	for (int i = 0; argv[1][0] == 'n' && i < {SLEEPS}; i++)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, 0);
	for (int i = 0; argv[1][0] == 'c' && i < {CALLS}; i++)
		syscall(SYS_getppid);
	for (int i = 0; argv[1][0] == 'o' && i < {OPENS}; i++)
		close(open("/dev/null", i & 1 ? O_RDONLY : O_WRONLY));
	for (int i = 0; argv[1][0] == 'f' && i < {FAILURES}; i++)
		open("/nowhere/nothing", O_RDONLY);
	for (int i = 0; argv[1][0] == 'w' && i < {WAITS}; i++)
		poll(0, 0, 0);
	while (argv[1][0] == 's' && read(0, &c, 1) == 1)
		;
	return 0;
}}
"""


def noise(counting: Counting, seconds: float) -> dict[str, int]:
    """What the rest of the system does meanwhile."""
    counted = counting.of(lambda: time.sleep(seconds))
    print(f"others, in {seconds:.1f} s: {dict(counted)}")
    return counted


def each_by_its_number(counting: Counting, run: Callable[[str], None]) -> None:
    """Calls that nobody else makes, and sleeps of a known length."""
    times = CallTimes(counting.bpf.map_fd("call_times"), possible_cpus())
    for what, name, number in (
        ("r", "sched_rr_get_interval", RARE),
        ("n", "clock_nanosleep", SLEEPS),
    ):
        before, start = times.read(), time.monotonic()
        run(what)
        found = rows(times.read(), before, time.monotonic() - start)
        one = next(row for row in found if row["call"] == name)
        print(f"{name}: {one}")
        # others sleep, too, but seldom
        between(f"{name} calls", number, one["count"], number if what == "r" else number + 10)
        check(0 < one["p50-us"] <= one["p99-us"] * 1.001, "percentiles")
        check(one["waits"] == (what == "n"), "waits")
        check(what == "r" or one["p50-us"] >= 0.875 * SLEEP_US, "a sleep was shorter than it was")
        check(what == "r" or one["p50-us"] <= 3 * SLEEP_US, "a sleep was longer than it was")
    total = sum(row["count"] for row in found if not row["waits"])
    check(total > 0 and len(found) > 3, "there are no other calls")


def main() -> None:
    program = Path(tempfile.mkdtemp()) / "calls"
    program.with_suffix(".c").write_text(SOURCE)
    subprocess.run(["gcc", "-O1", "-o", program, program.with_suffix(".c")], check=True)

    def run(what: str) -> None:
        subprocess.run([program, what], check=True)

    run("c")
    counting = Counting("syscall.bpf")
    slow = counting.bpf.map_fd("slow_call")
    write_number(slow, 10_000_000)
    # What starting and ending a process takes, and what the others do.
    own = counting.of(lambda: run("-"))
    for what, name, number in (
        ("c", "syscall.call.n", CALLS),
        ("o", "syscall.call.n", 2 * OPENS),
        ("o", "fs.opens", OPENS),
        ("f", "fs.opens", FAILURES),
        ("f", "fs.open_failures", FAILURES),
        ("w", "syscall.waits", WAITS),
    ):
        start = time.monotonic()
        counted = counting.of(partial(run, what))
        others = noise(counting, time.monotonic() - start)
        extra = 2 * (own[name] + others[name]) + number // 100
        between(f"{name} of {what}", number, counted[name], number + extra)
    if platform.machine() == "x86_64":  # names of calls are known
        each_by_its_number(counting, run)
    # Reads that wait for 30 ms are slow at 10 ms, not at a minute.
    for threshold, low, high in ((10_000_000, SLOW, 3 * SLOW), (60_000_000_000, 0, 0)):
        write_number(slow, threshold)
        reader, writer = os.pipe()
        child = subprocess.Popen([program, "s"], stdin=reader)
        os.close(reader)

        def feed(writer: int = writer) -> None:
            for _ in range(SLOW):
                time.sleep(0.03)
                os.write(writer, b"x")
            os.close(writer)

        # what is there before it reads would not make it wait
        while not Path(f"/proc/{child.pid}/syscall").read_text().startswith("0 0x0 "):
            time.sleep(0.01)
        before = counting.read()
        feeder = threading.Thread(target=feed)
        feeder.start()
        feeder.join()
        child.wait()
        counted = counting.read().since(before)
        between(f"slow at {threshold} ns", low, counted["syscall.slow"], high)
        between("ns in calls", SLOW * 30_000_000, counted["syscall.call.ns"], 10**12)
    counting.bpf.close()
    print("all right")


if __name__ == "__main__":
    main()
