# SPDX-License-Identifier: Apache-2.0
"""Values that policies set tunables to."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from ainkad.core import library
from ainkad.core.failure import Failure, encode


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
        value: int = library.load().ainka_flat_value_resolve(
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
    raw = encode(text)
    failure = Failure()
    op, argument = ctypes.c_uint32(), ctypes.c_int64()
    if library.load().ainka_flat_value_parse(
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
