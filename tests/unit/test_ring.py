# SPDX-License-Identifier: Apache-2.0
"""The ring reader against a file with the layout of /dev/ainka and a writer that follows it."""

from __future__ import annotations

import ctypes
import mmap
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ainkad.layouts_gen import (
    RECORD_DTYPE,
    RING_CONSUMER_DTYPE,
    RING_MAGIC,
    RING_PRODUCER_DTYPE,
)
from ainkad.ring import Access, Records, RingError, RingReader, core_access
from hypothesis import given, settings
from hypothesis import strategies as st

PAGE = mmap.PAGESIZE
DATA_PAGES = 1
N_RECORDS = 8  # the largest power of two in a page of 4 KiB


def plain_access() -> Access:
    """Loads and stores without ordering: one thread needs none."""

    def load(address: int) -> int:
        return ctypes.c_uint64.from_address(address).value

    def store(address: int, value: int) -> None:
        ctypes.c_uint64.from_address(address).value = value

    return Access(load, store)


class FakeRing:
    """The kernel's side: a file on tmpfs with one ring a CPU."""

    def __init__(self, n_cpus: int) -> None:
        self.dir = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.path = self.dir / "ring"
        pages = n_cpus + n_cpus * (1 + DATA_PAGES)
        self.path.write_bytes(bytes(pages * PAGE))
        with self.path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.n_cpus = n_cpus
        self.next_id = 1
        for cpu in range(n_cpus):
            producer = self.producer(cpu)
            producer["magic"] = RING_MAGIC
            producer["n_records"] = N_RECORDS
            producer["record_size"] = RECORD_DTYPE.itemsize
            producer["n_cpus"] = n_cpus
            producer["data_pages"] = DATA_PAGES

    def _at(self, cpu: int) -> int:
        return (self.n_cpus + cpu * (1 + DATA_PAGES)) * PAGE

    def producer(self, cpu: int) -> Records:
        return np.ndarray((), RING_PRODUCER_DTYPE, self.map, self._at(cpu))

    def consumer(self, cpu: int) -> Records:
        return np.ndarray((), RING_CONSUMER_DTYPE, self.map, cpu * PAGE)

    def write(self, cpu: int) -> int | None:
        """Append a record as ring.c does; None when there was no room."""
        producer = self.producer(cpu)
        head, tail = int(producer["head"]), int(self.consumer(cpu)["tail"])
        number = self.next_id
        self.next_id += 1
        if (head - tail) & (2**64 - 1) >= N_RECORDS:
            producer["drops"] = int(producer["drops"]) + 1
            return None
        slots: Records = np.ndarray((N_RECORDS,), RECORD_DTYPE, self.map, self._at(cpu) + PAGE)
        slot = np.zeros((), RECORD_DTYPE)
        slot["id"], slot["cpu"], slot["tunable"] = number, cpu, f"sysctl.test.{number}"
        slots[head & (N_RECORDS - 1)] = slot
        producer["head"] = head + 1
        return number

    def reader(self, writable: bool = True) -> RingReader:
        return RingReader(str(self.path), writable, n_cpus=self.n_cpus, access=plain_access())

    def remove(self) -> None:
        shutil.rmtree(self.dir)


@pytest.fixture
def ring() -> Iterator[FakeRing]:
    fake = FakeRing(n_cpus=2)
    yield fake
    fake.remove()


def ids(batch: Records) -> list[int]:
    return [int(i) for i in batch["id"]]


def test_empty_ring_gives_an_empty_batch(ring: FakeRing) -> None:
    with ring.reader() as reader:
        batch = reader.read_batch()
        assert batch.shape == (0,) and batch.dtype == RECORD_DTYPE
        assert reader.drops == 0 and reader.capacity == N_RECORDS


def test_records_of_all_cpus_come_in_order_of_their_ids(ring: FakeRing) -> None:
    with ring.reader() as reader:
        written = [ring.write(cpu) for cpu in (1, 0, 0, 1, 1, 0)]
        batch = reader.read_batch()
        assert ids(batch) == written
        assert list(batch["cpu"]) == [1, 0, 0, 1, 1, 0]
        assert batch["tunable"][0] == b"sysctl.test.1"
        assert ids(reader.read_batch()) == []


def test_a_batch_is_a_copy(ring: FakeRing) -> None:
    with ring.reader() as reader:
        ring.write(0)
        batch = reader.read_batch()
        for _ in range(N_RECORDS):
            ring.write(0)
        assert ids(batch) == [1]


def test_full_ring_drops_and_counts(ring: FakeRing) -> None:
    with ring.reader() as reader:
        written = [ring.write(0) for _ in range(N_RECORDS + 3)]
        assert written[N_RECORDS:] == [None] * 3
        assert ids(reader.read_batch()) == written[:N_RECORDS]
        assert reader.drops == 3
        assert ring.write(0) is not None, "room was given back"


@given(
    st.lists(st.sampled_from([0, 0, 0, 0, 1, 1, 2, "read"]), max_size=100),
)
@settings(max_examples=150, deadline=None)
def test_any_sequence_gives_what_was_written(steps: list[int | str]) -> None:
    """Random writes and reads on three CPUs against a list, through several wraps."""
    ring = FakeRing(n_cpus=3)
    try:
        with ring.reader() as reader:
            expected: list[int] = []
            for step in [*steps, "read"]:
                if isinstance(step, int):
                    number = ring.write(step)
                    expected += [] if number is None else [number]
                    continue
                assert ids(reader.read_batch()) == expected
                expected = []
            drops = sum(int(ring.producer(cpu)["drops"]) for cpu in range(3))
            assert reader.drops == drops
    finally:
        ring.remove()


def test_a_new_consumer_continues_where_the_last_one_stopped(ring: FakeRing) -> None:
    with ring.reader() as reader:
        ring.write(0)
        reader.read_batch()
    ring.write(0)
    with ring.reader() as reader:
        assert ids(reader.read_batch()) == [2]


@pytest.mark.parametrize("tail", [7, 2**63, 2**64 - 1])
def test_nonsense_left_in_the_tail_is_skipped(ring: FakeRing, tail: int) -> None:
    ring.write(0)
    ring.consumer(0)["tail"] = tail
    with ring.reader() as reader:
        assert ids(reader.read_batch()) == []
        ring.write(0)
        assert ids(reader.read_batch()) == [2]


def test_an_onlooker_takes_nothing_and_is_lapped(ring: FakeRing) -> None:
    with ring.reader() as consumer, ring.reader(writable=False) as onlooker:
        first = ring.write(0)
        assert ids(onlooker.read_batch()) == [first]
        assert ids(consumer.read_batch()) == [first]
        for _ in range(2):
            for _ in range(N_RECORDS - 1):
                ring.write(0)
            consumer.read_batch()
        seen = ids(onlooker.read_batch())
        last = ring.next_id - 1
        assert seen == list(range(last - len(seen) + 1, last + 1)) and seen
        assert onlooker.lapped == 2 * (N_RECORDS - 1) - len(seen)
        assert int(ring.consumer(0)["tail"]) == last


def test_a_cpu_that_does_not_exist_has_an_empty_page(ring: FakeRing) -> None:
    ring.producer(1)["magic"] = 0
    with ring.reader() as reader:
        number = ring.write(0)
        assert ids(reader.read_batch()) == [number]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("magic", 1, "magic"),
        ("record_size", 64, "record_size"),
        ("n_cpus", 3, "n_cpus"),
        ("n_records", 0, "power of two"),
        ("n_records", 7, "power of two"),
        ("n_records", 1 << 20, "do not fit"),
        ("data_pages", 2**32 - 1, "do not fit"),
        ("data_pages", 1000, "cannot map"),
    ],
)
def test_a_corrupt_header_is_refused_with_a_reason(
    ring: FakeRing, field: str, value: int, message: str
) -> None:
    ring.producer(0)[field] = value
    with pytest.raises(RingError, match=message) as caught:
        ring.reader()
    assert caught.value.hint


@pytest.mark.parametrize("head", [N_RECORDS + 1, 2**64 - 1])
def test_a_corrupt_head_is_an_error_and_takes_nothing(ring: FakeRing, head: int) -> None:
    with ring.reader() as reader:
        ring.write(1)
        ring.producer(0)["head"] = head
        with pytest.raises(RingError, match="CPU 0 is corrupt"):
            reader.read_batch()
        assert int(ring.consumer(1)["tail"]) == 0


def test_with_the_library_that_orders_accesses(ring: FakeRing) -> None:
    with RingReader(str(ring.path), n_cpus=2, access=core_access()) as reader:
        for cpu in (0, 1, 1, 0, 0):
            ring.write(cpu)
        assert ids(reader.read_batch()) == [1, 2, 3, 4, 5]
        assert [int(ring.consumer(cpu)["tail"]) for cpu in (0, 1)] == [3, 2]


def test_a_missing_device_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RingError) as caught:
        RingReader(str(tmp_path / "none"), n_cpus=1, access=plain_access())
    assert "modprobe ainka" in caught.value.hint


def test_a_short_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(bytes(PAGE))
    with pytest.raises(RingError, match="cannot map"):
        RingReader(str(path), n_cpus=1, access=plain_access())
