# SPDX-License-Identifier: Apache-2.0
"""Pairs of windows with and without the candidate policy: does it pay, and break nothing?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ainkad.tuner.definition import Arm, Tuner
from ainkad.tuner.explore import EXPERIMENT_RATE_PER_MIN, HARM, Usual, actions
from ainkad.tuner.machine import Machine
from ainkad.tuner.sequence import always_valid
from ainkad.tuner.stats import Interval, t_interval
from ainkad.tuner.windows import Outcome, broken_at_once, broken_guards, measure

# (mode, outcome) of every window
OnWindow = Callable[[str, Outcome], None]


def model_policy(
    tuner: Tuner, arm: Arm, tree: bytes, name: str, origin: str, mode: str
) -> dict[str, Any]:
    """The policy that treats whom the tree chooses.

    The tree has only seen candidates, so the condition asks for one. A treated task may lose some
    of what made it a candidate: it stays treated down to the lower bound.
    """
    share = tuner.candidate_signal
    when = f"model == 1 and {share} >= {tuner.candidate_min}"
    if tuner.candidate_age_ms:
        when += f" and task.age_ms >= {tuner.candidate_age_ms}"
    return {
        "name": name,
        "subject": "task",
        "when": when,
        "until": f"model == 0 or {share} < {tuner.candidate_keep}",
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

    Much rarer wake-ups count as so much worse, as in exploration (see ``Usual.judge``), and on both
    sides alike, so that without an effect neither side is favoured.
    """
    if on.log_reward is None and off.log_reward is None:
        return None
    sign = 1.0 if tuner.reward.lower_is_better else -1.0
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
    judged = [was.judge(tuner, outcome) for outcome in on]
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
) -> Measurement | None:
    """``pairs`` pairs of windows, one in observe and one in enforce, in random order.

    ``request`` gives the policy in a mode. The number of pairs is fixed beforehand, which is what
    makes a plain t interval valid; or, with ``sequential``, it is the most there are, and it ends
    as soon as the interval that is always valid excludes zero. A guard that is broken window after
    window ends it at once. ``was``, if given, is what the windows with the policy must be better
    than, too. Returns None when so many windows told nothing that as many pairs were lost as were
    wanted.
    """
    outcomes: dict[str, list[Outcome]] = {"observe": [], "enforce": []}
    differences: list[float] = []
    lost, stopped = 0, False
    while len(differences) < pairs and not stopped:
        order = ["observe", "enforce"]
        rng.shuffle(order)
        pair: dict[str, Outcome] = {}
        for mode in order:
            machine.push(request(mode))
            pair[mode] = await measure(machine, tuner)
            on_window(mode, pair[mode])
            outcomes[mode].append(pair[mode])
        change = difference(tuner, pair["enforce"], pair["observe"])
        if change is not None:
            differences.append(change)
        else:
            lost += 1
            if lost >= pairs:
                return None
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


def excludes_zero(interval: Interval) -> bool:
    """Does it say that there is an effect, good or bad?"""
    return interval.high < 0 or interval.low > 0
