# SPDX-License-Identifier: Apache-2.0
"""The store in a thread: nobody but who asks waits for the disk, and nothing changes its order."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ainkad.telemetry import background
from ainkad.telemetry.background import BackgroundStore
from ainkad.telemetry.store import Store

from tests.unit.test_daemon_store import add_effect, records

WINDOW: dict[str, Any] = {
    "tuner": "t", "attempt": 1, "stage": "explore", "started_ns": 1, "arm": "a", "reward": 1.0,
    "reward_count": 1, "guards": {}, "assignment": [],
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BackgroundStore]:
    found = BackgroundStore(tmp_path / "t.db")
    yield found
    found.close()


def column(path: Path, sql: str) -> list[Any]:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [row[0] for row in db.execute(sql)]
    finally:
        db.close()


class Disk:
    """One that stands still until it is let go."""

    def __init__(self, store: BackgroundStore) -> None:
        self.go, reached = threading.Event(), threading.Event()

        def stand(_: Store) -> None:
            reached.set()
            assert self.go.wait(60)

        store.later(stand)
        assert reached.wait(60)


def test_writers_do_not_wait_for_a_disk_that_stands_still(
    tmp_path: Path, store: BackgroundStore
) -> None:
    disk = Disk(store)
    store.add_decisions(records(3))
    first = [store.add_window(**WINDOW) for _ in range(2)]
    model = store.add_model(tuner="t", first_window=first[0], last_window=first[1], arm="a",
                            tree=b"x", report={})  # fmt: skip
    add_effect(store, -1.0)  # type: ignore[arg-type]
    store.add_event("t", "e", {})
    store.add_activation("t", "p", model, "promoted", {})
    assert column(tmp_path / "t.db", "SELECT count(*) FROM windows") == [0]

    async def loop_goes_on() -> list[str]:
        order = []
        asked = asyncio.create_task(store.ask(lambda s: s.last_id("windows")))
        for _ in range(3):
            await asyncio.sleep(0)
            order.append("turn")
        disk.go.set()
        order.append(f"last window {await asked}")
        return order

    assert asyncio.run(loop_goes_on()) == ["turn"] * 3 + [f"last window {first[1]}"]
    assert column(tmp_path / "t.db", "SELECT id FROM windows ORDER BY id") == first
    assert column(tmp_path / "t.db", "SELECT last_window FROM models") == first[1:]
    assert column(tmp_path / "t.db", "SELECT model FROM activations") == [model]
    assert store.call(lambda s: s.last_id("effects")) == 1
    assert store.dropped == 0


def test_numbers_go_on_where_the_last_life_ended(tmp_path: Path) -> None:
    for wanted in ([1, 2], [3, 4]):
        store = BackgroundStore(tmp_path / "t.db")
        assert [store.add_window(**WINDOW) for _ in range(2)] == wanted
        store.close()
    assert column(tmp_path / "t.db", "SELECT id FROM windows ORDER BY id") == [1, 2, 3, 4]


def test_what_waits_is_bounded_and_what_was_refused_counted(
    tmp_path: Path,
    store: BackgroundStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(background, "PENDING_MAX", 100)
    disk = Disk(store)
    for first in range(0, 150, 30):
        store.add_decisions(records(30, first + 1))
    store.add_event("t", "there is room for that", {})
    assert store.dropped == 60
    assert caplog.messages == ["event=store-behind waiting=100"], "once, not for each"
    disk.go.set()
    store.call(lambda _: None)
    assert caplog.messages[1:] == ["event=store-caught-up dropped=60"]
    store.add_decisions(records(30, 1000))
    store.call(lambda _: None)
    assert column(tmp_path / "t.db", "SELECT count(*) FROM decisions") == [120]
    assert column(tmp_path / "t.db", "SELECT count(*) FROM events") == [1]


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    store = BackgroundStore(tmp_path / "t.db")
    disk = Disk(store)
    store.add_event("t", "e", {})
    threading.Timer(0.05, disk.go.set).start()
    store.close()
    assert column(tmp_path / "t.db", "SELECT count(*) FROM events") == [1]


def test_a_mistake_in_one_write_costs_that_alone(
    tmp_path: Path, store: BackgroundStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.add_window(**{**WINDOW, "guards": object()})
    store.add_window(**WINDOW)
    assert store.call(lambda s: s.last_id("windows")) == 2
    assert "event=store-write-failed" in caplog.text
    assert "not JSON serializable" in caplog.text
    assert column(tmp_path / "t.db", "SELECT count(*) FROM windows") == [1]


def test_without_a_store_models_have_no_number(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = BackgroundStore(tmp_path / "file" / "t.db")
    assert store.add_model(tuner="t", arm="a", tree=b"", report={}) is None
    assert store.add_window(**WINDOW) == 1
    assert asyncio.run(store.prune(1, 1, 1)) == 0
    assert store.attempts("t") == 0
    store.close()
    assert store.dropped >= 2
    assert "telemetry store" in store.failure
