# SPDX-License-Identifier: Apache-2.0
"""Records of events as arrays: their layout, in the ring, in memory and in frames alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ainkad.bpf.ringbuf import slot_dtype
from ainkad.layouts_gen import EVENT_REC_DTYPE

SLOT: Final = slot_dtype(EVENT_REC_DTYPE)
"""Layout of the records of a frame: those of the ring, with their headers."""

Records = npt.NDArray[np.void]

_RAW: Final = np.dtype((np.void, SLOT.itemsize))


def join(batches: Sequence[Records]) -> Records:
    """Records of dtype SLOT one behind the other: shape (n,), a copy.

    As bytes, since numpy joins and copies a structured dtype field by field.
    """
    joined: Records = np.concatenate([batch.view(_RAW) for batch in batches]).view(SLOT)
    return joined


def to_bytes(records: Records) -> bytes:
    """Records of dtype SLOT as a frame carries them."""
    return np.ascontiguousarray(records).tobytes()


def from_bytes(payload: bytes) -> Records:
    """The records of dtype SLOT that a frame carries: shape (n,), not to be written."""
    return np.frombuffer(payload, SLOT)
