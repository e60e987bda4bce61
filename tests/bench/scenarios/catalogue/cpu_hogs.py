# SPDX-License-Identifier: Apache-2.0
"""A task that wakes up by the clock and works a little, and cyclictest, beside CPU hogs."""

from __future__ import annotations

from tests.bench.scenarios.scenario import Measure, Scenario, Static

EACH = "for p in $(pgrep -x hog); do {}; done"

SCENARIO = Scenario(
    name="cpu-hogs",
    description="a task with 2.5 ms of work every 7 ms, and cyclictest, beside 8 hogs on 2 CPUs",
    load="hogs",
    options={"period_us": 7000, "work_us": 2500, "hogs": 8},
    phases=("hogs",),
    controls=("alone",),
    measures=(
        Measure("hogs", "run_delay_ms", "ms", "run delay per wake-up", True, 5.0),
        Measure("hogs", "wakeup_p99_ms", "ms", "wake-up p99", True, 2.5),
        Measure("hogs", "wakeup_p50_ms", "ms", "wake-up p50", True, leads=False),
        Measure("hogs", "cyclictest_p99_ms", "ms", "cyclictest p99", True, leads=False),
        Measure("hogs", "cyclictest_p50_ms", "ms", "cyclictest p50", True, leads=False),
    ),
    statics=(
        Static("hogs at nice 19", on=EACH.format("renice -n 19 -p $p >/dev/null"),
               off=EACH.format("renice -n 0 -p $p >/dev/null")),
        Static("hogs SCHED_IDLE", on=EACH.format("chrt --idle -p 0 $p"),
               off=EACH.format("chrt --other -p 0 $p")),
    ),
    kernel="6.12",
    packages=("rt-tests", "tuned"),
    tuners=("cpu-hogs",),
    window_s=12.0,
    settle_s=3.0,
    learn_s=300.0,
    hold="pkill -STOP -x hog",
    go_on="pkill -CONT -x hog",
    notes=(
        "An admin has to know which tasks the hogs are, and to do it again for each new one.",
        "cyclictest is an ordinary task (--policy=other), every 10 ms, without work of its own.",
    ),
)  # fmt: skip
