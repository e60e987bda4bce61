#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: fs.bpf.o against a program that syncs files exactly so often.

Prints what it measured; exits 1 with a message at the first thing that is wrong.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from counting import Counted, Counting, between, check

PAGE = mmap.PAGESIZE
FOLDER = Path("/var/tmp/ainka-sync")


def exactly(counting: Counting, name: str, n: int, work: Callable[[], None]) -> Counted:
    """So many were counted; another program of the guest may sync a file now and then."""
    for _ in range(5):
        counted = counting.of(work)
        if counted["fs.sync.n"] == n:
            break
        print(f"{name}: {counted['fs.sync.n']} counted, once more")
    between(name, n, counted["fs.sync.n"], n)
    return counted


def syncs(counting: Counting) -> None:
    """Each way to sync a file, so many times, and how long that took."""
    clock: list[int] = []

    def each(fd: int, sync: Callable[[int], None]) -> None:
        os.pwrite(fd, b"x", 0)
        start = time.perf_counter_ns()
        sync(fd)
        clock.append(time.perf_counter_ns() - start)

    fd = os.open(FOLDER / "file", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, PAGE)

    def both() -> None:
        clock.clear()
        for _ in range(30):
            each(fd, os.fsync)
            each(fd, os.fdatasync)

    counted = exactly(counting, "fsync and fdatasync", 60, both)
    seen = sum(clock) / len(clock)
    # Python adds some of its own to what it sees.
    between("ns of one", 0.5 * seen, counted.mean_ns("fs.sync"), 1.001 * seen)

    with mmap.mmap(fd, PAGE) as memory:

        def msync() -> None:
            for i in range(20):
                memory[0] = i
                memory.flush()

        exactly(counting, "msync", 20, msync)
    synchronous = os.open(FOLDER / "file", os.O_WRONLY | os.O_SYNC)

    def write() -> None:
        for _ in range(15):
            os.pwrite(synchronous, b"x", 0)

    exactly(counting, "synchronous writes", 15, write)
    libc = ctypes.CDLL(None)

    def uncovered() -> None:
        os.sync()
        check(libc.syncfs(fd) == 0, "syncfs")
        check(libc.sync_file_range(fd, ctypes.c_int64(0), ctypes.c_int64(PAGE), 7) == 0, "range")

    exactly(counting, "sync, syncfs, sync_file_range", 0, uncovered)
    os.close(synchronous)
    os.close(fd)


def what_fails(counting: Counting) -> None:
    """Nothing is synced where there is no disk."""
    with socket.socket() as nowhere:

        def fail() -> None:
            for _ in range(10):
                try:
                    os.fsync(nowhere.fileno())
                except OSError:
                    continue
                sys.exit("FAILED: a socket can be synced")

        exactly(counting, "syncs that fail", 0, fail)


def above_another(counting: Counting) -> None:
    """A sync that overlayfs hands down is one, not two."""
    for name in ("lower", "upper", "work", "merged"):
        (FOLDER / name).mkdir()
    options = f"lowerdir={FOLDER}/lower,upperdir={FOLDER}/upper,workdir={FOLDER}/work"
    mount = ["mount", "-t", "overlay", "none", "-o", options, str(FOLDER / "merged")]
    subprocess.run(mount, check=True)
    try:
        fd = os.open(FOLDER / "merged" / "file", os.O_RDWR | os.O_CREAT)

        def work() -> None:
            for _ in range(25):
                os.pwrite(fd, b"x", 0)
                os.fsync(fd)

        exactly(counting, "fsync on overlayfs", 25, work)
        os.close(fd)
    finally:
        subprocess.run(["umount", str(FOLDER / "merged")], check=True)


def main() -> None:
    subprocess.run(["rm", "-rf", str(FOLDER)], check=True)
    FOLDER.mkdir()
    try:
        counting = Counting("fs.bpf")
        syncs(counting)
        what_fails(counting)
        above_another(counting)
    finally:
        subprocess.run(["rm", "-rf", str(FOLDER)], check=True)
    print("all right")


if __name__ == "__main__":
    main()
