# SPDX-License-Identifier: Apache-2.0
"""Windows in which chance decides who is treated: tasks, disks, or the machine as a whole.

Every task is treated with probability one half in every window, in one of two ways drawn at random:
by a coin of its own, or together with those that are like it, on a random side of a random cut
through a random feature. Coins alone would almost never treat a whole group, and often only that
tells: one CPU hog that is left is enough to fill a CPU. (Randomising how much of a group is treated
is the idea of M. Hudgens and M. Halloran, Toward causal inference with interference, JASA 103
(2008) 832-842.)

A window that does harm is not left to heal by itself. Those that had to wait hold a debt: CFS takes
back what a task of low weight has run, at 341 times the speed for SCHED_IDLE, so that one that is
put back may wait for many seconds. While the others are treated in its place the debt is gone in
a moment; after that nobody is treated until the machine is as it was. Putting all the others back
at once disturbs too (on EEVDF 2.5 ms of delay became 11 to 17 ms in the window after it, window
after window), so that is repeated rarely, and most of the time nothing is done.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ainkad.learning.dataset import Dataset
from ainkad.tuner.definition import Arm, Tuner
from ainkad.tuner.machine import Candidates, Machine, major_minor
from ainkad.tuner.windows import Outcome, broken_at_once, measure

# (stage, outcome) of a window in which nobody is treated
OnWindow = Callable[[str, Outcome], None]

# At most 14 writes a window, and as many restores: far below any budget worth having.
EXPERIMENT_RATE_PER_MIN = 6000
# Give up when this many times the windows that were asked for have not yielded them.
PATIENCE = 2
# Share of the windows in which each task has a coin of its own.
COINS = 0.25
# Untreated windows before the exploration, which say what is usual.
USUAL_WINDOWS = 5
# A window this many times worse than usual, or with this part of what usually happens, does harm.
HARM = 4.0
RECOVERY_WINDOWS = 12
# A feature that moves by more than this share of its range, and so many times as far as it usually
# (median) does, has another moment begin; a share of the windows that is enough to learn from.
MOVED, USUAL_MOVE, ENOUGH = 0.5, 3.0, 0.5
# The others are treated before the first of so many of them, the rest is left to time.
RECOVERY_REST = 4


def actions(arm: Arm) -> list[dict[str, str]]:
    """What an arm sets, as a request has it."""
    return [{"tunable": tunable, "value": value} for tunable, value in arm.settings]


# True whenever the module lives.
ALWAYS = "ainka.uptime_ms >= 0"


def is_one_of(subject: str, ids: Sequence[int]) -> str:
    """The condition that holds for these subjects and no others."""
    if subject == "system":
        return ALWAYS
    if subject == "task":
        return " or ".join(f"task.pid == {pid}" for pid in ids)
    numbers = map(major_minor, ids)
    return " or ".join(f"dev.major == {major} and dev.minor == {minor}" for major, minor in numbers)


def treatment(tuner: Tuner, arm: Arm, ids: Sequence[int]) -> dict[str, Any]:
    """The one policy by which an assignment becomes real."""
    return {
        "name": tuner.experiment,
        "subject": tuner.subject,
        "when": is_one_of(tuner.subject, ids),
        "origin": "experiment",
        "mode": "enforce",
        "rate-per-min": EXPERIMENT_RATE_PER_MIN,
        "priority": tuner.priority,
        "action": actions(arm),
    }


def at_its_end(candidates: Candidates, after: Candidates | None) -> NDArray[np.int64]:
    """Features (n, F) of the candidates as they were at the end of a window.

    Those of one that is not there any more are as before.
    """
    features = candidates.features.copy()
    now = {} if after is None else dict(zip(after.ids.tolist(), after.features, strict=True))
    for i, one in enumerate(candidates.ids.tolist()):
        features[i] = now.get(one, features[i])
    return features


class Recorder:
    """Rows and windows as they come, and the data set in the end."""

    def __init__(self, tuner: Tuner) -> None:
        self._width = len(tuner.features)
        self.outcome: list[float] = []
        self.arm: list[int] = []
        self.windows: list[int] = []
        self._window: list[NDArray[np.int64]] = []
        self._treated: list[NDArray[np.int64]] = []
        self._features: list[NDArray[np.int64]] = []
        self._tasks: list[NDArray[np.int64]] = []
        self._after: list[NDArray[np.int64]] = []
        self._change: list[NDArray[np.float64]] = []

    def add(
        self,
        arm: int,
        candidates: Candidates,
        treated: NDArray[np.int64],
        outcome: float,
        number: int = 0,
        after: Candidates | None = None,
    ) -> None:
        """One window; ``outcome`` is its log reward, lower being better, ``number`` its row.

        ``after`` are the candidates at its end, where it is the moment that decides.
        """
        self._window.append(np.full(len(candidates), len(self.outcome)))
        self._treated.append(treated)
        self._features.append(candidates.features)
        self._tasks.append(candidates.ids)
        self._after.append(at_its_end(candidates, after))
        self.outcome.append(outcome)
        self.arm.append(arm)
        self.windows.append(number)
        change = np.zeros(self._width)
        if after is not None and len(after) and len(candidates):
            change = np.abs(after.features[0] - candidates.features[0]).astype(np.float64)
        elif after is not None:
            change[:] = np.inf
        self._change.append(change)

    def dataset(self) -> Dataset:
        """All of it, but for the windows in which one moment gave way to another."""
        kept = self._of_one_moment()
        empty = np.empty(0, dtype=np.int64)
        features = np.empty((0, self._width), np.int64)
        return Dataset(
            outcome=np.array(self.outcome, dtype=np.float64)[kept],
            arm=np.array(self.arm, dtype=np.int64)[kept],
            window=np.concatenate(
                [*(np.full(len(self._window[i]), n) for n, i in enumerate(kept)), empty]
            ),
            treated=np.concatenate([*(self._treated[i] for i in kept), empty]),
            features=np.concatenate([*(self._features[i] for i in kept), features]),
            task=np.concatenate([*(self._tasks[i] for i in kept), empty]),
            after=np.concatenate([*(self._after[i] for i in kept), features]),
        )

    def _of_one_moment(self) -> NDArray[np.int64]:
        """The windows in which no feature moved by more than half of what it ever did.

        One that does so in every other window (a share of a second's time) is noise, and no sign
        of another moment: the move has to be unusual, too. All of them if they would be few.
        """
        everything = np.arange(len(self.outcome))
        if not len(everything) or not sum(map(len, self._features)):
            return everything
        span = np.ptp(np.concatenate(self._features), axis=0)
        change = np.array(self._change)
        limit = np.maximum(span * MOVED, USUAL_MOVE * np.median(change, axis=0))
        kept = np.flatnonzero((change <= limit).all(axis=1))
        return kept if len(kept) >= len(everything) * ENOUGH else everything


def draw(features: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Who is treated (n,), given the tasks' features (n, F): each with probability one half."""
    n = len(features)
    if n < 2 or rng.random() < COINS:
        coins: NDArray[np.int64] = rng.integers(0, 2, n)
        return coins
    # Rates and shares span decades: a cut is drawn on a logarithmic scale.
    column = np.log1p(np.maximum(features[:, rng.integers(features.shape[1])], 0))
    above = column > rng.uniform(column.min(), column.max())
    # Either side is as likely as the other: that makes it one half for every task.
    chosen: NDArray[np.int64] = (above == bool(rng.integers(2))).astype(np.int64)
    return chosen


@dataclass(frozen=True)
class Usual:
    """What windows show when nothing is done: medians of log reward (lower is better) and count.

    ``outcomes`` are the windows that say so.
    """

    log_reward: float
    count: float
    outcomes: tuple[Outcome, ...] = ()

    def judge(self, tuner: Tuner, outcome: Outcome) -> float | None:
        """The window's log reward, lower being better, as the learner gets it; None: it tells none.

        Where it is the moment that decides, what is usual at one moment is not at another, and
        nobody starves unseen: the reward is taken as it is. Of tasks:
        A task that is starved does not wake, and its delay is not counted before it ends: rare
        wake-ups may look like a splendid reward. So when they are much rarer than usual, the
        window is at least as much worse than usual as they are rarer. And what is much worse than
        usual is harm, no matter how much worse: how a starved machine does is mostly noise.
        """
        sign = 1.0 if tuner.reward.lower_is_better else -1.0
        if tuner.in_context:
            return None if outcome.log_reward is None else sign * outcome.log_reward
        value = -math.inf if outcome.log_reward is None else sign * outcome.log_reward
        if outcome.log_reward is None or outcome.count * HARM < self.count:
            rarer = max(self.count, 1.0) / max(outcome.count, 0.5)
            value = max(value, self.log_reward + math.log(rarer))
        return min(value, self.log_reward + math.log(HARM))

    def is_harmed(self, tuner: Tuner, outcome: Outcome) -> bool:
        """Has a window made things so much worse than usual that they do not heal by themselves?"""
        judged = None if tuner.in_context else self.judge(tuner, outcome)
        return judged is not None and judged >= self.log_reward + math.log(HARM)


async def usual(machine: Machine, tuner: Tuner, on_window: OnWindow) -> Usual | None:
    """Measure some untreated windows; None when they tell nothing."""
    sign = 1.0 if tuner.reward.lower_is_better else -1.0
    machine.remove(tuner.experiment)
    outcomes = []
    for _ in range(USUAL_WINDOWS):
        outcomes.append(await measure(machine, tuner))
        on_window("usual", outcomes[-1])
    rewards = [sign * o.log_reward for o in outcomes if o.log_reward is not None]
    if not rewards:
        return None
    counts = statistics.median(outcome.count for outcome in outcomes)
    return Usual(statistics.median(rewards), counts, tuple(outcomes))


async def recover(
    machine: Machine,
    tuner: Tuner,
    was: Usual,
    arm: Arm,
    treated: Collection[int],
    on_window: OnWindow,
) -> bool:
    """Undo the harm of a window: treat all but those it ``treated`` for a moment, then nobody.

    Then wait for a window that is as usual; False when none of RECOVERY_WINDOWS is.
    """
    for number in range(RECOVERY_WINDOWS):
        others = [one for one in machine.candidates(tuner).ids.tolist() if one not in treated]
        if others and number % RECOVERY_REST == 0:
            machine.push(treatment(tuner, arm, others))
            await machine.sleep(tuner.windows.settle_ns)
        machine.remove(tuner.experiment)
        outcome = await measure(machine, tuner)
        on_window("recover", outcome)
        if not was.is_harmed(tuner, outcome):
            return True
    return False


def assignment(
    tuner: Tuner, candidates: Candidates, treated: NDArray[np.int64]
) -> list[Mapping[str, Any]]:
    """Whom the coin chose, for the store."""
    return [
        {
            "pid" if tuner.subject == "task" else "id": int(candidates.ids[i]),
            "comm" if tuner.subject == "task" else "name": candidates.names[i],
            "treated": int(treated[i]),
            "features": dict(zip(tuner.features, candidates.features[i].tolist(), strict=True)),
        }
        for i in range(len(candidates))
    ]


class Arms:
    """Which treated arms may be tried: ``allowed`` at first; one that breaks a guard no more.

    A tuner with one arm has none to go on with; there a harmful window is recovered from, and the
    guards are looked at in the end.
    """

    def __init__(self, tuner: Tuner, was: Usual, allowed: Sequence[int]) -> None:
        self._tuner = tuner
        self._off = list(was.outcomes)
        self._last: dict[int, list[Outcome]] = {}
        self.allowed = list(allowed)

    def add(self, arm: int, outcome: Outcome) -> list[str]:
        """Take in a window in which an arm was tried; the guards for which it is stopped."""
        self._last.setdefault(arm, []).append(outcome)
        if len(self._tuner.treated_arms) < 2:
            return []
        broken = broken_at_once(self._tuner, self._off, self._last[arm])
        if broken and arm in self.allowed:
            self.allowed.remove(arm)
        return broken


def baseline_share(arms: int) -> float:
    """Of the windows, those with the baseline, with which each of so many arms is compared.

    As many times one arm's as the root of their number, which makes the sum of the variances of all
    differences smallest (C. Dunnett, A multiple comparison procedure for comparing several
    treatments with a control, JASA 50 (1955) 1096-1121).
    """
    return 1.0 / (1.0 + math.sqrt(arms))


async def explore_window(
    machine: Machine, tuner: Tuner, rng: np.random.Generator, arms: Sequence[int]
) -> tuple[int, Candidates, NDArray[np.int64], Outcome]:
    """Choose one of the ``arms`` and whom to treat with it, make it so, and measure.

    Returns the arm's index among the treated ones, the candidates, who was treated (n,) and what
    the window showed.
    """
    # The features are read first: what a window does to a task must not explain its treatment.
    candidates = machine.candidates(tuner)
    arm = arms[int(rng.integers(len(arms)))]
    if tuner.in_context:
        treated = np.full(len(candidates), int(rng.random() >= baseline_share(len(arms))))
    else:
        treated = draw(candidates.features, rng)
    chosen = candidates.ids[treated == 1].tolist()
    if chosen:
        machine.push(treatment(tuner, tuner.treated_arms[arm], chosen))
    else:
        machine.remove(tuner.experiment)
    return arm, candidates, treated, await measure(machine, tuner)
