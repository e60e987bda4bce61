#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: mem.bpf.o against what the kernel itself counts.

Prints what it measured; exits 1 with a message at the first thing that is wrong.
"""

from __future__ import annotations

import mmap
import os
import random
import resource
import statistics
import subprocess
import time
from pathlib import Path

from counting import Counted, Counting, between, check, in_cgroup, make_cgroup, numbers

PAGE = mmap.PAGESIZE
TIMED_ONE_OF = 8  # see mem.bpf.c
FILE = Path("/var/tmp/ainka-memory")


def vmstat() -> dict[str, int]:
    """/proc/vmstat with the sums of each CPU folded in."""
    Path("/proc/sys/vm/stat_refresh").write_text("1")
    return numbers("/proc/vmstat")


def rusage() -> tuple[int, int]:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_minflt, own.ru_majflt


def write_file(pages: int) -> None:
    with FILE.open("wb") as file:
        for _ in range(pages // 256):
            file.write(os.urandom(256 * PAGE))
        file.flush()
        os.fsync(file.fileno())


def forget_file() -> None:
    with FILE.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def times_agree(counted: Counted, name: str, times: list[int], least: float) -> None:
    """What a program has counted of some faults, against this process's clock around all of them.

    The typical one, since a host that is busy makes a few of them a thousand times longer: that is
    the bound for the sum, which is a part of the time that all took.
    """
    seen = statistics.median(times)
    between(f"{name}, median ns", least * seen, counted.median_ns(name), 1.3 * seen)
    between(f"{name}, ns in all", 1, counted[f"{name}.ns"], 1.1 * sum(times))


def minor_faults(counting: Counting) -> None:
    """One in eight of the faults that getrusage has of this process and the kernel of all."""
    pages = 40_000
    kernel = vmstat()["pgfault"]
    before, (own, _) = counting.read(), rusage()
    memory = mmap.mmap(-1, pages * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    times = []
    for i in range(pages):
        start = time.perf_counter_ns()
        memory[i * PAGE] = 1
        times.append(time.perf_counter_ns() - start)
    own = rusage()[0] - own
    counted = counting.read().since(before)
    everybody = vmstat()["pgfault"] - kernel
    check(own >= pages, "the test did not fault")
    faults = TIMED_ONE_OF * counted["mem.minor_fault.n"]
    between("minor faults", 0.95 * own, faults, 1.05 * everybody)
    times_agree(counted, "mem.minor_fault", times, 0.05)
    between("faults of others", 0, everybody - own, 0.1 * own)


def major_faults(counting: Counting) -> None:
    """Number and time of the faults that read a file, against this process's clock."""
    pages = 8192
    write_file(pages)
    forget_file()
    with FILE.open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    memory.madvise(mmap.MADV_RANDOM)
    order = random.Random(1).sample(range(pages), 1600)
    before, (_, own) = counting.read(), rusage()
    times = []
    for page in order:
        start = time.perf_counter_ns()
        memory[page * PAGE]
        times.append(time.perf_counter_ns() - start)
    own = rusage()[1] - own
    counted = counting.read().since(before)
    check(own >= 1200, f"the test had {own} major faults of 1600")
    faults = TIMED_ONE_OF * counted["mem.major_fault.n"]
    between("major faults", 0.75 * own, faults, 1.35 * own)
    times_agree(counted, "mem.major_fault", times, 0.4)


def cache_additions(counting: Counting) -> None:
    pages = 8192
    counted = counting.of(lambda: write_file(pages))
    between("pages into the cache", pages, counted["mem.cache_adds"], pages * 1.1)


def refaults_and_cgroup_reclaim(counting: Counting) -> None:
    """A file read again and again in a cgroup that it does not fit into."""
    write_file(20_480)
    forget_file()
    cgroup = make_cgroup("ainka-small", memory_max="40M")
    before, kernel = counting.read(), vmstat()
    start = time.monotonic_ns()

    def read_often() -> None:
        for _ in range(3):
            with FILE.open("rb") as file:
                while file.read(1 << 20):
                    pass

    check(in_cgroup(cgroup, read_often) == 0, "reading failed")
    took = time.monotonic_ns() - start
    counted, after = counting.read().since(before), vmstat()
    truth = after["workingset_refault_file"] - kernel["workingset_refault_file"]
    check(truth > 5000, f"only {truth} pages came back")
    between("refaults", 0.98 * truth, counted["mem.refaults"], 1.02 * truth + 64)
    limit = numbers(cgroup / "memory.events")["max"]
    check(limit > 10, "the limit was not reached")
    between("reclaims at the limit", limit, counted["mem.cgroup_reclaim.n"], limit)
    between("ns of them", 1, counted["mem.cgroup_reclaim.ns"], took * 2)
    cgroup.rmdir()


def kernel_stalls() -> tuple[int, int]:
    """Direct compactions and reclaims so far."""
    now = vmstat()
    return now["compact_stall"], sum(now[k] for k in now if k.startswith("allocstall"))


def stalls(counting: Counting) -> None:
    """Huge pages asked for while memory is full of small ones: reclaim and compaction."""
    write_file(65_536)
    subprocess.run("cat /usr/lib/*/* /usr/lib/*/*/* >/dev/null 2>&1; true", shell=True, check=True)
    huge = Path("/proc/sys/vm/nr_hugepages")
    begin, start = kernel_stalls(), time.monotonic_ns()
    before = counting.read()
    for number in range(50, 2000, 50):
        huge.write_text(str(number))
        compactions, reclaims = (n - old for n, old in zip(kernel_stalls(), begin, strict=True))
        if min(compactions, reclaims) > 5:
            break
    took = time.monotonic_ns() - start
    counted = counting.read().since(before)
    huge.write_text("0")
    check(compactions > 0, "there was no compaction")
    check(reclaims > 0, "there was no reclaim")
    between("compactions", compactions, counted["mem.compaction.n"], compactions + 2)
    # The kernel counts one that it begins again twice.
    between("reclaims", 1, counted["mem.reclaim.n"], reclaims + 2)
    cpus = os.cpu_count() or 1
    for name in ("mem.compaction.ns", "mem.reclaim.ns"):
        between(name, 1, counted[name], took * 2 * cpus)


def main() -> None:
    counting = Counting("mem.bpf")
    try:
        minor_faults(counting)
        major_faults(counting)
        cache_additions(counting)
        refaults_and_cgroup_reclaim(counting)
        stalls(counting)
    finally:
        FILE.unlink(missing_ok=True)
        counting.bpf.close()
    print("all right")


if __name__ == "__main__":
    main()
