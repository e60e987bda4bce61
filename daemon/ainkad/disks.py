# SPDX-License-Identifier: Apache-2.0
"""Disks as the module sees them: differences of two copies of what the BPF programs count."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ainkad.core.batch import device_features
from ainkad.signals_gen import DEVICE_SIGNALS
from ainkad.tuner.definition import Tuner
from ainkad.tuner.machine import Candidates, major_minor

SAMPLE_NS: Final = 500_000_000
"""Copies are compared that are so far apart, or up to twice as much: as the module does it."""
PAUSE_NS: Final = 2_000_000_000
"""After a longer one it begins anew."""
_COLUMN = {signal.name: signal.index for signal in DEVICE_SIGNALS}

Records = NDArray[np.void]


def name_of(devt: int, sys_dev: Path = Path("/sys/dev/block")) -> str:
    """What the kernel calls a disk, or its numbers when it has gone."""
    numbers = "{}:{}".format(*major_minor(devt))
    try:
        return (sys_dev / numbers).readlink().name
    except OSError:
        return numbers


class Disks:
    """The last two copies of the records, by disk."""

    def __init__(self) -> None:
        self._copies: list[tuple[int, dict[int, Any]]] = []

    def due(self, now_ns: int) -> bool:
        """Is it time for another copy?"""
        return not self._copies or now_ns - self._copies[-1][0] >= SAMPLE_NS

    def add(self, records: Records, now_ns: int) -> None:
        """A copy (n,) of DEV_REC_DTYPE; ``seq`` is 0 while a record is being set up."""
        if self._copies and now_ns - self._copies[-1][0] > PAUSE_NS:
            self._copies.clear()
        steady = records[records["seq"] != 0]
        copy = {int(devt): steady[i : i + 1] for i, devt in enumerate(steady["devt"].tolist())}
        self._copies = [*self._copies[-1:], (now_ns, copy)]

    def values(self, devt: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
        """The disk's signals (N_DEVICE_SIGNALS,), and which are fresh; None when too few copies."""
        if len(self._copies) < 2:
            return None
        (then_ns, then), (now_ns, now) = self._copies[-2], self._copies[-1]
        if devt not in then or devt not in now:
            return None
        return device_features(now[devt], then[devt], now_ns - then_ns)

    def choose(self, tuner: Tuner) -> Candidates:
        """The candidates of a tuner, largest first, at most ``tuner.most``."""
        columns = [_COLUMN[name] for name in tuner.features]
        rank = _COLUMN[tuner.candidate_signal]
        found: list[tuple[int, int, NDArray[np.int64]]] = []
        for devt in self._copies[-1][1] if self._copies else ():
            answer = self.values(devt)
            if answer is None:
                continue
            values, fresh = answer
            if fresh[[rank, *columns]].all() and values[rank] >= tuner.candidate_min:
                found.append((int(values[rank]), devt, values[columns]))
        found.sort(key=lambda one: -one[0])
        found = found[: tuner.most]
        return Candidates(
            ids=np.array([devt for _, devt, _ in found], dtype=np.int64),
            names=tuple(name_of(devt) for _, devt, _ in found),
            features=np.array([row for _, _, row in found], dtype=np.int64).reshape(
                -1, len(columns)
            ),
        )
