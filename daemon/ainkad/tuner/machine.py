# SPDX-License-Identifier: Apache-2.0
"""What a tuner needs of the machine it tunes; the daemon and the tests each bring their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ainkad.tuner.definition import Tuner

# A dev_t as the BPF programs and the module have it: the minor number in the low 20 bits.
_MINOR_BITS = 20


def major_minor(devt: int) -> tuple[int, int]:
    """The two numbers of a disk."""
    return devt >> _MINOR_BITS, devt & (1 << _MINOR_BITS) - 1


@dataclass(frozen=True)
class Candidates:
    """Subjects that may be treated: tasks, disks, or the one machine.

    ``ids`` (n,) numbers that a condition can ask for (a pid; a disk's major and minor number, as
    ``dev_t`` has them; 0 for the machine), ``names`` n of them for people, ``features`` (n, number
    of the tuner's features) as the kernel would compute them at this moment.
    """

    ids: NDArray[np.int64]
    names: tuple[str, ...]
    features: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


class Module(Protocol):
    """What the module is asked for. Every method may raise AinkaError."""

    def signal(self, name: str) -> int | None:
        """Present value of a system signal, None while it is stale."""

    def push(self, request: Mapping[str, Any]) -> None:
        """Put a policy in force, replacing one of the same name."""

    def remove(self, name: str) -> None:
        """Take a policy out of force; not an error when it is not there."""

    def policy(self, name: str) -> Mapping[str, Any] | None:
        """A policy and its counters, None when it is not in force."""

    def learned(self) -> list[str]:
        """Names of the learner's policies that are in force."""

    def status(self) -> Mapping[str, Any]:
        """State and switches of the module."""

    def set_state(self, state: str, why: str) -> None:
        """Ask for a state."""


class Machine(Module, Protocol):
    """Clock, sensors and actuators. Every method but the first two may raise AinkaError."""

    def now_ns(self) -> int:
        """CLOCK_MONOTONIC."""

    async def sleep(self, nanoseconds: int) -> None:
        """Let time pass."""

    def candidates(self, tuner: Tuner) -> Candidates:
        """The subjects the tuner may treat, largest first, at most ``tuner.most``."""

    def counters(self) -> Mapping[str, int]:
        """The counters of the scheduler's programs, summed over the CPUs."""
