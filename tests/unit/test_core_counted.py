# SPDX-License-Identifier: Apache-2.0
"""Signals from sums of counters and times at the two ends of a window."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from ainkad.core import hist_bucket
from ainkad.core.library import load
from ainkad.layouts_gen import TIMES_DTYPE
from ainkad.signals_gen import BY_ID, COUNTERS, N_COUNTED, N_COUNTERS, TIMES
from hypothesis import given
from hypothesis import strategies as st

SECOND = 10**9
CPUS = 4
RATE, TOTAL, SHARE, TIME, RATIO, AGE, T_RATE, T_SHARE, T_MEAN, T_P50, T_P99, T_TOTAL, T_TIME = (
    range(13)
)

SUMS = np.dtype(
    [
        ("time_ns", "u8"),
        ("counters", "u8"),
        ("counter", "u8", (N_COUNTERS,)),
        ("times", "u8"),
        ("time", TIMES_DTYPE, (len(TIMES),)),
    ]
)


class Def(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint16),
        ("slot", ctypes.c_uint8),
        ("how", ctypes.c_uint8),
        ("per", ctypes.c_uint8),
    )


def value(slot: int, how: int, now: Any, then: Any, cpus: int = CPUS, per: int = 0) -> int | None:
    """The value of a signal, None where there is none."""
    out = ctypes.c_int64(-77)
    function = load().ainka_counted_value
    function.restype = ctypes.c_bool
    there = function(
        ctypes.byref(Def(0, slot, how, per)),
        ctypes.c_void_p(now.ctypes.data),
        ctypes.c_void_p(then.ctypes.data),
        ctypes.c_uint32(cpus),
        ctypes.byref(out),
    )
    return out.value if there else None


def ratio(slot: int, now: Any, then: Any, per: int = 0) -> int | None:
    """The value of a signal that is a part of another counter, None where there is none."""
    out = ctypes.c_int64(-77)
    function = load().ainka_counted_ratio
    function.restype = ctypes.c_bool
    there = function(
        ctypes.byref(Def(0, slot, RATIO, per)),
        ctypes.c_void_p(now.ctypes.data),
        ctypes.c_void_p(then.ctypes.data),
        ctypes.byref(out),
    )
    return out.value if there else None


def sums(time_ns: int = SECOND) -> Any:
    """Everything is counted, nothing has been."""
    out = np.zeros(1, SUMS)
    out["time_ns"] = time_ns
    out["counters"] = (1 << N_COUNTERS) - 1
    out["times"] = (1 << len(TIMES)) - 1
    return out


def later(then: Any, ns: int) -> Any:
    now = then.copy()
    now["time_ns"] += np.uint64(ns)
    return now


def took(now: Any, slot: int, n: int, ns: int) -> None:
    """Something took ``ns`` nanoseconds ``n`` times."""
    one = now["time"][0][slot]
    one["n"] += n
    one["sum_ns"] += n * ns
    one["hist"][hist_bucket(ns) // 2] += n


def test_counters() -> None:
    then = sums()
    then["counter"][0][1] = 40
    now = later(then, SECOND * 4 // 5)
    now["counter"][0][1] = 140
    assert value(1, RATE, now, then) == 125
    assert value(1, TOTAL, now, then) == 140
    assert value(0, RATE, now, then) == 0
    now["counter"][0][0] = SECOND * 8 // 10
    assert value(0, SHARE, now, then) == 250, "one of four CPUs"
    assert value(0, TIME, now, then) == 800_000
    now["counter"][0][0] = 100 * SECOND
    assert value(0, SHARE, now, then) == 1000


def test_a_ratio_of_two_counters() -> None:
    then = sums()
    then["counter"][0][:2] = 1000, 7
    now = later(then, SECOND)
    assert ratio(1, now, then) is None, "of nothing there is no part"
    now["counter"][0][:2] += np.array([400, 6], np.uint64)
    assert ratio(1, now, then) == 15
    now["counter"][0][1] = 1007
    assert ratio(1, now, then) == 2500, "more is sent again than arrives"
    one = then.copy()
    one["counters"] -= np.uint64(1)
    assert ratio(1, now, one) is None, "nobody counted the other one"
    assert ratio(1, now, then, per=2) is None
    assert ratio(1, then, now) is None
    assert value(1, RATIO, now, then) is None, "that one is for windows of a second"


def begun(ns: int) -> int:
    """AINKA_BEGUN of ebpf/ainka_events.h."""
    return (1 << 48) + (ns >> 22)


def aged(now_ns: int, *began_ns: int, ended_ns: int = 0) -> int | None:
    """The age of what began then, with an end that was read without its beginning."""
    then = sums(now_ns - SECOND // 2)
    now = later(then, SECOND // 2)
    total = sum(map(begun, began_ns)) - (begun(ended_ns) if ended_ns else 0)
    now["counter"][0][2] = np.uint64(total % 2**64)
    return value(2, AGE, now, then)


@pytest.mark.parametrize("up_ns", [20 * SECOND, 3 * 365 * 86_400 * SECOND])
def test_the_age_of_what_is_under_way(up_ns: int) -> None:
    assert aged(up_ns) == 0
    one = aged(up_ns, up_ns - 7 * SECOND)
    assert one is not None and abs(one - 7000) <= 5
    many = aged(up_ns, *(up_ns - n * SECOND // 100 for n in range(1000)))
    assert many is not None and abs(many - 10 * 999 * 1000 / 2) <= 5 * 1000
    assert aged(up_ns, up_ns + SECOND) is None, "it has not begun"
    assert aged(up_ns, ended_ns=up_ns - SECOND) is None
    assert aged(up_ns, up_ns - SECOND, ended_ns=up_ns - 9 * SECOND) is None


@pytest.mark.parametrize("ns", [900_000_000, 1_100_000_000, 1_400_000_000])
def test_one_event_is_one_hertz(ns: int) -> None:
    then = sums()
    now = later(then, ns)
    now["counter"][0][0] = 1
    assert value(0, RATE, now, then) == 1


def test_times() -> None:
    then = sums()
    took(then, 2, 1000, 7)
    now = later(then, SECOND)
    took(now, 2, 98, 1_000_000)
    took(now, 2, 2, 501_000_000)
    assert value(2, T_RATE, now, then) == 100
    assert value(2, T_MEAN, now, then) == 11_000
    assert value(2, T_SHARE, now, then) == 1100 // CPUS
    p50, p99 = value(2, T_P50, now, then), value(2, T_P99, now, then)
    assert p50 is not None and abs(p50 - 1000) <= 125
    assert p99 is not None and abs(p99 - 501_000) <= 501_000 / 8
    assert value(2, T_TOTAL, now, then) == 1100
    assert value(2, T_TIME, now, then) == (1000 * 7 + 98 * 1_000_000 + 2 * 501_000_000) // 1000


def test_of_nothing_there_is_a_rate_and_no_mean() -> None:
    then = sums()
    now = later(then, SECOND)
    assert value(0, T_RATE, now, then) == 0
    assert value(0, T_SHARE, now, then) == 0
    assert value(0, T_TOTAL, now, then) == value(0, T_TIME, now, then) == 0
    assert [value(0, how, now, then) for how in (T_MEAN, T_P50, T_P99)] == [None] * 3


@pytest.mark.parametrize("end", ["now", "then"])
def test_what_nobody_counts_has_no_value(end: str) -> None:
    then = sums()
    now = later(then, SECOND)
    {"now": now, "then": then}[end]["counters"] -= np.uint64(2)
    {"now": now, "then": then}[end]["times"] -= np.uint64(4)
    assert value(0, RATE, now, then) == 0 and value(1, RATE, now, then) is None
    assert value(1, T_RATE, now, then) == 0 and value(2, T_RATE, now, then) is None


def test_what_began_anew_has_no_value() -> None:
    then = sums()
    then["counter"][0][0] = 5
    took(then, 0, 5, 1000)
    now = later(sums(), SECOND)
    assert value(0, RATE, now, then) is None
    assert value(0, T_RATE, now, then) is None
    assert value(0, TOTAL, now, then) == 0
    assert value(0, T_TOTAL, now, then) == 0
    assert value(0, RATE, then, then) is None, "no time has passed"


def test_time_that_is_taken_back_is_a_share_of_nothing() -> None:
    """Waiting for I/O, which another CPU ends, is counted as idle after all."""
    then = sums()
    then["counter"][0][0] = 5_000_000
    assert value(0, SHARE, later(sums(), SECOND), then) == 0


@given(st.integers(0, 2**64 - 1), st.integers(0, T_TIME))
def test_anything_at_all_gives_figures_within_reason(seed: int, how: int) -> None:
    noise = np.random.default_rng(seed).bytes(2 * SUMS.itemsize)
    now, then = (np.frombuffer(noise, SUMS)[i : i + 1].copy() for i in (0, 1))
    slot = 0 if how < T_RATE else len(TIMES) - 1
    got = value(slot, how, now, then)
    assert got is None or got >= 0
    if how in (SHARE, T_SHARE):
        assert got is None or got <= 1000


def test_the_table_is_that_of_the_signals() -> None:
    table = (Def * N_COUNTED).in_dll(load(), "ainka_counted")
    units = {
        RATE: "hz", T_RATE: "hz", SHARE: "permille", T_SHARE: "permille", RATIO: "permille",
        TOTAL: "count", TIME: "us", AGE: "ms", T_TOTAL: "count", T_TIME: "us", T_MEAN: "us",
        T_P50: "us", T_P99: "us",
    }  # fmt: skip
    for entry in table:
        signal = BY_ID[entry.id]
        assert signal.subject == 0 and signal.unit == units[entry.how]
        bpf = (TIMES if entry.how >= T_RATE else COUNTERS)[entry.slot : entry.slot + 1]
        assert signal.source == (bpf[0].file if bpf else "kernel")
