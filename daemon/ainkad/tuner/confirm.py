# SPDX-License-Identifier: Apache-2.0
"""Pairs of windows with and without the candidate policy: does it pay, and break nothing?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ainkad.tuner.definition import TIME, Arm, Tuner
from ainkad.tuner.explore import EXPERIMENT_RATE_PER_MIN, HARM, Usual, actions
from ainkad.tuner.machine import Machine
from ainkad.tuner.sequence import always_valid
from ainkad.tuner.stats import Interval, t_interval
from ainkad.tuner.windows import Outcome, broken_at_once, broken_guards, measure

# Pairs that may be lost, for each that is wanted, since the moment passed before they were over.
PASSING = 4
# Lengths of a window that are waited for a moment in which the policy acts.
MOMENTS = 120

# (mode, outcome) of every window
OnWindow = Callable[[str, Outcome], None]


def model_policy(
    tuner: Tuner, arm: Arm, tree: bytes, name: str, origin: str, mode: str
) -> dict[str, Any]:
    """The policy that treats whom the tree chooses.

    The tree has only seen candidates, so the condition asks for one. A treated subject may lose
    some of what made it a candidate: it stays treated down to the lower bound. ``tuner.when`` must
    hold as well, and ``tuner.until`` ends it.
    """
    signal = tuner.candidate_signal
    when = f"model == 1 and {signal} >= {tuner.candidate_min}"
    until = f"model == 0 or {signal} < {tuner.candidate_keep}"
    if tuner.candidate_age_ms:
        when += f" and task.age_ms >= {tuner.candidate_age_ms}"
    if tuner.when:
        when += f" and ({tuner.when})"
    if tuner.until:
        until += f" or {tuner.until}"
    return {
        "name": name,
        "subject": tuner.subject,
        "when": when,
        "until": until,
        "hold-ns": tuner.hold_ns,
        "origin": origin,
        "mode": mode,
        "rate-per-min": EXPERIMENT_RATE_PER_MIN if origin == "experiment" else None,
        "priority": tuner.priority,
        "model": tree,
        "action": actions(arm),
    }


@dataclass(frozen=True)
class Measurement:
    """The effect of a policy: mean difference of log reward with less without, lower is better.

    ``interval`` is Student's, for a number of pairs fixed beforehand; ``valid`` holds at every
    look. Which of them decides is the tuner's choice (``sequential``).
    """

    interval: Interval
    differences: tuple[float, ...]
    broken: tuple[str, ...]
    valid: Interval | None = None
    sequential: bool = False
    stopped: bool = False

    @property
    def decisive(self) -> Interval:
        """The interval that decides."""
        return self.valid if self.sequential and self.valid is not None else self.interval

    @property
    def pays(self) -> bool:
        """The interval excludes zero in the good direction and no guard is broken."""
        return self.decisive.high < 0 and not self.broken


def difference(tuner: Tuner, on: Outcome, off: Outcome) -> float | None:
    """Log reward with less without the policy, lower being better; None when neither tells.

    Much rarer wake-ups of tasks count as so much worse, as in exploration (see ``Usual.judge``),
    and on both sides alike, so that without an effect neither side is favoured. So does a window in
    which nothing came to its end, whatever the subject.
    """
    if on.log_reward is None and off.log_reward is None:
        return None
    # What is counted for each second comes to no end: there was nothing to read.
    if tuner.reward.denominator == TIME and None in (on.log_reward, off.log_reward):
        return None
    sign = 1.0 if tuner.reward.lower_is_better else -1.0
    if tuner.in_context and on.log_reward is not None and off.log_reward is not None:
        return sign * (on.log_reward - off.log_reward)
    rarer = math.log(max(off.count, 0.5) / max(on.count, 0.5))
    value = 0.0
    if on.log_reward is not None and off.log_reward is not None:
        value = sign * (on.log_reward - off.log_reward)
    if rarer > math.log(HARM) or on.log_reward is None:
        return max(value, rarer)
    if rarer < -math.log(HARM) or off.log_reward is None:
        return min(value, rarer)
    return value


def no_better_than_usual(tuner: Tuner, was: Usual, on: list[Outcome]) -> list[str]:
    """A reason not to promote: windows with the policy are not better than it was before all this.

    A task that is put back may have to wait for what it ran meanwhile, or may have waited so long
    that it fills the next window. Then the windows without the policy are not what the machine is
    like without it, and an effect against them is none.
    """
    judged = [value for one in on if (value := was.judge(tuner, one)) is not None]
    if judged and statistics.median(judged) < was.log_reward - tuner.learner.min_effect:
        return []
    return [f"{tuner.reward.name} is no better than before the experiment"]


async def measure_pairs(
    machine: Machine,
    tuner: Tuner,
    request: Callable[[str], dict[str, Any]],
    pairs: int,
    alpha: float,
    rng: np.random.Generator,
    on_window: OnWindow,
    was: Usual | None = None,
    sequential: bool = False,
    acts: Callable[[], bool] | None = None,
) -> Measurement | None:
    """``pairs`` pairs of windows, one in observe and one in enforce, in random order.

    ``request`` gives the policy in a mode. The number of pairs is fixed beforehand, which is what
    makes a plain t interval valid; or, with ``sequential``, it is the most there are, and it ends
    as soon as the interval that is always valid excludes zero. A guard that is broken window after
    window ends it at once. ``was``, if given, is what the windows with the policy must be better
    than, too. ``acts``, if given, says whether the policy would do anything at present: a pair
    begins when it would, and counts if it still would after each of its windows, so that both are
    of one moment. Returns None when so many windows told nothing, or so many moments passed before
    a pair was over, that it would take too long.
    """
    outcomes: dict[str, list[Outcome]] = {"observe": [], "enforce": []}
    differences: list[float] = []
    lost, stopped, at_once = 0, False, list[str]()
    may_lose = pairs if acts is None else pairs * PASSING
    while len(differences) < pairs and not stopped:
        if acts is not None and not await _moment(machine, tuner, acts):
            return None
        order = ["observe", "enforce"]
        rng.shuffle(order)
        pair: dict[str, Outcome] = {}
        change = None
        for mode in order:
            machine.push(request(mode))
            pair[mode] = await measure(machine, tuner)
            on_window(mode, pair[mode])
            if acts is not None and not acts():
                break
        else:
            for mode, outcome in pair.items():
                outcomes[mode].append(outcome)
            change = difference(tuner, pair["enforce"], pair["observe"])
        if change is None:
            lost += 1
            if lost >= may_lose:
                return None
            continue
        differences.append(change)
        at_once = broken_at_once(tuner, outcomes["observe"], outcomes["enforce"])
        stopped = bool(at_once) or (sequential and excludes_zero(always_valid(differences, alpha)))
    broken = at_once or broken_guards(tuner, outcomes["observe"], outcomes["enforce"])
    if was is not None:
        broken += no_better_than_usual(tuner, was, outcomes["enforce"])
    return Measurement(
        t_interval(differences, alpha),
        tuple(differences),
        tuple(broken),
        always_valid(differences, alpha),
        sequential,
        stopped,
    )


async def _moment(machine: Machine, tuner: Tuner, acts: Callable[[], bool]) -> bool:
    """Wait for a moment in which the policy acts; False when none comes."""
    for _ in range(MOMENTS):
        if acts():
            return True
        await machine.sleep(tuner.windows.length_ns)
    return False


def excludes_zero(interval: Interval) -> bool:
    """Does it say that there is an effect, good or bad?"""
    return interval.high < 0 or interval.low > 0
