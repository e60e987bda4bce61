# SPDX-License-Identifier: Apache-2.0
"""Aligned tables and JSON. (A table library would cost more start-up than a command takes.)"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from ainkad.units import format_duration


def escape(text: str) -> str:
    """``text`` with control characters shown, as names of tasks may hold anything."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def cell(value: object) -> str:
    """A value as a table shows it."""
    if value is None:
        return "-"
    if value is True:
        return "yes"
    return escape(str(value))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print an aligned table; columns of numbers are right-aligned, the last is not padded.

    ``empty`` is printed instead of a table without rows.
    """
    raw = [list(row) for row in rows]
    if not raw:
        print(empty)
        return
    columns = range(len(headers))
    numeric = [all(isinstance(row[c], int | None) for row in raw) for c in columns]
    texts = [[cell(value) for value in row] for row in raw]
    widths = [max(len(headers[c]), *(len(row[c]) for row in texts)) for c in columns]
    for row in [list(headers), *texts]:
        parts = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ]
        print("  ".join(parts).rstrip())


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values in two aligned columns; pairs whose value is None are left out."""
    shown = [(name, cell(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name.ljust(width)}  {value}".rstrip())


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)


def emit_json(value: object) -> None:
    """Print one document."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def emit_json_line(value: object) -> None:
    """Print one line of JSON, at once."""
    print(json.dumps(value, ensure_ascii=False, default=_plain))
    sys.stdout.flush()


def count(number: int, noun: str) -> str:
    """A number and what it counts."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(nanoseconds: int | None) -> str | None:
    """A duration for people, None where there is none."""
    return None if nanoseconds is None else format_duration(nanoseconds)


@cache
def wall_minus_monotonic() -> int:
    """Nanoseconds from CLOCK_MONOTONIC to CLOCK_REALTIME.

    We may be preempted between the two readings: the closest of a few pairs counts.
    """
    pairs = []
    for _ in range(5):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        pairs.append((after - before, wall - (before + after) // 2))
    return min(pairs)[1]


def clock_time(monotonic_ns: int) -> str:
    """Local time of day of a CLOCK_MONOTONIC time of this boot."""
    wall = monotonic_ns + wall_minus_monotonic()
    local = time.localtime(wall // 1_000_000_000)
    return f"{time.strftime('%H:%M:%S', local)}.{wall // 1_000_000 % 1000:03d}"


def settings(policy: Mapping[str, Any]) -> str:
    """What a policy sets, as it is written on the command line."""
    return " ".join(f"{a.get('tunable')}={a.get('value')}" for a in policy.get("action", ()))


def value_names(values: str | None) -> dict[int, str]:
    """Names of a tunable's values by number, from the module's text ``idle=5 other=0``."""
    names: dict[int, str] = {}
    for pair in (values or "").split():
        name, _, number = pair.partition("=")
        if number.lstrip("-").isdigit():
            names[int(number)] = name
    return names


def named(value: int | None, names: Mapping[int, str]) -> str | None:
    """A value by its name where it has one."""
    if value is None:
        return None
    return names.get(value, str(value))


def subject(row: Mapping[str, Any]) -> str:
    """Whom a row is about."""
    if row.get("pid"):
        return f"{row['pid']} {row.get('label', '')}".rstrip()
    return str(row.get("label") or "system")
