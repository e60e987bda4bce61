# SPDX-License-Identifier: Apache-2.0
"""Tuners for which the moment decides, against a simulated disk: no measurement of a real one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from ainkad.core import evaluate_model
from ainkad.disks import Disks
from ainkad.errors import AinkaError
from ainkad.layouts_gen import DEV_REC_DTYPE
from ainkad.learning.compile import full_evaluate
from ainkad.learning.dataset import Dataset
from ainkad.live import LiveMachine, machine_candidate, own_user_us
from ainkad.telemetry.store import Store
from ainkad.tuner.confirm import difference
from ainkad.tuner.definition import read_tuner
from ainkad.tuner.explore import Recorder, Usual, at_its_end
from ainkad.tuner.learned import Learned
from ainkad.tuner.machine import Candidates
from ainkad.tuner.run import TunerRun
from ainkad.tuner.turn import Turn
from ainkad.tuner.windows import Outcome, is_problem, measure

from tests.unit.simulation_disk import DISK, RANDOM, SEQUENTIAL, DiskMachine
from tests.unit.simulation_path import CLEAN, LOSSY, PathMachine
from tests.unit.test_tuner_run import InProcess

ROOT = Path(__file__).resolve().parents[2]
READ_AHEAD = read_tuner(ROOT / "policies" / "tuners" / "read-ahead.toml")
LOSSY_PATH = read_tuner(ROOT / "policies" / "tuners" / "lossy-path.toml")
DIRTY_DEBT = read_tuner(ROOT / "policies" / "tuners" / "dirty-debt.toml")
SECOND = 10**9


def attempt(machine: DiskMachine, store: Store | None = None) -> Learned | None:
    evaluate = full_evaluate(READ_AHEAD.features, evaluate_model)
    store = store or Store(Path(":memory:"))
    run = TunerRun(READ_AHEAD, machine, store, InProcess(), evaluate, machine.seed)
    return asyncio.run(run.attempt())


def values(machine: DiskMachine, phase: int) -> list[str]:
    """What the policies in force set in a phase, again and again."""
    machine.phase = phase
    return [machine.value() for _ in range(50)]


def test_it_learns_which_moments_want_less() -> None:
    arms, at_random, in_sequence = [], [], []
    for seed in range(12):
        machine = DiskMachine(READ_AHEAD, seed)
        learned = attempt(machine)
        if learned is None:
            continue
        assert set(machine.policies) == {"learned.read-ahead"}
        assert machine.state == "optimizing"
        assert learned.report["agreement"] == 1.0
        arms.append(learned.arm.name)
        at_random.append(np.mean([value in ("8", "32") for value in values(machine, RANDOM)]))
        in_sequence.append(np.mean([value == "" for value in values(machine, SEQUENTIAL)]))
    assert len(arms) >= 10
    assert arms.count("8k") >= 8
    assert np.mean(at_random) > 0.95
    assert np.mean(in_sequence) > 0.9


def test_arms_that_change_nothing_are_not_promoted_but_by_chance() -> None:
    promoted = sum(
        attempt(DiskMachine(READ_AHEAD, seed, factors={})) is not None for seed in range(40)
    )
    # alpha / 2 is spent on the first attempt, half of it on the good direction, shared by the arms.
    assert promoted <= 2


def test_an_arm_that_the_machine_cannot_set_is_left_out() -> None:
    class Poor(DiskMachine):
        def push(self, request: Mapping[str, Any]) -> None:
            if request["action"][0]["value"] == "8":
                raise AinkaError("8 is not available here")
            super().push(request)

    machine, store = Poor(READ_AHEAD, 1), Store(Path(":memory:"))
    learned = attempt(machine, store=store)
    assert learned is not None and learned.arm.name == "32k"
    told = store._db.execute("SELECT detail FROM events WHERE event = 'arm-absent'").fetchone()
    assert '"8k"' in told[0] and "8 is not available here" in told[0]


def test_on_a_path_that_loses_packets_another_algorithm_is_chosen_than_on_a_good_one() -> None:
    evaluate = full_evaluate(LOSSY_PATH.features, evaluate_model)
    treated: dict[tuple[int, str], list[bool]] = {}
    promoted = 0
    for seed in range(12):
        machine = PathMachine(LOSSY_PATH, seed)
        run = TunerRun(LOSSY_PATH, machine, Store(Path(":memory:")), InProcess(), evaluate, seed)
        promoted += asyncio.run(run.attempt()) is not None
        for phase, used in itertools.product((LOSSY, CLEAN), ("", "bbr")):
            for _ in range(50):
                machine.steady(phase, used)
                treated.setdefault((phase, used), []).append(machine.value() == "bbr")
    assert promoted >= 10
    means = {key: np.mean(values) for key, values in treated.items()}
    # What is in force stays, and what is not comes within a second or two.
    assert means[LOSSY, "bbr"] > 0.75 and means[LOSSY, ""] > 0.5
    assert means[CLEAN, "bbr"] < 0.1 and means[CLEAN, ""] < 0.1


def test_nothing_gets_ready_to_learn_while_the_machine_is_measured() -> None:
    class Late(InProcess):
        windows = -1

        async def start(self) -> None:
            raise AssertionError("it would be in the windows")

        async def train(self, data: Dataset, parameters: dict[str, Any]) -> dict[str, Any]:
            self.windows = len(data.outcome)
            return await super().train(data, parameters)

    trainer, evaluate = Late(), full_evaluate(READ_AHEAD.features, evaluate_model)
    store = Store(Path(":memory:"))
    run = TunerRun(READ_AHEAD, DiskMachine(READ_AHEAD, 1), store, trainer, evaluate, 1)
    assert asyncio.run(run.attempt()) is not None
    assert trainer.windows >= READ_AHEAD.windows.explore // 2


def test_arms_that_do_harm_are_not_promoted() -> None:
    harm = dict.fromkeys(("8", "32", "512"), (0.6, 0.6))
    for seed in range(5):
        machine = DiskMachine(READ_AHEAD, seed, factors=harm)
        assert attempt(machine) is None
        assert machine.policies == {}


def test_a_disk_that_is_not_there_is_no_problem() -> None:
    machine = DiskMachine(READ_AHEAD, 1, unseen=True)
    assert attempt(machine) is None
    assert machine.policies == {}


def test_two_tuners_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one measures, the other one waits."""

    async def both() -> list[str]:
        turn, order = Turn(), []
        # Each of the two machines has a clock of its own.
        monkeypatch.setattr(turn, "left_ns", lambda now_ns: 0)
        evaluate = full_evaluate(READ_AHEAD.features, evaluate_model)

        class Slow(DiskMachine):
            async def sleep(self, nanoseconds: int) -> None:
                order.append(f"{self.seed}")
                await asyncio.sleep(0)
                await super().sleep(nanoseconds)

        runs = [
            TunerRun(
                READ_AHEAD, Slow(READ_AHEAD, seed, factors={}), Store(Path(":memory:")),
                InProcess(), evaluate, seed, turn,
            )
            for seed in (1, 2)
        ]  # fmt: skip
        await asyncio.gather(*(run.attempt() for run in runs))
        return order

    order = asyncio.run(both())
    assert order == sorted(order)
    assert set(order) == {"1", "2"}


def test_what_the_daemon_takes_is_no_work_done() -> None:
    client = Mock()
    client.request.return_value = {"value": 10**12}

    class Wired(LiveMachine):
        def __init__(self) -> None:
            self._client = client

    begin_us = own_user_us()
    while own_user_us() < begin_us + 20_000:
        pass
    machine = Wired()
    others_us = machine.signal("cpu.user_us")
    assert others_us is not None
    assert 10**12 - own_user_us() <= others_us <= 10**12 - begin_us - 20_000
    assert machine.signal("cpu.system_us") == 10**12
    client.request.return_value = {"value": 5, "stale": True}
    assert machine.signal("cpu.user_us") is None


# ---- moments ----


def test_the_end_of_a_window_is_that_of_the_same_disks() -> None:
    def disks(ids: list[int], values: list[int]) -> Candidates:
        features = np.array([[value] for value in values], np.int64)
        return Candidates(np.array(ids), tuple(map(str, ids)), features)

    began = disks([5, 6, 7], [10, 20, 30])
    # The busiest comes first, and one is not read any more.
    assert at_its_end(began, disks([7, 5], [33, 11])).tolist() == [[11], [20], [33]]
    assert at_its_end(began, None).tolist() == [[10], [20], [30]]
    assert began.features.tolist() == [[10], [20], [30]]


def kept(values: list[tuple[int, int]]) -> int:
    """How many windows are learned from, given a feature at the beginning and end of each."""
    recorder = Recorder(DIRTY_DEBT)
    for began, ended in values:
        rows = [
            Candidates(np.zeros(1, np.int64), ("machine",), np.array([[value]], np.int64))
            for value in (began, ended)
        ]
        recorder.add(0, rows[0], np.ones(1, np.int64), 1.0, after=rows[1])
    return len(recorder.dataset().outcome)


def test_windows_in_which_one_moment_gave_way_to_another_are_left_out() -> None:
    draw = np.random.default_rng(1)
    phases = [(value, value + int(draw.integers(-20, 20))) for value in [30, 960] * 8]
    assert kept(phases) == 16
    assert kept([*phases, (30, 960), (950, 40)]) == 16


def test_a_feature_that_always_moves_says_nothing_of_moments() -> None:
    draw = np.random.default_rng(1)
    noise = [(int(a), int(b)) for a, b in draw.integers(480, 1000, (20, 2))]
    assert sum(abs(a - b) > 260 for a, b in noise) > 2
    assert kept(noise) >= 18


# ---- rewards ----


def test_a_reward_by_time_is_so_much_a_second() -> None:
    machine = DiskMachine(READ_AHEAD, 1, noise=0.0, until=100 * SECOND)
    outcome = asyncio.run(measure(machine, READ_AHEAD))
    assert outcome.reward == pytest.approx(30_000, rel=1e-3)
    assert outcome.count == 1
    assert is_problem(READ_AHEAD, outcome)  # it says nothing about how little is too little


def test_a_signal_that_vanishes_tells_nothing() -> None:
    class Gone(DiskMachine):
        def signal(self, name: str) -> int | None:
            return None

    outcome = asyncio.run(measure(Gone(READ_AHEAD, 1), READ_AHEAD))
    assert outcome.reward is None
    some = Outcome(0, 5.0, 1)
    assert difference(READ_AHEAD, outcome, some) is None
    assert Usual(0.0, 1).judge(READ_AHEAD, outcome) is None


def test_a_ratio_of_two_signals() -> None:
    class Syncs(DiskMachine):
        def signal(self, name: str) -> int | None:
            seconds = self.now // SECOND
            return {"fs.sync_count": 10 * seconds, "fs.sync_total_us": 7_000_000 * seconds}.get(
                name
            )

    reward = replace(DIRTY_DEBT.reward, numerator="fs.sync_total_us", denominator="fs.sync_count",
                     signal="", problem_above=50_000)  # fmt: skip
    tuner = replace(DIRTY_DEBT, reward=reward)
    outcome = asyncio.run(measure(Syncs(READ_AHEAD, 1), tuner))
    assert outcome.reward == pytest.approx(700_000)
    assert outcome.count == 50
    assert is_problem(tuner, outcome)
    # In the moment that decides, fewer and shorter ones are just that.
    fewer = Outcome(0, 70_000.0, 4)
    assert difference(tuner, fewer, outcome) == pytest.approx(np.log(0.1))
    assert not Usual(0.0, 80).is_harmed(tuner, Outcome(0, 1e12, 1))


def test_a_reward_that_is_a_signal_is_its_mean_over_the_window() -> None:
    class Waits(DiskMachine):
        def signal(self, name: str) -> int | None:
            assert name == "fs.sync_age_ms"
            second = self.now // SECOND - settle
            return None if second == 3 else 400 * second

    settle = DIRTY_DEBT.windows.settle_ns // SECOND
    outcome = asyncio.run(measure(Waits(READ_AHEAD, 1), DIRTY_DEBT))
    # of five readings, the third of which there was not
    assert outcome.reward == pytest.approx((400 + 800 + 1600 + 2000) / 4)
    assert outcome.count == 4
    assert is_problem(DIRTY_DEBT, outcome)
    assert not is_problem(DIRTY_DEBT, Outcome(0, 90.0, 5))


# ---- candidates ----


def test_the_machine_is_a_candidate_while_its_signals_say_so() -> None:
    tuner = read_tuner(ROOT / "policies" / "tuners" / "lossy-path.toml")
    (feature,) = tuner.features
    seen: dict[str, float | None] = {tuner.candidate_signal: 300, feature: 7.0}
    there = machine_candidate(tuner, seen)
    assert there.ids.tolist() == [0]
    assert there.features.tolist() == [[7]]
    for change in ({tuner.candidate_signal: tuner.candidate_min - 1}, {feature: None}):
        changed: Mapping[str, float | None] = {**seen, **change}
        assert len(machine_candidate(tuner, changed)) == 0


def copies(*reads: int, seq: int = 7) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Records of disks 254:0, 254:16, … that were read so often, in sequence every second time."""
    records = np.zeros(len(reads), DEV_REC_DTYPE)
    for i, n in enumerate(reads):
        records[i]["seq"], records[i]["devt"] = seq, DISK | 16 * i
        records[i]["dir"][0]["ios"] = records[i]["reads"] = n
        records[i]["sequential"] = n // 2
    return records


def test_disks_are_candidates_by_what_happened_between_two_copies() -> None:
    disks = Disks()
    assert len(disks.choose(READ_AHEAD)) == 0
    disks.add(copies(1000, 1000, 1000), 10 * SECOND)
    assert not disks.due(10 * SECOND + SECOND // 4)
    assert len(disks.choose(READ_AHEAD)) == 0
    disks.add(copies(1200, 1090, 1900), 11 * SECOND)
    chosen = disks.choose(READ_AHEAD)
    assert chosen.ids.tolist() == [DISK | 32, DISK]
    assert chosen.features.tolist() == [[500], [500]]
    # After a pause the past says nothing; one that is being set up has none.
    disks.add(copies(1300, 1300, 2900), 20 * SECOND)
    assert len(disks.choose(READ_AHEAD)) == 0
    disks.add(copies(9000, 9000, 9000, seq=0), 21 * SECOND)
    assert len(disks.choose(READ_AHEAD)) == 0
