# SPDX-License-Identifier: Apache-2.0
"""Statistics, windows, guards, confirmation and the choice of candidates."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainkad.core import compile_expression
from ainkad.layouts_gen import TASK_KTHREAD, TASK_REC_DTYPE
from ainkad.live import choose
from ainkad.procfs import TaskInfo, task_info
from ainkad.tuner.confirm import Measurement, difference, measure_pairs, model_policy
from ainkad.tuner.definition import read_tuner
from ainkad.tuner.explore import RECOVERY_WINDOWS, Usual, draw, recover, treatment
from ainkad.tuner.stats import Interval, attempt_alpha, t_cdf, t_interval, t_quantile
from ainkad.tuner.windows import Outcome, broken_guards, is_problem
from scipy import stats as scipy_stats

from tests.unit.simulation import HOGS, Machine

ROOT = Path(__file__).resolve().parents[2]
TUNER = read_tuner(ROOT / "policies" / "tuners" / "cpu-hogs.toml")


@pytest.mark.parametrize("df", [1, 2, 3, 7, 9, 29, 100, 1000])
@pytest.mark.parametrize("p", [0.001, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9999])
def test_students_t_is_scipys(p: float, df: int) -> None:
    assert t_quantile(p, df) == pytest.approx(scipy_stats.t.ppf(p, df), abs=1e-7, rel=1e-7)
    assert t_cdf(1.7, df) == pytest.approx(scipy_stats.t.cdf(1.7, df), abs=1e-12)


def test_the_interval_is_the_textbooks() -> None:
    interval = t_interval([1.0, 2.0, 3.0, 4.0], 0.05)
    low, high = scipy_stats.t.interval(0.95, 3, 2.5, scipy_stats.sem([1, 2, 3, 4]))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((2.5, low, high))


def test_one_value_has_no_interval() -> None:
    assert math.isinf(t_interval([1.0], 0.05).high)


def test_all_attempts_together_spend_alpha() -> None:
    assert sum(attempt_alpha(0.05, k) for k in range(1, 100_000)) == pytest.approx(0.05, rel=1e-3)


def test_a_broken_guard_forbids_promotion() -> None:
    good = Interval(-1.0, -1.2, -0.8, 0.05, 10)
    assert Measurement(good, (), ()).pays
    assert not Measurement(good, (), ("busy fell",)).pays
    assert not Measurement(Interval(-1.0, -2.5, 0.5, 0.05, 10), (), ()).pays


def outcomes(*values: int) -> list[Outcome]:
    return [Outcome(0, 1.0, 1, {"sched.cpu_busy_permille": value}) for value in values]


def test_guards() -> None:
    assert broken_guards(TUNER, outcomes(1000, 990), outcomes(950, 940)) == []
    assert broken_guards(TUNER, outcomes(1000, 1000), outcomes(890, 890)) == [
        "sched.cpu_busy_permille changed by -11.0 %"
    ]
    assert "could not be read" in broken_guards(TUNER, [Outcome(0, 1.0, 1)], outcomes(1))[0]


def test_what_is_a_problem() -> None:
    assert is_problem(TUNER, Outcome(0, 600_000.0, 50))
    assert not is_problem(TUNER, Outcome(0, 400_000.0, 50))
    assert not is_problem(TUNER, Outcome(0, None, 3))


def confirm(machine: Machine, seed: int, pairs: int = 10) -> Measurement | None:
    """Measure a policy that treats the first hog, by a condition that the simulation reads."""

    def request(mode: str) -> dict[str, Any]:
        return {**treatment(TUNER, TUNER.arms[1], [101]), "mode": mode}

    rng = np.random.default_rng(seed)
    return asyncio.run(
        measure_pairs(machine, TUNER, request, pairs, 0.1, rng, lambda mode, outcome: None)
    )


def test_a_policy_without_effect_passes_as_often_as_alpha_says() -> None:
    results = [confirm(Machine(seed, effect=0.0), seed) for seed in range(400)]
    passed = sum(result is not None and result.pays for result in results)
    assert 8 <= passed <= 34  # alpha / 2 of 400 is 20


def test_both_modes_come_first_equally_often() -> None:
    machine = Machine(1)
    confirm(machine, 1, pairs=100)
    firsts = [request["mode"] for request in machine.pushed[::2]]
    assert 30 < firsts.count("enforce") < 70
    assert sorted(request["mode"] for request in machine.pushed) == (
        ["enforce"] * 100 + ["observe"] * 100
    )


def test_windows_that_tell_nothing_end_it() -> None:
    class Quiet(Machine):
        def counters(self) -> Mapping[str, int]:
            return {"wake_delay_ns": 0, "wake_delays": 0}

    assert confirm(Quiet(1), 1) is None


def test_every_task_is_treated_in_half_of_the_windows() -> None:
    rng = np.random.default_rng(4)
    features = np.array([[230, 0], [240, 1], [250, 0], [500, 200]], dtype=np.int64)
    draws = np.array([draw(features, rng) for _ in range(4000)])
    assert draws.mean(axis=0) == pytest.approx([0.5] * 4, abs=0.03)
    # And like tasks together far more often than coins would (1 in 8 of these windows).
    together = ((draws[:, :3].sum(axis=1) % 3) == 0) & (draws[:, 3] != draws[:, 0])
    assert together.mean() > 0.3


def test_harm_is_what_is_four_times_worse_or_rarer() -> None:
    was = Usual(math.log(1e6), 100)
    assert not was.is_harmed(TUNER, Outcome(0, 3.9e6, 90))
    assert was.is_harmed(TUNER, Outcome(0, 4.1e6, 90))
    assert was.is_harmed(TUNER, Outcome(0, 1e6, 24))
    assert was.is_harmed(TUNER, Outcome(0, None, 0))


def test_rare_wake_ups_are_no_splendid_reward() -> None:
    was = Usual(math.log(1e6), 100)
    assert was.judge(TUNER, Outcome(0, 5e5, 90)) == pytest.approx(math.log(5e5))
    worst = math.log(4e6)
    assert was.judge(TUNER, Outcome(0, 0.5, 2)) == pytest.approx(worst)
    assert was.judge(TUNER, Outcome(0, None, 0)) == pytest.approx(worst)
    assert was.judge(TUNER, Outcome(0, 1e9, 90)) == pytest.approx(worst)


def test_differences_favour_neither_side() -> None:
    few, many, none = Outcome(0, 0.5, 2), Outcome(0, 1e6, 100), Outcome(0, None, 0)
    assert difference(TUNER, few, many) == pytest.approx(math.log(50))
    assert difference(TUNER, many, few) == pytest.approx(-math.log(50))
    assert difference(TUNER, none, many) == pytest.approx(math.log(200))
    assert difference(TUNER, many, none) == pytest.approx(-math.log(200))
    assert difference(TUNER, none, none) is None
    assert difference(TUNER, Outcome(0, 5e5, 90), many) == pytest.approx(math.log(0.5))


def test_recovery_treats_the_others_for_a_moment_and_then_nobody() -> None:
    machine = Machine(1)
    was = Usual(math.log(3e6), 200)
    stages: list[str] = []

    def again(usual: Usual) -> bool:
        windows = recover(
            machine, TUNER, usual, TUNER.arms[1], [200], lambda stage, _: stages.append(stage)
        )
        return asyncio.run(windows)

    assert again(was)
    assert [request["when"].count("task.pid ==") for request in machine.pushed] == [len(HOGS)]
    assert machine.policies == {}
    assert stages == ["recover"]
    assert not again(Usual(0.0, 200))
    assert len(stages) == 1 + RECOVERY_WINDOWS


def test_recovery_leaves_the_machine_alone_most_of_the_time() -> None:
    class Disturbed(Machine):
        """A window is as usual only when nobody was put back right before it."""

        measured = 0
        treated_at = 0

        def push(self, request: Mapping[str, Any]) -> None:
            super().push(request)
            self.treated_at = self.measured

    machine = Disturbed(1)
    judged = []

    class Watched(Usual):
        def is_harmed(self, tuner: Any, outcome: Outcome) -> bool:
            machine.measured += 1
            judged.append(machine.measured - machine.treated_at)
            return judged[-1] < 2

    windows = recover(machine, TUNER, Watched(0.0, 1), TUNER.arms[1], [200], lambda *_: None)
    assert asyncio.run(windows)
    assert judged == [1, 2]


def test_the_conditions_compile_within_the_kernels_limits() -> None:
    pids = list(range(4_194_290, 4_194_304))
    when = treatment(TUNER, TUNER.arms[1], pids)["when"]
    assert len(when) < 512
    compile_expression(when, 1)
    policy = model_policy(TUNER, TUNER.arms[1], b"", "learned.x", "learner", "enforce")
    compile_expression(policy["when"], 1, True)
    compile_expression(policy["until"], 1, True)


# ---- candidates ----


def record(pid: int, share: int, **fields: int) -> np.ndarray[Any, Any]:
    """A task that ran ``share`` permille of a window of 0.5 s that ended at 10 s."""
    row = np.zeros((), TASK_REC_DTYPE)
    row["pid"] = row["tgid"] = pid
    row["last"]["start_ns"] = 9_500_000_000
    row["last"]["run_ns"] = share * 500_000
    row["last"]["runs"] = row["last"]["involuntary"] = 100
    row["cur"]["start_ns"] = 10_000_000_000
    for name, value in fields.items():
        row[name] = value
    return row


FAIR = TaskInfo("hog", 1, False, True)


def chosen(
    records: list[np.ndarray[Any, Any]], info: Mapping[int, TaskInfo | None] | None = None
) -> list[int]:
    infos = info or {}
    candidates = choose(
        TUNER,
        np.array(records, dtype=TASK_REC_DTYPE),
        10_010_000_000,
        frozenset({"sshd"}),
        lambda pid: infos.get(pid, FAIR),
        own=500,
    )
    assert candidates.features.shape == (len(candidates), len(TUNER.features))
    return candidates.ids.tolist()  # type: ignore[no-any-return]


def test_the_largest_come_first_and_small_ones_not_at_all() -> None:
    assert chosen([record(10, 300), record(11, 900), record(12, 20)]) == [11, 10]


def test_never_treated() -> None:
    kernel, parent = TaskInfo("kworker", 2, True, True), TaskInfo("python3", 500, False, True)
    realtime, sshd = TaskInfo("audio", 1, False, False), TaskInfo("sshd", 1, False, True)
    records = [
        record(1, 900),
        record(20, 900, flags=TASK_KTHREAD),
        record(21, 900),
        record(22, 900),
        record(23, 900),
        record(24, 900),
        record(25, 900, tgid=500),
        record(26, 900, seq=3),
        record(27, 900),
        record(28, 900),
        record(29, 900, start_ns=9_000_000_000),
    ]
    info = {21: kernel, 22: parent, 23: realtime, 24: sshd, 27: None}
    assert chosen(records, info) == [28]


def test_at_most_as_many_as_a_condition_holds() -> None:
    assert len(chosen([record(100 + i, 100 + i) for i in range(40)])) == TUNER.most


def test_no_tasks() -> None:
    assert chosen([]) == []


def test_a_name_with_parentheses_is_read_whole(tmp_path: Path) -> None:
    fields = ["S", "7", *["0"] * 4, "64", *["0"] * 31, "5", *["0"] * 11]
    (tmp_path / "42").mkdir()
    (tmp_path / "42" / "stat").write_text(f"42 (evil) name) {' '.join(fields)}\n")
    assert task_info(42, tmp_path) == TaskInfo("evil) name", 7, False, True)
    assert task_info(43, tmp_path) is None


def test_our_own_process() -> None:
    import os

    info = task_info(os.getpid())
    assert info is not None
    assert info.parent == os.getppid()
    assert not info.kernel_thread
