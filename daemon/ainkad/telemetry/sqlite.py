# SPDX-License-Identifier: Apache-2.0
"""What using SQLite takes everywhere: errors a user can read, transactions."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ainkad.errors import AinkaError


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What SQLite complains of, as an error a user can read."""
    try:
        yield
    except sqlite3.Error as error:
        raise AinkaError(f"telemetry store: {error}", hint_of(error)) from error


def hint_of(error: sqlite3.Error, path: Path | None = None) -> str:
    """What to do about an error of SQLite."""
    name = getattr(error, "sqlite_errorname", "") or ""
    where = str(path) if path else "store.path of config.toml"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return f"the file is damaged: move it away, and the daemon begins a new one ({where})"
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return f"is the disk full? make room where {where} is"
    return f"may the daemon write there? ({where})"


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """BEGIN and COMMIT around a block, ROLLBACK when either fails."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back itself when the disk was full.
        if db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
        raise
