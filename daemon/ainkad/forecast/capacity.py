# SPDX-License-Identifier: Apache-2.0
"""Time until something has run out: memory, file descriptors, room and inodes of file systems.

What is left is taken as a random walk with a drift. With the drift known to ± se from n steps,
what is left after a time t is normal with mean a − μt and variance σ²t + se²t². The interval is
from when it may have run out (its lower quantile is zero) to when it should have (its upper one
is), which may be never; both are roots of

    (a − μt)² = q² (σ²t + se²t²),        q a quantile of Student's t with n − 1 degrees of freedom

(the idea of E. Fieller, Some problems in interval estimation, JRSS B 16 (1954) 175-185).
"""

from __future__ import annotations

import itertools
import math
import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ainkad.tuner.stats import t_quantile

STEP_S: Final = 60.0
LENGTH: Final = 360
"""Steps that are looked at: six hours."""
FEWEST: Final = 10
CONFIDENCE: Final = 0.9
_RELEASED: Final = 0.05
_FAR_S: Final = 366 * 86400.0

# Pseudo file systems hold nothing that runs out; these are what a disk is mounted with.
_REAL: Final = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat", "exfat", "ntfs3", "zfs", "bcachefs"}
)


@dataclass(frozen=True)
class Room:
    """How much of something there is."""

    free: float
    total: float


@dataclass(frozen=True)
class Capacity:
    """When something runs out, in seconds from now.

    ``rate`` is what is used up per second (negative: it becomes more). ``seconds`` is None where it
    does not clearly become less; ``low`` and ``high`` hold with CONFIDENCE, ``high`` None: never.
    """

    resource: str
    free: float
    total: float
    rate: float
    seconds: float | None
    low: float | None
    high: float | None
    steps: int


@cache
def _quantile(degrees: int) -> float:
    return t_quantile((1 + CONFIDENCE) / 2, degrees)


class Supply:
    """What was left of one thing, step by step."""

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self._left: deque[float] = deque(maxlen=LENGTH + 1)
        self._room = Room(0.0, 0.0)

    def add(self, room: Room) -> None:
        """One more step. When much was given back at once, what was before says nothing."""
        if self._left and room.free - self._left[-1] > _RELEASED * max(room.total, 1.0):
            self._left.clear()
        if self._room.total != room.total:
            self._left.clear()  # another disk, more memory
        self._left.append(room.free)
        self._room = room

    def capacity(self) -> Capacity:
        """What follows from it."""
        left = list(self._left)
        steps = [a - b for a, b in itertools.pairwise(left)]
        n = len(steps)
        room, nothing = self._room, (None, None, None)
        if n < FEWEST:
            return Capacity(self.resource, room.free, room.total, 0.0, *nothing, n)
        mean = sum(steps) / n
        rate = mean / STEP_S
        # Steps are alike over some minutes: their sums over blocks say how sure the mean is.
        size = max(1, n // 30)
        blocks = [sum(steps[i : i + size]) / size for i in range(n % size, n, size)]
        block_variance = _variance(blocks)
        error = math.sqrt(block_variance / len(blocks)) / STEP_S
        walk = block_variance * size / STEP_S
        quantile = _quantile(len(blocks) - 1)
        if rate <= 0 or rate <= quantile * error:
            return Capacity(self.resource, room.free, room.total, rate, *nothing, n)
        low, high = _crossings(room.free, rate, walk, error, quantile)
        seconds = room.free / rate
        if seconds > _FAR_S:
            return Capacity(self.resource, room.free, room.total, rate, *nothing, n)
        return Capacity(self.resource, room.free, room.total, rate, seconds, low, high, n)


def _variance(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _crossings(
    free: float, rate: float, walk: float, error: float, quantile: float
) -> tuple[float, float | None]:
    """The roots of the equation above; None: the upper one does not exist."""
    square = rate**2 - (quantile * error) ** 2
    half = free * rate + quantile**2 * walk / 2
    inside = math.sqrt(max(0.0, half**2 - square * free**2))
    low = free**2 / (half + inside) if half + inside > 0 else 0.0
    return low, (half + inside) / square if square > 0 else None


def _meminfo(text: str) -> Room | None:
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in ("MemAvailable", "MemTotal", "SwapFree", "SwapTotal"):
            found[name] = float(rest.split()[0]) * 1024
    if not {"MemAvailable", "MemTotal"} <= found.keys():
        return None
    return Room(
        found["MemAvailable"] + found.get("SwapFree", 0.0),
        found["MemTotal"] + found.get("SwapTotal", 0.0),
    )


def _file_systems(mounts: str) -> dict[str, str]:
    """One mount point for each real file system that may be written, by device."""
    found: dict[str, str] = {}
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 4 or parts[2] not in _REAL or "ro" in parts[3].split(","):
            continue
        place = parts[1].encode().decode("unicode_escape")
        if parts[0] not in found or len(place) < len(found[parts[0]]):
            found[parts[0]] = place
    return found


def measure(proc: Path = Path("/proc")) -> Mapping[str, Room]:
    """What is left now, by name: memory, files, and bytes and inodes of each file system.

    What cannot be read is left out.
    """
    rooms: dict[str, Room] = {}
    try:
        memory = _meminfo((proc / "meminfo").read_text())
        if memory is not None:
            rooms["memory"] = memory
        used, unused, most = map(float, (proc / "sys/fs/file-nr").read_text().split())
        rooms["files"] = Room(max(0.0, most - (used - unused)), most)
        mounts = (proc / "self/mounts").read_text()
    except (OSError, ValueError):
        return rooms
    for place in _file_systems(mounts).values():
        try:
            state = os.statvfs(place)
        except OSError:
            continue
        rooms[f"disk {place}"] = Room(
            float(state.f_bavail * state.f_frsize), float(state.f_blocks * state.f_frsize)
        )
        if state.f_files:
            rooms[f"inodes {place}"] = Room(float(state.f_favail), float(state.f_files))
    return rooms
