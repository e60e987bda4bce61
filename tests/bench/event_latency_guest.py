# SPDX-License-Identifier: Apache-2.0
"""The guest's part of event_latency: post, wait for the decision in the ring, take its time."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from ainkad.bpf import BpfObject
from ainkad.bpf.libbpf import library
from ainkad.netlink.client import Client
from ainkad.netlink.spec_gen import Reason, Verdict
from ainkad.ring import RingReader
from ainkad.signals_gen import BY_NAME

CHANGED = (Verdict.APPLIED, Verdict.RESTORED)
PATIENCE_NS = 20_000_000_000


def configure(bpf: BpfObject, number: int, pid: int) -> None:
    """What the program posts: config[] of tests/vm/bpf/post.bpf.c."""
    update = library()["bpf_map_update_elem"]
    update.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64]
    for key, value in enumerate((number, pid, 0, 1)):
        one, two = ctypes.c_uint32(key), ctypes.c_uint64(value)
        update(bpf.map_fd("config"), ctypes.byref(one), ctypes.byref(two), 0)


def run(ring: RingReader, count: int, post: Callable[[int], object]) -> list[int]:
    """Nanoseconds of `count` events, each turning the policy on or off."""
    times = []
    ring.read_batch()
    for i in range(count):
        begin = time.monotonic_ns()
        post(1000 * (1 - i % 2))
        while len(batch := ring.read_batch()) == 0:
            if time.monotonic_ns() - begin > PATIENCE_NS:
                sys.exit(f"event {i}: no decision after {PATIENCE_NS // 10**9} s")
            time.sleep(0.002)
        if batch["verdict"][0] not in CHANGED:
            verdict, reason = Verdict(batch["verdict"][0]), Reason(batch["reason"][0])
            sys.exit(f"event {i}: {verdict.name}, {reason.name}: nothing was changed")
        times.append(int(batch["time_ns"][0]) - begin)
        time.sleep(0.003)
    return times


def show(name: str, times: list[int]) -> None:
    """One line of figures."""
    us = np.array(times) / 1000
    values = "  ".join(f"p{p:g} {np.percentile(us, p):7.0f}" for p in (50, 90, 99, 99.9))
    print(f"  {name:24} n {len(us)}  min {us.min():6.0f}  {values}  max {us.max():7.0f} us")


def main() -> None:
    """A task to change, then the measurements."""
    count = int(sys.argv[1])
    libc = ctypes.CDLL(None)
    post = lambda value: libc.syscall(146, ctypes.c_int(value))  # noqa: E731
    # No child of ours: the module protects whoever reads its ring, and his children.
    command = "setsid sleep 10000 >/dev/null 2>&1 </dev/null & echo $!"
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, check=True)
    pid = int(done.stdout)
    try:
        bench(count, pid, post)
    finally:
        os.kill(pid, signal.SIGKILL)


def bench(count: int, pid: int, post: Callable[[int], object]) -> None:
    """A task's nice value, then a sysctl."""
    with RingReader() as ring, Client() as client, BpfObject("/tmp/post.bpf.o") as bpf:
        bpf.attach_all()
        base = {"name": "bench", "rate-per-min": 1_000_000, "replace": True}
        client.request("policy-add", {
            **base, "subject": "task", "when": f"task.fork_rate_hz > 5 and task.pid == {pid}",
            "action": [{"tunable": "task.nice", "value": "5"}],
        })  # fmt: skip
        configure(bpf, BY_NAME["task.fork_rate_hz"].id, pid)
        show("event -> task.nice", run(ring, count, post))
        own = client.request("signal-set", {"name": "bench.x_count", "max-age-ns": 10**12})["id"]
        client.request("policy-remove", {"name": "bench"})
        time.sleep(1)
        client.request("policy-add", {
            **base, "when": "bench.x_count > 5",
            "action": [{"tunable": "sysctl.vm.swappiness", "value": "11"}],
        })  # fmt: skip
        configure(bpf, own, 0)
        show("event -> vm.swappiness", run(ring, count, post))
        status = client.request("state-get")
        p50, p99 = (status[f"post-{part}-ns"] / 1000 for part in ("p50", "p99"))
        changed = status["posts-changed"]
        print(f"  by the module: {changed} changes, median {p50:.0f} us, p99 {p99:.0f} us")


main()
