# SPDX-License-Identifier: Apache-2.0
"""Writing the store: decisions in whole batches, windows, models and effects one by one."""

from __future__ import annotations

import dataclasses
import json
import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ainkad.errors import AinkaError
from ainkad.telemetry.schema import migrate
from ainkad.telemetry.sqlite import hint_of, told, transaction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ainkad.forecast.capacity import Capacity
    from ainkad.forecast.panel import Forecast

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_DAY_NS = 86_400_000_000_000
# What grows, and may go when it is old. Models and effects stay: they are small, and explained.
_GROWING = ("decisions", "windows", "events", "forecasts", "capacities", "anomalies")
# After pruning for size so much of what is allowed is in use, so that it is not done all the time.
_ROOM = 0.8

_INTEGER_COLUMNS = (
    ("id", "id"),
    ("time_ns", "time_ns"),
    ("policy_id", "policy_id"),
    ("policy_version", "policy_version"),
    ("pid", "pid"),
    ("subject", "subject"),
    ("subject_id", "subject_id"),
    ("old", "old_value"),
    ("new", "new_value"),
    ("verdict", "verdict"),
    ("reason", "reason"),
    ("error", "error"),
    ("leaf", "leaf"),
    ("n_causes", "n_causes"),
)
_TEXT_COLUMNS = ("policy", "tunable", "label", "path")
_COLUMNS = (
    "session",
    *(column for column, _ in _INTEGER_COLUMNS),
    *_TEXT_COLUMNS,
    "cause_signals",
    "cause_values",
)
_INSERT = (
    f"INSERT OR REPLACE INTO decisions ({', '.join(_COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)


class Store:
    """The telemetry of one session, that is of one life of the daemon.

    Every method raises AinkaError when the file cannot be written or read.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises AinkaError when that cannot be done."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
        except (sqlite3.Error, OSError) as error:
            hint = "give another path: store.path in config.toml"
            raise AinkaError(f"telemetry store {path}: {error}", hint) from None
        try:
            self._begin(path)
        except BaseException:
            self._db.close()
            raise

    def _begin(self, path: Path) -> None:
        try:
            # Pages that pruning frees go back to the disk; of a file that is there already, as it
            # was made, they are only used again.
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            # WAL lets ainkactl read meanwhile. What is committed survives a kill of this process; a
            # crash of the machine may cost the last second.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA journal_size_limit = 4194304")
            migrate(self._db)
        except sqlite3.DatabaseError as error:
            raise AinkaError(f"telemetry store {path}: {error}", hint_of(error, path)) from None
        wall, monotonic = time.time_ns(), time.monotonic_ns()
        self.session = self._insert(
            "sessions",
            boot_id=_BOOT_ID.read_text().strip(),
            started_wall_ns=wall,
            wall_minus_monotonic_ns=wall - monotonic,
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _insert(self, table: str, **values: Any) -> int:
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"
        with told():
            row = self._db.execute(sql, tuple(values.values())).lastrowid
        assert row is not None
        return row

    def add_decisions(self, records: NDArray[np.void]) -> None:
        """Write a batch of ring records, structured as RECORD_DTYPE, in one transaction."""
        import numpy as np

        n = len(records)
        if n == 0:
            return
        columns: list[list[Any]] = [[self.session] * n]
        for _, field in _INTEGER_COLUMNS:
            # SQLite has signed 64-bit integers; ids and times stay far below 2^63.
            columns.append(records[field].astype(np.int64).tolist())
        for field in _TEXT_COLUMNS:
            columns.append(np.char.decode(records[field], "utf-8", "replace").tolist())
        for field in ("cause_signal", "cause_value"):
            causes = np.ascontiguousarray(records[field])
            columns.append(causes.view(f"V{causes.itemsize * causes.shape[1]}").ravel().tolist())
        with told(), transaction(self._db):
            self._db.executemany(_INSERT, zip(*columns, strict=True))

    def add_external(self, names: Mapping[int, str]) -> None:
        """Write down which external signals the ids in this session's decisions are."""
        sql = "INSERT OR REPLACE INTO external_signals (session, id, name) VALUES (?, ?, ?)"
        with told(), transaction(self._db):
            self._db.executemany(sql, [(self.session, *pair) for pair in names.items()])

    def add_window(self, **values: Any) -> int:
        """Write one window (columns of ``windows``); guards and assignment are given as objects."""
        for key in ("guards", "assignment"):
            values[key] = json.dumps(values[key])
        return self._insert("windows", session=self.session, **values)

    def add_model(self, **values: Any) -> int:
        """Write one model (columns of ``models``)."""
        values["report"] = json.dumps(values["report"])
        return self._insert(
            "models", session=self.session, created_wall_ns=time.time_ns(), **values
        )

    def add_effect(self, **values: Any) -> int:
        """Write one measured effect (columns of ``effects``)."""
        return self._insert(
            "effects", session=self.session, measured_wall_ns=time.time_ns(), **values
        )

    def add_event(self, source: str, event: str, detail: Mapping[str, Any]) -> None:
        """Write down that something happened."""
        self._insert(
            "events",
            session=self.session,
            wall_ns=time.time_ns(),
            source=source,
            event=event,
            detail=json.dumps(detail),
        )

    def _insert_many(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        columns = ("session", *rows[0])
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        with told(), transaction(self._db):
            self._db.executemany(sql, [(self.session, *row.values()) for row in rows])

    def add_forecasts(self, wall_ns: int, horizon_s: int, forecasts: Sequence[Forecast]) -> None:
        """Write the forecasts of one moment, at least one."""
        rows = []
        for one in forecasts:
            row = {key: _or_null(value) for key, value in dataclasses.asdict(one).items()}
            rows.append({"wall_ns": wall_ns, "horizon_ms": horizon_s * 1000, **row})
        self._insert_many("forecasts", rows)

    def add_capacities(self, wall_ns: int, capacities: Sequence[Capacity]) -> None:
        """Write how much is left of everything, at least one."""
        rows = [{"wall_ns": wall_ns, **dataclasses.asdict(one)} for one in capacities]
        self._insert_many("capacities", rows)

    def add_activation(
        self, tuner: str, policy: str, model: int | None, why: str, detail: Mapping[str, Any]
    ) -> None:
        """Write which model is in force from now on, None for none."""
        self._insert(
            "activations", session=self.session, wall_ns=time.time_ns(), tuner=tuner,
            policy=policy, model=model, why=why, detail=json.dumps(detail),
        )  # fmt: skip

    def paused(self) -> set[str]:
        """The tuners that the admin has paused."""
        with told():
            rows = self._db.execute("SELECT tuner FROM tuner_settings WHERE paused").fetchall()
        return {row[0] for row in rows}

    def requests(self) -> list[tuple[int, str, str, str]]:
        """What is asked of the daemon: (id, kind, name, argument)."""
        sql = "SELECT id, kind, name, argument FROM requests WHERE done_wall_ns IS NULL ORDER BY id"
        with told():
            return [tuple(row) for row in self._db.execute(sql)]

    def answer(self, request: int, fine: bool, text: str) -> None:
        """Answer one of them."""
        sql = "UPDATE requests SET done_wall_ns = ?, fine = ?, answer = ? WHERE id = ?"
        with told():
            self._db.execute(sql, (time.time_ns(), int(fine), text, request))

    def promoted_model(self, model: int) -> tuple[str, str, bytes, str] | None:
        """(tuner, arm, tree, report as JSON) of a model that was promoted once, else None."""
        sql = (
            "SELECT tuner, arm, tree, report FROM models m WHERE id = ? AND EXISTS "
            "(SELECT 1 FROM effects e WHERE e.model = m.id AND e.promoted)"
        )
        with told():
            row = self._db.execute(sql, (model,)).fetchone()
        return None if row is None else tuple(row)

    def put_anomaly(
        self,
        row: int | None,
        began_wall_ns: int,
        ended_wall_ns: int | None,
        peak: float,
        together: bool,
        leading: Mapping[str, float],
    ) -> int:
        """Write an anomaly, or with ``row`` what has become of one; returns its row."""
        values = {
            "began_wall_ns": began_wall_ns,
            "ended_wall_ns": ended_wall_ns,
            "peak": peak,
            "together": int(together),
            "leading": json.dumps(leading),
        }
        if row is None:
            return self._insert("anomalies", session=self.session, **values)
        assignments = ", ".join(f"{key} = ?" for key in values)
        with told():
            self._db.execute(
                f"UPDATE anomalies SET {assignments} WHERE id = ?", (*values.values(), row)
            )
        return row

    def put_state(self, name: str, wall_ns: int, data: bytes) -> None:
        """Keep what an analysis has learned, instead of what it had before."""
        with told():
            self._db.execute(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?)", (name, wall_ns, data)
            )

    def state(self, name: str) -> tuple[int, bytes] | None:
        """When an analysis kept something, and what."""
        with told():
            row = self._db.execute(
                "SELECT wall_ns, data FROM states WHERE name = ?", (name,)
            ).fetchone()
        return None if row is None else (int(row[0]), bytes(row[1]))

    def last_id(self, table: str) -> int:
        """The highest id of a table that has one, 0 while it is empty."""
        with told():
            last: int = self._db.execute(f"SELECT ifnull(max(id), 0) FROM {table}").fetchone()[0]
        return last

    def attempts(self, tuner: str) -> int:
        """How many times this tuner has tried to promote a policy, in all sessions."""
        sql = "SELECT count(*) FROM effects WHERE tuner = ? AND stage = 'confirm'"
        with told():
            count: int = self._db.execute(sql, (tuner,)).fetchone()[0]
        return count

    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        with told():
            pages, free, size = (
                self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)

    def prune_to_size(self, max_bytes: int) -> int:
        """Delete the oldest of what grows until the file has room again; rows deleted.

        The same share of each table goes, however large its rows are.
        """
        deleted = 0
        for _ in range(8):
            used = self.used_bytes()
            if used <= max_bytes * (1.0 if not deleted else _ROOM):
                break
            share = max(1.0 - _ROOM * max_bytes / used, 0.05)
            with told(), transaction(self._db):
                before = deleted
                for table in _GROWING:
                    deleted += self._delete_oldest(table, share)
            if deleted == before:
                break  # all that is left is what stays
        if deleted:
            with told():
                # Each step of it gives back one page; only a script is stepped to its end.
                self._db.executescript("PRAGMA incremental_vacuum;")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return deleted

    def _delete_oldest(self, table: str, share: float) -> int:
        count: int = self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        key = "session, id" if table == "decisions" else "id"
        sql = (
            f"DELETE FROM {table} WHERE ({key}) IN "
            f"(SELECT {key} FROM {table} ORDER BY {key} LIMIT ?)"
        )
        return self._db.execute(sql, (math.ceil(count * share),)).rowcount

    def prune(self, keep_days: float, max_decisions: int) -> int:
        """Delete what is older than ``keep_days`` and all but the newest ``max_decisions``.

        Returns the number of decisions deleted. Models and effects stay: they are small, and
        explain needs them.
        """
        before = time.time_ns() - int(keep_days * _DAY_NS)
        with told(), transaction(self._db):
            old = "SELECT id FROM sessions WHERE started_wall_ns < ? AND id <> ?"
            deleted = self._db.execute(
                "DELETE FROM decisions WHERE EXISTS (SELECT 1 FROM sessions s WHERE "
                "s.id = session AND s.wall_minus_monotonic_ns + time_ns < ?)",
                (before,),
            ).rowcount
            for table in ("forecasts", "capacities"):
                self._db.execute(f"DELETE FROM {table} WHERE wall_ns < ?", (before,))
            self._db.execute("DELETE FROM anomalies WHERE began_wall_ns < ?", (before,))
            for table in ("windows", "events", "external_signals"):
                sql = f"DELETE FROM {table} WHERE session IN ({old})"
                self._db.execute(sql, (before, self.session))
            deleted += self._db.execute(
                "DELETE FROM decisions WHERE (session, id) IN (SELECT session, id FROM decisions "
                "ORDER BY session DESC, id DESC LIMIT -1 OFFSET ?)",
                (max_decisions,),
            ).rowcount
        return deleted


def _or_null(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
