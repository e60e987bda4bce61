# SPDX-License-Identifier: Apache-2.0
"""The daemon's socket: events as they come, the processes, the state of the programs.

The BPF ring buffer has one reader, the daemon, so others get events from it. A socket of the file
system is there for root alone by its mode, ends with either side, and lets the kernel hold back a
client that does not read; such a client misses batches, and is told how many events they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from ainkad.errors import AinkaError
from ainkad.event_feed import EventFeed
from ainkad.event_maps import TYPES
from ainkad.event_records import Records
from ainkad.event_socket import MAX_REQUEST, MAX_SECONDS, WANTS, json_frame, records_frame

MAX_CLIENTS: Final = 16
BACKLOG_BYTES: Final = 1 << 20
"""Bytes that may wait for one client; more is not kept for it."""

REQUEST_S: Final = 5.0
Frame = dict[str, Any]
Answer = Callable[[Frame], Awaitable[Frame]]
"""Answers a request with one document; raises AinkaError, which is passed on."""


class EventServer:
    """Answers at `path`, which only root may reach. `programs` describes the programs; `answers`
    are those to other requests, by what is wanted.
    """

    def __init__(
        self,
        feed: EventFeed,
        path: Path,
        programs: Callable[[], Frame],
        answers: Mapping[str, Answer] | None = None,
    ) -> None:
        self._feed = feed
        self._path = path
        self._programs = programs
        self._answers = dict(answers or {})
        self._clients = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen. Raises AinkaError when the path cannot be used."""
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            before = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(
                    self._serve, str(self._path), limit=MAX_REQUEST
                )
            finally:
                os.umask(before)
        except OSError as error:
            raise AinkaError(
                f"cannot listen at {self._path}: {error.strerror}",
                "root must be able to write there",
            ) from error

    def close(self) -> None:
        """Stop listening; those who are connected are cut off when the loop ends."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with contextlib.suppress(OSError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            line = await asyncio.wait_for(reader.readline(), REQUEST_S)
            # Not earlier: who closes with a request unread cuts off his own answer.
            if self._clients > MAX_CLIENTS:
                raise AinkaError(f"{MAX_CLIENTS} clients are connected already", "end one of them")
            request = parse(line)
            if request["want"] == "programs":
                writer.write(json_frame(self._programs()))
            elif request["want"] in self._answers:
                writer.write(json_frame(await self._answers[request["want"]](request)))
            elif request["want"] == "processes":
                self._feed.take()
                writer.write(records_frame(self._feed.tree.rows))
            else:
                await self._events(request, reader, writer)
            await writer.drain()
        except AinkaError as error:
            writer.write(json_frame({"error": error.message, "hint": error.hint}))
        except (OSError, ValueError, TimeoutError):
            pass  # it has gone, or never said what it wants
        finally:
            self._clients -= 1
            with contextlib.suppress(OSError):
                writer.close()

    async def _events(
        self, request: Frame, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Those kept, and with ``follow`` those that come until the client hangs up."""
        self._feed.take()
        types = request["types"]
        kept = self._feed.last(types, request["last"])
        writer.write(json_frame({"counts": self._feed.counts()}))
        writer.write(records_frame(kept))
        if not request["follow"]:
            return
        client = Client(writer, types)
        self._feed.listeners.add(client.send)
        self._feed.notices.add(client.tell)
        try:
            while await reader.read(MAX_REQUEST):
                pass  # it has nothing more to say: this ends when it hangs up
        finally:
            self._feed.listeners.discard(client.send)
            self._feed.notices.discard(client.tell)


class Client:
    """One that follows events."""

    def __init__(self, writer: asyncio.StreamWriter, types: list[int]) -> None:
        self._writer = writer
        self._types = types
        self._missed = 0

    def send(self, batch: Records) -> None:
        """Pass on what it asked for, unless it is behind by too much."""
        batch = batch[np.isin(batch["type"], self._types)]
        if not len(batch):
            return
        if self._writer.transport.get_write_buffer_size() > BACKLOG_BYTES:
            self._missed += len(batch)
            return
        if self._missed:
            self.tell({"notice": "missed", "events": self._missed})
            self._missed = 0
        self._writer.write(records_frame(batch))

    def tell(self, notice: Frame) -> None:
        """Pass on a notice."""
        if self._writer.transport.get_write_buffer_size() <= 2 * BACKLOG_BYTES:
            self._writer.write(json_frame(notice))


def parse(line: bytes) -> Frame:
    """A request, with what it left out filled in. Raises AinkaError, naming what is allowed."""
    try:
        request = json.loads(line)
    except ValueError:
        request = None
    if not isinstance(request, dict) or request.get("want") not in WANTS:
        raise AinkaError("this is no request", f'one line of JSON: "want" is {" or ".join(WANTS)}')
    unknown = request.keys() - {"want", "types", "last", "follow", "seconds"}
    if unknown:
        raise AinkaError(f"a request has no {sorted(unknown)[0]!r}", "types, last, follow, seconds")
    numbers = {name: number for number, name in TYPES.items()}
    names = request.get("types") or list(numbers)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise AinkaError("types is not a list of names", ", ".join(numbers))
    for name in names:
        if name not in numbers:
            raise AinkaError(f"there are no events of type {name!r}", ", ".join(numbers))
    last = request.get("last", 0)
    if not isinstance(last, int) or last < 0:
        raise AinkaError(f"last is {last!r}", "a number of events, 0 or more")
    seconds = request.get("seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise AinkaError(f"seconds is {seconds!r}", f"a number from 0 to {MAX_SECONDS}")
    if not 0 <= seconds <= MAX_SECONDS:
        raise AinkaError(f"seconds is {seconds}", f"a number from 0 to {MAX_SECONDS}")
    return {
        "want": request["want"],
        "types": [numbers[name] for name in names],
        "last": last,
        "follow": bool(request.get("follow")),
        "seconds": float(seconds),
    }
