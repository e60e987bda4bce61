# SPDX-License-Identifier: Apache-2.0
"""The store when things go wrong: a killed daemon, a full disk, a damaged file, a full budget."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ainkad.errors import AinkaError
from ainkad.telemetry import guarded, schema
from ainkad.telemetry.guarded import GuardedStore
from ainkad.telemetry.store import Store

from tests.unit.test_daemon_store import add_effect, records

ROOT = Path(__file__).resolve().parents[2]
ENV = {**os.environ, "PYTHONPATH": f"{ROOT / 'daemon'}:{ROOT}"}

WRITER = """
import sys, time
from pathlib import Path
from ainkad.telemetry.guarded import GuardedStore
from tests.unit.test_daemon_store import records
store, at = GuardedStore(Path(sys.argv[1])), 0
while True:
    store.add_decisions(records(50, at + 1))
    store.add_event("test", "batch", {"at": at})
    at += 50
    print(at, time.monotonic_ns(), flush=True)
    time.sleep(0.02)
"""


def count(path: Path, table: str = "decisions") -> int:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        db.close()


@pytest.mark.parametrize("after", [3, 17, 40])
def test_kill_9_loses_at_most_the_last_second(tmp_path: Path, after: int) -> None:
    path = tmp_path / "t.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], env=ENV, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    for _ in range(after):
        assert writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    killed_ns = time.monotonic_ns()
    rest = writer.stdout.read().splitlines()
    writer.wait()
    store = Store(path)
    assert store._db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    store.close()
    # Everything that the writer had said it wrote up to a second before it was killed is there.
    told = [tuple(map(int, line.split())) for line in rest] or [(after * 50, killed_ns)]
    sure = [n for n, written_ns in told if written_ns <= killed_ns - 10**9]
    assert count(path) >= max([0, *sure])
    # In fact all that was committed is, with nothing missing in between.
    assert count(path) >= told[-1][0]
    db = sqlite3.connect(path)
    ids = [row[0] for row in db.execute("SELECT id FROM decisions ORDER BY id")]
    assert ids == list(range(1, len(ids) + 1))
    db.close()


def test_the_oldest_goes_when_the_file_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    store = Store(path)
    for first in range(0, 20_000, 1000):
        store.add_decisions(records(1000, first + 1))
        store.add_event("t", "e", {"first": first})
        add_effect(store, -1.0)
    before = store.used_bytes()
    assert store.prune_to_size(before + 1) == 0
    limit = before // 3
    deleted = store.prune_to_size(limit)
    assert deleted > 10_000
    assert limit // 3 < store.used_bytes() <= limit
    assert path.stat().st_size <= limit * 1.2, "the room is given back"
    assert count(path, "effects") == 20, "what explains stays"
    db = sqlite3.connect(path)
    lowest, highest = db.execute("SELECT min(id), max(id) FROM decisions").fetchone()
    assert highest == 20_000
    assert lowest == highest - count(path) + 1, "the newest stay, without holes"
    assert store.prune_to_size(1) > 0, "what cannot be reached ends nevertheless"
    assert count(path, "effects") == 20


def test_a_store_of_every_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    for version in range(len(schema.MIGRATIONS)):
        path = tmp_path / f"{version}.db"
        db = sqlite3.connect(path, isolation_level=None)
        for number, script in enumerate(schema.MIGRATIONS[:version], 1):
            db.executescript(f"BEGIN;{script}PRAGMA user_version = {number};COMMIT;")
        if version:
            db.execute("INSERT INTO sessions VALUES (7, 'boot', 1, 2)")
        db.close()
        store = Store(path)
        add_effect(store, -0.5)
        assert store.session == (8 if version else 1), "what was there is still there"
        store.close()
        fresh = Store(tmp_path / f"fresh{version}.db")
        columns = "SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c"
        tables = [
            sorted(sqlite3.connect(p).execute(columns).fetchall())
            for p in (path, tmp_path / f"fresh{version}.db")
        ]
        assert tables[0] == tables[1]
        fresh.close()


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.db"
    Store(path).close()
    bad = "CREATE TABLE half (id INTEGER); CREATE TABLE sessions (id INTEGER);"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, bad))
    with pytest.raises(AinkaError, match="sessions already exists"):
        Store(path)
    monkeypatch.undo()
    store = Store(path)
    names = [row[0] for row in store._db.execute("SELECT name FROM sqlite_master")]
    assert "half" not in names


def test_a_damaged_store_is_disabled_by_name_and_enabled_when_it_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "t.db", [0.0]
    path.write_bytes(b"this is no database" * 1000)
    store = GuardedStore(path, lambda: clock[0])
    assert store.open is None
    store.add_decisions(records(5))
    store.add_event("t", "lost", {})
    assert store.add_model(tuner="t", arm="a", tree=b"", report={}) is None
    add_effect(store, -1.0)  # type: ignore[arg-type]
    assert store.attempts("cpu-hogs") == 1
    assert store.prune(1, 1, 1) == 0
    (told,) = (r.getMessage() for r in caplog.records if r.levelname == "ERROR")
    assert "event=store-disabled" in told
    assert str(path) in told
    assert "not a database" in told
    assert "move it away" in told
    path.rename(tmp_path / "damaged")
    store.add_event("t", "still waiting", {})
    assert not path.exists()
    clock[0] += guarded.RETRY_S + 1
    store.add_decisions(records(2, first=6))
    assert count(path) == 7, "decisions have waited"
    assert store.failure == ""
    assert "event=store-enabled" in caplog.text
    assert (tmp_path / "damaged").read_bytes().startswith(b"this is no"), "nothing is overwritten"


def test_damage_behind_the_head_is_met_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    store = Store(path)
    store.add_decisions(records(3000))
    store.close()
    data = bytearray(path.read_bytes())
    data[4096 * 3 :] = os.urandom(len(data) - 4096 * 3)
    path.write_bytes(bytes(data))
    safe = GuardedStore(path)
    safe.add_decisions(records(100, first=5000))
    safe.prune(0.01, 10, 1 << 20)
    safe.add_event("t", "e", {})
    assert safe.failure
    assert "telemetry store" in safe.failure


def test_decisions_that_wait_are_bounded(tmp_path: Path) -> None:
    clock = [0.0]
    (tmp_path / "file").write_text("")
    store = GuardedStore(tmp_path / "file" / "t.db", lambda: clock[0])
    for first in range(0, 20_000, 1000):
        store.add_decisions(records(1000, first + 1))
    assert sum(map(len, store._waiting)) <= guarded.WAITING_MAX
    assert store.dropped == 20_000 - sum(map(len, store._waiting))


FULL = """
import sys
from pathlib import Path
from ainkad.telemetry import guarded
from ainkad.telemetry.guarded import GuardedStore
from tests.unit.test_daemon_store import records
clock = [0.0]
place = Path(sys.argv[1])
store = GuardedStore(place / "t.db", lambda: clock[0])
written = 0
for first in range(0, 100_000, 500):
    store.add_decisions(records(500, first + 1))
    if store.failure:
        break
    written = first + 500
assert store.failure, "the disk never became full"
print(written, store.failure)
(place / "ballast").unlink()
clock[0] += guarded.RETRY_S + 1
store.add_decisions(records(1, first + 501))
assert not store.failure, store.failure
store.close()
import sqlite3
db = sqlite3.connect(place / "t.db")
assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
ids = [row[0] for row in db.execute("SELECT id FROM decisions ORDER BY id")]
assert ids == list(range(1, first + 502)), (ids[:1], ids[-1:], len(ids))
print("all there")
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not here")
def test_a_full_disk_costs_nothing_that_was_stored(tmp_path: Path) -> None:
    """On a file system of 3 MB of its own, seen by one process only."""
    script = tmp_path / "full.py"
    script.write_text(FULL)
    place = tmp_path / "disk"
    place.mkdir()
    command = (
        f"mount -t tmpfs -o size=3m none {place} && head -c 1m /dev/zero > {place}/ballast && "
        f"exec {sys.executable} {script} {place}"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command],
        env=ENV, text=True, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file system of our own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "full" in done.stdout
    assert "event=store-disabled" in done.stderr or done.stderr == ""
    assert done.stdout.endswith("all there\n")


def test_rows_come_back_as_numpy_sees_them(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db")
    rows = records(4)
    store.add_decisions(rows)
    got = store._db.execute("SELECT new FROM decisions ORDER BY id").fetchall()
    np.testing.assert_array_equal([g[0] for g in got], rows["new_value"])
