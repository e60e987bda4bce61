# SPDX-License-Identifier: Apache-2.0
"""When a policy is on, how often it may write, and in which states."""

from __future__ import annotations

import ctypes

from ainkad.core import library
from ainkad.core.program import TRUTH


class Hysteresis:
    """When a policy is on for one subject; times in nanoseconds of the caller's clock."""

    def __init__(self, for_ns: int = 0, hold_ns: int = 0, cooldown_ns: int = 0) -> None:
        self._memory = ctypes.create_string_buffer(library.size(library.HYST))
        self._times = (for_ns, hold_ns, cooldown_ns)
        self.on = False

    def step(self, when: bool | None, now_ns: int, *until: bool | None) -> bool:
        """Feed one evaluation; a third argument is the condition that turns it off.

        Returns True when ``on`` changed.
        """
        on = ctypes.c_uint32()
        changed = library.load().ainka_flat_hyst_step(
            self._memory,
            *self._times,
            TRUTH.index(when),
            TRUTH.index(until[0]) if until else 0,
            bool(until),
            now_ns,
            on,
        )
        self.on = bool(on.value)
        return bool(changed)


class Budget:
    """A token bucket of writes."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self._memory = ctypes.create_string_buffer(library.size(library.BUDGET))
        self._limits = (per_minute, burst)

    def take(self, now_ns: int) -> bool:
        """May one more write be done now?"""
        return bool(library.load().ainka_budget_take(self._memory, *self._limits, now_ns))


def state_next(state: int, event: int, argument: int = 0) -> int:
    """The state (enum ainka_state) after an event (enum ainka_event)."""
    return int(library.load().ainka_state_next(state, event, argument))


def state_allows(state: int, origin: int, states_mask: int = 0) -> bool:
    """May a policy of this origin write in this state? Mask 0 means all but emergency."""
    return bool(library.load().ainka_state_allows(state, origin, states_mask))
