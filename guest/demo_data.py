# SPDX-License-Identifier: Apache-2.0
"""What the demo brings back from the guest: the load's samples and the daemon's telemetry."""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: struct samples of guest/load/periodic.c: magic, count, missed, reserved; then (due, delay) each.
_HEADER = struct.Struct("<4Q")
_SAMPLE = struct.Struct("<2Q")
_MAGIC = 0x31646F6972657031


def read_samples(path: Path) -> list[tuple[int, int]]:
    """(due, delay) in nanoseconds of every wake-up. Raises ValueError for another file."""
    data = path.read_bytes()
    magic, count, _, _ = _HEADER.unpack_from(data)
    end = _HEADER.size + count * _SAMPLE.size
    if magic != _MAGIC or end > len(data):
        raise ValueError(f"{path} was not written by the load")
    return list(_SAMPLE.iter_unpack(data[_HEADER.size : end]))


@dataclass(frozen=True)
class Telemetry:
    """The last session of the daemon's store; every time is CLOCK_MONOTONIC of the guest in ns."""

    decisions: list[dict[str, Any]] = field(default_factory=list)
    windows: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)

    def event(self, name: str) -> dict[str, Any] | None:
        """The last event of this name."""
        return next((e for e in reversed(self.events) if e["event"] == name), None)


def read_telemetry(path: Path) -> Telemetry:
    """Read the store; the -wal file beside it counts. Raises sqlite3.Error for another file."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        session, offset = db.execute(
            "SELECT id, wall_minus_monotonic_ns FROM sessions ORDER BY id DESC LIMIT 1"
        ).fetchone()

        def rows(columns: str, name: str, order: str) -> list[dict[str, Any]]:
            sql = f"SELECT {columns} FROM {name} WHERE session = ? ORDER BY {order}"
            return [dict(row) for row in db.execute(sql, (session,))]

        decisions = rows("id, time_ns, policy, tunable, pid, label, old, new, verdict, reason",
                         "decisions", "id")  # fmt: skip
        windows = rows("id, stage, started_ns, arm, reward, reward_count, assignment",
                       "windows", "id")  # fmt: skip
        events = rows("wall_ns, source, event, detail", "events", "id")
        effects = rows("policy, stage, reward, mean, low, high, alpha, pairs, promoted",
                       "effects", "id")  # fmt: skip
        models = rows("arm, report", "models", "id")
    for window in windows:
        window["assignment"] = json.loads(window["assignment"])
    for event in events:
        event["time_ns"] = event.pop("wall_ns") - offset
        event["detail"] = json.loads(event["detail"])
    for model in models:
        model["report"] = json.loads(model["report"])
    return Telemetry(decisions, windows, events, effects, models)
