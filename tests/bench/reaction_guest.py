# SPDX-License-Identifier: Apache-2.0
"""The guest's part of reaction: promote a model as a tuner does, and see the setting change.

In the daemon's place, with a lease of its own. The tuner is memory-pressure, whose signals need no
program of the daemon's, for a machine without pressure: its lower bounds are 0.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from ainkad.learning.compile import compile_tree
from ainkad.netlink.client import Client
from ainkad.tuner.definition import read_tuner
from ainkad.tuner.learned import Learned, put_in_force
from ainkad.wire import Wire

TUNER = Path("/usr/share/ainka/tuners/memory-pressure.toml")
SETTING = Path("/proc/sys/vm/swappiness")
PATIENCE_NS = 20_000_000_000
REST_S = 0.2
LEASE_MS = 60_000


def until(text: str) -> None:
    """Wait for the setting."""
    begin = time.monotonic_ns()
    while SETTING.read_text().strip() != text:
        if time.monotonic_ns() - begin > PATIENCE_NS:
            sys.exit(f"{SETTING} is {SETTING.read_text().strip()}, not {text}")
        time.sleep(0.001)


def show(name: str, times: list[int]) -> None:
    """One line."""
    ms = sorted(taken / 1e6 for taken in times)
    middle = statistics.median(ms)
    print(f"  {name:42} median {middle:6.1f} ms, largest of {len(ms)} {ms[-1]:.1f} ms")


def main() -> None:
    """Promote and withdraw, so often."""
    tuner = replace(read_tuner(TUNER), candidate_min=0, candidate_keep=0)
    arm = next(arm for arm in tuner.treated_arms if arm.name == "10")
    tree = compile_tree([{"class": 1}], tuner.features, time.monotonic_ns())
    learned = Learned(arm, tree, None, {})
    before = SETTING.read_text().strip()
    accepted, changed, back = [], [], []
    device = os.open("/dev/ainka", os.O_RDWR)
    with Client() as client:
        wire = Wire(client)
        client.request("lease-renew", {"duration-ms": LEASE_MS})
        wire.set_state("optimizing", "bench")
        for _ in range(int(sys.argv[1])):
            client.request("lease-renew", {"duration-ms": LEASE_MS})
            begin = time.monotonic_ns()
            put_in_force(wire, tuner, learned)
            accepted.append(time.monotonic_ns() - begin)
            until("10")
            changed.append(time.monotonic_ns() - begin)
            time.sleep(REST_S)
            begin = time.monotonic_ns()
            wire.remove(tuner.learned)
            until(before)
            back.append(time.monotonic_ns() - begin)
            time.sleep(REST_S)
    os.close(device)
    show("from promoted to taken by the module", accepted)
    show("from promoted to the changed sysctl", changed)
    show("from withdrawn to the sysctl as before", back)


main()
