# SPDX-License-Identifier: Apache-2.0
"""Forecasts at work: pushed back as signals while they are used, written down, asked for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ainkad.forecast.capacity import STEP_S, Capacity, Room, Supply, measure
from ainkad.forecast.panel import Forecast, Panel
from ainkad.pusher import Pusher
from ainkad.signals_gen import SYSTEM_SIGNALS
from ainkad.telemetry.background import Telemetry

log = logging.getLogger("ainkad.forecast")

MAIN: Final = (
    "sched.run_delay_p99_us",
    "sched.wakeup_delay_p99_us",
    "sched.cpu_busy_permille",
    "sched.switch_rate_hz",
    "psi.cpu_some_permille",
    "psi.memory_some_permille",
    "psi.io_some_permille",
    "proc.fork_rate_hz",
)
"""What is forecast without being asked for."""

MOST_ASKED: Final = 16
STORE_EVERY: Final = 10  # steps


class ForecastPart:
    """One step a second. Raises nothing of its own; what cannot be had is left out."""

    def __init__(
        self,
        pusher: Pusher,
        store: Telemetry,
        horizon_s: int = 30,
        signals: Sequence[str] = MAIN,
        rooms: Callable[[], Mapping[str, Room]] = measure,
    ) -> None:
        self._pusher = pusher
        self._store = store
        self._horizon = horizon_s
        known = {signal.name for signal in SYSTEM_SIGNALS}
        self._panels = [Panel([name for name in signals if name in known], horizon_s)]
        self._rooms = rooms
        self._supplies: dict[str, Supply] = {}
        self._steps = 0
        self._next_room_s = 0.0

    @property
    def signals(self) -> list[str]:
        """What is forecast."""
        return [name for panel in self._panels for name in panel.signals]

    def ask(self, signal: str) -> None:
        """Somebody wants to know what becomes of a signal."""
        if signal in self.signals or len(self.signals) >= len(MAIN) + MOST_ASKED:
            return
        log.info("event=forecast-asked signal=%s", signal)
        self._panels.append(Panel([signal], self._horizon))

    def restart(self) -> None:
        """Time has jumped: what was before says nothing of what comes."""
        for panel in self._panels:
            panel.restart()
        self._supplies.clear()

    def step(self, values: Mapping[str, float | None], now_s: float) -> list[Forecast]:
        """Take in the values of a second at ``now_s`` (CLOCK_MONOTONIC); returns the forecasts."""
        for panel in self._panels:
            panel.step(values)
        found = [forecast for panel in self._panels for forecast in panel.forecasts()]
        for forecast in found:
            if forecast.model:
                name = f"forecast_{self._horizon}s.{forecast.signal}"
                self._pusher.push(name, forecast.value)
        if self._steps % STORE_EVERY == 0 and found:
            wall_ns = time.time_ns()
            self._store.later(lambda store: store.add_forecasts(wall_ns, self._horizon, found))
        self._steps += 1
        if now_s >= self._next_room_s:
            self._next_room_s = now_s + STEP_S
            self._look_at_rooms()
        return found

    def _look_at_rooms(self) -> None:
        rooms = self._rooms()
        for gone in self._supplies.keys() - rooms.keys():
            del self._supplies[gone]
        for name, room in rooms.items():
            self._supplies.setdefault(name, Supply(name)).add(room)
        found = [supply.capacity() for supply in self._supplies.values()]
        if found:
            wall_ns = time.time_ns()
            self._store.later(lambda store: store.add_capacities(wall_ns, found))
        self._push_capacities(found)

    def _push_capacities(self, found: Sequence[Capacity]) -> None:
        """The soonest of each kind, stale while nothing runs out."""
        for kind in ("memory", "files", "disk", "inodes"):
            ends = [
                capacity.seconds
                for capacity in found
                if capacity.resource.partition(" ")[0] == kind and capacity.seconds is not None
            ]
            if ends:
                age_ns = int(2.5 * STEP_S * 1e9)
                self._pusher.push(f"capacity.{kind}_left_ms", min(ends) * 1000, age_ns)
