# SPDX-License-Identifier: Apache-2.0
"""Recordings for tests: frames made by hand, cut into pieces as kmod/record.c cuts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ainkad.frames import ENFORCE, FRAME_SIGNALS, SUBJECTS, WALKED, Coder, Frame
from ainkad.layouts_gen import INPUTS_BYTES, INPUTS_DTYPE, INPUTS_KEY, RECORD_DTYPE, RECORD_INPUTS
from ainkad.replay.recording import Writer
from ainkad.signals_gen import BY_NAME, EXTERNAL_FIRST, N_SYSTEM_SIGNALS

MS = 1_000_000
Array = np.ndarray[Any, Any]


def external_slot(index: int) -> int:
    """Where an external signal is in a frame."""
    return N_SYSTEM_SIGNALS + index


def frame(
    time_ns: int,
    system: Mapping[str, int] = {},
    tasks: Sequence[tuple[int, Mapping[str, int]]] = (),
    walked: bool = True,
    state: int = 0,
    flags: int = ENFORCE,
    external: Mapping[int, int] = {},
) -> Frame:
    """One frame; signals that are not given are stale. A task's id is its pid times 1000."""
    values = np.zeros(FRAME_SIGNALS, np.int64)
    fresh = np.zeros(FRAME_SIGNALS, np.uint8)
    for name, value in system.items():
        values[BY_NAME[name].index], fresh[BY_NAME[name].index] = value, 1
    for index, value in external.items():
        values[external_slot(index)], fresh[external_slot(index)] = value, 1
    subjects = np.zeros(len(tasks) if walked else 0, SUBJECTS)
    for row, (pid, signals) in zip(subjects, tasks, strict=False):
        row["subject"], row["num"], row["id"] = 1, pid, pid * 1000
        for name, value in signals.items():
            row["val"][BY_NAME[name].index] = value
            row["fresh"][BY_NAME[name].index] = 1
    return Frame(time_ns, flags | (WALKED if walked else 0), state, values, fresh, subjects)


def _framed(data: bytes) -> bytes:
    """A frame behind its length, seven bits a byte."""
    length, n = b"", len(data)
    while n > 0x7F:
        length += bytes([n & 0x7F | 0x80])
        n >>= 7
    return length + bytes([n]) + data


class Cutter:
    """Cuts coded frames into pieces as the module does."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, bytes]] = []
        self._pending, self._flags = b"", 0

    def add(self, data: bytes, key: bool) -> None:
        """A coded frame; one that is key begins a new piece."""
        if key:
            self.flush()
            self._flags = INPUTS_KEY
        self._pending += _framed(data)
        while len(self._pending) >= INPUTS_BYTES:
            self._rows.append((self._flags, self._pending[:INPUTS_BYTES]))
            self._pending, self._flags = self._pending[INPUTS_BYTES:], 0

    def flush(self) -> None:
        """The next frame begins a new piece."""
        if self._pending:
            self._rows.append((self._flags, self._pending))
        self._pending, self._flags = b"", 0

    def pieces(self) -> Array:
        """All of them: (n,) of INPUTS_DTYPE."""
        self.flush()
        out = np.zeros(len(self._rows), INPUTS_DTYPE)
        for at, (flags, payload) in enumerate(self._rows):
            out[at]["id"], out[at]["type"] = at + 1, RECORD_INPUTS
            out[at]["flags"], out[at]["bytes"] = flags, len(payload)
            out[at]["payload"][: len(payload)] = np.frombuffer(payload, np.uint8)
        return out


def pieces(frames: Sequence[Frame], key_every: int = 64) -> Array:
    """Pieces (n,) of INPUTS_DTYPE: a new one for each key frame and behind each walk."""
    coder, cutter, walks = Coder(), Cutter(), 0
    for number, one in enumerate(frames):
        walked = bool(one.flags & WALKED)
        key = number == 0 or (walked and walks >= key_every)
        cutter.add(coder.encode(one, key), key)
        walks = (0 if key else walks) + walked
        if walked:
            cutter.flush()
    return cutter.pieces()


def write(
    path: Path,
    batches: Sequence[Array],
    policies: Sequence[Mapping[str, Any]] = (),
    tunables: Sequence[Mapping[str, Any]] = (),
    external: Sequence[str] = (),
    finish: bool = True,
    policies_after: Sequence[Mapping[str, Any]] | None = None,
) -> Path:
    """A file of these records."""
    head = {
        "policies": list(policies),
        "tunables": list(tunables),
        "external": list(external),
        "wall_minus_monotonic_ns": 0,
    }
    writer = Writer(path, head)
    for batch in batches:
        writer.add(np.ascontiguousarray(batch).view(RECORD_DTYPE))
    after = policies if policies_after is None else policies_after
    if finish:
        writer.finish({**head, "policies": list(after)})
    else:
        writer.close()
    return path


def external_id(index: int) -> int:
    """The id of an external signal."""
    return EXTERNAL_FIRST + index
