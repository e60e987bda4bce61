# SPDX-License-Identifier: Apache-2.0
"""Windows in which every candidate is treated, or not, by the toss of a coin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainkad.learning.dataset import Dataset
from ainkad.tuner.definition import Arm, Tuner
from ainkad.tuner.machine import Candidates, Machine
from ainkad.tuner.windows import Outcome, measure

# At most 14 writes a window, and as many restores: far below any budget worth having.
EXPERIMENT_RATE_PER_MIN = 6000
# Give up when this many times the windows that were asked for have not yielded them.
PATIENCE = 2


def actions(arm: Arm) -> list[dict[str, str]]:
    """What an arm sets, as a request has it."""
    return [{"tunable": tunable, "value": value} for tunable, value in arm.settings]


def treatment(tuner: Tuner, arm: Arm, pids: Sequence[int]) -> dict[str, Any]:
    """The one policy by which an assignment becomes real."""
    return {
        "name": tuner.experiment,
        "subject": "task",
        "when": " or ".join(f"task.pid == {pid}" for pid in pids),
        "origin": "experiment",
        "mode": "enforce",
        "rate-per-min": EXPERIMENT_RATE_PER_MIN,
        "priority": tuner.priority,
        "action": actions(arm),
    }


class Recorder:
    """Rows and windows as they come, and the data set in the end."""

    def __init__(self, tuner: Tuner) -> None:
        self._sign = 1.0 if tuner.reward.lower_is_better else -1.0
        self._width = len(tuner.features)
        self.outcome: list[float] = []
        self.arm: list[int] = []
        self._window: list[NDArray[np.int64]] = []
        self._treated: list[NDArray[np.int64]] = []
        self._features: list[NDArray[np.int64]] = []

    def add(
        self, arm: int, candidates: Candidates, treated: NDArray[np.int64], log_reward: float
    ) -> None:
        """One window that told something."""
        self._window.append(np.full(len(candidates), len(self.outcome)))
        self._treated.append(treated)
        self._features.append(candidates.features)
        self.outcome.append(self._sign * log_reward)
        self.arm.append(arm)

    def dataset(self) -> Dataset:
        """All of it."""
        empty = np.empty(0, dtype=np.int64)
        return Dataset(
            outcome=np.array(self.outcome, dtype=np.float64),
            arm=np.array(self.arm, dtype=np.int64),
            window=np.concatenate([*self._window, empty]),
            treated=np.concatenate([*self._treated, empty]),
            features=np.concatenate([*self._features, np.empty((0, self._width), np.int64)]),
        )


def assignment(
    tuner: Tuner, candidates: Candidates, treated: NDArray[np.int64]
) -> list[Mapping[str, Any]]:
    """Whom the coin chose, for the store."""
    return [
        {
            "pid": int(candidates.pids[i]),
            "comm": candidates.comms[i],
            "treated": int(treated[i]),
            "features": dict(zip(tuner.features, candidates.features[i].tolist(), strict=True)),
        }
        for i in range(len(candidates))
    ]


async def explore_window(
    machine: Machine, tuner: Tuner, rng: np.random.Generator
) -> tuple[int, Candidates, NDArray[np.int64], Outcome]:
    """Choose an arm and whom to treat with it, make it so, and measure.

    Returns the arm's index among the treated ones, the candidates, who was treated (n,) and what
    the window showed.
    """
    # The features are read first: what a window does to a task must not explain its treatment.
    candidates = machine.candidates(tuner)
    arm = int(rng.integers(len(tuner.treated_arms)))
    treated = rng.integers(0, 2, len(candidates))
    pids = candidates.pids[treated == 1].tolist()
    if pids:
        machine.push(treatment(tuner, tuner.treated_arms[arm], pids))
    else:
        machine.remove(tuner.experiment)
    return arm, candidates, treated, await measure(machine, tuner)
