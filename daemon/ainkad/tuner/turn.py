# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is to measure, and how much of the time may go into trying things."""

from __future__ import annotations

import asyncio


class Turn:
    """Shared by all tuners of the daemon; ``lock`` is held while windows are measured.

    What two tuners try at the same time, neither of them could tell from its own. An attempt
    (exploring, learning, confirming) is followed by a rest that is so long that of both together
    the attempt is at most ``share`` (above 0, at most 1: no rest). So over any time that begins
    with a rest, at most that share of it is spent on attempts, whatever the load does.
    """

    def __init__(self, share: float = 1.0) -> None:
        self.lock = asyncio.Lock()
        self._share = share
        self._due_ns = 0

    def left_ns(self, now_ns: int) -> int:
        """How long nobody may begin an attempt yet; 0: somebody may."""
        return max(0, self._due_ns - now_ns)

    def spent(self, begin_ns: int, end_ns: int) -> None:
        """An attempt took from ``begin_ns`` to ``end_ns``."""
        self._due_ns = end_ns + round((end_ns - begin_ns) * (1 - self._share) / self._share)
