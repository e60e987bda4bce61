# SPDX-License-Identifier: Apache-2.0
"""Peeking: the always-valid interval keeps its coverage, Student's does not. All simulated."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainkad.telemetry.store import Store
from ainkad.tuner.confirm import measure_pairs
from ainkad.tuner.definition import read_tuner
from ainkad.tuner.drift import REFERENCE, Drift
from ainkad.tuner.sequence import always_valid, arm_alpha, critical_t
from ainkad.tuner.stats import t_interval, t_quantile
from ainkad.tuner.windows import Outcome, broken_at_once
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.simulation import Machine
from tests.unit.test_tuner_run import attempt, tuner_run

TUNER = read_tuner(Path(__file__).parents[2] / "policies" / "tuners" / "cpu-hogs.toml")
LOOKS = 150
RUNS = 4000
ALPHA = 0.05


Array = np.ndarray[Any, Any]


def ever_missed(values: Array, critical: list[float], truth: float) -> float:
    """Share of the rows whose interval missed the truth at some look from the second value on."""
    n = np.arange(1, values.shape[1] + 1)
    mean = np.cumsum(values, axis=1) / n
    square = np.cumsum(values**2, axis=1) / n - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(np.maximum(square, 1e-300) * n / (n - 1))
        off = np.abs(mean - truth) / (deviation / np.sqrt(n))
    return float((off[:, 1:] > np.array(critical[1:])).any(axis=1).mean())


VALID = [critical_t(n, ALPHA) for n in range(1, LOOKS + 1)]
PLAIN = [math.inf, *(t_quantile(1 - ALPHA / 2, n - 1) for n in range(2, LOOKS + 1))]


@pytest.mark.parametrize("scale", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("truth", [0.0, -0.7])
def test_looking_after_every_pair_keeps_the_coverage(scale: float, truth: float) -> None:
    values = truth + scale * np.random.default_rng(5).normal(size=(RUNS, LOOKS))
    # Three standard errors of a share of 5 % in 4 000 runs are one percent.
    assert ever_missed(values, VALID, truth) <= ALPHA + 0.01
    missed = ever_missed(values, PLAIN, truth)
    assert missed > 0.3, "a plain 95 % interval misses many times as often when one peeks"
    # Looked at once, at a number fixed beforehand, the plain one is what it says.
    for n in (10, LOOKS):
        once = [math.inf] * (n - 1) + [PLAIN[n - 1]]
        assert abs(ever_missed(values[:, :n], once, truth) - ALPHA) < 0.015


@pytest.mark.parametrize("kind", ["laplace", "student5", "uniform"])
def test_values_that_are_not_normal_do_not_break_it(kind: str) -> None:
    """Not promised by the theorem; log ratios of windows are nearer to normal than these."""
    rng = np.random.default_rng(11)
    values = {
        "laplace": rng.laplace(size=(RUNS, LOOKS)),
        "student5": rng.standard_t(5, size=(RUNS, LOOKS)),
        "uniform": rng.uniform(-1, 1, size=(RUNS, LOOKS)),
    }[kind]
    assert ever_missed(values, VALID, 0.0) <= ALPHA + 0.01


@pytest.mark.parametrize("arms", [3, 8])
def test_of_many_arms_without_effect_none_is_found_more_often_than_alpha(arms: int) -> None:
    rng = np.random.default_rng(arms)
    each = [critical_t(n, arm_alpha(ALPHA, arms)) for n in range(1, LOOKS + 1)]
    runs = 1500
    values = rng.normal(size=(runs * arms, LOOKS))
    n = np.arange(1, LOOKS + 1)
    mean = np.cumsum(values, axis=1) / n
    deviation = np.sqrt(
        np.maximum(np.cumsum(values**2, axis=1) / n - mean**2, 1e-300) * n / np.maximum(n - 1, 1)
    )
    off = np.abs(mean) / (deviation / np.sqrt(n))
    found = (off[:, 1:] > np.array(each[1:])).any(axis=1).reshape(runs, arms).any(axis=1)
    assert found.mean() <= ALPHA + 0.017


def test_an_effect_is_found_soon() -> None:
    rng = np.random.default_rng(2)
    needed = []
    for _ in range(200):
        values = list(rng.normal(-1.0, 0.8, 100))
        needed.append(next(n for n in range(3, 101) if always_valid(values[:n], ALPHA).high < 0))
    assert np.median(needed) <= 12


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=60), st.floats(0.001, 0.2))
def test_it_is_an_interval_around_the_mean_and_wider_than_students(
    values: list[float], alpha: float
) -> None:
    valid, plain = always_valid(values, alpha), t_interval(values, alpha)
    assert valid.mean == plain.mean
    assert valid.low <= plain.low + 1e-9
    assert valid.high >= plain.high - 1e-9
    shifted = always_valid([v + 3 for v in values], alpha)
    assert math.isinf(valid.low) == math.isinf(shifted.low)
    if math.isfinite(valid.low):
        assert shifted.low == pytest.approx(valid.low + 3, abs=1e-6)


def test_without_values_it_has_no_bounds() -> None:
    for values in ([], [1.0], [1.0, 2.0]):
        assert math.isinf(always_valid(values, 0.05).high)


# ---- what tuners make of it ----


def outcome(guard: float | None) -> Outcome:
    guards = {} if guard is None else {TUNER.guards[0].signal: int(guard)}
    return Outcome(0, 1.0, 10, guards)


def test_a_guard_broken_in_two_windows_in_a_row_stops_at_once() -> None:
    off = [outcome(900), outcome(910)]
    assert broken_at_once(TUNER, off, [outcome(700)]) == []
    assert broken_at_once(TUNER, off, [outcome(700), outcome(890)]) == []
    assert broken_at_once(TUNER, off, [outcome(700), outcome(None)]) == []
    (told,) = broken_at_once(TUNER, off, [outcome(890), outcome(700), outcome(600)])
    assert TUNER.guards[0].signal in told


def test_an_arm_that_breaks_a_guard_gets_no_further_pairs() -> None:
    machine = Machine(4, busy_fall=0.3)
    seen = []
    rng = np.random.default_rng(1)

    def request(mode: str) -> dict[str, object]:
        pids = " or ".join(f"task.pid == {pid}" for pid in machine.hogs)
        return {"name": "x", "when": pids, "mode": mode, "origin": "experiment"}

    measured = asyncio.run(
        measure_pairs(machine, TUNER, request, 10, 0.05, rng, lambda mode, _: seen.append(mode))
    )
    assert measured is not None
    assert measured.stopped
    assert measured.broken
    assert not measured.pays
    assert seen.count("enforce") == 2


def test_a_sequential_tuner_confirms_with_fewer_pairs_and_promotes_nothing_without_effect() -> None:
    windows = replace(TUNER.windows, sequential=True, confirm_pairs=30)
    sequential = replace(TUNER, windows=windows)
    used = []
    for seed in range(6):
        machine = Machine(seed)
        store = Store(Path(":memory:"))
        run = tuner_run(machine, seed, sequential, store)
        assert asyncio.run(run.attempt()) is not None
        row = store._db.execute(
            "SELECT pairs, valid_high, decided_by, promoted FROM effects ORDER BY id DESC"
        ).fetchone()
        assert row[1] < 0
        assert row[2:] == ("sequential", 1)
        used.append(row[0])
    assert max(used) < 30
    promoted = sum(attempt(Machine(s, effect=0.0), s, sequential) is not None for s in range(60))
    assert promoted <= 4


# ---- drift ----


def test_noise_is_no_change_and_a_change_is_one_soon() -> None:
    rng = np.random.default_rng(3)
    false = 0
    delays = []
    for _ in range(40):
        drift, noise = Drift(), rng.normal(5, 0.3, (REFERENCE + 2000, 4))
        false += any(drift.add(row.tolist()) is not None for row in noise)
        drift = Drift()
        for row in rng.normal(5, 0.3, (REFERENCE + 50, 4)):
            drift.add(row.tolist())
        changed = rng.normal(5, 0.3, (100, 4))
        changed[:, 2] += 1.2
        first = next(
            (i for i, row in enumerate(changed) if drift.add(row.tolist()) is not None), None
        )
        assert first is not None
        delays.append(first)
    assert false <= 4, "in 2 000 looks (three hours) each"
    assert np.median(delays) <= 10


def test_another_load_ends_the_waiting_and_exploration_begins_again() -> None:
    machine, store = Machine(1, effect=0.0), Store(Path(":memory:"))
    run = tuner_run(machine, 1, store=store)
    run._failures = 5  # would wait for an hour
    begun = machine.now

    async def wait() -> None:
        original = machine.sleep

        async def sleep(nanoseconds: int) -> None:
            await original(nanoseconds)
            if machine.now - begun > 600 * 10**9:
                machine.hogs = ()

        machine.sleep = sleep  # type: ignore[method-assign]
        await run._back_off()

    asyncio.run(wait())
    waited = (machine.now - begun) / 1e9
    assert 600 < waited < 800
    assert run._failures == 0
    events = store._db.execute("SELECT event FROM events").fetchall()
    assert ("load-changed",) in events


def test_another_load_has_a_promoted_policy_measured_again_before_its_time() -> None:
    machine = Machine(3)
    run = tuner_run(machine, 3)
    learned = asyncio.run(run.attempt())
    assert learned is not None
    begun = machine.now
    original = machine.sleep

    async def sleep(nanoseconds: int) -> None:
        await original(nanoseconds)
        if machine.now - begun > 300 * 10**9:
            machine.hogs = machine.hogs[:1]
            machine.effect = -0.5

    machine.sleep = sleep  # type: ignore[method-assign]
    asyncio.run(run.watch(learned))
    assert (machine.now - begun) / 1e9 < 880, "the next measurement was due after 900 s"
    assert machine.policies == {}


def test_of_several_arms_one_that_breaks_a_guard_is_not_tried_again() -> None:
    from ainkad.tuner.definition import Arm

    nice = Arm("nice", (("task.nice", "19"),))
    two = replace(TUNER, arms=(*TUNER.arms, nice))
    machine = Machine(2)
    original = machine.signal

    def signal(name: str) -> int | None:
        policy = machine.policies.get(two.experiment)
        tried = policy is not None and policy["action"][0]["tunable"] == "task.nice"
        return 500 if tried else original(name)

    machine.signal = signal  # type: ignore[method-assign]
    store = Store(Path(":memory:"))
    run = tuner_run(machine, 2, two, store)
    asyncio.run(run.attempt())
    rows = store._db.execute(
        "SELECT arm FROM windows WHERE stage = 'explore' ORDER BY id"
    ).fetchall()
    tried = [row[0] for row in rows]
    assert tried.count("idle") > 30
    # Windows in which chance treats nobody break nothing.
    assert 2 <= tried.count("nice") <= 8
    events = store._db.execute("SELECT detail FROM events WHERE event = 'arm-stopped'")
    (told,) = events.fetchall()
    assert '"nice"' in told[0]
