# SPDX-License-Identifier: Apache-2.0
"""Recorded inputs of evaluations: pieces of the ring to frames, by the core that coded them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ainkad.core import library
from ainkad.errors import AinkaError
from ainkad.layouts_gen import INPUTS_DTYPE, RECORD_INPUTS
from ainkad.signals_gen import (
    N_CGROUP_SIGNALS,
    N_DEVICE_SIGNALS,
    N_EXTERNAL,
    N_SYSTEM_SIGNALS,
    N_TASK_SIGNALS,
)

SNAP: Final = max(N_TASK_SIGNALS, N_CGROUP_SIGNALS, N_DEVICE_SIGNALS)
"""Signals in the bank of a subject."""

WALKED: Final = 1
ENFORCE: Final = 2
EVENTS: Final = 4
FRAME_SIGNALS: Final = N_SYSTEM_SIGNALS + N_EXTERNAL
SUBJECTS: Final = np.dtype(
    [
        ("subject", np.uint32),
        ("num", np.uint32),
        ("id", np.uint64),
        ("val", np.int64, (SNAP,)),
        ("fresh", np.uint8, (SNAP,)),
    ]
)
"""Subjects of a frame; ``num`` is a pid or a device number, ``id`` is not used again."""


@dataclass(frozen=True)
class Frame:
    """What one evaluation saw.

    ``values`` and ``fresh`` (FRAME_SIGNALS,) are the system's signals, then the external ones,
    ``subjects`` (n,) of SUBJECTS those of the last walk; a value that is not fresh means nothing.
    With the flag EVENTS, policies were evaluated for events since the frame before, and what they
    saw then is not recorded.
    """

    time_ns: int
    flags: int
    state: int
    values: NDArray[np.int64]
    fresh: NDArray[np.uint8]
    subjects: NDArray[np.void]


def _address(array: NDArray[np.generic]) -> int:
    return int(array.ctypes.data)


def _unpack(frame: int) -> Frame:
    core = library.load()
    time_ns, flags, state = ctypes.c_uint64(), ctypes.c_uint32(), ctypes.c_uint32()
    values = np.empty(FRAME_SIGNALS, np.int64)
    fresh = np.empty(FRAME_SIGNALS, np.uint8)
    n = core.ainka_flat_frame_get(frame, time_ns, flags, state, _address(values), _address(fresh))
    columns = {name: np.empty((n, *SUBJECTS[name].shape), SUBJECTS[name].base)
               for name in SUBJECTS.names or ()}  # fmt: skip
    core.ainka_flat_frame_subjects(frame, *(_address(column) for column in columns.values()))
    subjects = np.empty(n, SUBJECTS)
    for name, column in columns.items():
        subjects[name] = column
    return Frame(time_ns.value, flags.value, state.value, values, fresh, subjects)


def _buffer(bytes_: int) -> NDArray[np.uint64]:
    return np.zeros((bytes_ + 7) // 8, np.uint64)


class Coder:
    """One end of a stream of frames: the writer's or the reader's, each with its last frame."""

    def __init__(self) -> None:
        self._core = library.load()
        size = self._core.ainka_flat_frame_bytes(0)
        self._frames = [_buffer(size), _buffer(size)]
        self._newest: int | None = None

    def _pair(self, key: bool) -> tuple[int | None, int]:
        if key or self._newest is None:
            return None, 0
        return _address(self._frames[self._newest]), 1 - self._newest

    def encode(self, frame: Frame, key: bool = False) -> bytes:
        """The bytes of a frame; the first is a key frame in any case."""
        before, at = self._pair(key)
        into = _address(self._frames[at])
        values = np.ascontiguousarray(frame.values, np.int64)
        fresh = np.ascontiguousarray(frame.fresh, np.uint8)
        self._core.ainka_flat_frame_set(
            into, frame.time_ns, frame.flags, frame.state, _address(values), _address(fresh)
        )
        for row in frame.subjects:
            val, row_fresh = np.array(row["val"]), np.array(row["fresh"])
            if not self._core.ainka_flat_frame_add(
                into, int(row["subject"]), int(row["num"]), int(row["id"]),
                _address(val), _address(row_fresh),
            ):  # fmt: skip
                raise AinkaError("a frame has too many subjects")
        out = ctypes.create_string_buffer(self._core.ainka_flat_frame_bytes(1))
        n = self._core.ainka_frame_encode(before, into, out)
        self._newest = at
        return out.raw[:n]

    def decode(self, data: bytes, key: bool = False) -> Frame:
        """The frame of some bytes; raises AinkaError when they are not one."""
        before, at = self._pair(key)
        into = _address(self._frames[at])
        if self._core.ainka_frame_decode(data, len(data), before, into):
            raise AinkaError("these bytes are not a frame")
        self._newest = at
        return _unpack(into)


@dataclass
class Losses:
    """What a reader could not read: gaps, pieces missing in them, and what made no sense."""

    gaps: int
    pieces: int
    corrupt: int


class Reader:
    """Pieces of the ring in, frames out; a gap is passed over to the next key frame.

    Pieces that come from the rings of several CPUs are put in order as far as they are there.
    """

    def __init__(self) -> None:
        self._core = library.load()
        self._replay = _buffer(self._core.ainka_replay_bytes())
        self._core.ainka_replay_init(_address(self._replay))

    def read(self, records: NDArray[np.void]) -> Iterator[Frame]:
        """Frames that are complete with ``records`` (n,), of RECORD_DTYPE or INPUTS_DTYPE."""
        pieces = np.ascontiguousarray(records).view(INPUTS_DTYPE)
        pieces = pieces[pieces["type"] == RECORD_INPUTS]
        at = _address(self._replay)
        for row in np.argsort(pieces["id"], kind="stable"):
            piece = np.ascontiguousarray(pieces[row : row + 1])
            self._core.ainka_replay_feed(at, _address(piece))
            while self._core.ainka_replay_next(at) == 1:
                yield _unpack(self._core.ainka_replay_frame(at))

    @property
    def losses(self) -> Losses:
        """Counted since the beginning."""
        counts = [ctypes.c_uint64() for _ in range(3)]
        self._core.ainka_replay_losses(_address(self._replay), *counts)
        return Losses(*(count.value for count in counts))
