#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Record mode: what the module says it saw makes the decisions it took, taken again from it.

A policy of the system that turns on and off with the clock, and one of a task. Prints
``record: done`` when all of it agrees.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from pathlib import Path

import numpy as np
from ainkad.bpf import BpfObject
from ainkad.core import TASK, Hysteresis, compile_expression
from ainkad.frames import Frame, Reader
from ainkad.layouts_gen import RECORD_DECISION
from ainkad.netlink.client import Client
from ainkad.ring import RingReader
from ainkad.signals_gen import SYSTEM_SIGNALS, TASK_SIGNALS

WHEN = "ainka.uptime_ms % 300 < 150"
TASK_WHEN = "task.pid == {pid} and ainka.uptime_ms % 1000 < 500"
SWITCH = Path("/sys/module/ainka/parameters/record")


def check(fine: bool, what: str) -> None:
    """Exit with a word about what is wrong."""
    if not fine:
        print(f"record: {what}")
        sys.exit(1)


def system_values(frame: Frame) -> dict[str, int | None]:
    """The system's signals by name."""
    return {
        signal.name: int(frame.values[signal.index]) if frame.fresh[signal.index] else None
        for signal in SYSTEM_SIGNALS
    }


def task_values(frame: Frame, pid: int) -> dict[str, int | None] | None:
    """The signals of a task by name, None if it was not visited."""
    for row in frame.subjects:
        if row["subject"] == TASK and row["num"] == pid:
            return {
                signal.name: int(row["val"][signal.index]) if row["fresh"][signal.index] else None
                for signal in TASK_SIGNALS
            }
    return None


def turned_on(frames: list[Frame], pid: int | None) -> list[int]:
    """Uptimes at which a policy turns on when it is evaluated again."""
    text = WHEN if pid is None else TASK_WHEN.format(pid=pid)
    program = compile_expression(text, 0 if pid is None else TASK)
    state, found = Hysteresis(), []
    for frame in frames:
        system = system_values(frame)
        task = None
        if pid is not None:
            if not frame.flags & 1:
                continue  # subjects are evaluated when they are walked
            task = task_values(frame, pid)
            if task is None:
                state = Hysteresis()
                continue
        changed = state.step(program.evaluate(system, task), frame.time_ns)
        if changed and state.on:
            uptime = system["ainka.uptime_ms"]
            assert uptime is not None
            found.append(uptime)
    return found


def caused_by(record: np.void) -> int:
    """The uptime that a decision saw."""
    causes = dict(zip(record["cause_signal"][: record["n_causes"]].tolist(),
                      record["cause_value"].tolist(), strict=False))  # fmt: skip
    return int(causes[0])


def main() -> int:
    """Record some seconds and take the decisions again."""
    pid = os.fork()
    if not pid:
        while True:
            pass
    try:
        with (
            RingReader("/dev/ainka") as ring,
            Client() as client,
            BpfObject("/usr/lib/ainka/sched.bpf.o") as programs,
        ):
            client.request("lease-renew")
            programs.attach_all()
            client.request("map-attach", {"role": "tasks", "fd": programs.map_fd("tasks")})
            SWITCH.write_text("1")
            for name, when, subject, tunable in (
                ("flutter", WHEN, "system", "sysctl.vm.swappiness"),
                ("hog", TASK_WHEN.format(pid=pid), "task", "task.nice"),
            ):
                client.request(
                    "policy-add",
                    {"name": name, "subject": subject, "when": when, "mode": "observe",
                     "action": [{"tunable": tunable, "value": "5"}]},
                )  # fmt: skip
            reader, frames, decisions = Reader(), [], []
            until = time.monotonic() + 8
            while time.monotonic() < until:
                time.sleep(0.05)
                client.request("lease-renew")
                batch = ring.read_batch()
                frames += list(reader.read(batch))
                decisions += list(batch[batch["type"] == RECORD_DECISION])
            SWITCH.write_text("0")
            losses = reader.losses
            check(losses.corrupt == 0, f"{losses}")
            if losses.gaps:
                # A reader that was kept waiting; there is nothing to compare across a gap.
                print(f"record: gap {losses}")
                return 2
            check(len(frames) > 50, f"only {len(frames)} frames")
            check(all(b.time_ns > a.time_ns for a, b in itertools.pairwise(frames)),
                  "frames out of order")  # fmt: skip
            last = system_values(frames[-1])["ainka.uptime_ms"]
            assert last is not None
            for policy, task in ((b"flutter", None), (b"hog", pid)):
                taken = [caused_by(d) for d in decisions if d["policy"] == policy]
                taken = [uptime for uptime in taken if uptime <= last]
                check(len(taken) >= 3, f"{policy!r} decided {taken}")
                # Before its first decision there may not have been a policy.
                since = [
                    f for f in frames if (system_values(f)["ainka.uptime_ms"] or 0) >= taken[0]
                ]
                again = turned_on(since, task)
                check(taken == again, f"{policy!r} decided at {taken}, again at {again}")
                print(f"record: {policy.decode()}: {len(taken)} decisions taken again")
            print(f"record: {len(frames)} frames, done")
            return 0
    finally:
        os.kill(pid, 9)


if __name__ == "__main__":
    sys.exit(main())
