#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest beside the daemon: signals of what the kernel counts by itself, against /proc.

Prints what it measured; exits 1 with a message at the first thing that is wrong.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ainkad.netlink.client import Client
from counting import CGROUPS, between, check, make_cgroup

PAGE = mmap.PAGESIZE
FILE = Path("/var/tmp/ainka-totals")
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
USER, NICE, SYSTEM, IDLE, IOWAIT = range(5)


def signals(client: Client) -> dict[str, int]:
    """Those of the system that have a value."""
    rows = client.dump("signal-get", {"subject": "system"})
    return {r["name"]: r["value"] for r in rows if "value" in r and not r.get("stale")}


def cpu_us() -> list[int]:
    """Microseconds of all CPUs by mode, in ticks as /proc/stat has them."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return [int(word) * TICK_US for word in words]


def user_us() -> int:
    times = cpu_us()
    return times[USER] + times[NICE]


def delivered() -> int:
    shown = subprocess.run(["nstat", "-asz", "-j"], capture_output=True, text=True, check=True)
    return int(json.loads(shown.stdout)["kernel"]["TcpExtTCPDelivered"])


def total(client: Client, name: str, truth: Callable[[], int], slack: int = 0) -> int:
    """The signal passes what the truth was a moment ago, and is never ahead of it."""
    least = truth()
    end = time.monotonic() + 20
    while (value := signals(client).get(name, -1)) < least:
        check(time.monotonic() < end, f"{name} stays at {value}, it was {least} long ago")
        time.sleep(0.05)
    between(name, least, value, truth() + slack)
    return value


@contextmanager
def running(work: Callable[[], object], times: int) -> Iterator[None]:
    """Processes that do it over and over."""
    pids = []
    for _ in range(times):
        pid = os.fork()
        if pid == 0:
            while True:
                work()
        pids.append(pid)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def share(client: Client, name: str, modes: tuple[int, ...], at_least: int) -> None:
    """The share is about what /proc/stat says of the same second, a few times over."""
    worst = 1000
    for _ in range(10):
        time.sleep(1.2)  # nothing of before is in the window
        before, start = cpu_us(), time.monotonic()
        time.sleep(1.1)
        value = signals(client).get(name, -1)
        after, us = cpu_us(), (time.monotonic() - start) * 1e6
        says = sum(after[mode] - before[mode] for mode in modes) * 1000 / us / (os.cpu_count() or 1)
        print(f"{name}: {value}, /proc/stat says {says:.0f}", flush=True)
        worst = min(worst, max(abs(value - round(says)), at_least - value))
        if worst <= 60:
            return
    check(False, f"{name} is not what /proc/stat says")


def runnable(client: Client) -> None:
    """Six hogs: the mean of what runs or waits is what /proc/loadavg says without us."""
    name = "sched.runnable_mean_permille"
    with running(lambda: sum(range(1000)), 6):
        worst = 10_000.0
        for _ in range(10):
            time.sleep(1.2)
            found = []
            for _ in range(50):
                time.sleep(0.02)
                found.append(int(Path("/proc/loadavg").read_text().split()[3].split("/")[0]) - 1)
            value = signals(client).get(name, -1)
            says = sum(found) / len(found) * 1000 / (os.cpu_count() or 1)
            print(f"{name}: {value}, /proc/loadavg says {says:.0f}", flush=True)
            worst = min(worst, abs(value - says) / says)
            if worst <= 0.15:
                return
    check(False, f"{name} is not what /proc/loadavg says")


def rss_pages(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def growth(client: Client) -> None:
    """A process that takes memory: what it gains a second is what /proc says."""
    pid = os.fork()
    if pid == 0:
        taken = []
        while True:
            taken.append(bytearray(b"x" * (256 * PAGE)))
            time.sleep(0.02)
    try:
        for _ in range(10):
            before, start = rss_pages(pid), time.monotonic()
            time.sleep(1.2)
            rows = client.dump("signal-get", {"subject": "task"})
            found = [r["value"] for r in rows if r.get("pid") == pid and "value" in r
                     and r["name"] == "task.rss_growth_bytes"]  # fmt: skip
            says = (rss_pages(pid) - before) * PAGE / (time.monotonic() - start)
            print(f"task.rss_growth_bytes: {found}, /proc says {says:.0f}", flush=True)
            if found and abs(found[0] - says) <= 0.2 * says:
                return
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    check(False, "the growth is not what /proc says")


def transfer(size: int) -> None:
    """Send so many bytes to ourselves."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def receive() -> None:
            connection, _ = server.accept()
            with connection:
                while connection.recv(1 << 16):
                    pass

        thread = threading.Thread(target=receive)
        thread.start()
        with socket.create_connection(server.getsockname()) as client:
            client.sendall(b"x" * size)
        thread.join()


def syncs(client: Client) -> None:
    """A program that syncs a file so often; the difference of two readings says so."""
    fd = os.open(FILE, os.O_RDWR | os.O_CREAT)
    end = time.monotonic() + 20
    while "fs.sync_count" not in signals(client):
        check(time.monotonic() < end, "there is no fs.sync_count")
        time.sleep(0.1)
    for _ in range(5):
        time.sleep(1)
        before, start = signals(client), time.perf_counter_ns()
        for _ in range(40):
            os.pwrite(fd, b"x", 0)
            os.fsync(fd)
        took_us = (time.perf_counter_ns() - start) // 1000
        time.sleep(1)
        after = signals(client)
        n = after["fs.sync_count"] - before["fs.sync_count"]
        us = after["fs.sync_total_us"] - before["fs.sync_total_us"]
        print(f"{n} syncs of 40 in {us} us of {took_us}", flush=True)
        if n == 40:  # nobody else has synced one
            break
    os.close(fd)
    FILE.unlink()
    check(n == 40, "they are not counted")
    between("us of them", 0.3 * took_us, us, took_us)


def waiting(client: Client, disk: str) -> None:
    """While a program waits for 3 MB, with 1 MB a second, that is seen; and then it is over."""
    slow = make_cgroup("ainka-slow-sync", io_max=f"{disk} wbps=1000000")
    pid = os.fork()
    if pid == 0:
        (slow / "cgroup.procs").write_text(str(os.getpid()))
        fd = os.open(FILE, os.O_RDWR | os.O_CREAT)
        os.write(fd, os.urandom(3 << 20))
        os.fsync(fd)
        os._exit(0)
    oldest, start = 0, time.monotonic()
    while not os.waitpid(pid, os.WNOHANG)[0]:
        oldest = max(oldest, signals(client).get("fs.sync_age_ms", 0))
        time.sleep(0.05)
    took_ms = (time.monotonic() - start) * 1000
    slow.rmdir()
    FILE.unlink()
    check(took_ms > 1500, f"the disk is not slow: {took_ms:.0f} ms")
    between("fs.sync_age_ms", 0.4 * took_ms, oldest, 1.5 * took_ms)
    end = time.monotonic() + 20
    while signals(client).get("fs.sync_age_ms", -1) != 0:
        check(time.monotonic() < end, "somebody waits for ever")
        time.sleep(0.1)


def main() -> None:
    with Client() as client:
        end = time.monotonic() + 30
        while "cpu.user_us" not in signals(client):
            check(time.monotonic() < end, "there is no cpu.user_us")
            time.sleep(0.1)
        total(client, "cpu.user_us", user_us, 2 * TICK_US)
        with running(lambda: sum(range(1000)), 2):
            first = total(client, "cpu.user_us", user_us, 2 * TICK_US)
            share(client, "cpu.user_permille", (USER, NICE), 500)
            second = total(client, "cpu.user_us", user_us, 2 * TICK_US)
        check(second - first > 1_000_000, "two hogs had less than a second of CPU")
        zero = os.open("/dev/zero", os.O_RDONLY)
        with running(lambda: os.read(zero, 1 << 20), 2):
            share(client, "cpu.system_permille", (SYSTEM,), 300)
        disk = next(d for d in ("vda", "sda") if Path("/sys/block", d).exists())
        number = Path("/sys/block", disk, "dev").read_text().strip()
        (CGROUPS / "cgroup.subtree_control").write_text("+io")
        slow = make_cgroup("ainka-slow", io_max=f"{number} riops=20")
        pid = os.fork()
        if pid == 0:
            (slow / "cgroup.procs").write_text(str(os.getpid()))
            os.execvp("dd", ["dd", f"if=/dev/{disk}", "of=/dev/null", "bs=4k", "iflag=direct",
                             "status=none"])  # fmt: skip
        try:
            share(client, "cpu.iowait_permille", (IOWAIT,), 50)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            slow.rmdir()
        first = total(client, "net.tcp_delivered_count", delivered)
        transfer(20 << 20)
        second = total(client, "net.tcp_delivered_count", delivered)
        check(second > first, "nothing was delivered")
        syncs(client)
        waiting(client, number)
        runnable(client)
        growth(client)
    print("all right")


if __name__ == "__main__":
    main()
