# SPDX-License-Identifier: Apache-2.0
# Generated from kmod/spec/signals.yaml by kmod/spec/gen_signals.py: do not edit.
"""The signals: names, units and ids, as the kernel knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class SignalDef:
    """One signal; ``id`` has the bank (the subject) in its high byte."""

    id: int
    name: str
    subject: int
    index: int
    unit: str
    source: str
    max_age_ns: int
    doc: str


N_SYSTEM_SIGNALS: Final = 16
N_TASK_SIGNALS: Final = 10
N_CGROUP_SIGNALS: Final = 0
N_DEVICE_SIGNALS: Final = 0
N_SIGNALS: Final = 26
EXTERNAL_FIRST: Final = 192
N_EXTERNAL: Final = 64

SIGNALS: Final[tuple[SignalDef, ...]] = (
    SignalDef(
        id=0x0000,
        name="ainka.uptime_ms",
        subject=0,
        index=0,
        unit="ms",
        source="module",
        max_age_ns=1_000_000_000,
        doc="Time since the module was loaded.",
    ),
    SignalDef(
        id=0x0001,
        name="sched.run_delay_p50_us",
        subject=0,
        index=1,
        unit="us",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc=(
            "Run delay (time runnable but not running) per run of all tasks, median over "
            "about 1 s."
        ),
    ),
    SignalDef(
        id=0x0002,
        name="sched.run_delay_p99_us",
        subject=0,
        index=2,
        unit="us",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc="Run delay per run of all tasks, 99th percentile over about 1 s.",
    ),
    SignalDef(
        id=0x0003,
        name="sched.run_delay_mean_us",
        subject=0,
        index=3,
        unit="us",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc="Run delay per run of all tasks, mean over about 1 s.",
    ),
    SignalDef(
        id=0x0004,
        name="sched.wakeup_delay_p50_us",
        subject=0,
        index=4,
        unit="us",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc="Run delay from wake-up to running of user tasks, median over about 1 s.",
    ),
    SignalDef(
        id=0x0005,
        name="sched.wakeup_delay_p99_us",
        subject=0,
        index=5,
        unit="us",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc="Run delay from wake-up to running of user tasks, 99th percentile over about 1 s.",
    ),
    SignalDef(
        id=0x0006,
        name="sched.wakeup_delay_mean_us",
        subject=0,
        index=6,
        unit="us",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc="Run delay from wake-up to running of user tasks, mean over about 1 s.",
    ),
    SignalDef(
        id=0x0007,
        name="sched.switch_rate_hz",
        subject=0,
        index=7,
        unit="hz",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc="Context switches per second over about 1 s.",
    ),
    SignalDef(
        id=0x0008,
        name="sched.voluntary_switch_rate_hz",
        subject=0,
        index=8,
        unit="hz",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc="Context switches per second in which a task went to sleep, over about 1 s.",
    ),
    SignalDef(
        id=0x0009,
        name="sched.wakeup_rate_hz",
        subject=0,
        index=9,
        unit="hz",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc="Wake-ups per second that led to a run, over about 1 s.",
    ),
    SignalDef(
        id=0x000A,
        name="sched.cpu_busy_permille",
        subject=0,
        index=10,
        unit="permille",
        source="sched-stats",
        max_age_ns=2_000_000_000,
        doc="Share of all CPUs' time that tasks other than idle ran, over about 1 s.",
    ),
    SignalDef(
        id=0x000B,
        name="psi.cpu_some_permille",
        subject=0,
        index=11,
        unit="permille",
        source="psi",
        max_age_ns=5_000_000_000,
        doc="Share of the last second in which some task waited for a CPU.",
    ),
    SignalDef(
        id=0x000C,
        name="psi.memory_some_permille",
        subject=0,
        index=12,
        unit="permille",
        source="psi",
        max_age_ns=5_000_000_000,
        doc="Share of the last second in which some task stalled on memory.",
    ),
    SignalDef(
        id=0x000D,
        name="psi.memory_full_permille",
        subject=0,
        index=13,
        unit="permille",
        source="psi",
        max_age_ns=5_000_000_000,
        doc="Share of the last second in which all tasks stalled on memory.",
    ),
    SignalDef(
        id=0x000E,
        name="psi.io_some_permille",
        subject=0,
        index=14,
        unit="permille",
        source="psi",
        max_age_ns=5_000_000_000,
        doc="Share of the last second in which some task stalled on I/O.",
    ),
    SignalDef(
        id=0x000F,
        name="psi.io_full_permille",
        subject=0,
        index=15,
        unit="permille",
        source="psi",
        max_age_ns=5_000_000_000,
        doc="Share of the last second in which all tasks stalled on I/O.",
    ),
    SignalDef(
        id=0x0100,
        name="task.pid",
        subject=1,
        index=0,
        unit="count",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="Thread id in the initial pid namespace.",
    ),
    SignalDef(
        id=0x0101,
        name="task.cpu_share_permille",
        subject=1,
        index=1,
        unit="permille",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="CPU time of the task, permille of one CPU, over the last 0.5 to 1 s.",
    ),
    SignalDef(
        id=0x0102,
        name="task.run_delay_mean_us",
        subject=1,
        index=2,
        unit="us",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="Run delay per run of the task, mean.",
    ),
    SignalDef(
        id=0x0103,
        name="task.run_delay_max_us",
        subject=1,
        index=3,
        unit="us",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="Run delay per run of the task, maximum.",
    ),
    SignalDef(
        id=0x0104,
        name="task.wakeup_delay_mean_us",
        subject=1,
        index=4,
        unit="us",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="Run delay from wake-up to running, mean.",
    ),
    SignalDef(
        id=0x0105,
        name="task.wakeup_rate_hz",
        subject=1,
        index=5,
        unit="hz",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="Wake-ups of the task per second.",
    ),
    SignalDef(
        id=0x0106,
        name="task.voluntary_switch_rate_hz",
        subject=1,
        index=6,
        unit="hz",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="Times per second the task went to sleep.",
    ),
    SignalDef(
        id=0x0107,
        name="task.involuntary_switch_rate_hz",
        subject=1,
        index=7,
        unit="hz",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="Times per second the task was preempted.",
    ),
    SignalDef(
        id=0x0108,
        name="task.burst_mean_us",
        subject=1,
        index=8,
        unit="us",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="CPU time per run, from running to switched out, mean.",
    ),
    SignalDef(
        id=0x0109,
        name="task.age_ms",
        subject=1,
        index=9,
        unit="ms",
        source="tasks",
        max_age_ns=2_000_000_000,
        doc="Time since the task was created.",
    ),
)
"""All signals, sorted by id."""

BANKS: Final[tuple[tuple[SignalDef, ...], ...]] = tuple(
    tuple(s for s in SIGNALS if s.subject == subject) for subject in range(4)
)
"""The signals of each subject, by enum ainka_subject."""

SYSTEM_SIGNALS, TASK_SIGNALS, CGROUP_SIGNALS, DEVICE_SIGNALS = BANKS
BY_NAME: Final = {s.name: s for s in SIGNALS}
BY_ID: Final = {s.id: s for s in SIGNALS}
