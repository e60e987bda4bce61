# SPDX-License-Identifier: Apache-2.0
"""A bounded fork bomb in its cgroup beside a service that wakes up every 10 ms."""

from __future__ import annotations

import re

from guest.vm import paths
from tests.bench.scenarios.scenario import Measure, Scenario, Static

SHIPPED = paths.ROOT / "policies" / "fork-storm.toml"
MARK, MOST = 200, 300


def enforced(text: str) -> str:
    """The shipped policies in mode enforce, for a storm of hundreds rather than of thousands."""
    changes = (
        (r'^mode = "advise"', 'mode = "enforce"'),
        (r"cgroup\.tasks > 2000\b", f"cgroup.tasks > {MARK}"),
        (r"cgroup\.tasks < 1000\b", f"cgroup.tasks < {MARK // 2}"),
        (r"rate\(cgroup\.tasks, 1s\) > 200\b", f"rate(cgroup.tasks, 1s) > {MARK // 10}"),
        (r'"cgroup\.pids\.max" = 3000\b', f'"cgroup.pids.max" = {MOST}'),
    )
    for pattern, to in changes:
        text, found = re.subn(pattern, to, text, flags=re.MULTILINE)
        if not found:
            raise ValueError(f"{SHIPPED} has changed: {pattern!r} is not in it")
    return text


SCENARIO = Scenario(
    name="fork-storm",
    description="a fork bomb that stops by itself at 2000 tasks, beside a service of 10 ms",
    load="storm",
    options={"period_us": 10000, "work_us": 500, "mark": MARK, "limit": 2000},
    phases=("storm",),
    measures=(
        Measure("storm", "containment_ms", "ms", "200th task to the last one", True, below=100.0),
        Measure("storm", "service_worst_ms", "ms", "worst delay of the service until then", True),
        Measure("storm", "service_back_ms", "ms", "service back to normal after it", True,
                leads=False),
        Measure("storm", "tasks", "tasks", "tasks in the end", True, leads=False),
    ),
    statics=(
        Static("pids.max 300", on=f"echo {MOST} > /sys/fs/cgroup/stormy/pids.max",
               off="echo max > /sys/fs/cgroup/stormy/pids.max"),
    ),
    packages=("tuned",),
    policies=enforced(SHIPPED.read_text()),
    window_s=6.0,
    settle_s=3.0,
    learn_s=0.0,
    notes=(
        "Nothing is learned: the shipped policies of policies/fork-storm.toml, in mode enforce (a "
        "limit and, since who fails to fork goes on trying, a freeze), with 200 tasks for 2000, "
        "20 more a second for 200, and pids.max 300 for 3000. At defaults the time is until the "
        "bomb stops by its own limit: a lower bound. Contained is a bomb that grows no more; "
        "until the last of its tasks has been stopped it takes longer (`frozen_ms` in the JSON).",
        "The static setting is a limit on that one cgroup, which an admin would have to have set "
        "beforehand on each that may storm.",
    ),
)  # fmt: skip
