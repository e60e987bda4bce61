# SPDX-License-Identifier: Apache-2.0
"""Conditions: compiled or from their bytes, evaluated, explained."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ainkad.core import library
from ainkad.core.failure import Failure, encode
from ainkad.core.model import RENDER_BYTES, Model
from ainkad.core.seen import Past, Seen, Values, Windows
from ainkad.errors import AinkaError
from ainkad.signals_gen import BY_ID

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ainkad.core.batch import Fresh, IntArray

TRUTH: Final[tuple[bool | None, ...]] = (False, True, None)
_MAX_CAUSES: Final = 4


class Program:
    """A compiled condition; made by compile_expression() or from its bytes."""

    def __init__(
        self,
        memory: ctypes.Array[ctypes.c_char],
        subject: int,
        has_model: bool,
        windows: Windows,
    ) -> None:
        self._memory = memory
        self.subject = subject
        self.has_model = has_model
        self.windows = windows

    @classmethod
    def from_bytes(
        cls, blob: bytes, subject: int, has_model: bool = False, windows: bytes | None = None
    ) -> Program:
        """The program of which ``blob`` is a copy; raises AinkaError unless it verifies."""
        full = library.size(library.PROG)
        if len(blob) > full:
            raise AinkaError(f"a program of {len(blob)} bytes is too long", f"at most {full}")
        memory = ctypes.create_string_buffer(full)
        ctypes.memmove(memory, blob, len(blob))
        shared, failure = Windows(windows), Failure()
        if library.load().ainka_flat_prog_verify(
            memory, subject, has_model, shared.memory, failure.position, failure.buffer
        ):
            raise AinkaError(
                f"instruction {failure.position.value}: {failure.message}",
                "compile the condition again",
            )
        return cls(memory, subject, has_model, shared)

    def __bytes__(self) -> bytes:
        return self._memory.raw[: library.load().ainka_flat_prog_bytes(self._memory)]

    @property
    def address(self) -> int:
        """Where it is, for the library; valid while this object lives."""
        return ctypes.addressof(self._memory)

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals it reads, in order of first use, at most four."""
        ids = (ctypes.c_uint16 * _MAX_CAUSES)()
        n = library.load().ainka_flat_prog_signals(self._memory, ids)
        return tuple(BY_ID[i].name for i in ids[:n])

    def evaluate(
        self,
        system: Values,
        subject: Values | None = None,
        model: Model | bytes | None = None,
        past: Past | None = None,
    ) -> bool | None:
        """Evaluate it once.

        ``system`` and ``subject`` hold the signals of the system and of the subject by name; a
        missing one is stale. ``model`` is the policy's. Windows are unknown without a ``past`` that
        was fed before. Returns None for unknown. Raises AinkaError for a name that is no signal,
        ModelError for a model that does not verify.
        """
        loaded = self._model(model)
        seen = self._seen(system, subject, loaded, past)
        leaf = ctypes.c_uint32()
        truth: int = library.load().ainka_flat_eval(self._memory, self.subject, seen.memory, leaf)
        return TRUTH[truth]

    def render(
        self,
        system: Values,
        subject: Values | None = None,
        model: Model | bytes | None = None,
        past: Past | None = None,
    ) -> str:
        """Its comparisons with the values and their truth, and the path through the model.

        Arguments and errors as for evaluate().
        """
        loaded = self._model(model)
        seen = self._seen(system, subject, loaded, past)
        buffer = ctypes.create_string_buffer(RENDER_BYTES)
        library.load().ainka_flat_render(
            self._memory, self.subject, seen.memory, buffer, RENDER_BYTES
        )
        return buffer.value.decode("ascii")

    def _seen(
        self, system: Values, subject: Values | None, model: Model | None, past: Past | None
    ) -> Seen:
        address = model.address if model else None
        return Seen(self.subject, system, subject, address, past, self.windows)

    def evaluate_batch(
        self, values: IntArray, fresh: Fresh, model: Model | bytes | None = None
    ) -> npt.NDArray[np.uint8]:
        """Evaluate it for many rows of signals.

        ``values`` is int64 of shape (n, N_SIGNALS), columns in the order of SIGNALS, ``fresh`` of
        the same shape. Returns uint8 of shape (n,): 0 false, 1 true, 2 unknown.
        """
        from ainkad.core import batch

        return batch.evaluate(self._memory, self.subject, values, fresh, self._model(model))

    def _model(self, model: Model | bytes | None) -> Model | None:
        return Model(model, self.subject) if isinstance(model, bytes) else model


def compile_expression(
    text: str, subject: int, has_model: bool = False, windows: Windows | None = None
) -> Program:
    """Compile a condition for policies of ``subject`` (enum ainka_subject).

    ``has_model`` allows the word ``model``. ``windows`` are those of the policy's other condition.
    Raises ExpressionError.
    """
    raw = encode(text)
    memory = ctypes.create_string_buffer(library.size(library.PROG))
    windows = Windows() if windows is None else windows
    failure = Failure()
    if library.load().ainka_flat_compile(
        raw,
        subject,
        has_model,
        windows.memory,
        memory,
        failure.position,
        failure.length,
        failure.buffer,
    ):
        raise failure.error(text, raw)
    return Program(memory, subject, has_model, windows)


@contextmanager
def external_signals(names: Sequence[str]) -> Iterator[None]:
    """Let compile_expression() know signals that are registered in the module, while it lasts.

    Their programs cannot be evaluated here. Raises ExpressionError for a name that cannot be.
    """
    core, failure = library.load(), Failure()
    try:
        for index, name in enumerate(names):
            raw = encode(name)
            if core.ainka_flat_external(index, raw, failure.position, failure.buffer):
                raise failure.error(name, raw)
        yield
    finally:
        for index in range(len(names)):
            core.ainka_flat_external(index, None, failure.position, failure.buffer)
