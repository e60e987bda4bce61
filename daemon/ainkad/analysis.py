# SPDX-License-Identifier: Apache-2.0
"""What the daemon makes of the signals once a second; each part may fail by itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ainkad.errors import AinkaError
from ainkad.netlink.client import Client, Events

log = logging.getLogger("ainkad.analysis")

STEP_S = 1.0
# Steps further apart than this do not belong together: the machine was suspended, or hung.
JUMP_S = 5.0
RETRY_S = 60.0


class Part(Protocol):
    """Forecasts, anomalies."""

    def step(self, values: Mapping[str, float | None], now_s: float) -> Any:
        """Take in the signals of a second."""

    def restart(self) -> None:
        """Time has jumped."""


def read_signals(client: Client) -> dict[str, float | None]:
    """The system's signals and the external ones by name, None while stale."""
    return {
        row["name"]: None if row.get("stale") else row.get("value")
        for row in client.dump("signal-get", only=("name", "value", "stale"))
    }


class Analysis:
    """Runs the parts. A part that raises is disabled by name, and begun anew after a minute."""

    def __init__(
        self,
        parts: Mapping[str, Part],
        read: Callable[[], Mapping[str, float | None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = dict(parts)
        self._read = read
        self._clock = clock
        self._last_s: float | None = None
        self._disabled: dict[str, float] = {}
        self._unread = False

    @property
    def disabled(self) -> list[str]:
        """Parts that have failed."""
        return sorted(self._disabled)

    def step(self) -> None:
        """One second."""
        now_s = self._clock()
        try:
            values = self._read()
        except AinkaError as error:
            if not self._unread:
                log.warning("event=signals-unread error=%r", error.message)
            self._unread = True
            return
        self._unread = False
        jumped = self._last_s is not None and not 0 <= now_s - self._last_s <= JUMP_S
        self._last_s = now_s
        for name, part in self._parts.items():
            self._run(name, part, values, now_s, jumped)

    def _run(
        self, name: str, part: Part, values: Mapping[str, float | None], now_s: float, jumped: bool
    ) -> None:
        try:
            if name in self._disabled:
                if now_s < self._disabled[name]:
                    return
                part.restart()
                del self._disabled[name]
                log.info("event=part-enabled part=%s", name)
            elif jumped:
                part.restart()
            part.step(values, now_s)
        except Exception as error:
            # A mistake in one part must not end the daemon, which holds the lease.
            log.exception("event=part-disabled part=%s error=%r retry_s=%d", name, error, RETRY_S)
            self._disabled[name] = now_s + RETRY_S

    async def run(self) -> None:
        """Once a second, for ever; what was missed is not made up for."""
        due = self._clock()
        while True:
            self.step()
            due = max(due + STEP_S, self._clock())
            await asyncio.sleep(due - self._clock())


async def listen(events: Events, ask: Callable[[str], None]) -> None:
    """Pass on what the module is asked to have forecast."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(events.fileno(), readable.set)
    try:
        while True:
            await readable.wait()
            readable.clear()
            for _, attributes in events.read():
                name = attributes.get("name")
                if isinstance(name, str):
                    ask(name)
    finally:
        loop.remove_reader(events.fileno())
