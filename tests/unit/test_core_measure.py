# SPDX-License-Identifier: Apache-2.0
"""Histograms, task features and ring positions."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
import pytest
from ainkad.core import (
    hist_bucket,
    hist_floor,
    hist_percentile,
    library,
    task_features,
)
from ainkad.errors import AinkaError
from ainkad.layouts_gen import RING_CONSUMER_DTYPE, RING_PRODUCER_DTYPE, TASK_REC_DTYPE
from ainkad.signals_gen import TASK_SIGNALS
from hypothesis import given
from hypothesis import strategies as st

LIMIT = 2**34
MS = 10**6
U64 = 2**64 - 1

# ---- histograms -------------------------------------------------------------------------------


def test_buckets_tile_the_numbers() -> None:
    floors = [hist_floor(b) for b in range(256)]
    assert floors[:9] == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert floors == sorted(set(floors))
    for bucket, floor in enumerate(floors):
        assert hist_bucket(floor) == bucket
        if floor:
            assert hist_bucket(floor - 1) == bucket - 1
        if 8 <= bucket < 255:
            assert (floors[bucket + 1] - floor) / floor <= 0.125
    assert hist_bucket(LIMIT) == hist_bucket(U64) == 255
    assert hist_floor(256) == hist_floor(2**32 - 1) == floors[255]


@given(st.lists(st.one_of(st.integers(0, 100), st.integers(0, LIMIT - 1)), min_size=1,
                max_size=200), st.integers(1, 1000))  # fmt: skip
def test_percentiles_are_within_an_eighth(values: list[int], permille: int) -> None:
    counts = np.zeros(256, dtype=np.uint32)
    for value in values:
        counts[hist_bucket(value)] += 1
    exact = sorted(values)[max(1, -(-len(values) * permille // 1000)) - 1]
    assert abs(hist_percentile(counts, permille) - exact) <= exact / 8


def test_edges_of_percentiles() -> None:
    counts = np.zeros(256, dtype=np.uint32)
    assert hist_percentile(counts, 500) == 0
    assert hist_percentile(counts[:0], 500) == 0
    counts[:] = 2**32 - 1
    assert hist_percentile(counts, 5000) == hist_percentile(counts, 1000) > hist_floor(255)
    assert hist_percentile(counts, 0) == 0
    assert hist_percentile(np.ones(1000, dtype=np.uint32), 1000) > hist_floor(255)


# ---- tasks ------------------------------------------------------------------------------------


#: Those that come from the record; others are posted by BPF programs.
GROWTH = "task.rss_growth_bytes"
COUNTED = [s.index for s in TASK_SIGNALS if not s.event and s.name != GROWTH]
PAGE = mmap.PAGESIZE
RSS_UNKNOWN = 2**32 - 1


def features(record: np.ndarray, now: int) -> dict[str, int] | None:  # type: ignore[type-arg]
    values, fresh = task_features(record.reshape(1), now)
    counted = fresh[0, COUNTED]
    assert counted.all() or not counted.any()
    assert fresh.sum() - counted.sum() in ((0, 1) if counted.any() else (0,))
    assert fresh.any() or not values.any()
    names = [TASK_SIGNALS[i].name.removeprefix("task.") for i in COUNTED]
    found = values[0, COUNTED].tolist()
    return dict(zip(names, found, strict=True)) if counted.all() else None


def growth(record: np.ndarray, now: int) -> int | None:  # type: ignore[type-arg]
    """Growth of memory in pages a second, None where that is not known."""
    values, fresh = task_features(record.reshape(1), now)
    index = next(s.index for s in TASK_SIGNALS if s.name == GROWTH)
    return int(values[0, index]) // PAGE if fresh[0, index] else None


def task() -> np.ndarray:  # type: ignore[type-arg]
    """A task that has run 300 of the last 1000 ms, in 30 runs after 20 wake-ups."""
    record = np.zeros((), dtype=TASK_REC_DTYPE)
    record["pid"] = record["tgid"] = 42
    record["start_ns"] = 5000 * MS
    for name, start in (("last", 9000 * MS), ("cur", 9600 * MS)):
        window = record[name]
        window["start_ns"] = start
        window["run_ns"] = 150 * MS
        window["delay_ns"] = 45 * MS
        window["wake_delay_ns"] = 10 * MS
        window["runs"], window["wakes"] = 15, 10
        window["voluntary"], window["involuntary"] = 12, 3
        window["migrations"] = 2
    record["last"]["delay_max_ns"] = 9 * MS
    record["cur"]["delay_max_ns"] = 4 * MS
    return record


def test_features_of_a_task() -> None:
    assert features(task(), 10_000 * MS) == {
        "pid": 42,
        "cpu_share_permille": 300,
        "run_delay_mean_us": 3000,
        "run_delay_max_us": 9000,
        "wakeup_delay_mean_us": 1000,
        "wakeup_rate_hz": 20,
        "voluntary_switch_rate_hz": 24,
        "involuntary_switch_rate_hz": 6,
        "burst_mean_us": 10_000,
        "age_ms": 5000,
        "migration_rate_hz": 4,
    }


def test_growth_of_memory() -> None:
    record = task()
    record["last"]["rss_pages"], record["cur"]["rss_pages"] = 1000, 1600
    assert growth(record, 10_000 * MS) == 1000, "600 pages in 0.6 s"
    record["cur"]["rss_pages"] = 400
    assert growth(record, 10_000 * MS) == -1000
    assert growth(record, 12_000 * MS) == -200, "it has not been switched for long"
    record["cur"]["rss_pages"] = RSS_UNKNOWN
    assert growth(record, 10_000 * MS) is None
    record["cur"]["rss_pages"] = 400
    record["last"] = np.zeros((), dtype=TASK_REC_DTYPE)["last"]
    assert growth(record, 10_000 * MS) is None, "there is no closed window"


def test_time_on_the_cpu_counts() -> None:
    record = task()
    record["on_cpu_ns"] = 9690 * MS
    got = features(record, 10_000 * MS)
    assert got is not None
    assert got["cpu_share_permille"] == 610
    assert got["burst_mean_us"] == 610 * 1000 // 31
    # A hog that is never switched out has no run that has ended.
    hog = np.zeros((), dtype=TASK_REC_DTYPE)
    hog["pid"], hog["start_ns"] = 7, 1
    hog["cur"]["start_ns"] = hog["on_cpu_ns"] = 1000 * MS
    got = features(hog, 3000 * MS)
    assert got is not None
    assert (got["cpu_share_permille"], got["burst_mean_us"]) == (1000, 2_000_000)
    assert got["run_delay_mean_us"] == got["wakeup_delay_mean_us"] == 0


def test_without_a_closed_window() -> None:
    record = task()
    record["last"] = np.zeros((), dtype=TASK_REC_DTYPE)["last"]
    got = features(record, 9600 * MS + 200 * MS)
    assert got is not None
    assert (got["cpu_share_permille"], got["wakeup_rate_hz"]) == (750, 50)
    assert features(record, 9600 * MS + 100 * MS) is not None
    assert features(record, 9600 * MS + 100 * MS - 1) is None


@pytest.mark.parametrize(("field", "value"), [("seq", 1), ("seq", 2**32 - 1), ("pid", 0)])
def test_torn_and_empty_records_are_not_fresh(field: str, value: int) -> None:
    record = task()
    record[field] = value
    assert features(record, 10_000 * MS) is None
    assert features(np.zeros((), dtype=TASK_REC_DTYPE), 10**12) is None
    assert features(task(), 10) is None


@given(st.binary(min_size=TASK_REC_DTYPE.itemsize, max_size=TASK_REC_DTYPE.itemsize),
       st.integers(0, U64))  # fmt: skip
def test_garbage_never_hurts(raw: bytes, now: int) -> None:
    record = np.frombuffer(raw, dtype=TASK_REC_DTYPE).copy()
    record["seq"] &= 0xFFFFFFFE
    values, fresh = task_features(record, now)
    assert 0 <= values[0][1] <= 1000
    assert fresh[0, COUNTED].all() or not fresh.any()


windows = st.tuples(*[st.integers(0, 10**10)] * 4, *[st.integers(0, 10**6)] * 6)


@given(windows, windows, st.integers(1, 10**10), st.integers(0, 10**10), st.integers(0, 10**10))
def test_features_equal_their_definition(
    last: tuple[int, ...], cur: tuple[int, ...], start: int, gap: int, on_cpu_for: int
) -> None:
    now = start + gap + 10**10
    record = task()
    for name, at, window in (("last", start, last), ("cur", start + gap, cur)):
        record[name] = (at, *window)
    record["on_cpu_ns"] = on_cpu = now - on_cpu_for
    elapsed = now - start
    running = now - on_cpu if on_cpu else 0
    run, delay, _, wake_delay, runs, wakes, voluntary, involuntary, moves, _ = (
        a + b for a, b in zip(last, cur, strict=True)
    )
    ran = min(elapsed, run + running)
    bursts = runs + (running > 0)
    assert features(record, now) == {
        "pid": 42,
        "cpu_share_permille": min(1000, ran // (elapsed // 1000)),
        "run_delay_mean_us": delay // runs // 1000 if runs else 0,
        "run_delay_max_us": max(last[2], cur[2]) // 1000,
        "wakeup_delay_mean_us": wake_delay // wakes // 1000 if wakes else 0,
        "wakeup_rate_hz": wakes * 10**9 // elapsed,
        "voluntary_switch_rate_hz": voluntary * 10**9 // elapsed,
        "involuntary_switch_rate_hz": involuntary * 10**9 // elapsed,
        "burst_mean_us": ran // bursts // 1000 if bursts else 0,
        "age_ms": max(0, now - 5000 * MS) // MS,
        "migration_rate_hz": moves * 10**9 // elapsed,
    }


def test_batches_need_the_layout() -> None:
    with pytest.raises(AinkaError):
        task_features(np.zeros(3, dtype="V8"), 1)
    values, fresh = task_features(np.zeros(0, dtype=TASK_REC_DTYPE), 1)
    assert values.shape == fresh.shape == (0, len(TASK_SIGNALS))


# ---- the ring ---------------------------------------------------------------------------------


def test_ring_positions() -> None:
    producer = np.zeros(1, dtype=RING_PRODUCER_DTYPE)
    consumer = np.zeros(1, dtype=RING_CONSUMER_DTYPE)
    producer["head"] = U64 - 3
    assert library.load().ainka_ring_load_head(producer.ctypes.data) == U64 - 3
    library.load().ainka_ring_store_tail(consumer.ctypes.data, 2**63 + 5)
    assert int(consumer["tail"][0]) == 2**63 + 5
    assert ctypes.c_uint64.from_address(consumer.ctypes.data).value == 2**63 + 5
