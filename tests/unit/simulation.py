# SPDX-License-Identifier: Apache-2.0
"""A SIMULATED machine for the tests of tuners. No figure from it says anything of a real one.

Two CPUs, some hogs that never sleep and an interactive task that wakes 200 times a second. The
delay of wake-ups falls with every hog that is put last and is noisy; when the interactive task is
put last, it starves and hardly wakes, so that what is measured means nothing. With ``effect=0``
nothing that a policy does changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ainkad.core import evaluate_model
from ainkad.errors import AinkaError
from ainkad.learning.compile import full_evaluate
from ainkad.tuner.definition import Tuner
from ainkad.tuner.machine import Candidates

HOGS = tuple(range(101, 107))
INTERACTIVE = 200
FEATURES = (
    "task.cpu_share_permille",
    "task.wakeup_rate_hz",
    "task.voluntary_switch_rate_hz",
    "task.involuntary_switch_rate_hz",
    "task.burst_mean_us",
)


@dataclass
class Machine:
    """See ``ainkad.tuner.machine.Machine``; the policies in force decide whom is treated."""

    seed: int
    effect: float = 1.0
    noise: float = 0.25
    hogs: tuple[int, ...] = HOGS
    busy_fall: float = 0.0
    fail: float = 0.0
    now: int = 0
    state: str = "learning"
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    delay_ns: float = 0.0
    delays: int = 0
    pushed: list[dict[str, Any]] = field(default_factory=list)
    treated_ever: set[int] = field(default_factory=set)
    learning_mode: int = 1

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 77])
        self.drift = 0.0

    def _perhaps_fail(self) -> None:
        if self.fail and self.rng.random() < self.fail:
            raise AinkaError("the simulated module refuses")

    # ---- time ----

    def now_ns(self) -> int:
        return self.now

    async def sleep(self, nanoseconds: int) -> None:
        self.now += nanoseconds
        self.drift = 0.9 * self.drift + 0.1 * self.rng.normal(0, self.noise)
        wakes = int(200 * nanoseconds / 1e9)
        log_delay = np.log(3e6) + self._shift() + self.drift + self.rng.normal(0, self.noise)
        if self.effect > 0 and INTERACTIVE in self.treated():
            # Starved: it hardly wakes, and what others wait is any number.
            wakes, log_delay = self.rng.poisson(2), self.rng.normal(15, 5)
        if not self.hogs:
            log_delay = np.log(50e3)
        self.delay_ns += wakes * float(np.exp(log_delay))
        self.delays += wakes

    def _shift(self) -> float:
        treated = self.treated()
        hogs = len(treated & set(self.hogs))
        # Not linear: the last hogs matter most, as those that are left fill both CPUs.
        shift = -2.0 * self.effect * (hogs / max(len(self.hogs), 1)) ** 3
        harm = self.effect * 3.0 if INTERACTIVE in treated else 0.0
        return float(shift + harm)

    # ---- tasks ----

    def _features(self) -> dict[int, list[int]]:
        rows = {}
        for pid in self.hogs:
            share = int(self.rng.normal(230, 40))
            burst = int(abs(self.rng.normal(4000, 900)))
            rows[pid] = [share, int(self.rng.poisson(1)), 0, int(self.rng.normal(60, 15)), burst]
        share = int(self.rng.normal(500, 150))
        wakes, sleeps = (int(self.rng.normal(mean, 8)) for mean in (195, 190))
        burst = int(abs(self.rng.normal(2500, 700)))
        rows[INTERACTIVE] = [share, wakes, sleeps, int(self.rng.normal(40, 15)), burst]
        return rows

    def treated(self) -> set[int]:
        """Pids for which an enforcing policy is on."""
        result: set[int] = set()
        for policy in self.policies.values():
            allowed = ("learning", "optimizing")
            if policy["origin"] == "learner":
                allowed = ("optimizing", "predictive-scaling")
            if policy["mode"] != "enforce" or self.state not in allowed:
                continue
            if "model" in policy:
                rows = self._features()
                matrix = np.array(list(rows.values()), dtype=np.int64)
                answers = full_evaluate(FEATURES, evaluate_model)(policy["model"], matrix)
                result |= {pid for pid, yes in zip(rows, answers, strict=True) if yes}
            else:
                pids = re.findall(r"task\.pid == (\d+)", policy["when"])
                result |= {int(pid) for pid in pids}
        self.treated_ever |= result
        return result

    def candidates(self, tuner: Tuner) -> Candidates:
        self._perhaps_fail()
        rows = {p: r for p, r in self._features().items() if r[0] >= tuner.candidate_min}
        return Candidates(
            ids=np.array(list(rows), dtype=np.int64),
            names=tuple("hog" if pid in HOGS else "interactive" for pid in rows),
            features=np.array(list(rows.values()), dtype=np.int64).reshape(-1, len(FEATURES)),
        )

    # ---- sensors and doors ----

    def counters(self) -> Mapping[str, int]:
        return {"wake_delay_ns": int(self.delay_ns), "wake_delays": self.delays}

    def signal(self, name: str) -> int | None:
        treated = bool(self.treated() & set(self.hogs))
        return int(1000 * (1 - self.busy_fall * treated))

    def push(self, request: Mapping[str, Any]) -> None:
        self._perhaps_fail()
        self.pushed.append(dict(request))
        self.policies[request["name"]] = dict(request)

    def remove(self, name: str) -> None:
        self.policies.pop(name, None)

    def policy(self, name: str) -> Mapping[str, Any] | None:
        self._perhaps_fail()
        policy = self.policies.get(name)
        return None if policy is None else {**policy, "active": len(self.treated())}

    def learned(self) -> list[str]:
        return [name for name, policy in self.policies.items() if policy["origin"] == "learner"]

    def status(self) -> Mapping[str, Any]:
        return {"state": self.state, "enforce": 1, "learning-mode": self.learning_mode}

    def set_state(self, state: str, why: str) -> None:
        self._perhaps_fail()
        self.state = state
