# SPDX-License-Identifier: Apache-2.0
"""The pure core, as the kernel runs it: conditions, models, values, states.

What is checked, explained and replayed here is what the module would do, because it is the same
code. numpy is imported by the functions that handle batches, so that a command that compiles one
expression starts fast.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ainkad import core_lib
from ainkad.core_seen import SYSTEM, Past, Seen, Values, Windows
from ainkad.errors import AinkaError
from ainkad.signals_gen import BY_ID, N_SYSTEM_SIGNALS, N_TASK_SIGNALS, SIGNALS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]
    BoolArray = npt.NDArray[np.bool_]
    Fresh = npt.NDArray[np.bool_] | npt.NDArray[np.uint8]

TASK: Final = 1
"""Subject of a policy that is evaluated for each task."""

_TRUTH: Final[tuple[bool | None, ...]] = (False, True, None)
_RENDER_BYTES: Final = 4096
_MAX_CAUSES: Final = 4


class ExpressionError(AinkaError):
    """A condition or a value that does not compile.

    ``position`` and ``length`` (in characters) point at the offending part of ``text``; ``caret``
    is the text with that part marked below it.
    """

    def __init__(self, text: str, position: int, length: int, message: str) -> None:
        self.text = text
        self.position = position
        self.length = length
        self.caret = _caret(text, position, length)
        super().__init__(message, self.caret)


class ModelError(AinkaError):
    """A model that does not verify; ``node`` is the number of the offending node or term."""

    def __init__(self, node: int, message: str) -> None:
        super().__init__(f"node {node} of the model: {message}", "train and compile it again")
        self.node = node


def _caret(text: str, position: int, length: int) -> str:
    # A condition may span lines: blanks keep the marker below what it marks.
    line = "".join(c if c.isprintable() else " " for c in text)
    return f"  {line}\n  {' ' * position}{'^' * max(1, length)}"


class _Failure:
    """The out parameters in which the library explains itself."""

    def __init__(self) -> None:
        self.position = ctypes.c_uint32()
        self.length = ctypes.c_uint32()
        self.buffer = ctypes.create_string_buffer(core_lib.size(core_lib.ERR_MSG))

    @property
    def message(self) -> str:
        return self.buffer.value.decode("ascii", "replace")

    def error(self, text: str, raw: bytes) -> ExpressionError:
        """The library counts bytes, people count characters."""
        start, end = self.position.value, self.position.value + self.length.value
        position = len(raw[:start].decode("utf-8", "ignore"))
        length = len(raw[:end].decode("utf-8", "ignore")) - position
        return ExpressionError(text, position, length, self.message)


def _encode(text: str) -> bytes:
    if "\0" in text:
        raise ExpressionError(text, text.index("\0"), 1, "a NUL character is not allowed")
    return text.encode("utf-8", "surrogatepass")


class Model:
    """A verified model as the evaluator wants it."""

    def __init__(self, blob: bytes, subject: int = TASK) -> None:
        library, failure, size = core_lib.load(), _Failure(), ctypes.c_uint64()
        raw = ctypes.create_string_buffer(blob, len(blob) or 1)
        if library.ainka_flat_model_size(raw, len(blob), size, failure.position, failure.buffer):
            raise ModelError(failure.position.value, failure.message)
        self._memory = (ctypes.c_uint64 * ((size.value + 7) // 8))()
        if library.ainka_flat_model_load(
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
        buffer = ctypes.create_string_buffer(_RENDER_BYTES)
        core_lib.load().ainka_flat_model_render(self.subject, seen.memory, buffer, _RENDER_BYTES)
        return buffer.value.decode("ascii")


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
        full = core_lib.size(core_lib.PROG)
        if len(blob) > full:
            raise AinkaError(f"a program of {len(blob)} bytes is too long", f"at most {full}")
        memory = ctypes.create_string_buffer(full)
        ctypes.memmove(memory, blob, len(blob))
        shared, failure = Windows(windows), _Failure()
        if core_lib.load().ainka_flat_prog_verify(
            memory, subject, has_model, shared.memory, failure.position, failure.buffer
        ):
            raise AinkaError(
                f"instruction {failure.position.value}: {failure.message}",
                "compile the condition again",
            )
        return cls(memory, subject, has_model, shared)

    def __bytes__(self) -> bytes:
        return self._memory.raw[: core_lib.load().ainka_flat_prog_bytes(self._memory)]

    @property
    def address(self) -> int:
        """Where it is, for the library; valid while this object lives."""
        return ctypes.addressof(self._memory)

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals it reads, in order of first use, at most four."""
        ids = (ctypes.c_uint16 * _MAX_CAUSES)()
        n = core_lib.load().ainka_flat_prog_signals(self._memory, ids)
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
        truth: int = core_lib.load().ainka_flat_eval(self._memory, self.subject, seen.memory, leaf)
        return _TRUTH[truth]

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
        buffer = ctypes.create_string_buffer(_RENDER_BYTES)
        core_lib.load().ainka_flat_render(
            self._memory, self.subject, seen.memory, buffer, _RENDER_BYTES
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
        from ainkad import core_batch

        return core_batch.evaluate(self._memory, self.subject, values, fresh, self._model(model))

    def _model(self, model: Model | bytes | None) -> Model | None:
        return Model(model, self.subject) if isinstance(model, bytes) else model


def compile_expression(
    text: str, subject: int, has_model: bool = False, windows: Windows | None = None
) -> Program:
    """Compile a condition for policies of ``subject`` (enum ainka_subject).

    ``has_model`` allows the word ``model``. ``windows`` are those of the policy's other condition.
    Raises ExpressionError.
    """
    raw = _encode(text)
    memory = ctypes.create_string_buffer(core_lib.size(core_lib.PROG))
    windows = Windows() if windows is None else windows
    failure = _Failure()
    if core_lib.load().ainka_flat_compile(
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
    library, failure = core_lib.load(), _Failure()
    try:
        for index, name in enumerate(names):
            raw = _encode(name)
            if library.ainka_flat_external(index, raw, failure.position, failure.buffer):
                raise failure.error(name, raw)
        yield
    finally:
        for index in range(len(names)):
            library.ainka_flat_external(index, None, failure.position, failure.buffer)


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
    from ainkad import core_batch

    return core_batch.model(Model(model) if isinstance(model, bytes) else model, values, fresh)


def task_features(records: npt.NDArray[np.void], now_ns: int) -> tuple[IntArray, BoolArray]:
    """The signals of tasks from copies of their BPF records.

    ``records`` is a structured array of shape (n,) with the layout of struct ainka_task_rec,
    ``now_ns`` CLOCK_MONOTONIC. Returns values (int64) and freshness (bool), both of shape
    (n, N_TASK_SIGNALS), columns in the order of TASK_SIGNALS. Raises AinkaError for another layout.
    """
    from ainkad import core_batch

    return core_batch.task_features(records, now_ns)


def hist_percentile(counts: npt.NDArray[np.uint32], permille: int) -> int:
    """A percentile in nanoseconds, within 12.5 %.

    ``counts`` is uint32 of shape (256,) or less, differences of two readings of a histogram;
    ``permille`` 990 means p99. Returns 0 when nothing was counted.
    """
    from ainkad import core_batch

    return core_batch.hist_percentile(counts, permille)


@dataclass(frozen=True)
class Bounds:
    """What a tunable accepts.

    ``values`` names values as "name=number name=number"; ``unit`` is that of its numbers.
    """

    minimum: int
    maximum: int
    step: int = 0
    values: str | None = None
    unit: str | None = None


@dataclass(frozen=True)
class Value:
    """A parsed value of an action; ``op`` is one of the constants, ``argument`` belongs to it."""

    op: int
    argument: int
    bounds: Bounds

    ABSOLUTE = 0
    ADD = 1
    PERCENT = 2
    MODEL = 3

    def resolve(self, baseline: int, current: int, model: int = 0) -> tuple[int, bool]:
        """The value to write, and whether bounds or step limited it."""
        clamped = ctypes.c_uint32()
        value: int = core_lib.load().ainka_flat_value_resolve(
            self.op,
            self.argument,
            self.bounds.minimum,
            self.bounds.maximum,
            self.bounds.step,
            baseline,
            current,
            model,
            clamped,
        )
        return value, bool(clamped.value)


def parse_value(text: str, bounds: Bounds, has_model: bool = False) -> Value:
    """Parse 10, -5, 4MiB, base, base+5, base-20%, model or a value's name.

    Raises ExpressionError, also for an absolute value outside the bounds.
    """
    raw = _encode(text)
    failure = _Failure()
    op, argument = ctypes.c_uint32(), ctypes.c_int64()
    if core_lib.load().ainka_flat_value_parse(
        raw,
        bounds.minimum,
        bounds.maximum,
        bounds.step,
        bounds.values.encode() if bounds.values is not None else None,
        bounds.unit.encode() if bounds.unit is not None else None,
        has_model,
        op,
        argument,
        failure.position,
        failure.length,
        failure.buffer,
    ):
        raise failure.error(text, raw)
    return Value(op.value, argument.value, bounds)


class Hysteresis:
    """When a policy is on for one subject; times in nanoseconds of the caller's clock."""

    def __init__(self, for_ns: int = 0, hold_ns: int = 0, cooldown_ns: int = 0) -> None:
        self._memory = ctypes.create_string_buffer(core_lib.size(core_lib.HYST))
        self._times = (for_ns, hold_ns, cooldown_ns)
        self.on = False

    def step(self, when: bool | None, now_ns: int, *until: bool | None) -> bool:
        """Feed one evaluation; a third argument is the condition that turns it off.

        Returns True when ``on`` changed.
        """
        on = ctypes.c_uint32()
        changed = core_lib.load().ainka_flat_hyst_step(
            self._memory,
            *self._times,
            _TRUTH.index(when),
            _TRUTH.index(until[0]) if until else 0,
            bool(until),
            now_ns,
            on,
        )
        self.on = bool(on.value)
        return bool(changed)


class Budget:
    """A token bucket of writes."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self._memory = ctypes.create_string_buffer(core_lib.size(core_lib.BUDGET))
        self._limits = (per_minute, burst)

    def take(self, now_ns: int) -> bool:
        """May one more write be done now?"""
        return bool(core_lib.load().ainka_budget_take(self._memory, *self._limits, now_ns))


def state_next(state: int, event: int, argument: int = 0) -> int:
    """The state (enum ainka_state) after an event (enum ainka_event)."""
    return int(core_lib.load().ainka_state_next(state, event, argument))


def state_allows(state: int, origin: int, states_mask: int = 0) -> bool:
    """May a policy of this origin write in this state? Mask 0 means all but emergency."""
    return bool(core_lib.load().ainka_state_allows(state, origin, states_mask))


def hist_bucket(nanoseconds: int) -> int:
    """The bucket of a value."""
    return int(core_lib.load().ainka_flat_hist_bucket(nanoseconds))


def hist_floor(bucket: int) -> int:
    """The smallest value of a bucket."""
    return int(core_lib.load().ainka_flat_hist_floor(bucket))


def ring_load_head(address: int) -> int:
    """Position behind the newest record, read with acquire order from a producer page."""
    return int(core_lib.load().ainka_ring_load_head(address))


def ring_store_tail(address: int, tail: int) -> None:
    """Give records back: write the position with release order to a consumer page."""
    core_lib.load().ainka_ring_store_tail(address, tail)


__all__ = [
    "N_SYSTEM_SIGNALS",
    "N_TASK_SIGNALS",
    "SIGNALS",
    "SYSTEM",
    "TASK",
    "Bounds",
    "Budget",
    "ExpressionError",
    "Hysteresis",
    "Model",
    "ModelError",
    "Past",
    "Program",
    "Value",
    "Windows",
    "compile_expression",
    "evaluate_model",
    "external_signals",
    "hist_bucket",
    "hist_floor",
    "hist_percentile",
    "model_paths",
    "parse_value",
    "ring_load_head",
    "ring_store_tail",
    "state_allows",
    "state_next",
    "task_features",
    "verify_model",
]
