# SPDX-License-Identifier: Apache-2.0
"""The demo's arithmetic and verdict, without a guest."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guest.demo_stats import (
    Loop,
    Mark,
    Phase,
    Return,
    Untreated,
    factor,
    floor_text,
    host_text,
    percentile,
    phase,
    table,
    untreated,
    verdict,
)

BEFORE = Phase("observing", 0, 10**10, 1000, 200, 4.0, 9.0, 40.0, 9.0, 0)
AFTER = Phase("enforcing", 10**10, 2 * 10**10, 1900, 10, 0.2, 1.0, 10.0, 1.0, 9)
UNTREATED = Untreated(p99_ms=40.0, run_delay_ms=9.0)
LOOP = Loop(promoted=True, origin="learner", applied=9)
BACK = Return(tasks_s=1.1, module_s=1.2, lease_s=5.0, left_away=())


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([float(i) for i in range(1, 101)], 99) == 99.0
    assert percentile([5.0], 1) == 5.0
    assert math.isnan(percentile([], 50))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.1, 100))
def test_a_percentile_has_its_share_of_the_values_below(
    values: list[float], percent: float
) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(v <= found for v in values) >= percent / 100 * len(values) - 1e-9
    assert sum(v < found for v in values) < percent / 100 * len(values) + 1e-9


def test_a_phase_counts_only_what_happened_in_it() -> None:
    samples = [(i * 5_000_000, (i + 1) * 1_000_000) for i in range(100)]
    start = Mark(time_ns=50_000_000, run_ns=0, delay_ns=7_000_000, wakeups=10, missed=1)
    end = Mark(time_ns=100_000_000, run_ns=0, delay_ns=37_000_000, wakeups=20, missed=4)
    found = phase("x", start, end, samples, [49_999_999, 50_000_000, 99_999_999, 100_000_000])
    assert (found.wakeups, found.missed, found.decisions) == (10, 3, 2)
    assert (found.p50_ms, found.p99_ms) == (15.0, 20.0)
    assert found.run_delay_ms == pytest.approx(3.0)
    assert found.seconds == pytest.approx(0.05)


def test_a_phase_without_wake_ups_has_no_figures() -> None:
    mark = Mark(0, 0, 0, 0, 0)
    found = phase("x", mark, replace(mark, time_ns=10**9), [], [])
    assert math.isnan(found.p99_ms)
    assert math.isnan(found.run_delay_ms)


def test_untreated_is_before_and_after_together() -> None:
    samples = [(i * 5_000_000, i * 1_000_000) for i in range(300)]
    marks = [Mark(i, 0, i * i * 1_000_000, i, 0) for i in (0, 100, 200, 300)]
    found = untreated([(marks[0], marks[1]), (marks[2], marks[3])], samples)
    assert found.p99_ms == 297.0
    assert found.run_delay_ms == pytest.approx((100**2 + 300**2 - 200**2) / 200)
    assert math.isnan(untreated([], samples).p99_ms)


def test_factors() -> None:
    assert factor(9.0, 3.0) == 3.0
    assert factor(9.0, 0.0) == math.inf
    assert math.isnan(factor(math.nan, 1.0))


def test_the_table_is_aligned_and_has_every_phase() -> None:
    lines = table([BEFORE, AFTER])
    assert len(lines) == 5
    assert lines[3].split() == ["observing", "10", "4.00", "9.00", "40.00", "9.00", "17", "0", "0"]
    assert len({len(line) for line in lines[2:]}) == 1


def test_all_is_well() -> None:
    checks = verdict(UNTREATED, AFTER, LOOP, BACK)
    assert [check.ok for check in checks] == [True] * 4
    assert "9.0 times less" in checks[1].detail
    assert "4.0 times less" in checks[2].detail


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({"loop": Loop(False, "", 0)}, 0),
        ({"loop": Loop(True, "admin", 9)}, 0),
        ({"loop": Loop(True, "learner", 0)}, 0),
        ({"enforcing": replace(AFTER, run_delay_ms=3.01)}, 1),
        ({"enforcing": replace(AFTER, p99_ms=20.1)}, 2),
        ({"back": replace(BACK, tasks_s=6.01)}, 3),
        ({"back": replace(BACK, module_s=None)}, 3),
        ({"back": replace(BACK, left_away=("vm.swappiness is 10, was 60",))}, 3),
    ],
)
def test_each_failure_is_named(changed: dict[str, object], failing: int) -> None:
    arguments = {"before": UNTREATED, "enforcing": AFTER, "loop": LOOP, "back": BACK, **changed}
    checks = verdict(**arguments)  # type: ignore[arg-type]
    assert [check.ok for check in checks] == [i != failing for i in range(4)]


def test_nothing_promoted_is_no_success_anywhere_but_at_the_baseline() -> None:
    checks = verdict(UNTREATED, None, Loop(False, "", 0), BACK)
    assert [check.ok for check in checks] == [False, False, False, True]
    assert "not measured" in checks[1].detail


def test_a_busy_host_is_told() -> None:
    assert host_text([BEFORE, AFTER]) == []
    busy = host_text([BEFORE, replace(AFTER, host_wait_percent=33.4)])
    assert "'enforcing'" in busy[0]
    assert "33 %" in busy[0]


def test_the_floor_is_a_share_of_what_is_left() -> None:
    control = replace(AFTER, name="no hogs", p99_ms=4.0)
    assert "40 % of the 10.00 ms with the learned policy" in floor_text(
        control, BEFORE, AFTER, "tcg"
    )
    assert "10 % of the 40.00 ms with hogs" in floor_text(control, BEFORE, None, "kvm")
