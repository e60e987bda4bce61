# SPDX-License-Identifier: Apache-2.0
"""The ring buffer and the counts of events that the BPF programs of all object files share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ainkad import layouts_gen
from ainkad.bpf import PerCpuArray, RingBuffer, create_map
from ainkad.bpf.libbpf import MAP_PERCPU_ARRAY, MAP_RINGBUF
from ainkad.bpf.ringbuf import MOST
from ainkad.closing import Closing
from ainkad.event_records import Records, join
from ainkad.layouts_gen import (
    EVENT_REC_DTYPE,
    EVENT_TYPES,
    EVENT_WINDOW_NS,
    HOOK_COUNTS_DTYPE,
)
from ainkad.ring import possible_cpus

TYPES: Final[dict[int, str]] = {
    number: name.removeprefix("EV_").lower().replace("_", "-")
    for name, number in vars(layouts_gen).items()
    if name.startswith("EV_")
}
"""Types of events by number, as people write them."""

PART: Final = 1 << 16
"""Records to be taken by one call of read(), so that events in a flood do not keep it for ever."""


class EventMaps(Closing):
    """Both maps, for as long as this is open.

    `ring_bytes` is a power of two; of each type a CPU sends about `limit_hz` events a second and
    samples the rest, 0 switches events off. Raises BpfError.
    """

    def __init__(self, ring_bytes: int, limit_hz: int) -> None:
        self._fds: dict[str, int] = {}
        self._ring: RingBuffer | None = None
        try:
            ring = self._create("events", MAP_RINGBUF, 0, 0, ring_bytes)
            size = HOOK_COUNTS_DTYPE.itemsize
            counts = self._create("event_counts", MAP_PERCPU_ARRAY, 4, size, EVENT_TYPES)
            self._ring = RingBuffer(ring, ring_bytes, EVENT_REC_DTYPE)
            self._counts = PerCpuArray(counts, HOOK_COUNTS_DTYPE, possible_cpus())
            for kind in range(EVENT_TYPES):
                values = self._counts.read(kind)
                values["budget"] = -(-limit_hz * EVENT_WINDOW_NS // 10**9)
                self._counts.write(values, kind)
        except BaseException:
            self.close()
            raise

    def _create(self, name: str, kind: int, key: int, value: int, entries: int) -> int:
        self._fds[name] = create_map(kind, name, key, value, entries)
        return self._fds[name]

    @property
    def shared(self) -> Mapping[str, int]:
        """Descriptors by name, for BpfObject."""
        return self._fds

    @property
    def capacity(self) -> int:
        """Records that the ring holds."""
        return self._open().capacity

    @property
    def discarded(self) -> int:
        """Records that a program gave up after it had begun them."""
        return self._open().discarded

    def _open(self) -> RingBuffer:
        if self._ring is None:
            raise ValueError("the maps are closed")
        return self._ring

    def fileno(self) -> int:
        """The descriptor of the ring, which polls readable while there are records."""
        return self._fds["events"]

    def read(self) -> Records:
        """Take the records there are, the oldest first: shape (n,), with the fields of
        EVENT_REC_DTYPE; n may be 0. Raises BpfError when the ring is corrupt.
        """
        ring = self._open()
        batches = [ring.read()]
        taken = len(batches[0])
        while len(batches[-1]) == MOST and taken < PART:
            batches.append(ring.read())
            taken += len(batches[-1])
        return batches[0] if len(batches) == 1 else join(batches)

    def counts(self) -> npt.NDArray[Any]:
        """What became of the events: HOOK_COUNTS_DTYPE, shape (types, CPUs)."""
        return np.stack([self._counts.read(kind) for kind in range(EVENT_TYPES)])

    def close(self) -> None:
        """Give both back; programs that use them keep them. May be called twice."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()
