# SPDX-License-Identifier: Apache-2.0
"""The shipped policies: each parses, compiles, advises only, fires on its problem and lets go."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from ainkad.core import Bounds, library, parse_value
from ainkad.frames import ENFORCE, FRAME_SIGNALS, SUBJECTS, WALKED, Frame
from ainkad.netlink.spec_gen import FAMILY
from ainkad.policy_file import read_policies
from ainkad.replay.recording import open_recording
from ainkad.replay.run import replay
from ainkad.replay.settle import Decision
from ainkad.signals_gen import BY_NAME

from tests.unit.recordings import MS, pieces, write

FOLDER = Path(__file__).parents[2] / "policies"
FILES = sorted(FOLDER.glob("*.toml"))
KINDS = FAMILY.enums["subject"]

# Units and bounds as the module registers them (kmod/tunable_*.c).
TUNABLES = {
    "task.nice": Bounds(-20, 19, unit="nice"),
    "sysctl.vm.dirty_bytes": Bounds(1 << 20, 1 << 36, unit="bytes"),
    "cgroup.pids.max": Bounds(8, (1 << 63) - 1, values=f"max={(1 << 63) - 1}", unit="count"),
    "cgroup.memory.high": Bounds(
        16 << 20, (1 << 63) - 1, values=f"max={(1 << 63) - 1}", unit="bytes"
    ),
    "cgroup.freeze": Bounds(0, 1, values="thawed=0 frozen=1"),
    "dev.read_ahead_kb": Bounds(0, 16384, unit="KiB"),
}

Signals = Mapping[str, int]


def test_there_are_those_that_are_promised() -> None:
    names = {path.stem for path in FILES}
    assert names == {"cpu-hogs", "dirty-debt", "fork-storm", "memory-leak", "read-ahead"}
    library.load()  # without it conditions would pass unseen


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_parses_compiles_and_only_advises(path: Path) -> None:
    for request in read_policies(path):
        assert request["mode"] == "advise"
        assert request["name"].startswith(path.stem)
        assert request["until"], "a threshold of its own to turn off"
        assert request["hold-ns"] > 0
        assert request["cooldown-ns"] > 0
        assert request["rate-per-min"] <= 60
        for action in request["action"]:
            subject = action["tunable"].partition(".")[0].replace("dev", "device")
            assert subject == request["subject"] or request["subject"] == "system"
            parse_value(action["value"], TUNABLES[action["tunable"]])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_says_why_and_in_which_units(path: Path) -> None:
    text = path.read_text()
    assert "# Why: " in text
    head, _, rest = text.partition("when = ")
    comments = " ".join(line for line in text.splitlines() if line.startswith("#"))
    units = {"_permille": "permille", "_us": "microseconds", "_bytes": "bytes", ".tasks": "tasks"}
    for suffix, word in units.items():
        if re.search(rf"[a-z]+\.[a-z_.]*{suffix}\b", rest):
            assert word in comments, f"{path.stem} compares {suffix} and does not say {word}"


def frame(second: float, system: Signals, kind: str, signals: Signals) -> Frame:
    values = np.zeros(FRAME_SIGNALS, np.int64)
    fresh = np.zeros(FRAME_SIGNALS, np.uint8)
    for name, value in system.items():
        values[BY_NAME[name].index], fresh[BY_NAME[name].index] = value, 1
    subjects = np.zeros(int(kind != "system"), SUBJECTS)
    for row in subjects:
        row["subject"], row["num"], row["id"] = KINDS.index(kind), 5, 5000
        for name, value in signals.items():
            row["val"][BY_NAME[name].index] = value
            row["fresh"][BY_NAME[name].index] = 1
    return Frame(int(second * 1000) * MS + 1, WALKED | ENFORCE, 0, values, fresh, subjects)


# For each: the subject, what is seen when all is well, and while the problem is there, by seconds
# since it began.
def leak(second: float) -> Signals:
    return {"cgroup.memory_current_bytes": (1900 << 20) + int(second * (1 << 20))}


def storm(second: float) -> Signals:
    return {"cgroup.tasks": min(2900, 500 + int(second * 400))}


Case = tuple[str, Signals, Signals, Callable[[float], Signals], Callable[[float], Signals], int]
CASES: dict[str, Case] = {
    "cpu-hogs": (
        "task",
        {"sched.wakeup_delay_p99_us": 300},
        {"task.cpu_share_permille": 50, "task.voluntary_switch_rate_hz": 150, "task.age_ms": 60000},
        lambda s: {"sched.wakeup_delay_p99_us": 9000 if s < 5 else 600},
        lambda s: {"task.cpu_share_permille": 900, "task.voluntary_switch_rate_hz": 1,
                   "task.age_ms": 60000 + int(s * 1000)},
        40,
    ),
    "dirty-debt": (
        "system",
        {"psi.io_full_permille": 5, "psi.io_some_permille": 20},
        {},
        lambda _: {"psi.io_full_permille": 600, "psi.io_some_permille": 800},
        lambda _: {},
        60,
    ),
    "fork-storm": ("cgroup", {}, {"cgroup.tasks": 300}, lambda _: {}, storm, 60),
    "fork-storm-freeze": ("cgroup", {}, {"cgroup.tasks": 300}, lambda _: {}, storm, 60),
    "fork-storm-task": (
        "task",
        {},
        {"task.fork_rate_hz": 10},
        lambda _: {},
        lambda _: {"task.fork_rate_hz": 2000},
        20,
    ),
    "memory-leak": (
        "cgroup",
        {"psi.memory_some_permille": 0},
        {"cgroup.memory_current_bytes": 500 << 20},
        lambda s: {"psi.memory_some_permille": 0 if s < 700 else 250},
        leak,
        900,
    ),
    "read-ahead-random": (
        "device",
        {},
        {"dev.sequential_permille": 400, "dev.read_rate_hz": 20, "dev.read_lat_mean_us": 200},
        lambda _: {},
        lambda _: {"dev.sequential_permille": 20, "dev.read_rate_hz": 2500,
                   "dev.read_lat_mean_us": 4000},
        10,
    ),
    "read-ahead-sequential": (
        "device",
        {},
        {"dev.sequential_permille": 600, "dev.read_rate_bytes": 1 << 20},
        lambda _: {},
        lambda _: {"dev.sequential_permille": 995, "dev.read_rate_bytes": 100 << 20},
        10,
    ),
}  # fmt: skip
REQUESTS = {r["name"]: r for path in FILES for r in read_policies(path)}


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_each_fires_on_its_problem_and_lets_go(name: str, tmp_path: Path) -> None:
    kind, calm_system, calm, bad_system, bad, seconds = CASES[name]
    step = 0.1 if seconds < 100 else 1.0
    frames, at = [], 0.0

    def passes(length: float, seen: Callable[[float], Frame]) -> None:
        nonlocal at
        for number in range(round(length / step)):
            frames.append(seen(number * step))
            at += step

    passes(30, lambda _: frame(at, calm_system, kind, calm))
    begin = at
    passes(seconds, lambda s: frame(at, bad_system(s), kind, bad(s)))
    end = at
    passes(400, lambda _: frame(at, calm_system, kind, calm))
    found: list[Decision] = []
    # Advice is told when it turns on; enforced, one sees when it is undone.
    request = {**REQUESTS[name], "mode": "enforce"}
    path = write(tmp_path / "r", [pieces(frames)], [request])
    with open_recording(path) as recording:
        replay(recording, [request], found.append)
    assert [d.verdict for d in found] == ["applied", "restored"], found
    on, off = (d.time_ns / 1e9 for d in found)
    assert begin <= on < end, "while the problem is there"
    assert off >= end - 1, "until it has gone"
    assert off - end < 330, "and not for ever"
    found.clear()
    with open_recording(path) as recording:
        replay(recording, [REQUESTS[name]], found.append)
    assert [d.verdict for d in found] == ["advised"]
