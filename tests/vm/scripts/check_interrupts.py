#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: irq.bpf.o against /proc/interrupts, /proc/softirqs and the clock.

Prints what it measured; exits 1 with a message at the first thing that is wrong.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from counting import Counting, between, check


def rows(path: str) -> dict[str, int]:
    """Sums over the CPUs by the name of the line."""
    lines = Path(path).read_text().splitlines()
    cpus = len(lines[0].split())
    sums = {}
    for line in lines[1:]:
        name, *fields = line.split()
        sums[name.rstrip(":")] = sum(int(f) for f in fields[:cpus] if f.isdigit())
    return sums


def hard() -> int:
    """Handlers run: interrupts with a number, which nobody shares here, and the timer's."""
    return sum(n for name, n in rows("/proc/interrupts").items() if name.isdigit() or name == "LOC")


def soft() -> int:
    return sum(rows("/proc/softirqs").values())


def load() -> None:
    """Interrupts of the disk, of the timer, of the loopback device."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        for _ in range(3000):
            server.sendto(bytes(1000), server.getsockname())
            server.recv(1 << 16)
    with open("/var/tmp/ainka-irq", "wb") as file:
        for _ in range(100):
            file.write(os.urandom(1 << 16))
            file.flush()
            os.fsync(file.fileno())
    Path("/var/tmp/ainka-irq").unlink()
    time.sleep(1)


def main() -> None:
    counting = Counting("irq.bpf")
    outer_hard, outer_soft, start = hard(), soft(), time.monotonic_ns()
    before = counting.read()
    inner_hard, inner_soft = hard(), soft()
    load()
    inner_hard, inner_soft = hard() - inner_hard, soft() - inner_soft
    counted = counting.read().since(before)
    outer_hard, outer_soft = hard() - outer_hard, soft() - outer_soft
    # An interrupt is counted where it begins there, and where it ends here.
    between("hard interrupts", inner_hard - 4, counted["irq.hard.n"], outer_hard + 4)
    between("soft interrupts", inner_soft - 4, counted["irq.soft.n"], outer_soft + 4)
    check(inner_hard > 200 and inner_soft > 3000, "the load made hardly an interrupt")
    wall = (time.monotonic_ns() - start) * (os.cpu_count() or 1)
    between("ns in interrupts", 1, counted["irq.hard.ns"] + counted["irq.soft.ns"], wall)
    parts = counted["irq.net_rx_ns"] + counted["irq.block_ns"]
    between("ns receiving and ending I/O", 1, parts, counted["irq.soft.ns"])
    check(counted["irq.net_rx_ns"] > counted["irq.block_ns"], "receiving took hardly any time")
    counting.bpf.close()
    print("all right")


if __name__ == "__main__":
    main()
