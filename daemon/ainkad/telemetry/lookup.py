# SPDX-License-Identifier: Apache-2.0
"""Reading the store, for ainkactl: no numpy, read-only, and no error when there is no store."""

from __future__ import annotations

import json
import sqlite3
import struct
from pathlib import Path
from typing import Any

from ainkad.errors import AinkaError
from ainkad.netlink.spec_gen import FAMILY
from ainkad.telemetry.sqlite import hint_of


def store_path() -> Path:
    """Where the daemon's configuration puts the store; the default when it cannot be read."""
    from ainkad.config import CONFIG_PATH, DEFAULT_STORE, read_config

    try:
        return read_config(CONFIG_PATH).store_path if CONFIG_PATH.exists() else DEFAULT_STORE
    except AinkaError:
        return DEFAULT_STORE


def _rows(path: Path, sql: str, arguments: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The rows of a query; none without a store, or for an unknown schema."""
    if not path.exists():
        return []
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, arguments)]
        finally:
            db.close()
    except sqlite3.Error:
        return []


def rows(path: Path, sql: str, arguments: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    """The rows of a query, for commands that need the store: raises AinkaError without it."""
    if not path.exists():
        raise AinkaError(
            f"there is no telemetry store {path}", "the daemon makes it: systemctl start ainkad"
        )
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, arguments)]
        finally:
            db.close()
    except sqlite3.Error as error:
        hint = hint_of(error, path)
        if "no such table" in str(error) or "no such column" in str(error):
            hint = "an older daemon made it: systemctl restart ainkad brings it up to date"
        raise AinkaError(f"telemetry store {path}: {error}", hint) from None


def forecasts(path: Path) -> list[dict[str, Any]]:
    """The latest forecast of each signal, by the columns of the store."""
    return rows(
        path,
        "SELECT * FROM forecasts WHERE id IN (SELECT max(id) FROM forecasts GROUP BY signal) "
        "ORDER BY signal",
    )


def forecast_history(path: Path, since_wall_ns: int) -> list[dict[str, Any]]:
    """All forecasts since then, oldest first."""
    return rows(path, "SELECT * FROM forecasts WHERE wall_ns >= ? ORDER BY id", (since_wall_ns,))


def tuners(path: Path) -> dict[str, dict[str, Any]]:
    """By tuner: paused, attempts, promotions, the last event, the model in force."""
    found: dict[str, dict[str, Any]] = {}
    queries = (
        "SELECT tuner, paused FROM tuner_settings",
        "SELECT tuner, sum(stage = 'confirm') AS attempts, sum(promoted) AS promotions "
        "FROM effects GROUP BY tuner",
        "SELECT substr(source, 7) AS tuner, event AS last, wall_ns AS last_wall_ns FROM events "
        "WHERE id IN (SELECT max(id) FROM events WHERE source LIKE 'tuner.%' GROUP BY source)",
    )
    for sql in queries:
        for row in rows(path, sql):
            found.setdefault(row["tuner"], {}).update(row)
    for row in _in_force(path):
        found.setdefault(row["tuner"], {})["model"] = row["model"]
    return found


def _in_force(path: Path) -> list[dict[str, Any]]:
    """The models that the present life of the daemon has in force."""
    return rows(
        path,
        "SELECT tuner, model FROM activations WHERE model IS NOT NULL AND id IN "
        "(SELECT max(id) FROM activations GROUP BY tuner) "
        "AND session = (SELECT max(id) FROM sessions)",
    )


def tuner_events(path: Path, tuner: str, last: int) -> list[dict[str, Any]]:
    """What a tuner has told, oldest first; details as objects."""
    found = rows(
        path,
        "SELECT wall_ns, event, detail FROM events WHERE source = ? ORDER BY id DESC LIMIT ?",
        (f"tuner.{tuner}", last),
    )
    return [{**row, "detail": json.loads(row["detail"])} for row in found[::-1]]


def models(path: Path) -> list[dict[str, Any]]:
    """All models, oldest first, without their trees; ``state`` is in force, once, or never."""
    found = rows(
        path,
        "SELECT m.id, m.tuner, m.created_wall_ns, m.first_window, m.last_window, m.arm, "
        "length(m.tree) AS bytes, m.report, EXISTS (SELECT 1 FROM effects e WHERE e.model = m.id "
        "AND e.promoted) AS promoted FROM models m ORDER BY m.id",
    )
    present = {row["model"] for row in _in_force(path)}
    for row in found:
        row["report"] = json.loads(row["report"])
        row["state"] = "once" if row.pop("promoted") else "never"
        if row["id"] in present:
            row["state"] = "in force"
    return found


def tuner_effects(path: Path, tuner: str) -> list[dict[str, Any]]:
    """All that was measured of a tuner's policies, oldest first."""
    return rows(path, "SELECT * FROM effects WHERE tuner = ? ORDER BY id", (tuner,))


def model_effects(path: Path, model: int) -> list[dict[str, Any]]:
    """What was measured of a model, oldest first."""
    return rows(path, "SELECT * FROM effects WHERE model = ? ORDER BY id", (model,))


def activations(path: Path, model: int) -> list[dict[str, Any]]:
    """When a model came into force."""
    return rows(path, "SELECT * FROM activations WHERE model = ? ORDER BY id", (model,))


def anomalies(path: Path, last: int) -> list[dict[str, Any]]:
    """The last anomalies, oldest first; ``ongoing`` only where the daemon still lives by it."""
    found = rows(path, "SELECT * FROM anomalies ORDER BY id DESC LIMIT ?", (last,))
    newest = rows(path, "SELECT max(id) AS id FROM sessions")[0]["id"]
    for row in found:
        row["leading"] = json.loads(row["leading"])
        row["ongoing"] = row["ended_wall_ns"] is None and row["session"] == newest
    return found[::-1]


def capacities(path: Path) -> list[dict[str, Any]]:
    """The latest word on each thing that can run out."""
    return rows(
        path,
        "SELECT * FROM capacities WHERE id IN (SELECT max(id) FROM capacities GROUP BY resource) "
        "AND wall_ns >= (SELECT max(wall_ns) FROM capacities) - 120000000000 ORDER BY resource",
    )


def _query(path: Path, sql: str, arguments: tuple[Any, ...]) -> dict[str, Any] | None:
    """The first row of a query; None if there is none."""
    return next(iter(_rows(path, sql, arguments)), None)


_EFFECT = (
    "SELECT mean, low, high, alpha, pairs, reward, stage, model, valid_low, valid_high, "
    "decided_by, arms, promoted, measured_wall_ns FROM effects WHERE policy = ? "
)


def effect(path: Path, policy: str, before_wall_ns: int | None = None) -> dict[str, Any] | None:
    """The latest measured effect of a policy; mean, low and high are logarithms of ratios.

    With ``before_wall_ns`` the latest one that was known then, or else the first one after it.
    """
    if before_wall_ns is not None:
        known = _query(
            path,
            _EFFECT + "AND measured_wall_ns <= ? ORDER BY measured_wall_ns DESC LIMIT 1",
            (policy, before_wall_ns),
        )
        return known or _query(path, _EFFECT + "ORDER BY measured_wall_ns LIMIT 1", (policy,))
    return _query(path, _EFFECT + "ORDER BY measured_wall_ns DESC LIMIT 1", (policy,))


def decision(path: Path, number: int) -> dict[str, Any] | None:
    """A decision of the latest session that has this number, by the names of the netlink spec."""
    row = _query(
        path,
        "SELECT d.*, s.wall_minus_monotonic_ns FROM decisions d "
        "JOIN sessions s ON s.id = d.session WHERE d.id = ? ORDER BY d.session DESC LIMIT 1",
        (number,),
    )
    if row is None:
        return None
    named: dict[str, Any] = {key.replace("_", "-"): value for key, value in row.items()}
    count = named.pop("n-causes")
    signals = struct.unpack_from(f"={count}H", named.pop("cause-signals"))
    values = struct.unpack_from(f"={count}q", named.pop("cause-values"))
    from ainkad.signals_gen import SIGNALS

    names = {signal.id: signal.name for signal in SIGNALS}
    sql = "SELECT id, name FROM external_signals WHERE session = ?"
    names |= {known["id"]: known["name"] for known in _rows(path, sql, (row["session"],))}
    named["cause"] = [
        {"signal": names.get(signal, hex(signal)), "value": value}
        for signal, value in zip(signals, values, strict=True)
    ]
    for key in ("verdict", "reason"):
        entries = FAMILY.enums[key]
        if named[key] < len(entries):
            named[key] = entries[named[key]]
    return named
