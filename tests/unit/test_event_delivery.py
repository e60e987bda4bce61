# SPDX-License-Identifier: Apache-2.0
"""Events from a ring to those who follow them: the feed, the socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainkad import event_server
from ainkad.errors import AinkaError
from ainkad.event_feed import KEPT, EventFeed
from ainkad.event_maps import TYPES
from ainkad.event_records import SLOT, Records
from ainkad.event_server import EventServer, parse
from ainkad.event_socket import FRAME, DaemonSocket
from ainkad.layouts_gen import (
    EV_EXEC,
    EV_EXIT,
    EV_FORK,
    EV_THREAD_EXIT,
    EV_THREAD_START,
    EVENT_TYPES,
    HOOK_COUNTS_DTYPE,
)

from tests.unit.made_events import batch, event, pids

# ---- the feed ----


class FakeMaps:
    """A ring that is a list, and counts that tests set."""

    def __init__(self) -> None:
        self.waiting: list[Records] = []
        self.table = np.zeros((EVENT_TYPES, 2), HOOK_COUNTS_DTYPE)
        self.table["budget"] = 10
        self.read_fd, self.write_fd = os.pipe()

    def put(self, *events: dict[str, Any]) -> None:
        self.waiting.append(batch(*events))

    def read(self) -> Records:
        taken, self.waiting = self.waiting, []
        return np.concatenate([np.zeros(0, SLOT), *taken])

    def counts(self) -> Any:
        return self.table.copy()

    def fileno(self) -> int:
        return self.read_fd


@pytest.fixture
def maps() -> Iterator[FakeMaps]:
    fake = FakeMaps()
    yield fake
    os.close(fake.read_fd)
    os.close(fake.write_fd)


@pytest.fixture
def feed(maps: FakeMaps) -> EventFeed:
    return EventFeed(maps)  # type: ignore[arg-type]


def test_the_feed_passes_batches_on_and_keeps_the_last(maps: FakeMaps, feed: EventFeed) -> None:
    got: list[Records] = []
    feed.listeners.add(got.append)
    maps.put(event(EV_FORK, 5), event(EV_EXEC, 5))
    maps.put(event(EV_EXIT, 5))
    feed.take()
    assert [len(one) for one in got] == [3]
    assert feed.last([EV_EXEC, EV_EXIT], 10)["type"].tolist() == [EV_EXEC, EV_EXIT]
    assert feed.last([EV_FORK, EV_EXEC, EV_EXIT], 2)["type"].tolist() == [EV_EXEC, EV_EXIT]
    assert len(feed.last([EV_THREAD_EXIT], 10)) == 0
    assert len(feed.last([EV_FORK], 0)) == 0


def test_it_keeps_so_many_and_no_more(maps: FakeMaps, feed: EventFeed) -> None:
    for first in range(0, 3 * KEPT, 100):
        maps.put(*(event(EV_EXEC, first + i) for i in range(100)))
        feed.take()
    kept = feed.last([EV_EXEC], 10**9)
    assert KEPT <= len(kept) < KEPT + 100
    assert kept["pid"][-1] == first + 99
    assert np.all(np.diff(kept["pid"].astype(int)) == 1)


def test_losses_and_sampling_are_told_once(maps: FakeMaps, feed: EventFeed) -> None:
    said: list[dict[str, object]] = []
    feed.notices.add(said.append)
    feed.take()
    assert said == []
    maps.table["lost"][EV_THREAD_START] = [2, 3]
    maps.table["shift"][EV_EXEC, 1] = 3
    feed.take()
    feed.take()
    assert said == [
        {"notice": "sampling", "type": "exec", "cpu": 1, "one-in": 8},
        {"notice": "lost", "type": "thread-start", "events": 5},
    ]
    rows = {row["type"]: row for row in feed.counts()}
    assert rows["thread-start"]["lost-by-cpu"] == [2, 3]
    assert rows["exec"]["one-in"] == 8
    assert list(rows) == list(TYPES.values())


def test_the_feed_runs_by_itself(maps: FakeMaps, feed: EventFeed) -> None:
    """It reads when the ring is readable, and what was lost of processes it reads from /proc."""
    got: list[Records] = []
    said: list[dict[str, object]] = []
    feed.listeners.add(got.append)
    feed.notices.add(said.append)

    async def until(condition: Callable[[], object]) -> None:
        while not condition():
            await asyncio.sleep(0.01)

    async def scenario() -> None:
        task = asyncio.create_task(feed.run())
        maps.put(event(EV_FORK, 5))
        os.write(maps.write_fd, b"x")
        await until(lambda: got)
        assert os.getpid() not in pids(feed.tree)
        maps.put(event(EV_FORK, 6))
        await until(lambda: len(got) == 2)
        os.read(maps.read_fd, 1)
        maps.table["skipped"][EV_FORK] = [1, 0]
        maps.table["lost"][EV_EXEC] = [0, 4]
        await until(lambda: said)  # soon after the last event, although no other one comes
        await until(lambda: os.getpid() in pids(feed.tree))
        assert 5 not in pids(feed.tree) or Path("/proc/5").exists()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert said == [{"notice": "lost", "type": "exec", "events": 4}]


# ---- the socket ----


class Daemon:
    """The server on an event loop of its own."""

    def __init__(self, feed: EventFeed, path: Path) -> None:
        self.feed = feed
        self.loop = asyncio.new_event_loop()
        self.server = EventServer(feed, path, lambda: {"programs": [], "pid": 1})
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self.loop).result()

    def do(self, work: Callable[[], object]) -> None:
        async def run() -> None:
            work()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result()

    async def _end(self) -> None:
        self.server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "ainkad.sock"


@pytest.fixture
def daemon(feed: EventFeed, path: Path) -> Iterator[Daemon]:
    running = Daemon(feed, path)
    yield running
    running.close()


def ask(path: Path, **request: object) -> list[Any]:
    with DaemonSocket(request, path) as client:
        return list(client.frames())


def test_those_kept_then_those_that_come(maps: FakeMaps, daemon: Daemon, path: Path) -> None:
    maps.put(event(EV_FORK, 5), event(EV_EXEC, 5))
    with DaemonSocket(
        {"want": "events", "types": ["exec", "exit"], "last": 5, "follow": True}, path
    ) as client:
        frames = client.frames()
        first: Any = next(frames)
        assert {row["type"] for row in first["counts"]} == set(TYPES.values())
        kept: Any = next(frames)
        assert kept["type"].tolist() == [EV_EXEC]
        maps.put(event(EV_FORK, 6), event(EV_EXIT, 5, code=256))
        daemon.do(daemon.feed.take)
        new: Any = next(frames)
        assert new["type"].tolist() == [EV_EXIT] and new["code"].tolist() == [256]
        assert new.dtype == SLOT
        maps.table["shift"][EV_FORK] = [1, 0]
        daemon.do(daemon.feed.take)
        assert next(frames) == {"notice": "sampling", "type": "fork", "cpu": 0, "one-in": 2}


def test_without_follow_it_ends(maps: FakeMaps, daemon: Daemon, path: Path) -> None:
    maps.put(event(EV_FORK, 5))
    counts, kept = ask(path, want="events", last=3)
    assert kept["pid"].tolist() == [5] and "counts" in counts
    (table,) = ask(path, want="processes")
    assert table["pid"].tolist() == [5]
    assert ask(path, want="programs") == [{"programs": [], "pid": 1}]


def test_only_its_owner_may_connect(daemon: Daemon, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_socket_goes_with_the_daemon(feed: EventFeed, path: Path) -> None:
    Daemon(feed, path).close()
    assert not path.exists()
    with pytest.raises(AinkaError, match="does not answer") as caught:
        ask(path, want="programs")
    assert "systemctl start ainkad" in caught.value.hint


def test_a_socket_that_a_dead_daemon_left_is_replaced(feed: EventFeed, path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    running = Daemon(feed, path)
    assert ask(path, want="programs")
    running.close()


def test_a_client_that_does_not_read_misses_batches_and_is_told(
    monkeypatch: pytest.MonkeyPatch, maps: FakeMaps, daemon: Daemon, path: Path
) -> None:
    monkeypatch.setattr(event_server, "BACKLOG_BYTES", 4096)
    with DaemonSocket({"want": "events", "follow": True}, path) as client:
        frames = client.frames()
        next(frames), next(frames)
        written = 0
        for first in range(0, 40_000, 1000):
            maps.put(*(event(EV_EXEC, first + i) for i in range(1000)))
            daemon.do(daemon.feed.take)
            written += 1000
        got = missed = 0
        while got + missed < written:
            frame: Any = next(frames)
            if isinstance(frame, dict):
                missed += frame["events"]
                continue
            got += len(frame)
            # when it reads, it is told with the next batch
            if got < written and missed == 0:
                maps.put(event(EV_EXEC, 1))
                daemon.do(daemon.feed.take)
                written += 1
        assert missed > 0 and got > 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "no request"),
        (b"nonsense\n", "no request"),
        (b"[1]\n", "no request"),
        (b'{"want": "everything"}\n', "no request"),
        (b'{"want": "events", "colour": 1}\n', "'colour'"),
        (b'{"want": "events", "types": ["fork", "spoon"]}\n', "'spoon'"),
        (b'{"want": "events", "types": "fork"}\n', "list"),
        (b'{"want": "events", "last": -1}\n', "-1"),
        (b'{"want": "events", "last": "x"}\n', "'x'"),
    ],
)
def test_bad_requests_are_named(line: bytes, words: str) -> None:
    with pytest.raises(AinkaError, match=words) as caught:
        parse(line)
    assert caught.value.hint


def test_the_error_reaches_the_client(daemon: Daemon, path: Path) -> None:
    with pytest.raises(AinkaError, match="'spoon'"):
        ask(path, want="events", types=["spoon"])
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(path))
        raw.sendall(b"x" * 10_000 + b"\n")
        raw.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(FRAME.size) == b"", "a request that is too long is hung up on"
    assert ask(path, want="programs"), "and the next one is served"


def test_no_more_clients_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, daemon: Daemon, path: Path
) -> None:
    monkeypatch.setattr(event_server, "MAX_CLIENTS", 1)
    with DaemonSocket({"want": "events", "follow": True}, path) as client:
        next(client.frames())
        with pytest.raises(AinkaError, match="1 clients are connected"):
            ask(path, want="programs")


def test_a_client_too_many_that_is_slow_to_ask_is_told(
    monkeypatch: pytest.MonkeyPatch, daemon: Daemon, path: Path
) -> None:
    monkeypatch.setattr(event_server, "MAX_CLIENTS", 0)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        daemon.do(lambda: None)  # it has been accepted
        time.sleep(0.05)
        client.sendall(b'{"want": "programs"}\n')
        assert b"0 clients are connected" in client.recv(4096)
