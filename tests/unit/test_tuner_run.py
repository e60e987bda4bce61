# SPDX-License-Identifier: Apache-2.0
"""A whole tuner against a simulated machine (simulation.py): a plain simulation, no measurement."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainkad.core import evaluate_model
from ainkad.errors import AinkaError
from ainkad.learning.compile import full_evaluate
from ainkad.learning.dataset import Dataset
from ainkad.learning.fit import fit
from ainkad.telemetry.store import Store
from ainkad.tuner.definition import Tuner, read_tuner
from ainkad.tuner.learned import Learned
from ainkad.tuner.run import TunerRun

from tests.unit.simulation import FEATURES, HOGS, INTERACTIVE, Machine

ROOT = Path(__file__).resolve().parents[2]
CPU_HOGS = read_tuner(ROOT / "policies" / "tuners" / "cpu-hogs.toml")


class InProcess:
    """Trains where it is called."""

    async def start(self) -> None: ...

    async def train(self, data: Dataset, parameters: dict[str, Any]) -> dict[str, Any]:
        copy, same = Dataset.from_bytes(data.to_bytes(parameters))
        result: dict[str, Any] = json.loads(json.dumps(fit(copy, same)))
        return result

    async def stop(self) -> None: ...


def tuner_run(
    machine: Machine, seed: int, tuner: Tuner = CPU_HOGS, store: Store | None = None
) -> TunerRun:
    evaluate = full_evaluate(FEATURES, evaluate_model)
    store = store or Store(Path(":memory:"))
    return TunerRun(tuner, machine, store, InProcess(), evaluate, seed)


def attempt(machine: Machine, seed: int, tuner: Tuner = CPU_HOGS) -> Learned | None:
    return asyncio.run(tuner_run(machine, seed, tuner).attempt())


def test_it_learns_to_treat_hogs_and_not_the_interactive_task() -> None:
    hogs, other = [], []
    for seed in range(20):
        machine = Machine(seed)
        learned = attempt(machine, seed)
        if learned is None:
            continue
        assert set(machine.policies) == {"learned.cpu-hogs"}
        assert machine.state == "optimizing"
        treated = [machine.treated() for _ in range(50)]
        hogs.append(np.mean([len(t & set(HOGS)) / len(HOGS) for t in treated]))
        other.append(np.mean([INTERACTIVE in t for t in treated]))
        assert hogs[-1] > 0.6, learned.report["treat"]
        assert other[-1] < 0.4, learned.report["treat"]
        assert learned.report["agreement"] == 1.0
    assert len(hogs) >= 18
    assert np.mean(hogs) > 0.9
    assert np.mean(other) < 0.1


class SlowToSee(InProcess):
    """Finds nobody to treat at first; keeps how many windows it was given each time."""

    def __init__(self) -> None:
        self.windows: list[int] = []

    async def train(self, data: Dataset, parameters: dict[str, Any]) -> dict[str, Any]:
        self.windows.append(len(data.outcome))
        result = await super().train(data, parameters)
        if len(self.windows) == 1:
            result["best"] = None
        return result


def test_exploring_is_prolonged_when_nobody_is_found_whom_to_treat() -> None:
    machine, trainer = Machine(3), SlowToSee()
    evaluate = full_evaluate(FEATURES, evaluate_model)
    run = TunerRun(CPU_HOGS, machine, Store(Path(":memory:")), trainer, evaluate, 3)
    learned = asyncio.run(run.attempt())
    first = CPU_HOGS.windows.explore
    assert trainer.windows[:2] == [first, first + first // 2]
    assert learned is not None and set(machine.policies) == {"learned.cpu-hogs"}


def test_without_an_effect_it_promotes_nothing_but_by_chance() -> None:
    promoted = sum(attempt(Machine(seed, effect=0.0), seed) is not None for seed in range(200))
    # alpha / 2 is spent on the first attempt, half of that on the good direction: 2.5 of 200.
    assert promoted <= 8


def test_a_harmful_change_is_not_promoted() -> None:
    for seed in range(10):
        machine = Machine(seed, effect=-1.0)
        learned = attempt(machine, seed)
        if learned is not None:
            # Treating the interactive task is what helps on such a machine.
            assert not machine.treated() & set(HOGS)
        else:
            assert machine.policies == {}
            assert machine.state == "learning"


def test_a_broken_guard_prevents_promotion() -> None:
    for seed in range(5):
        machine = Machine(seed, busy_fall=0.2)
        assert attempt(machine, seed) is None
        assert machine.policies == {}


def test_errors_of_the_module_end_the_attempt_and_leave_nothing() -> None:
    outcomes = []
    for seed in range(30):
        machine = Machine(seed, fail=0.01)
        learned = attempt(machine, seed)
        outcomes.append(learned is not None)
        assert set(machine.policies) <= ({"learned.cpu-hogs"} if learned else set())
    assert not all(outcomes)


def test_only_candidates_are_ever_treated_and_in_bounds_of_a_condition() -> None:
    machine = Machine(1, hogs=tuple(range(30_000, 30_013)))
    attempt(machine, 1)
    assert machine.treated_ever <= set(machine.hogs) | {INTERACTIVE}
    assert max(len(request["when"]) for request in machine.pushed) < 511


def test_experiments_stop_when_the_admin_says_so() -> None:
    machine = Machine(1, learning_mode=0)
    assert attempt(machine, 1) is None
    assert machine.pushed == []


def test_without_a_problem_it_changes_nothing() -> None:
    machine = Machine(1, hogs=())
    run = tuner_run(machine, 1)

    async def a_while() -> None:
        task = asyncio.ensure_future(run.run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    limit = 500

    original = machine.sleep

    async def sleep(nanoseconds: int) -> None:
        nonlocal limit
        limit -= 1
        if limit <= 0:
            await asyncio.sleep(1)
        await original(nanoseconds)

    machine.sleep = sleep  # type: ignore[method-assign]
    asyncio.run(a_while())
    assert limit <= 0
    assert machine.pushed == []


def watched(machine: Machine, seconds: int) -> TunerRun:
    """Promote, then watch for a while of simulated time."""
    run = tuner_run(machine, machine.seed)
    learned = asyncio.run(run.attempt())
    assert learned is not None
    end = machine.now + seconds * 10**9
    original = machine.sleep

    async def sleep(nanoseconds: int) -> None:
        await original(nanoseconds)
        if machine.now > end:
            raise TimeoutError

    machine.sleep = sleep  # type: ignore[method-assign]
    with contextlib.suppress(TimeoutError):
        asyncio.run(run.watch(learned))
    return run


def test_a_policy_that_pays_stays() -> None:
    machine = Machine(3)
    watched(machine, 7200)
    assert machine.policies["learned.cpu-hogs"]["mode"] == "enforce"
    assert machine.state == "optimizing"


def test_a_policy_that_no_longer_pays_is_withdrawn() -> None:
    machine = Machine(3)
    run = tuner_run(machine, 3)
    learned = asyncio.run(run.attempt())
    assert learned is not None
    machine.effect = -0.5
    asyncio.run(run.watch(learned))
    assert machine.policies == {}
    assert machine.state == "learning"


def test_a_policy_that_the_kernel_withdrew_is_noticed() -> None:
    machine = Machine(3)
    run = tuner_run(machine, 3)
    learned = asyncio.run(run.attempt())
    assert learned is not None
    machine.policies.clear()
    asyncio.run(run.watch(learned))


def test_leaving_takes_everything_back_even_if_a_removal_fails() -> None:
    machine = Machine(3)
    run = tuner_run(machine, 3)
    assert asyncio.run(run.attempt()) is not None
    calls = []

    def remove(name: str) -> None:
        calls.append(name)
        raise AinkaError("no")

    machine.remove = remove  # type: ignore[method-assign]
    run.leave()
    assert calls == ["experiment.cpu-hogs", "shadow.cpu-hogs", "learned.cpu-hogs"]


def test_the_same_seed_does_the_same() -> None:
    first, second = Machine(5), Machine(5)
    attempt(first, 9)
    attempt(second, 9)
    # The time at which a tree was trained is simulated too, so requests are equal byte for byte.
    assert first.pushed == second.pushed
