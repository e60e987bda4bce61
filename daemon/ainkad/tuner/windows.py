# SPDX-License-Identifier: Apache-2.0
"""One window of measurement: let the change settle, then measure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ainkad.tuner.definition import TIME, Guard, Reward, Tuner
from ainkad.tuner.machine import Machine


@dataclass(frozen=True)
class Outcome:
    """What a window showed.

    ``reward`` is in the reward's own unit, None when too little happened to tell; ``count`` is
    how much happened; ``guards`` are the guards' signals at its end, without the stale ones.
    """

    started_ns: int
    reward: float | None
    count: int
    guards: dict[str, int] = field(default_factory=dict)

    @property
    def log_reward(self) -> float | None:
        """Logarithm of the reward, so that effects are ratios."""
        return None if self.reward is None else math.log(self.reward)


LOOK_NS = 1_000_000_000
"""How often a reward that is a signal is read in a window."""


async def measure(machine: Machine, tuner: Tuner, settle: bool = True) -> Outcome:
    """One window. ``settle`` drops the time in which the window before still has an effect."""
    if settle:
        await machine.sleep(tuner.windows.settle_ns)
    started = machine.now_ns()
    if tuner.reward.signal:
        reward, count = await _mean(machine, tuner)
    else:
        before = amounts(machine, tuner.reward)
        await machine.sleep(tuner.windows.length_ns)
        after = amounts(machine, tuner.reward)
        reward, count = _reward(tuner.reward, before, after)
    guards = {}
    for guard in tuner.guards:
        value = machine.signal(guard.signal)
        if value is not None:
            guards[guard.signal] = value
    return Outcome(started, reward, count, guards)


def amounts(machine: Machine, reward: Reward) -> tuple[int, int] | None:
    """Numerator and denominator so far; None when one of them cannot be read.

    TIME is in nanoseconds. Both are 0 for a reward that is a signal.
    """
    if reward.signal:
        return 0, 0
    numerator = _amount(machine, reward.numerator)
    denominator = _amount(machine, reward.denominator)
    return None if numerator is None or denominator is None else (numerator, denominator)


def _amount(machine: Machine, name: str) -> int | None:
    if name == TIME:
        return machine.now_ns()
    # What the scheduler's programs count has no name of a signal, which has a dot.
    return machine.signal(name) if "." in name else machine.counters()[name]


async def _mean(machine: Machine, tuner: Tuner) -> tuple[float | None, int]:
    """Mean of a signal over a window, and of how many readings: one a second, the last at its end.

    A signal says something of a second, or of a moment; a window may be longer.
    """
    left, values = tuner.windows.length_ns, list[int]()
    while left > 0:
        step = left % LOOK_NS or LOOK_NS
        await machine.sleep(step)
        left -= step
        value = machine.signal(tuner.reward.signal)
        if value is not None:
            values.append(value)
    # A logarithm needs something above zero: zero counts as one of the unit.
    return (max(sum(values) / len(values), 1.0), len(values)) if values else (None, 0)


def _reward(
    reward: Reward,
    before: tuple[int, int] | None,
    after: tuple[int, int] | None,
) -> tuple[float | None, int]:
    if before is None or after is None:
        return None, 0
    total, count = after[0] - before[0], after[1] - before[1]
    if reward.denominator == TIME:
        seconds = count / 1e9
        return (None, 0) if seconds <= 0 else (max(total, 1) / seconds, 1)
    if count < reward.min_count:
        return None, count
    return max(total, 1) / count, count


def is_problem(tuner: Tuner, outcome: Outcome) -> bool:
    """Is there something to improve?"""
    if outcome.reward is None:
        return False
    if tuner.reward.problem_above is None:
        return True
    above = outcome.reward > tuner.reward.problem_above
    return above if tuner.reward.lower_is_better else not above


# So many windows in a row with a broken guard end an experiment at once: one may be chance.
AT_ONCE = 2


def broken_at_once(tuner: Tuner, off: list[Outcome], on: list[Outcome]) -> list[str]:
    """The guards that each of the last windows with the policy broke, in words.

    A window is compared with the mean of those without. A guard that cannot be read is not broken
    here: it is looked at again in the end.
    """
    if len(on) < AT_ONCE:
        return []
    broken = []
    for guard in tuner.guards:
        without = [o.guards[guard.signal] for o in off if guard.signal in o.guards]
        last = [o.guards.get(guard.signal) for o in on[-AT_ONCE:]]
        if not without or None in last:
            continue
        mean = sum(without) / len(without)
        changes = [_change(mean, value) for value in last if value is not None]
        if all(_breaks(guard, change) for change in changes):
            broken.append(f"{guard.signal} changed by {changes[-1]:+.1f} %, and before that too")
    return broken


def _change(without: float, with_it: float) -> float:
    """In percent."""
    return 100.0 * (with_it - without) / max(without, 1.0)


def _breaks(guard: Guard, change: float) -> bool:
    fell = guard.max_fall_percent is not None and -change > guard.max_fall_percent
    rose = guard.max_rise_percent is not None and change > guard.max_rise_percent
    return fell or rose


def broken_guards(tuner: Tuner, off: list[Outcome], on: list[Outcome]) -> list[str]:
    """The guards that the policy broke, each in words, from windows without and with it."""
    broken = []
    for guard in tuner.guards:
        means = [
            [o.guards[guard.signal] for o in outcomes if guard.signal in o.guards]
            for outcomes in (off, on)
        ]
        if not means[0] or not means[1]:
            broken.append(f"{guard.signal} could not be read")
            continue
        without, with_it = (sum(values) / len(values) for values in means)
        change = _change(without, with_it)
        if _breaks(guard, change):
            broken.append(f"{guard.signal} changed by {change:+.1f} %")
    return broken
