# SPDX-License-Identifier: Apache-2.0
"""Durations with units, as policies, tuners and people write them."""

from __future__ import annotations

import re

from ainkad.errors import AinkaError

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_DURATION = re.compile(r"\s*(\d+)(?:\.(\d{1,9}))?\s*([a-zµ]+)\s*")
# An s64 of nanoseconds is what every clock of the kernel can hold.
_MAX_NS = (1 << 63) - 1


def parse_duration(text: str) -> int:
    """Nanoseconds of a text such as ``500ms``, ``1.5s`` or ``2min``; ``0`` needs no unit.

    Raises AinkaError with the units that are allowed.
    """
    if text.strip() == "0":
        return 0
    match = _DURATION.fullmatch(text)
    unit = match[3].replace("µ", "u") if match else ""
    if match is None or unit not in _UNITS_NS:
        raise AinkaError(
            f"{text!r} is not a duration",
            f"write a number and a unit, for instance 500ms; units: {', '.join(_UNITS_NS)}",
        )
    scale = _UNITS_NS[unit]
    fraction = match[2] or ""
    nanoseconds: int = int(match[1]) * scale + int(fraction or 0) * scale // 10 ** len(fraction)
    if nanoseconds > _MAX_NS:
        raise AinkaError(f"{text!r} is too long", "at most 106000d")
    return nanoseconds


def format_duration(nanoseconds: int) -> str:
    """A duration for people: three digits at most and the unit that fits, ``1.5 ms``."""
    if nanoseconds <= 0:
        return "0"
    name, scale = "ns", 1
    for unit, size in _UNITS_NS.items():
        if nanoseconds >= size:
            name, scale = unit, size
    value = nanoseconds / scale
    digits = 0 if value >= 100 or scale == 1 else 1 if value >= 10 else 2
    text = f"{value:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {name}"
