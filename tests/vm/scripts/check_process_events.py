#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: the events of proc.bpf.o against programs that do an exact number of things.

check_process_events.py PROGRAM: tests/vm/scripts/processes.c, compiled. Prints what it counted;
exits 1 with a message at the first thing that is wrong.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ainkad.bpf import BpfObject
from ainkad.event_maps import EventMaps
from ainkad.layouts_gen import (
    EV_EXEC,
    EV_EXIT,
    EV_FORK,
    EV_THREAD_EXIT,
    EV_THREAD_START,
    EVENT_KTHREAD,
)

OBJECT = Path("/usr/lib/ainka/proc.bpf.o")
FORKS = 10_000
TYPES = {
    "fork": EV_FORK,
    "exec": EV_EXEC,
    "exit": EV_EXIT,
    "thread-start": EV_THREAD_START,
    "thread-exit": EV_THREAD_EXIT,
}


def check(right: bool, message: str) -> None:
    if not right:
        sys.exit(f"FAILED: {message}")


class Watch:
    """The program loaded and attached, with a ring of its own."""

    def __init__(self, ring_bytes: int = 1 << 20, limit_hz: int = 1_000_000) -> None:
        self.maps = EventMaps(ring_bytes, limit_hz)
        self.bpf = BpfObject(OBJECT, self.maps.shared)
        for state in self.bpf.attach_all():
            check(
                state.attached or state.name == "sched_process_fork",
                f"{state.name} is not attached: {state.reason}",
            )

    def counts(self) -> dict[str, Any]:
        """Sums over CPUs, by type and name."""
        table = self.maps.counts()
        fields = ("seen", "sent", "skipped", "lost")
        return {
            name: {field: int(table[field][number].sum()) for field in fields}
            for name, number in TYPES.items()
        }

    def close(self) -> None:
        self.bpf.close()
        self.maps.close()


def run(watch: Watch, program: str, what: str, n: int = 1, read: bool = True) -> Any:
    """Run the program; returns its pid, all records meanwhile, and what it printed."""
    child = subprocess.Popen(
        [program, what, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None
    if read:
        watch.maps.read()  # what was before is of no interest
    child.stdin.write("x")
    child.stdin.close()
    batches = []
    while child.poll() is None:
        if read:
            batches.append(watch.maps.read())
        time.sleep(0.02)
    out = child.stdout.read()
    check(child.returncode == 0, f"processes {what} failed")
    if read:
        batches.append(watch.maps.read())
    return child.pid, np.concatenate(batches) if batches else None, out


def of(records: Any, kind: str, who: Any) -> Any:
    """Records of a type about the processes `who` (pid)."""
    return records[(records["type"] == TYPES[kind]) & np.isin(records["tgid"], who)]


def identities(records: Any) -> set[tuple[int, int]]:
    return set(zip(records["pid"].tolist(), records["start_ns"].tolist(), strict=True))


def lineage(records: Any, parent: int, wanted: int) -> tuple[Any, Any]:
    """The forks of `parent` and the numbers of its children; none doubled."""
    forks = records[(records["type"] == EV_FORK) & (records["ppid"] == parent)]
    check(len(forks) == wanted, f"{len(forks)} fork events, {wanted} forks")
    check(len(identities(forks)) == wanted, "some fork is there twice")
    return forks, np.unique(forks["pid"])


def once_each(records: Any, kind: str, forks: Any, pids: Any) -> Any:
    """Each child has one record of a type."""
    found = of(records, kind, pids)
    check(len(found) == len(forks), f"{len(found)} {kind} events, {len(forks)} children")
    check(identities(found) == identities(forks), f"{kind} events are about others")
    return found


def ten_thousand(watch: Watch, program: str) -> None:
    before = watch.counts()
    parent, records, _ = run(watch, program, "forks", FORKS)
    forks, pids = lineage(records, parent, FORKS)
    execs = once_each(records, "exec", forks, pids)
    exits = once_each(records, "exit", forks, pids)
    check(len(of(records, "thread-start", pids)) == 0, "processes count as threads")
    check(len(of(records, "thread-exit", pids)) == 0, "processes count as threads")
    codes = np.bincount(exits["code"] >> 8, minlength=100)
    check(bool((codes == FORKS // 100).all()), f"exit statuses are {codes}")
    check(bool((exits["code"] & 0xFF == 0).all()), "a child ended by a signal")
    check(bool((exits["weight"] == 1).all()), "something was sampled")
    check(set(execs["comm"].tolist()) == {b"processes"}, f"names: {set(execs['comm'].tolist())}")
    check(bool((exits["rss_pages"] > 0).all()), "an exit without memory")
    check(bool((exits["duration_ns"] > 0).all()), "an exit without duration")
    check(bool((exits["ppid"] == parent).all()), "an exit with another parent")
    check(bool((execs["other_pid"] == execs["pid"]).all()), "an exec by another thread")
    for one in (forks, execs, exits):
        check(bool((one["uid"] == os.getuid()).all()), "uid")
        check(bool((one["cgroup"] == own_cgroup()).all()), "cgroup")
        check(bool((one["flags"] & EVENT_KTHREAD == 0).all()), "a child is the kernel's")
    times = {
        kind: dict(zip(found["pid"].tolist(), found["time_ns"].tolist(), strict=True))
        for kind, found in (("fork", forks), ("exec", execs), ("exit", exits))
    }
    if len(pids) == FORKS:  # no number was used twice
        order = [(times["fork"][p], times["exec"][p], times["exit"][p]) for p in pids.tolist()]
        check(all(a <= b <= c for a, b, c in order), "fork, exec and exit are out of order")
    after = watch.counts()
    print(f"counts before {before}, after {after}")
    for kind in ("fork", "exec", "exit"):
        check(after[kind]["seen"] - before[kind]["seen"] >= FORKS, f"{kind}: not all were seen")
        check(after[kind]["lost"] == 0 and after[kind]["skipped"] == 0, f"{kind}: lost or skipped")
        check(after[kind]["seen"] == after[kind]["sent"], f"{kind}: not all were sent")
    wrapped = len(records) > watch.maps.capacity
    check(wrapped, "the ring did not go round")
    print(
        f"{len(records)} records through a ring of {watch.maps.capacity}: none lost, none doubled"
    )


def own_cgroup() -> int:
    path = Path("/proc/self/cgroup").read_text().split("0::", 1)[1].strip()
    return Path(f"/sys/fs/cgroup{path}").stat().st_ino


def threads(watch: Watch, program: str) -> None:
    parent, records, _ = run(watch, program, "threads", 500)
    lineage(records, parent, 0)
    started, ended = of(records, "thread-start", parent), of(records, "thread-exit", parent)
    check(len(started) == 500, f"{len(started)} thread starts of 500")
    check(identities(started) == identities(ended), "threads that ended are not those that began")
    check(parent not in started["pid"], "the first thread counts as a thread")
    check(len(of(records, "exit", parent)) == 1, "the process did not end once")
    print("500 threads, no process")


def groups(watch: Watch, program: str) -> None:
    """Five threads of a process end at once: it ends once."""
    parent, records, _ = run(watch, program, "groups", 300)
    forks, pids = lineage(records, parent, 300)
    once_each(records, "exit", forks, pids)
    started, ended = of(records, "thread-start", pids), of(records, "thread-exit", pids)
    check(len(started) == 4 * 300, f"{len(started)} thread starts")
    check(identities(started) == identities(ended), "threads that ended are not those that began")
    print("300 processes of five threads that end at once: each ended once")


def leaders(watch: Watch, program: str) -> None:
    """A thread executes a program: it becomes its process."""
    parent, records, _ = run(watch, program, "leaders", 20)
    forks, pids = lineage(records, parent, 20)
    execs = once_each(records, "exec", forks, pids)
    exits = once_each(records, "exit", forks, pids)
    check(bool((execs["other_pid"] != execs["pid"]).all()), "the exec was not by a thread")
    check(set(exits["code"].tolist()) == {5 << 8}, "exit status")
    print("20 execs by a thread: one process each")


def costs(watch: Watch, program: str) -> None:
    """CPU time, memory, status and start time are those that the kernel tells the parent."""
    for what in ("worker", "killed"):
        parent, records, out = run(watch, program, what)
        pid, status, rss_kib, cpu_us = (int(word) for word in out.split())
        forks, pids = lineage(records, parent, 1)
        (ended,) = once_each(records, "exit", forks, pids)
        print(f"{what}: wait4 says {out.strip()}, the event {ended}")
        check(ended["pid"] == pid and ended["code"] == status, "exit status")
        check(ended["rss_pages"] * os.sysconf("SC_PAGE_SIZE") == rss_kib * 1024, "peak RSS")
        # wait4 counts ticks; the event ends with the last tick or switch
        check(abs(int(ended["cpu_ns"]) - cpu_us * 1000) < 0.1 * cpu_us * 1000 + 2e7, "CPU time")
    child = subprocess.Popen(["sleep", "100"])
    records = watch.maps.read()
    born = records[(records["type"] == EV_FORK) & (records["pid"] == child.pid)]
    ticks = int(Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    child.kill()
    child.wait()
    start_ns = ticks * 10**9 // os.sysconf("SC_CLK_TCK")
    check(len(born) == 1 and abs(int(born["start_ns"][0]) - start_ns) < 20_000_000, "start time")


def a_full_ring_counts_what_it_loses(program: str) -> None:
    watch = Watch(ring_bytes=4096)
    run(watch, program, "forks", 200, read=False)
    counts = watch.counts()
    records = watch.maps.read()
    print(f"a ring of {watch.maps.capacity}: {counts}")
    lost = sum(one["lost"] for one in counts.values())
    check(lost > 500, f"{lost} records lost of 600 that nobody read")
    for kind, one in counts.items():
        check(one["seen"] == one["sent"] + one["lost"], f"{kind}: {one}")
    check(len(records) == sum(one["sent"] for one in counts.values()), "sent is not what is read")
    watch.close()


def a_hot_hook_is_sampled(program: str) -> None:
    watch = Watch(limit_hz=20)  # 2 records a window, which a slow machine passes, too
    parent, records, _ = run(watch, program, "forks", 3000)
    counts = watch.counts()["fork"]
    forks = records[records["type"] == EV_FORK]
    weights = np.unique(forks["weight"]).tolist()
    print(f"sampled: {counts}, weights {weights}, they stand for {forks['weight'].sum()} forks")
    check(counts["skipped"] > 0 and counts["seen"] == counts["sent"] + counts["skipped"], "counts")
    check(max(weights) > 1 and all(w & (w - 1) == 0 for w in weights), f"weights {weights}")
    stands_for = int(forks["weight"].sum())
    check(abs(stands_for - counts["seen"]) < 0.25 * counts["seen"], f"{stands_for} forks")
    watch.close()


def off_is_off(program: str) -> None:
    watch = Watch(limit_hz=0)
    _, records, _ = run(watch, program, "forks", 50)
    counts = watch.counts()
    check(len(records) == 0, "records of types that are off")
    check(counts["fork"]["seen"] >= 50 and counts["fork"]["sent"] == 0, f"{counts}")
    watch.close()


def main() -> None:
    program = sys.argv[1]
    watch = Watch()
    for state in watch.bpf.programs():
        print(state)
    ten_thousand(watch, program)
    threads(watch, program)
    groups(watch, program)
    leaders(watch, program)
    costs(watch, program)
    check(watch.maps.discarded == 0, "records were discarded")
    watch.close()
    a_full_ring_counts_what_it_loses(program)
    a_hot_hook_is_sampled(program)
    off_is_off(program)
    print("all right")


if __name__ == "__main__":
    main()
