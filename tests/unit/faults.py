# SPDX-License-Identifier: Apache-2.0
"""GENERATED signals with labelled faults. No figure from it says anything of a real machine.

A latent load (a slow tide, bursts, noise that remembers) drives rates, shares and latencies, as it
does on a machine; each signal has noise of its own, heavy-tailed where latencies are. A fault
changes some signals for a while by a factor of its severity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from ainkad.anomaly.detector import Detector
from ainkad.anomaly.episodes import Episodes

# A list of its own: figures must not change when the module learns to measure something else.
SIGNALS: Final = [
    *(f"sched.run_delay_{what}_us" for what in ("p50", "p99", "mean")),
    *(f"sched.wakeup_delay_{what}_us" for what in ("p50", "p99", "mean")),
    *(f"sched.{what}_rate_hz" for what in ("switch", "voluntary_switch", "wakeup")),
    "sched.cpu_busy_permille",
    "psi.cpu_some_permille",
    *(f"psi.{what}_permille" for what in ("memory_some", "memory_full", "io_some", "io_full")),
    "proc.fork_rate_hz",
]
KINDS: Final = ("latency", "stall", "storm", "starved", "leak", "uncoupled", "dead")
SEVERITIES: Final = {"strong": 8.0, "clear": 4.0, "slight": 2.0}
LEARN: Final = 600
EVERY: Final = 600
LASTS: Final = 40
FAULTS: Final = 7
SECONDS: Final = LEARN + FAULTS * EVERY
# An alarm this long after the end of a fault still belongs to it.
GRACE: Final = 15
Array = np.ndarray[Any, Any]


@dataclass
class Series:
    """Values by signal, and (kind, begin, end) of the faults."""

    values: dict[str, Array]
    faults: list[tuple[str, int, int]] = field(default_factory=list)


def load(rng: np.random.Generator) -> Array:
    t = np.arange(SECONDS)
    noise = np.zeros(SECONDS)
    for i in range(1, SECONDS):
        noise[i] = 0.97 * noise[i - 1] + rng.normal(0, 0.06)
    bursts = np.zeros(SECONDS)
    for at in rng.integers(0, SECONDS - 20, SECONDS // 120):
        bursts[at : at + int(rng.integers(3, 20))] += rng.uniform(0.2, 0.8)
    return np.asarray(0.6 * np.sin(2 * np.pi * t / 2700 + rng.uniform(0, 6)) + noise + bursts)


def healthy(rng: np.random.Generator) -> Series:
    latent = load(rng)
    values: dict[str, Array] = {}
    for name in SIGNALS:
        heavy = rng.standard_t(5, SECONDS) if name.endswith("_us") else rng.normal(0, 1, SECONDS)
        if name.endswith("_permille"):
            base = {"psi.cpu_some_permille": 150.0, "sched.cpu_busy_permille": 350.0}.get(
                name, 15.0
            )
            level = base * np.exp(0.8 * latent + 0.15 * heavy)
            values[name] = np.clip(level, 0, 1000)
        else:
            base = 400.0 if name.endswith("_us") else 900.0
            values[name] = base * np.exp(0.7 * latent + 0.12 * heavy)
    return Series(values)


def harm(series: Series, kind: str, begin: int, end: int, by: float) -> None:
    """Change what a fault of this kind changes."""
    span = slice(begin, end)

    def times(factor: float | Array, *words: str) -> None:
        for name in series.values:
            if any(word in name for word in words):
                most = 1000 if name.endswith("_permille") else np.inf
                series.values[name][span] = np.minimum(series.values[name][span] * factor, most)

    if kind == "latency":
        times(by, "run_delay", "wakeup_delay")
    elif kind == "stall":
        times(by * 3, "psi.io")
        times(1 / by, "switch_rate")
    elif kind == "storm":
        times(by * 2, "fork_rate")
        times(by, "switch_rate", "run_delay_p99")
    elif kind == "starved":
        times(by, "wakeup_delay_p99", "psi.cpu")
        times(1 / by, "wakeup_rate")
    elif kind == "leak":
        times(np.linspace(1, by * 6, end - begin), "psi.memory")
    elif kind == "uncoupled":
        # Nothing is far out of its range: latency rises while the load that goes with it falls.
        times(by**0.6, "delay")
        times(by**-0.6, "rate", "cpu_busy", "psi.cpu")
    elif kind == "dead":
        times(1 / (by * 4), "rate", "cpu_busy")


def simulate(seed: int, severity: str) -> Series:
    """A machine with faults of one severity."""
    rng = np.random.default_rng([seed, 99])
    series = healthy(rng)
    for number in range(FAULTS):
        begin = LEARN + number * EVERY + int(rng.integers(20, EVERY - LASTS - 60))
        kind = KINDS[number % len(KINDS)]
        harm(series, kind, begin, begin + LASTS, SEVERITIES[severity])
        series.faults.append((kind, begin, begin + LASTS))
    return series


@dataclass
class Result:
    """What became of the faults."""

    faults: int
    found: int
    alarms: int
    false: int
    delays: list[int]
    kinds: list[tuple[str, bool]]
    seconds: int


def judge(series: Series) -> Result:
    """Run the detection over a series."""
    detector = Detector(list(series.values))
    episodes = Episodes(detector)
    began: list[int] = []
    for second in range(SECONDS):
        values: Mapping[str, float | None] = {
            name: float(column[second]) for name, column in series.values.items()
        }
        scores = detector.step(values, episodes.weight)
        change = episodes.step(scores, float(second))
        if change is not None and change.ended is None:
            began.append(second)
    delays, kinds = [], []
    for kind, begin, end in series.faults:
        first = next((at for at in began if begin <= at < end), None)
        kinds.append((kind, first is not None))
        if first is not None:
            delays.append(first - begin)
    false = sum(
        not any(begin <= at < end + GRACE for _, begin, end in series.faults) for at in began
    )
    return Result(len(series.faults), len(delays), len(began), false, delays, kinds, SECONDS)
