# SPDX-License-Identifier: Apache-2.0
"""Signals that the daemon works out and pushes to the module: forecasts and anomaly scores."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final

from ainkad.errors import AinkaError

log = logging.getLogger("ainkad.pusher")

MAX_AGE_NS: Final = 5_000_000_000

# name, value, maximum age in nanoseconds; raises AinkaError
Push = Callable[[str, int, int], None]


class Pusher:
    """Pushes signals, each until the module refuses it, which is told once."""

    def __init__(self, push: Push) -> None:
        self._push = push
        self._refused: set[str] = set()

    def push(self, name: str, value: float, max_age_ns: int = MAX_AGE_NS) -> None:
        """Give a signal a value."""
        if name in self._refused or not math.isfinite(value):
            return
        try:
            self._push(name, round(min(value, 9e18)), max_age_ns)
        except AinkaError as error:
            self._refused.add(name)
            log.warning("event=push-refused signal=%s error=%r", name, error.message)
