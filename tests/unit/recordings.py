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


def pieces(frames: Sequence[Frame], key_every: int = 64) -> Array:
    """Pieces (n,) of INPUTS_DTYPE: a new one for each key frame and behind each walk."""
    coder, rows = Coder(), []
    pending, flags, walks = b"", 0, 0

    def flush() -> None:
        nonlocal pending, flags
        if pending:
            rows.append((flags, pending))
        pending, flags = b"", 0

    for number, one in enumerate(frames):
        walked = bool(one.flags & WALKED)
        key = number == 0 or (walked and walks >= key_every)
        if key:
            flush()
            flags, walks = INPUTS_KEY, 0
        data = coder.encode(one, key)
        length, n = b"", len(data)
        while True:
            length += bytes([(n & 0x7F) | (0x80 if n > 0x7F else 0)])
            n >>= 7
            if not n:
                break
        pending += length + data
        while len(pending) >= INPUTS_BYTES:
            rows.append((flags, pending[:INPUTS_BYTES]))
            pending, flags = pending[INPUTS_BYTES:], 0
        if walked:
            walks += 1
            flush()
    flush()
    out = np.zeros(len(rows), INPUTS_DTYPE)
    for at, (piece_flags, payload) in enumerate(rows):
        out[at]["id"], out[at]["type"] = at + 1, RECORD_INPUTS
        out[at]["flags"], out[at]["bytes"] = piece_flags, len(payload)
        out[at]["payload"][: len(payload)] = np.frombuffer(payload, np.uint8)
    return out


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
