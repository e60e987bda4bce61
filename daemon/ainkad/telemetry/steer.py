# SPDX-License-Identifier: Apache-2.0
"""What ainkactl writes into the store: tuners paused and resumed, and requests to the daemon."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from ainkad.errors import AinkaError
from ainkad.telemetry.schema import migrate
from ainkad.telemetry.sqlite import hint_of

_POLL_S = 0.1


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise AinkaError(
            f"there is no telemetry store {path}", "the daemon makes it: systemctl start ainkad"
        )
    try:
        db = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None, timeout=10)
        try:
            migrate(db)
            yield db
        finally:
            db.close()
    except sqlite3.Error as error:
        read_only = "readonly" in str(error) or "unable to open" in str(error)
        hint = "run it as root" if read_only else hint_of(error, path)
        raise AinkaError(f"telemetry store {path}: {error}", hint) from None


def set_paused(path: Path, tuner: str, paused: bool) -> None:
    """Pause or resume a tuner; the daemon sees it within a second, or when it starts."""
    with _writable(path) as db:
        db.execute(
            "INSERT OR REPLACE INTO tuner_settings VALUES (?, ?, ?)",
            (tuner, int(paused), time.time_ns()),
        )


def ask(path: Path, kind: str, name: str, argument: str, timeout_s: float = 10.0) -> str:
    """Ask the daemon for something and return its answer.

    Raises AinkaError when it refuses, or does not answer in time: then nothing will be done.
    """
    with _writable(path) as db:
        number = db.execute(
            "INSERT INTO requests (wall_ns, kind, name, argument) VALUES (?, ?, ?, ?)",
            (time.time_ns(), kind, name, argument),
        ).lastrowid
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            row = db.execute(
                "SELECT fine, answer FROM requests WHERE id = ? AND done_wall_ns IS NOT NULL",
                (number,),
            ).fetchone()
            if row is not None:
                if not row[0]:
                    raise AinkaError(str(row[1]), "ainkactl model list shows what there is")
                return str(row[1])
            time.sleep(_POLL_S)
        # Taken back, so that it is not done at a moment when nobody expects it.
        db.execute("DELETE FROM requests WHERE id = ? AND done_wall_ns IS NULL", (number,))
        raise AinkaError(
            f"the daemon has not answered within {timeout_s:g} s", "systemctl status ainkad"
        )
