# SPDX-License-Identifier: Apache-2.0
"""A BPF ring buffer of records of one size, read as numpy arrays.

The layout is the kernel's (kernel/bpf/ringbuf.c): a page with the reader's position, a page with
the writers' position, then the data, mapped twice in a row, so that what wraps round is contiguous
too. Each record has a header of 8 bytes, of which the first four are its length with two flags:
busy (it is being written) and discarded. Records of one size are a constant number of bytes apart,
so any number of them is one slice of an array.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ainkad.bpf.libbpf import BpfError
from ainkad.closing import Closing
from ainkad.core import library

PAGE: Final = mmap.PAGESIZE
HEADER: Final = 8
DISCARDED: Final = 1 << 30
"""Of a length; the flag busy is its sign."""

MOST: Final = 1000
"""Records that are taken at once: what is copied should still be in the cache when it is used, and
an array of more than 128 KiB costs a page fault a page (malloc gets it from the kernel each time).
"""

Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class RingAccess:
    """Loads and stores of a 64-bit position at an address, with the ordering a ring needs."""

    load: Callable[[int], int]
    """Acquire."""
    store: Callable[[int, int], object]
    """Release."""
    fence: Callable[[], object]
    """What is read after it was not read before it."""


def core_ring_access() -> RingAccess:
    """Access by way of libainka_core.so. Raises CoreLibraryError when there is no library."""
    core = library.load()
    return RingAccess(core.ainka_ring_load_head, core.ainka_ring_store_tail, core.ainka_ring_fence)


def slot_dtype(record: np.dtype[np.void]) -> np.dtype[np.void]:
    """The layout of a record behind its header, with the names of its fields and `header`.

    Raises ValueError for a size that the kernel would round up: the records would not follow
    each other at the distance of this dtype.
    """
    if record.itemsize % HEADER:
        raise ValueError(f"a record of {record.itemsize} bytes is no multiple of {HEADER}")
    fields: dict[str, Any] = dict(record.fields or {})
    spec: dict[str, Any] = {
        "names": ["header", *fields],
        "formats": ["u8", *(kind for kind, *_ in fields.values())],
        "offsets": [0, *(HEADER + offset for _, offset, *_ in fields.values())],
        "itemsize": HEADER + record.itemsize,
    }
    return np.dtype(spec)  # type: ignore[call-overload, no-any-return]


class RingBuffer(Closing):
    """The one reader of the ring buffer behind a descriptor.

    `size` is that of its data in bytes (the map's max_entries), `record` the layout of every
    record in it. `access` is for tests, which map an ordinary file. Raises BpfError.
    """

    def __init__(
        self,
        fd: int,
        size: int,
        record: np.dtype[np.void],
        access: RingAccess | None = None,
    ) -> None:
        self._access = access or core_ring_access()
        self._length = record.itemsize
        self._slot = slot_dtype(record)
        self._stride = self._slot.itemsize
        self._size = size
        if size < PAGE or size & (size - 1) or size % self._stride:
            raise BpfError(f"a ring of {size} bytes does not hold records of {self._length}")
        try:
            self._reader = mmap.mmap(fd, PAGE)
            self._writers = mmap.mmap(fd, PAGE + 2 * size, prot=mmap.PROT_READ, offset=PAGE)
        except (OSError, ValueError) as error:
            raise BpfError(f"cannot map the ring buffer: {error}") from error
        # Bytes, which are copied in one piece whatever is in them.
        self._data = np.frombuffer(self._writers, np.uint8, 2 * size, PAGE)
        self._lengths = self._data.view(np.int32)[:: self._stride // 4]
        self._head_at = np.frombuffer(self._writers, np.uint8, 8).ctypes.data
        self._tail_at = np.frombuffer(self._reader, np.uint8, 8).ctypes.data
        self._tail = self._access.load(self._tail_at)
        self.discarded = 0

    @property
    def capacity(self) -> int:
        """Records that there is room for."""
        return self._size // self._stride

    def read(self, most: int = MOST) -> Records:
        """Take finished records, the oldest first, at most `most`.

        Shape (n,), a copy; n may be 0. It ends before the first record that is still being
        written, since those behind it are given back in order only; discarded ones are left out
        and counted. Raises BpfError when what is in the ring is not records of this size.
        """
        pending, odd = divmod(self._access.load(self._head_at) - self._tail, self._stride)
        if odd or not 0 <= pending <= self.capacity:
            raise BpfError(
                f"the ring buffer is corrupt: it holds {pending} records and {odd} bytes"
            )
        count = min(pending, most)
        first = (self._tail & (self._size - 1)) // self._stride
        lengths = self._lengths[first : first + count].copy()
        plain = bool((lengths == self._length).all())
        if not plain:
            busy = lengths < 0
            if busy.any():
                count = int(busy.argmax())
                lengths = lengths[:count]
            if np.any((lengths & ~DISCARDED) != self._length):
                raise BpfError(f"the ring buffer holds records of other sizes than {self._length}")
        self._access.fence()
        start = first * self._stride
        taken = self._data[start : start + count * self._stride].copy()
        self._tail += count * self._stride
        self._access.store(self._tail_at, self._tail)
        if not plain:
            # As bytes: numpy copies a structured dtype field by field, this one in one piece.
            kept = taken.view((np.void, self._stride))[lengths & DISCARDED == 0]
            self.discarded += count - len(kept)
            taken = kept.view(np.uint8)
        records: Records = taken.view(self._slot)
        return records

    def close(self) -> None:
        """Unmap it; the descriptor is the caller's. May be called twice."""
        self._data = np.zeros(0, np.uint8)
        self._lengths = np.zeros(0, np.int32)
        for mapped in (self._reader, self._writers):
            mapped.close()
