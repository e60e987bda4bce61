# SPDX-License-Identifier: Apache-2.0
"""What ainkactl events, doctor and top make of what they are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ainkad.errors import AinkaError
from ainkad.event_records import SLOT
from ainkad.layouts_gen import (
    EV_EXEC,
    EV_EXIT,
    EV_FORK,
    EV_OOM_KILL,
    EV_SLOW_CALL,
    EV_THREAD_START,
    EVENT_KTHREAD,
)
from ainkad.system_calls import call_name

from ainkactl import doctor, events, top


def row(kind: int, **more: Any) -> dict[str, Any]:
    records = np.zeros(1, SLOT)
    values: dict[str, Any] = {
        "type": kind,
        "pid": 7,
        "tgid": 7,
        "weight": 1,
        "comm": b"a b",
        **more,
    }
    for name, value in values.items():
        records[name] = value
    return events.rows_of(records)[0]


def test_a_fork_says_who() -> None:
    fork = row(EV_FORK, ppid=3, uid=1000, cgroup=99)
    assert (fork["type"], fork["pid"], fork["ppid"], fork["comm"]) == ("fork", 7, 3, "a b")
    assert (fork["uid"], fork["cgroup"], fork["kernel-thread"]) == (1000, 99, False)
    assert "exit-status" not in fork and "duration-ns" not in fork
    assert events.what(fork) == ""
    assert events.what(row(EV_FORK, flags=EVENT_KTHREAD)) == "of the kernel"
    assert events.what(row(EV_FORK, weight=8)) == "one of 8"


@pytest.mark.parametrize(
    ("code", "fields", "words"),
    [
        (3 << 8, {"exit-status": 3}, "status 3"),
        (255 << 8, {"exit-status": 255}, "status 255"),
        (9, {"signal": 9, "core-dumped": False}, "killed by SIGKILL"),
        (11 | 0x80, {"signal": 11, "core-dumped": True}, "killed by SIGSEGV"),
        (40, {"signal": 40, "core-dumped": False}, "killed by signal 40"),
    ],
)
def test_an_exit_says_how(code: int, fields: dict[str, Any], words: str) -> None:
    ended = row(EV_EXIT, code=code, duration_ns=2_000_000_000, cpu_ns=5_000_000, rss_pages=512)
    assert fields.items() <= ended.items()
    assert ended["peak-rss-bytes"] == 512 * 4096
    assert events.what(ended) == f"{words}, after 2 s, 5 ms of CPU, 2.0 MiB"


def test_threads_name_their_process() -> None:
    assert events.what(row(EV_THREAD_START, tgid=4)) == "of process 4"
    assert row(EV_EXEC, other_pid=9)["by-thread"] == 9
    assert "by-thread" not in row(EV_EXEC, other_pid=7)


def test_an_oom_kill_names_both() -> None:
    killed = row(EV_OOM_KILL, other_pid=3, other_comm=b"greedy")
    assert (killed["trigger-pid"], killed["trigger-comm"]) == (3, "greedy")
    assert events.what(killed) == "when greedy (3) wanted memory"


def test_a_slow_call_has_a_name() -> None:
    slow = row(EV_SLOW_CALL, pid=8, tgid=7, code=74, duration_ns=25_000_000)
    assert slow["latency-ns"] == 25_000_000
    assert events.what(slow) == f"{call_name(74)} took 25 ms, of process 7"
    assert row(EV_SLOW_CALL, code=9999)["call"] == "call 9999"


def test_a_type_that_is_not_there_is_named() -> None:
    with pytest.raises(AinkaError, match="'spoon'") as caught:
        events.show(False, ["spoon"], 1, False)
    assert "thread-start" in caught.value.hint


# ---- doctor ----


def test_a_missing_program_says_what_it_costs() -> None:
    report = {
        "programs": [
            {"object": "block.bpf.o", "attached": False, "reason": "no\nBTF"},
            {"object": "sched.bpf.o", "program": "x", "attach-point": "tp_btf/x",
             "attached": False, "reason": "hook"},
            {"object": "proc.bpf.o", "program": "y", "attach-point": "tp_btf/y",
             "attached": True, "reason": ""},
        ]
    }  # fmt: skip
    whole, part, there = doctor.programs(report)
    assert whole["state"] == "missing" and whole["costs"].endswith("(dev.*)")
    assert part["costs"].startswith("part of ") and "sched.*" in part["costs"]
    assert (there["state"], there["costs"]) == ("attached", "")


def test_features_are_there_or_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FEATURES", (("good", lambda: "", "x"), ("bad", lambda: "no", "y")))
    assert [finding.row() for finding in doctor.features()] == [
        {"what": "good", "state": "there", "reason": "", "costs": ""},
        {"what": "bad", "state": "missing", "reason": "no", "costs": "y"},
    ]


def test_every_source_of_signals_belongs_to_something_that_is_looked_at() -> None:
    named = {source for sources, _ in doctor.OBJECTS.values() for source in sources}
    for source in named:
        assert doctor.signals_of(source), source


def test_a_reason_is_one_line() -> None:
    log = "libbpf: prog 'x': load failed\n0: R1=ctx\nno such thing\nprocessed 0 insns\nlibbpf: end"
    assert doctor._short(log) == "no such thing"
    assert doctor._short("libbpf: one\nlibbpf: two") == "libbpf: one"
    assert doctor._short("") == ""


# ---- top ----


def view(**more: Any) -> dict[str, Any]:
    counts = {"one-in": 1, "lost": 0}
    return {
        "time-ns": 10**9,
        "state": {"version": "1.0", "state": "learning", "since-ns": 10**9, "lease-ms": 4000},
        "load": [1.0, 2.0, 3.0],
        "signals": {"sched.cpu_busy_permille": 512, "psi.cpu_some_permille": None},
        "tasks": [{"pid": 5, "label": "hog", "cpu_share_permille": 900}],
        "cgroups": [],
        "devices": [{"label": "vda", "io_rate_hz": 12}],
        "changed": [{}],
        "policies": [{"name": "calm", "active": 1}, {"name": "idle", "active": 0}],
        "decisions": [
            {"id": 3, "policy": "calm", "tunable": "t", "old": 1, "new": 2, "verdict": "applied"}
        ],
        "events": [{"type": "exec", "seen": 5, **counts}, {"type": "fork", "seen": 5, **counts}],
        "processes": 77,
        "subtrees": [
            {"pid": 9, "comm": "ma\nke", "fork-rate-hz": 40.5, "exec-rate-hz": 12.0},
            {"pid": 8, "comm": "cron", "fork-rate-hz": 0.3, "exec-rate-hz": 0.3},
        ],
        **more,
    }


def test_a_view_has_all_parts() -> None:
    text = "\n".join(top.lines(view(), None, 60))
    for words in (
        "learning for 1 s", "enforcement off", "cpu 51 % busy", "stalled: cpu -", "processes 77",
        "on: calm;", "1 tunables", "5 hog", "900", "vda", "applied",
        "below: 9 ma\\x0ake 40.5 / 12",
    ):  # fmt: skip
        assert words in text, words
    assert "idle" not in text and "CGROUP" not in text and "cron" not in text


def test_rates_are_differences() -> None:
    after = view(**{"time-ns": 3 * 10**9})
    after["events"] = [
        {"type": "exec", "seen": 25, "one-in": 4, "lost": 0},
        {"type": "fork", "seen": 5, "one-in": 1, "lost": 3},
    ]
    text = "\n".join(top.lines(after, view(), 60))
    assert "exec 10/s (1 in 4)" in text and "fork 0/s (3 lost)" in text


@pytest.mark.parametrize("height", [1, 5, 8, 12, 24, 60])
def test_a_view_fits_the_screen(height: int) -> None:
    crowded = view(
        tasks=[{"pid": n, "label": "x"} for n in range(10)],
        cgroups=[{"label": f"/c{n}"} for n in range(10)],
        decisions=[{"id": n} for n in range(10)],
    )
    assert len(top.lines(crowded, None, height)) <= height


def test_without_the_daemon_it_says_so() -> None:
    text = "\n".join(top.lines(view(events=None, processes=None), None, 60))
    assert "processes -" in text


def test_the_busiest_come_first() -> None:
    rows = [
        {"pid": pid, "label": "x", "name": f"task.{name}", "value": value, "stale": stale}
        for pid, name, value, stale in [
            (1, "cpu_share_permille", 5, False),
            (2, "cpu_share_permille", 50, False),
            (2, "run_delay_mean_us", 9, True),
            (3, "cpu_share_permille", 500, True),
        ]
    ]
    found = top.ranked("task", rows)
    assert [one["pid"] for one in found] == [2, 1, 3]
    assert found[0] == {"pid": 2, "label": "x", "cpu_share_permille": 50}
