# SPDX-License-Identifier: Apache-2.0
"""Signals of disks from two copies of a record."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from ainkad.core import hist_bucket
from ainkad.core.library import load
from ainkad.layouts_gen import DEV_REC_DTYPE
from ainkad.signals_gen import DEVICE_SIGNALS
from hypothesis import given
from hypothesis import strategies as st

SECOND = 10**9
READS, WRITES = 0, 1


def features(new: Any, old: Any, elapsed_ns: int) -> dict[str, int]:
    """The fresh signals, by name without ``dev.``."""
    values = np.full(len(DEVICE_SIGNALS), -77, np.int64)
    fresh = np.full(len(DEVICE_SIGNALS), 7, np.uint8)
    load().ainka_dev_features(
        ctypes.c_void_p(new.ctypes.data),
        ctypes.c_void_p(old.ctypes.data),
        ctypes.c_uint64(elapsed_ns),
        ctypes.c_void_p(values.ctypes.data),
        ctypes.c_void_p(fresh.ctypes.data),
    )
    assert set(fresh.tolist()) <= {0, 1}
    assert not values[fresh == 0].any(), "a value that is not fresh is 0"
    names = [signal.name.removeprefix("dev.") for signal in DEVICE_SIGNALS]
    return {n: int(v) for n, v, f in zip(names, values, fresh, strict=True) if f}


def record() -> Any:
    """A record of disk 254:16 that has counted nothing."""
    rec = np.zeros(1, DEV_REC_DTYPE)
    rec["seq"], rec["devt"], rec["diskseq"] = 7, 254 << 20 | 16, 3
    return rec


def count(rec: Any, direction: int, n: int, size: int, queue_ns: int, lat_ns: int) -> None:
    """Let ``n`` requests of this sort be done."""
    one = rec["dir"][0][direction]
    one["ios"] += n
    one["bytes"] += n * size
    one["lat_ns"] += n * lat_ns
    one["queue_ns"] += n * queue_ns
    one["lat_hist"][hist_bucket(lat_ns)] += n


def test_a_load_gives_its_figures() -> None:
    old = record()
    count(old, READS, 1000, 512, 0, 10)
    new = old.copy()
    count(new, READS, 99, 4096, 1_000_000, 4_000_000)
    count(new, READS, 1, 4096, 0, 400_000_000)
    count(new, WRITES, 50, 65536, 0, 2_000_000)
    new["issued"], new["completed"] = 153, 150
    new["reads"], new["sequential"] = 100, 25
    new["flushes"], new["flush_ns"] = 4, 4 * 7_000_000
    seen = features(new, old, SECOND // 2)
    assert (seen["major"], seen["minor"]) == (254, 16)
    assert (seen["read_rate_hz"], seen["write_rate_hz"], seen["io_rate_hz"]) == (200, 100, 300)
    assert seen["read_rate_bytes"] == 200 * 4096
    assert seen["write_rate_bytes"] == 100 * 65536
    assert seen["read_lat_mean_us"] == (99 * 4000 + 400_000) // 100
    assert abs(seen["read_lat_p99_us"] - 4000) <= 500
    assert seen["write_lat_mean_us"] == 2000
    queue, total = 99 * 1000, 99 * 4000 + 400_000 + 50 * 2000
    assert seen["queue_time_mean_us"] == queue // 150
    assert seen["service_time_mean_us"] == (total - queue) // 150
    assert seen["queue_time_permille"] == 1000 * queue // total
    assert seen["sequential_permille"] == 250
    assert seen["in_flight"] == 3
    assert (seen["flush_rate_hz"], seen["flush_lat_mean_us"]) == (8, 7000)


def test_what_there_was_none_of_is_stale() -> None:
    old = record()
    seen = features(old, old, SECOND)
    assert seen == {
        "major": 254, "minor": 16, "io_rate_hz": 0, "read_rate_hz": 0, "write_rate_hz": 0,
        "read_rate_bytes": 0, "write_rate_bytes": 0, "in_flight": 0, "flush_rate_hz": 0,
    }  # fmt: skip
    new = old.copy()
    count(new, WRITES, 1, 512, 0, 1000)
    seen = features(new, old, SECOND)
    assert "write_lat_p99_us" in seen and "read_lat_p99_us" not in seen


def test_copies_that_say_nothing() -> None:
    old = record()
    assert features(old, old, SECOND // 4) == {}
    other = old.copy()
    other["seq"] = 9
    assert features(other, old, SECOND) == {}
    other = old.copy()
    other["devt"] = 1
    assert features(other, old, SECOND) == {}


@pytest.mark.parametrize("elapsed_ns", [0, SECOND, 2**64 - 1])
@given(st.binary(min_size=DEV_REC_DTYPE.itemsize, max_size=DEV_REC_DTYPE.itemsize), st.booleans())
def test_anything_at_all_gives_figures_within_reason(
    elapsed_ns: int, noise: bytes, backwards: bool
) -> None:
    old, new = record(), np.frombuffer(noise, DEV_REC_DTYPE).copy()
    new["seq"], new["devt"] = old["seq"], old["devt"]
    if backwards:
        old, new = new, old
    seen = features(new, old, elapsed_ns)
    assert all(value >= 0 for value in seen.values())
    assert seen.get("queue_time_permille", 0) <= 1000
