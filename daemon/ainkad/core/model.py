# SPDX-License-Identifier: Apache-2.0
"""Models: verified, asked about many rows, explained."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

from ainkad.core import library
from ainkad.core.failure import Failure, ModelError
from ainkad.core.seen import Seen, Values

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ainkad.core.batch import BoolArray, Fresh, IntArray

TASK: Final = 1
"""Subject of a policy that is evaluated for each task."""

RENDER_BYTES: Final = 4096


class Model:
    """A verified model as the evaluator wants it."""

    def __init__(self, blob: bytes, subject: int = TASK) -> None:
        core, failure, size = library.load(), Failure(), ctypes.c_uint64()
        raw = ctypes.create_string_buffer(blob, len(blob) or 1)
        if core.ainka_flat_model_size(raw, len(blob), size, failure.position, failure.buffer):
            raise ModelError(failure.position.value, failure.message)
        self._memory = (ctypes.c_uint64 * ((size.value + 7) // 8))()
        if core.ainka_flat_model_load(
            raw, len(blob), subject, self._memory, failure.position, failure.buffer
        ):
            raise ModelError(failure.position.value, failure.message)
        self.blob = blob
        self.subject = subject

    @property
    def address(self) -> int:
        """Where it is, for the library; valid while this object lives."""
        return ctypes.addressof(self._memory)

    def render(self, system: Values, subject: Values | None = None) -> str:
        """Why it says what it says: the path through a tree, the votes of a forest, the terms."""
        seen = Seen(self.subject, system, subject, self.address)
        buffer = ctypes.create_string_buffer(RENDER_BYTES)
        library.load().ainka_flat_model_render(self.subject, seen.memory, buffer, RENDER_BYTES)
        return buffer.value.decode("ascii")


def verify_model(blob: bytes, subject: int) -> None:
    """Check a model; raises ModelError."""
    Model(blob, subject)


def evaluate_model(model: Model | bytes, values: IntArray, fresh: Fresh) -> IntArray:
    """Ask a model about many rows of signals.

    ``values`` is int64 of shape (n, N_SIGNALS), columns in the order of SIGNALS (the system's
    first), ``fresh`` of the same shape. Returns int64 of shape (n,), 0 where a signal on the way
    is stale; model_paths() tells those apart. Raises ModelError.
    """
    return model_paths(model, values, fresh)[0]


def model_paths(
    model: Model | bytes, values: IntArray, fresh: Fresh
) -> tuple[IntArray, BoolArray, npt.NDArray[np.uint32]]:
    """As evaluate_model(), but returns results, whether they are known, and the nodes reached."""
    from ainkad.core import batch

    return batch.model(Model(model) if isinstance(model, bytes) else model, values, fresh)
