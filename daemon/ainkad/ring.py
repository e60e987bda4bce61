# SPDX-License-Identifier: Apache-2.0
"""Reader of the module's ring of decision records, mapped from /dev/ainka.

`ainka_abi.h` describes the mapping: one consumer page a CPU, then for each CPU
a producer page and its records. Records are copied out in whole batches.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import select
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ainkad.closing import Closing
from ainkad.core import library
from ainkad.errors import AinkaError
from ainkad.layouts_gen import (
    RECORD_DTYPE,
    RING_CONSUMER_DTYPE,
    RING_MAGIC,
    RING_PRODUCER_DTYPE,
)

PAGE: Final = mmap.PAGESIZE
RAW: Final = np.dtype((np.void, RECORD_DTYPE.itemsize))
"""A record as bytes: numpy copies a structured dtype field by field, this one in one piece."""

MAX_DATA_PAGES: Final = 1 << 20
MAX_NESTED: Final = 4
"""Writers of one CPU that may be inside a record at once (task, soft interrupt, interrupt, NMI)."""

Records = npt.NDArray[np.void]


class RingError(AinkaError):
    """The device cannot be opened, or what it maps is not a ring of this version."""


@dataclass(frozen=True)
class Access:
    """Loads and stores of a 64-bit position at an address, with the ordering a ring needs."""

    load_head: Callable[[int], int]
    """Acquire: records below the result are visible after it."""
    store_tail: Callable[[int, int], object]
    """Release: everything read from the ring before is done."""


def core_access() -> Access:
    """Access by way of libainka_core.so: Python alone does not order its loads and stores.

    Raises CoreLibraryError when there is no library. A position is the first thing on
    either page, so that the one load serves for both.
    """
    core = library.load()
    return Access(core.ainka_ring_load_head, core.ainka_ring_store_tail)


def possible_cpus() -> int:
    """Number of rings: the highest CPU the kernel might ever have, plus one."""
    text = Path("/sys/devices/system/cpu/possible").read_text().strip()
    return int(text.replace(",", "-").split("-")[-1]) + 1


class CpuRing:
    """The ring of one CPU: its positions and a view of its records."""

    def __init__(
        self, consumers: mmap.mmap, area: mmap.mmap, cpu: int, access: Access, writable: bool
    ) -> None:
        self._access = access
        self._writable = writable
        self._consumer: Records = np.ndarray((), RING_CONSUMER_DTYPE, consumers, cpu * PAGE)
        self._producer: Records = np.ndarray((), RING_PRODUCER_DTYPE, area)
        self._slots: Records = np.ndarray((int(self._producer["n_records"]),), RAW, area, PAGE)
        self._head_at = self._producer.ctypes.data
        self._tail_at = self._consumer.ctypes.data
        self._cpu = cpu
        self.lapped = 0
        head = access.load_head(self._head_at)
        self._tail = access.load_head(self._tail_at)
        if not 0 <= head - self._tail <= len(self._slots):
            # Whoever had the page before left nonsense in it: begin with what comes.
            self.advance(head)

    @property
    def drops(self) -> int:
        """Records for which there was no room."""
        return int(self._producer["drops"])

    def pending(self) -> int:
        """How many records there are to read. Raises RingError when the positions are corrupt."""
        count = self._access.load_head(self._head_at) - self._tail
        if count > len(self._slots) and not self._writable:
            # Somebody else's tail holds the kernel back, not ours: we have been lapped.
            self.lapped += count - len(self._slots)
            self._tail += count - len(self._slots)
            return len(self._slots)
        if not 0 <= count <= len(self._slots):
            raise RingError(
                f"the ring of CPU {self._cpu} is corrupt: {count} records to read, "
                f"room for {len(self._slots)}"
            )
        return count

    def copy(self, out: Records, count: int) -> None:
        """Copy the next `count` records into `out`, shape (count,), in at most two slices."""
        start = self._tail & (len(self._slots) - 1)
        first = min(count, len(self._slots) - start)
        out[:first] = self._slots[start : start + first]
        if first < count:
            out[first:] = self._slots[: count - first]

    def overwritten(self, count: int) -> int:
        """How many of the `count` records just copied the kernel may have written over meanwhile.

        Never any for the consumer, whose tail the kernel respects.
        """
        if self._writable:
            return 0
        head = self._access.load_head(self._head_at)
        lost = min(max(head + MAX_NESTED - len(self._slots) - self._tail, 0), count)
        self.lapped += lost
        return lost

    def advance(self, tail: int) -> None:
        """Give the kernel back the room of records below `tail`."""
        self._tail = tail
        if self._writable:
            self._access.store_tail(self._tail_at, tail)

    @property
    def tail(self) -> int:
        """Number of records taken so far."""
        return self._tail


class RingReader(Closing):
    """Decision records of all CPUs, as numpy arrays.

    With `writable` the file is opened for writing: this reader is the one consumer,
    and it holds the lease as long as it is open. Without, it looks on: it begins at
    the consumer's tail, takes nothing away, and may be lapped (`lapped` counts).

    `n_cpus` and `access` are for tests, which map an ordinary file. Raises RingError.
    """

    def __init__(
        self,
        path: str = "/dev/ainka",
        writable: bool = True,
        *,
        n_cpus: int | None = None,
        access: Access | None = None,
    ) -> None:
        self._path = path
        self._maps: list[mmap.mmap] = []
        self._rings: list[CpuRing] = []
        self._access = access or core_access()
        self._n_cpus = n_cpus or possible_cpus()
        try:
            self._fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        except OSError as error:
            raise RingError(f"cannot open {path}: {error.strerror}", _open_hint(error)) from error
        try:
            self._map(writable)
        except BaseException:
            self.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def _map(self, writable: bool) -> None:
        consumers = self._mmap(self._n_cpus, 0, writable)
        header = np.frombuffer(self._mmap(1, self._n_cpus, False), RING_PRODUCER_DTYPE, 1)[0].copy()
        data_pages = self._check(header, 0)
        for cpu in range(self._n_cpus):
            area = self._mmap(1 + data_pages, self._n_cpus + cpu * (1 + data_pages), False)
            header = np.frombuffer(area, RING_PRODUCER_DTYPE, 1)[0].copy()
            if cpu and header["magic"] == 0:
                continue  # a gap in the numbers of the CPUs
            if self._check(header, cpu) != data_pages:
                raise self._corrupt(cpu, "its size differs from that of CPU 0")
            self._rings.append(CpuRing(consumers, area, cpu, self._access, writable))

    def _mmap(self, pages: int, first: int, writable: bool) -> mmap.mmap:
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        try:
            mapped = mmap.mmap(
                self._fd, pages * PAGE, mmap.MAP_SHARED, protection, offset=first * PAGE
            )
        except (OSError, ValueError) as error:
            raise RingError(
                f"cannot map pages {first} to {first + pages - 1} of {self._path}: {error}",
                "is it the device of this version of the module?",
            ) from error
        self._maps.append(mapped)
        return mapped

    def _check(self, header: Any, cpu: int) -> int:
        """Check a producer page; returns its data_pages."""
        wanted = {
            "magic": RING_MAGIC,
            "record_size": RECORD_DTYPE.itemsize,
            "n_cpus": self._n_cpus,
        }
        for field, value in wanted.items():
            if header[field] != value:
                raise self._corrupt(cpu, f"its {field} is {header[field]:#x}, not {value:#x}")
        records, pages = int(header["n_records"]), int(header["data_pages"])
        if records < 1 or records & (records - 1):
            raise self._corrupt(cpu, f"its capacity {records} is not a power of two")
        if pages > MAX_DATA_PAGES or records * RECORD_DTYPE.itemsize > pages * PAGE:
            raise self._corrupt(cpu, f"{records} records do not fit its {pages} pages")
        return pages

    def _corrupt(self, cpu: int, why: str) -> RingError:
        return RingError(
            f"{self._path} is not a ring this ainkad can read: CPU {cpu}: {why}",
            "use the module and the daemon of one version",
        )

    def fileno(self) -> int:
        """The descriptor, which polls readable while there are records (not for a plain file)."""
        return self._fd

    def wait(self, timeout_s: float) -> bool:
        """Sleep until there are records, at most `timeout_s` seconds; False when there are none."""
        return bool(self._poll.poll(max(0, round(timeout_s * 1000))))

    def read_batch(self) -> Records:
        """Take all new records of all CPUs, in the order of their ids.

        Shape (n,), dtype RECORD_DTYPE, a copy; n may be 0. Raises RingError when a
        ring's positions are corrupt, having taken nothing.
        """
        counts = [ring.pending() for ring in self._rings]
        out = np.empty(sum(counts), RAW)
        at, lost = 0, 0
        for ring, count in zip(self._rings, counts, strict=True):
            if not count:
                continue
            ring.copy(out[at : at + count], count)
            if gone := ring.overwritten(count):
                out[at : at + count - gone] = out[at + gone : at + count].copy()
                lost += gone
            ring.advance(ring.tail + count)
            at += count - gone
        out = out[: len(out) - lost]
        ids = out.view(RECORD_DTYPE)["id"]
        if np.any(ids[1:] < ids[:-1]):
            out = out[np.argsort(ids, kind="stable")]
        return out.view(RECORD_DTYPE)

    @property
    def drops(self) -> int:
        """Records of all CPUs for which the ring had no room, since the module was loaded."""
        return sum(ring.drops for ring in self._rings)

    @property
    def lapped(self) -> int:
        """Records an onlooker missed because the ring went round; 0 for the consumer."""
        return sum(ring.lapped for ring in self._rings)

    @property
    def capacity(self) -> int:
        """Records that one CPU's ring holds."""
        return len(self._rings[0]._slots)

    def close(self) -> None:
        """Unmap and close, which for the consumer ends the lease. May be called twice."""
        self._rings.clear()
        for mapped in self._maps:
            # A view in the traceback of an error keeps it mapped until that is gone.
            with contextlib.suppress(BufferError):
                mapped.close()
        self._maps.clear()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _open_hint(error: OSError) -> str:
    hints = {
        "ENOENT": "load the module: modprobe ainka",
        "ENODEV": "load the module: modprobe ainka",
        "EACCES": "run as root or as a member of the group ainka",
        "EPERM": "run as root or as a member of the group ainka",
        "EBUSY": "another ainkad has it open; one consumer at a time",
    }
    return hints.get(errno.errorcode.get(error.errno or 0, ""), "")
