# SPDX-License-Identifier: Apache-2.0
"""Rates that tell when they change, and how unusual a value is."""

from __future__ import annotations

import ctypes
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from ainkad.core import library
from hypothesis import given
from hypothesis import strategies as st

MS = 10**6
S = 10**9
START = 5 * S
FLOOR_HZ = 16
MIN_SAMPLES = 32

# ---- rates ------------------------------------------------------------------------------------


def rates(times: list[int]) -> tuple[list[int], list[int]]:
    """What is told at each time, and the rate then."""
    ns = np.array(times, dtype=np.uint64)
    told, hz = np.zeros(len(ns), np.uint32), np.zeros(len(ns), np.uint32)
    library.load().ainka_flat_rate(len(ns), ns.ctypes.data, told.ctypes.data, hz.ctypes.data)
    return told.tolist(), hz.tolist()


@given(st.lists(st.integers(0, 300 * MS), min_size=1, max_size=300))
def test_a_rate_is_within_the_counts_of_one_and_two_seconds(gaps: list[int]) -> None:
    times = [START + sum(gaps[: i + 1]) for i in range(len(gaps))]
    _, hz = rates(times)
    for i, now in enumerate(times):
        # what slid out is taken to be spread evenly over its second
        assert hz[i] <= sum(t > now - 2 * S for t in times[: i + 1])
        assert hz[i] >= 1


@given(st.integers(17, 20_000))
def test_an_even_rate_is_found_and_told_within_an_eighth(per_second: int) -> None:
    times = [START + i * S // per_second for i in range(min(3 * per_second, 9000))]
    told, hz = rates(times)
    if times[-1] - times[0] > 2 * S:
        assert abs(hz[-1] - per_second) <= max(2, per_second // 50)
    last = 0
    for i, rate in enumerate(hz):
        last = told[i] or last
        if rate >= FLOOR_HZ:
            assert abs(rate - last) <= last // 8, "nobody was told"
    assert sum(t > 0 for t in told) < 120, "told too often"


@pytest.mark.parametrize("per_second", [20, 1200])
def test_a_steady_rate_is_told_again_before_it_is_stale(per_second: int) -> None:
    times = [START + i * S // per_second for i in range(12 * per_second)]
    told, _ = rates(times)
    when = [time for time, rate in zip(times, told, strict=True) if rate]
    assert max(np.diff([*when, times[-1]])) < 1.2 * S
    assert sum(time > START + 2 * S for time in when) < 15, "told too often"


def test_little_is_not_told_and_a_storm_at_once() -> None:
    slow = [START + i * S // 10 for i in range(50)]
    assert not any(rates(slow)[0])
    storm = [slow[-1] + i * MS for i in range(1, 500)]
    told, _ = rates(slow + storm)
    assert 0 < next(i for i, rate in enumerate(told) if rate) - len(slow) < FLOOR_HZ
    crossed = next(i for i, rate in enumerate(told) if rate > 200) - len(slow)
    assert crossed <= 226, "a threshold of 200 is met an eighth above it at most"


def test_a_clock_that_stands_or_steps_back_does_no_harm() -> None:
    told, hz = rates([START] * 100 + [START - S] * 100 + [0, 2**64 - 1])
    assert hz[99] == 100 and max(told) <= 200


# ---- what is usual ----------------------------------------------------------------------------


def norm(values: list[int]) -> tuple[list[int | None], int, int]:
    """The score of each value before it is taken in, the mean, the deviation."""
    array = np.array(values, dtype=np.int64)
    score = np.zeros(len(array), np.int64)
    known = np.zeros(len(array), np.uint8)
    mean, deviation = ctypes.c_int64(), ctypes.c_int64()
    library.load().ainka_flat_norm(
        len(array), array.ctypes.data, score.ctypes.data, known.ctypes.data, mean, deviation
    )
    scores = [int(s) if k else None for s, k in zip(score, known, strict=True)]
    return scores, mean.value, deviation.value


def reference(values: list[int]) -> tuple[list[Fraction | None], Fraction]:
    """The same in exact fractions."""
    mean, deviation, scores = Fraction(0), Fraction(0), list[Fraction | None]()
    for i, value in enumerate(values):
        error = value - mean
        least = max(deviation, Fraction(1), abs(mean) / 64)
        scores.append(1000 * error / least if i >= MIN_SAMPLES else None)
        weight = min(i + 1, MIN_SAMPLES)
        mean += error / weight
        if i:
            deviation += (abs(error) - deviation) / weight
    return scores, mean


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=150))
def test_scores_are_those_of_exact_arithmetic(values: list[int]) -> None:
    scores, mean, _ = norm(values)
    expected, exact = reference(values)
    assert abs(mean - exact) <= 1
    for got, want in zip(scores, expected, strict=True):
        assert (got is None) == (want is None)
        if got is not None and want is not None:
            assert abs(got - want) <= abs(want) / 20 + 300


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=100))
def test_extreme_values_do_no_harm(values: list[int]) -> None:
    scores, mean, deviation = norm(values)
    assert abs(mean) <= 2**48 and 0 <= deviation <= 2**49
    assert [s is None for s in scores] == [i < MIN_SAMPLES for i in range(len(values))]


def test_an_outlier_stands_out_and_noise_does_not() -> None:
    rng = np.random.default_rng(1)
    usual: npt.NDArray[np.int64] = rng.normal(1000, 50, 500).astype(np.int64)
    scores, mean, deviation = norm([*usual.tolist(), 2000, -2000])
    assert abs(mean - 1000) < 120 and 30 < deviation < 200
    known = [s for s in scores[:-2] if s is not None]
    assert np.mean(np.abs(known) > 4000) < 0.03
    assert scores[-2] is not None and scores[-2] > 10_000
    assert scores[-1] is not None and scores[-1] < -10_000


def test_what_never_changed_may_move_a_little() -> None:
    scores, _, _ = norm([6400] * 100 + [6401, 6500, 12800])
    assert scores[-3] == 10, "1 of 100, the 64th part of the mean"
    assert 900 < (scores[-2] or 0) < 1100 and (scores[-1] or 0) > 50_000
