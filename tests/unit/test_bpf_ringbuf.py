# SPDX-License-Identifier: Apache-2.0
"""The reader of BPF ring buffers against a writer that does what kernel/bpf/ringbuf.c does.

The writer's file has the data twice, as the kernel maps it; it writes both.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator

import numpy as np
import pytest
from ainkad.bpf import BpfError
from ainkad.bpf.ringbuf import RingAccess, RingBuffer, core_ring_access, slot_dtype
from ainkad.layouts_gen import EVENT_REC_DTYPE
from hypothesis import given, settings
from hypothesis import strategies as st

PAGE = mmap.PAGESIZE
SIZE = PAGE
STRIDE = EVENT_REC_DTYPE.itemsize + 8
ROOM = SIZE // STRIDE
BUSY, DISCARDED = 1 << 31, 1 << 30


def plain_access() -> RingAccess:
    """Loads and stores without ordering: one thread needs none."""

    def load(address: int) -> int:
        return ctypes.c_uint64.from_address(address).value

    def store(address: int, value: int) -> None:
        ctypes.c_uint64.from_address(address).value = value

    return RingAccess(load, store, lambda: None)


class FakeRing:
    """The kernel's side."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("ring")
        os.truncate(self.fd, 2 * PAGE + 2 * SIZE)
        self.map = mmap.mmap(self.fd, 0)
        self.next = 1

    def _word(self, at: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
        return np.ndarray((1,), np.uint64, self.map, at)

    @property
    def tail(self) -> int:
        return int(self._word(0)[0])

    @property
    def head(self) -> int:
        return int(self._word(PAGE)[0])

    @head.setter
    def head(self, value: int) -> None:
        self._word(PAGE)[0] = value

    def put(self, at: int, data: bytes) -> None:
        for copy in range(2):
            start = 2 * PAGE + copy * SIZE + at % SIZE
            self.map[start : start + len(data)] = data

    def reserve(self) -> tuple[int, int] | None:
        """A busy record; its position and number, None without room."""
        if self.head + STRIDE - self.tail > SIZE - 1:
            return None
        at = self.head
        record = np.zeros((), EVENT_REC_DTYPE)
        record["time_ns"], record["comm"] = self.next, f"task{self.next}"
        self.put(at, (EVENT_REC_DTYPE.itemsize | BUSY).to_bytes(4, "little") + bytes(4))
        self.put(at + 8, record.tobytes())
        self.head = at + STRIDE
        self.next += 1
        return at, self.next - 1

    def finish(self, at: int, flags: int = 0, length: int = EVENT_REC_DTYPE.itemsize) -> None:
        self.put(at, (length | flags).to_bytes(4, "little"))

    def write(self, flags: int = 0) -> int | None:
        reserved = self.reserve()
        if reserved is None:
            return None
        self.finish(reserved[0], flags)
        return reserved[1]

    def reader(self) -> RingBuffer:
        return RingBuffer(self.fd, SIZE, EVENT_REC_DTYPE, plain_access())


@pytest.fixture
def ring() -> Iterator[FakeRing]:
    fake = FakeRing()
    yield fake
    os.close(fake.fd)


def numbers(ring: RingBuffer, most: int = 1000) -> list[int]:
    return [int(n) for n in ring.read(most)["time_ns"]]


def test_an_empty_ring_gives_an_empty_batch(ring: FakeRing) -> None:
    with ring.reader() as reader:
        batch = reader.read()
        assert batch.shape == (0,)
        assert batch.dtype.names == ("header", *(EVENT_REC_DTYPE.names or ()))
        assert reader.capacity == ROOM


def test_records_come_once_in_order_and_their_room_is_given_back(ring: FakeRing) -> None:
    with ring.reader() as reader:
        for _ in range(10):
            written = [ring.write() for _ in range(ROOM - 1)]
            assert ring.write() is None
            batch = reader.read()
            assert batch["time_ns"].tolist() == written
            assert batch["comm"][0].decode() == f"task{written[0]}"
            assert ring.tail == ring.head
        assert numbers(reader) == []


def test_a_batch_that_goes_round_the_end_is_one(ring: FakeRing) -> None:
    with ring.reader() as reader:
        for _ in range(ROOM - 3):
            ring.write()
        numbers(reader)
        written = [ring.write() for _ in range(8)]
        assert numbers(reader) == written


def test_it_stops_before_a_record_that_is_being_written(ring: FakeRing) -> None:
    with ring.reader() as reader:
        first = ring.write()
        busy = ring.reserve()
        third = ring.write()
        assert busy is not None
        assert numbers(reader) == [first]
        assert numbers(reader) == []
        ring.finish(busy[0])
        assert numbers(reader) == [busy[1], third]


def test_discarded_records_are_left_out_and_counted(ring: FakeRing) -> None:
    with ring.reader() as reader:
        kept = [ring.write(), ring.write(DISCARDED) and None, ring.write()]
        busy = ring.reserve()
        assert busy is not None
        ring.write(DISCARDED)
        assert numbers(reader) == [kept[0], kept[2]]
        assert reader.discarded == 1
        ring.finish(busy[0], DISCARDED)
        assert numbers(reader) == []
        assert reader.discarded == 3
        assert ring.tail == ring.head


def test_at_most_as_many_as_asked_for(ring: FakeRing) -> None:
    with ring.reader() as reader:
        written = [ring.write() for _ in range(7)]
        assert numbers(reader, 3) == written[:3]
        assert numbers(reader, 3) == written[3:6]
        assert numbers(reader, 3) == written[6:]


def test_a_batch_is_a_copy(ring: FakeRing) -> None:
    with ring.reader() as reader:
        number = ring.write()
        batch = reader.read()
        for _ in range(ROOM - 1):
            ring.write()
        assert batch["time_ns"].tolist() == [number]


def test_a_second_reader_goes_on_where_the_first_one_stopped(ring: FakeRing) -> None:
    ring.write()
    with ring.reader() as reader:
        assert numbers(reader) == [1]
    ring.write()
    with ring.reader() as reader:
        assert numbers(reader) == [2]


def test_what_is_not_such_a_ring_is_refused(ring: FakeRing) -> None:
    with ring.reader() as reader:
        reserved = ring.reserve()
        assert reserved is not None
        ring.finish(reserved[0], length=64)
        with pytest.raises(BpfError, match="other sizes"):
            reader.read()
        assert ring.tail == 0
        ring.head = 3 * SIZE
        with pytest.raises(BpfError, match="corrupt"):
            reader.read()
        ring.head = 5
        with pytest.raises(BpfError, match="corrupt"):
            reader.read()
    with pytest.raises(BpfError, match="ring of 4000 bytes"):
        RingBuffer(ring.fd, 4000, EVENT_REC_DTYPE, plain_access())
    with pytest.raises(BpfError, match="cannot map"):
        RingBuffer(ring.fd, 1 << 20, EVENT_REC_DTYPE, plain_access())
    with pytest.raises(ValueError, match="multiple of 8"):
        slot_dtype(np.dtype([("x", "u4")]))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, ROOM)), max_size=60))
def test_any_order_of_writing_and_reading(steps: list[tuple[int, int]]) -> None:
    """0 writes, 1 reserves, 2 finishes the oldest that is busy, 3 discards it; then reads some."""
    ring = FakeRing()
    open_records: list[tuple[int, int]] = []
    expected: list[int] = []
    dropped: set[int] = set()
    got: list[int] = []
    with ring.reader() as reader:
        for action, most in steps:
            if action == 0 and (number := ring.write()):
                expected.append(number)
            elif action == 1 and (reserved := ring.reserve()):
                open_records.append(reserved)
                expected.append(reserved[1])
            elif action >= 2 and open_records:
                at, number = open_records.pop(0)
                ring.finish(at, DISCARDED if action == 3 else 0)
                if action == 3:
                    dropped.add(number)
            got += numbers(reader, most)
            busy = open_records[0][1] if open_records else len(expected) + 1
            assert all(n < busy for n in got)
        for at, _ in open_records:
            ring.finish(at)
        got += numbers(reader)
        assert got == [n for n in expected if n not in dropped]
        assert reader.discarded == len(dropped)
    os.close(ring.fd)


def test_with_the_ordering_of_the_core_library(ring: FakeRing) -> None:
    with RingBuffer(ring.fd, SIZE, EVENT_REC_DTYPE, core_ring_access()) as reader:
        written = [ring.write() for _ in range(5)]
        assert numbers(reader) == written
        assert ring.tail == ring.head
