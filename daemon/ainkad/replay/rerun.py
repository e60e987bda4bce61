# SPDX-License-Identifier: Apache-2.0
"""Policies evaluated again by the core, and the frames of a recording for them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ainkad.core import Model, Program, Windows, compile_expression, library
from ainkad.core.model import RENDER_BYTES
from ainkad.errors import AinkaError
from ainkad.frames import FRAME_SIGNALS
from ainkad.layouts_gen import INPUTS_DTYPE, MAX_CAUSES, RECORD_INPUTS
from ainkad.netlink.spec_gen import FAMILY

Key = tuple[int, int]
"""A subject: its number (0 for the system) and what tells it from others of that number."""

_CHANGES: Final = 128
_SUBJECTS: Final = FAMILY.enums["subject"]


@dataclass(frozen=True)
class Change:
    """A policy turned on or off for a subject."""

    key: Key
    on: bool


@dataclass
class Frame:
    """What the next evaluation sees: its time (CLOCK_MONOTONIC), flags and state.

    ``address`` is the core's, valid until the next frame. ``after_gap_ns`` is the time of the frame
    before, where something is missing between the two, else 0.
    """

    address: int
    time_ns: int
    flags: int
    state: int
    after_gap_ns: int


def _zeroed(bytes_: int) -> ctypes.Array[ctypes.c_uint64]:
    return (ctypes.c_uint64 * ((bytes_ + 7) // 8))()


class Rerun:
    """One policy, evaluated as the module evaluates it."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        """``request`` is a policy by the names of the netlink spec, as files give it.

        Raises AinkaError when it does not compile. External signals that it names must be known
        (``ainkad.core.external_signals``).
        """
        self.request = request
        self.name = str(request.get("name", ""))
        self.subject = _SUBJECTS.index(request.get("subject") or "system")
        core = library.load()
        blob = request.get("model")
        try:
            self._model = Model(blob, self.subject) if blob else None
            windows = Windows()
            has_model = self._model is not None
            self._when = compile_expression(request["when"], self.subject, has_model, windows)
            until = request.get("until")
            self._until: Program | None = None
            if until:
                self._until = compile_expression(until, self.subject, has_model, windows)
        except AinkaError as error:
            raise AinkaError(f"policy {self.name}: {error.message}", error.hint) from None
        self._windows = windows
        self._memory = _zeroed(core.ainka_rerun_bytes(windows.memory))
        self._at = ctypes.addressof(self._memory)
        core.ainka_rerun_init(
            self._at, self.subject, self._when.address,
            self._until.address if self._until else None, windows.memory,
            self._model.address if self._model else None,
        )  # fmt: skip
        times = (int(request.get(key) or 0) for key in ("for-ns", "hold-ns", "cooldown-ns"))
        core.ainka_rerun_times(self._at, *times)
        self._frame = core.ainka_rerun_frame
        self._num = np.zeros(_CHANGES, np.uint32)
        self._id = np.zeros(_CHANGES, np.uint64)
        self._on = np.zeros(_CHANGES, np.uint8)
        self._out = [array.ctypes.data for array in (self._num, self._id, self._on)]

    @property
    def memory_ns(self) -> int:
        """How long what was before the first frame may matter: its longest window or time."""
        return int(library.load().ainka_rerun_memory_ns(self._at))

    def step(self, frame: Frame) -> list[Change]:
        """Evaluate it for a frame; what has changed."""
        n = self._frame(self._at, frame.address, *self._out)
        if not n:
            return []
        rows = zip(self._num[:n].tolist(), self._id[:n].tolist(), self._on[:n].tolist(),
                   strict=True)  # fmt: skip
        return [Change((num, identity), bool(on)) for num, identity, on in rows]

    def why(self, frame: Frame, key: Key, on: bool) -> tuple[str, list[tuple[int, int]]]:
        """The condition with the values it compared, and (id, value) of the signals it read."""
        core, until = library.load(), 0 if on else 1
        text = ctypes.create_string_buffer(RENDER_BYTES)
        core.ainka_rerun_render(self._at, frame.address, *key, until, text, RENDER_BYTES)
        signals = (ctypes.c_uint16 * MAX_CAUSES)()
        values = (ctypes.c_int64 * MAX_CAUSES)()
        n = core.ainka_rerun_causes(self._at, frame.address, *key, until, signals, values)
        causes = list(zip(signals[:n], values[:n], strict=True))
        return text.value.decode("ascii", "replace"), causes

    def model(self, frame: Frame, key: Key) -> int | None:
        """What its model says of a subject, None where that is unknown."""
        value = ctypes.c_int64()
        known = library.load().ainka_rerun_model(self._at, frame.address, *key, value)
        return value.value if known else None


class Stream:
    """Frames of a stream of records, in order, with the gaps in it.

    ``gaps`` counts the times that pieces were missing, ``pieces`` those pieces, ``corrupt`` what
    made no sense.
    """

    def __init__(self) -> None:
        self._core = library.load()
        self._memory = _zeroed(self._core.ainka_replay_bytes())
        self._at = ctypes.addressof(self._memory)
        self._core.ainka_replay_init(self._at)
        self._values = np.empty(FRAME_SIGNALS, np.int64)
        self._fresh = np.empty(FRAME_SIGNALS, np.uint8)
        self.gaps = self.pieces = self.corrupt = 0

    def frames(self, batches: Iterable[NDArray[np.void]]) -> Iterator[Frame]:
        """Frames of all batches (n,) of RECORD_DTYPE."""
        last_ns, gaps = 0, 0
        for pieces in _in_order(batches):
            size = pieces.dtype.itemsize
            first = pieces.ctypes.data
            for row in range(len(pieces)):
                self._core.ainka_replay_feed(self._at, first + row * size)
                while self._core.ainka_replay_next(self._at) == 1:
                    self._count()
                    frame = self._frame(last_ns if self.gaps + self.corrupt > gaps else 0)
                    gaps, last_ns = self.gaps + self.corrupt, frame.time_ns
                    yield frame
        self._count()

    def _frame(self, after_gap_ns: int) -> Frame:
        time_ns, flags, state = ctypes.c_uint64(), ctypes.c_uint32(), ctypes.c_uint32()
        address = self._core.ainka_replay_frame(self._at)
        self._core.ainka_flat_frame_get(
            address, time_ns, flags, state, self._values.ctypes.data, self._fresh.ctypes.data
        )
        return Frame(address, time_ns.value, flags.value, state.value, after_gap_ns)

    def _count(self) -> None:
        counts = [ctypes.c_uint64() for _ in range(3)]
        self._core.ainka_replay_losses(self._at, *counts)
        self.gaps, self.pieces, self.corrupt = (count.value for count in counts)


def _in_order(batches: Iterable[NDArray[np.void]]) -> Iterator[NDArray[np.void]]:
    """Pieces in the order of their numbers.

    The rings of the CPUs are read one after the other: a piece may come one batch late when its
    writer has changed CPUs meanwhile.
    """
    waiting = np.empty(0, INPUTS_DTYPE)
    for batch in batches:
        pieces = np.ascontiguousarray(batch).view(INPUTS_DTYPE)
        pieces = pieces[pieces["type"] == RECORD_INPUTS]
        newest = waiting["id"].max() if len(waiting) else 0
        both = np.concatenate([waiting, pieces])
        both = both[np.argsort(both["id"], kind="stable")]
        ready = both["id"] <= newest
        yield both[ready]
        waiting = both[~ready]
    yield waiting
