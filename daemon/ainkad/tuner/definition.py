# SPDX-License-Identifier: Apache-2.0
"""A tuner read from TOML: policies/tuners/cpu-hogs.toml shows and documents every key."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from ainkad.core import compile_expression
from ainkad.errors import AinkaError
from ainkad.netlink.spec_gen import MAX_ACTIONS, Subject
from ainkad.signals_gen import SIGNALS, TOTALS
from ainkad.toml_file import Table, read_toml

# A condition has at most 64 instructions and 511 bytes: fourteen pids fit with room to spare.
MAX_TREATED = 14
COUNTERS = ("switches", "voluntary", "busy_ns", "delay_ns", "delays", "wake_delay_ns",
            "wake_delays", "wakeups")  # fmt: skip
SUBJECTS = ("system", "task", "device")
# What says who a subject is, not what it does, cannot be learned from.
_IDENTITIES = ("task.pid", "task.age_ms", "dev.major", "dev.minor", "ainka.uptime_ms")
_LOOKS_BACK = re.compile(r"\b(rate|delta|avg|min|max)\s*\(")
TIME = "time"
"""Denominator of a reward that is so much a second."""

_MS = 1_000_000


@dataclass(frozen=True)
class Arm:
    """A vetted set of values; the baseline's is empty."""

    name: str
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reward:
    """What should fall (or rise): a ratio of two numbers over a window, or the mean of a signal.

    ``numerator`` and ``denominator`` are counters of the scheduler's programs (COUNTERS) or signals
    of the system that only grow; the denominator may be TIME, which is counted in seconds. Nothing
    is a problem below ``problem_above`` (or above it, where higher is better); None: everything is.
    """

    name: str
    numerator: str
    denominator: str
    signal: str
    lower_is_better: bool
    min_count: int
    problem_above: float | None


@dataclass(frozen=True)
class Guard:
    """A signal that a policy must not change by more than this, in percent."""

    signal: str
    max_fall_percent: float | None
    max_rise_percent: float | None


@dataclass(frozen=True)
class Windows:
    """Lengths in nanoseconds and numbers of the windows of each stage."""

    length_ns: int
    settle_ns: int
    explore: int
    confirm_pairs: int
    sequential: bool
    remeasure_pairs: int
    remeasure_every_ns: int
    retry_after_ns: int


@dataclass(frozen=True)
class Learner:
    """Size of the tree and what counts as an effect (a difference of log reward)."""

    depth: int
    min_leaf: int
    min_effect: float
    alpha: float
    holdout: float


@dataclass(frozen=True)
class Tuner:
    """A learning problem."""

    name: str
    description: str
    subject: str
    candidate_signal: str
    candidate_min: int
    candidate_keep: int
    candidate_age_ms: int
    most: int
    exclude: tuple[str, ...]
    features: tuple[str, ...]
    arms: tuple[Arm, ...]
    reward: Reward
    guards: tuple[Guard, ...]
    windows: Windows
    learner: Learner
    hold_ns: int
    priority: int
    when: str = ""
    until: str = ""

    @property
    def in_context(self) -> bool:
        """Is it the moment that decides, not who is treated?

        Tasks are many, and how each of them differs from the others is what is learned. The machine
        is one, and disks are few: what is learned of them is when.
        """
        return self.subject != "task"

    @property
    def experiment(self) -> str:
        """Name of the policy that experiments are made with."""
        return f"experiment.{self.name}"

    @property
    def learned(self) -> str:
        """Name of the policy that is promoted."""
        return f"learned.{self.name}"

    @property
    def shadow(self) -> str:
        """Name of the policy by which a model is watched before it takes over."""
        return f"shadow.{self.name}"

    @property
    def treated_arms(self) -> tuple[Arm, ...]:
        """The arms beside the baseline."""
        return self.arms[1:]

    def with_windows(self, length_ms: int | None, settle_ms: int | None) -> Tuner:
        """The same tuner with other lengths of windows (configuration)."""
        windows = self.windows
        if length_ms is not None:
            windows = replace(windows, length_ns=length_ms * _MS)
        if settle_ms is not None:
            windows = replace(windows, settle_ns=settle_ms * _MS)
        return replace(self, windows=windows)


def _signal(table: Table, key: str, subject: str, default: str | None = None) -> str:
    names = [signal.name for signal in SIGNALS if signal.subject == Subject[subject.upper()]]
    name = table.text(key) if default is None else table.text(key, default)
    if name not in names and name != default:
        raise table.fail(
            key, f"{name!r} is no signal of a {subject}", f"allowed: {', '.join(names)}"
        )
    return name


def _amount(table: Table, key: str, others: tuple[str, ...] = ()) -> str:
    """A counter, or a signal that counts, as one is written."""
    name = table.text(key)
    if name.replace("_", "-") in COUNTERS_DASHED:
        return name.replace("-", "_")
    if name not in others and name not in TOTALS:
        allowed = ", ".join((*others, *COUNTERS_DASHED, *TOTALS))
        raise table.fail(key, f"{name!r} does not count anything", f"allowed: {allowed}")
    return name


def _condition(table: Table, key: str, subject: str) -> str:
    text = table.text(key, "", max_len=300)
    if text:
        try:
            compile_expression(text, Subject[subject.upper()])
        except AinkaError as error:
            raise table.fail(key, error.message, error.hint) from None
    # A policy that is pushed for a window begins without a past: its windows of time are empty, and
    # it would be off for most of the windows in which it is to be confirmed.
    if key == "when" and (found := _LOOKS_BACK.search(text)):
        raise table.fail(key, f"{found[1]}() looks back, and a policy that is tried has no past",
                         "compare the signal itself; `until` may look back")  # fmt: skip
    return text


def _arms(document: Table) -> tuple[Arm, ...]:
    arms: list[Arm] = []
    for table in document.tables("arms"):
        name = table.matching("name", r"[a-z0-9-]{1,16}", "1 to 16 of a-z, 0-9 and dash")
        settings = table.settings("set")
        if (not settings) != (not arms):
            raise table.fail(
                "set", "the first arm, and only it, sets nothing", "it is the baseline"
            )
        if len(settings) > MAX_ACTIONS:
            raise table.fail("set", f"has {len(settings)} tunables", f"at most {MAX_ACTIONS}")
        if any(arm.name == name for arm in arms):
            raise table.fail("name", f"{name!r} is there twice", "names of arms are unique")
        arms.append(Arm(name, tuple(settings.items())))
        table.done()
    if len(arms) < 2:
        raise document.fail("arms", "fewer than two", "a baseline that sets nothing, and another")
    return tuple(arms)


def _reward(table: Table) -> Reward:
    signal = _signal(table, "signal", "system", "")
    reward = Reward(
        name=table.text("name", max_len=60),
        numerator="" if signal else _amount(table, "numerator"),
        denominator="" if signal else _amount(table, "denominator", (TIME,)),
        signal=signal,
        lower_is_better=table.choice("better", ("lower", "higher"), "lower") == "lower",
        min_count=table.integer("min_count", 1, 1_000_000_000, 1),
        problem_above=table.number("problem_above", 0, 1e18, None),
    )
    table.done()
    return reward


COUNTERS_DASHED = tuple(name.replace("_", "-") for name in COUNTERS)


def _guards(document: Table) -> tuple[Guard, ...]:
    guards = []
    for table in document.tables("guards"):
        guards.append(
            Guard(
                signal=_signal(table, "signal", "system"),
                max_fall_percent=table.number("max_fall_percent", 0, 100, None),
                max_rise_percent=table.number("max_rise_percent", 0, 1e6, None),
            )
        )
        table.done()
    return tuple(guards)


def _windows(table: Table) -> Windows:
    windows = Windows(
        length_ns=table.duration("length", low_ns=100 * _MS),
        settle_ns=table.duration("settle"),
        explore=table.integer("explore", 8, 10_000),
        confirm_pairs=table.integer("confirm_pairs", 3, 10_000),
        sequential=table.choice("confirm", ("fixed", "sequential"), "fixed") == "sequential",
        remeasure_pairs=table.integer("remeasure_pairs", 1, 10_000),
        remeasure_every_ns=table.duration("remeasure_every", low_ns=1000 * _MS),
        retry_after_ns=table.duration("retry_after", low_ns=100 * _MS),
    )
    table.done()
    return windows


def _learner(table: Table) -> Learner:
    learner = Learner(
        depth=table.integer("depth", 1, 8),
        min_leaf=table.integer("min_leaf", 2, 100_000),
        min_effect=table.number("min_effect", 0, 10),
        alpha=table.number("alpha", 1e-6, 0.5),
        holdout=table.number("holdout", 0.05, 0.5),
    )
    table.done()
    return learner


def parse_tuner(document: Table, name: str) -> Tuner:
    """The tuner in a document. Raises AinkaError with the key and what is allowed."""
    if len(name) > 20:
        raise document.fail("", f"the name {name!r} of the file is too long", "at most 20 letters")
    subject = document.choice("subject", SUBJECTS)
    candidates = document.table("candidates")
    policy = document.table("policy")
    features = tuple(document.texts("features"))
    number = Subject[subject.upper()]
    allowed = [s.name for s in SIGNALS if s.subject == number and s.name not in _IDENTITIES]
    for feature in features:
        if feature not in allowed:
            hint = "allowed: " + ", ".join(allowed)
            raise document.fail("features", f"{feature!r} cannot be learned from", hint)
    if not features:
        raise document.fail("features", "is empty", "allowed: " + ", ".join(allowed))
    minimum = candidates.integer("minimum", 0, 1 << 40)
    tasks = subject == "task"
    tuner = Tuner(
        name=name,
        description=document.text("description"),
        subject=subject,
        candidate_signal=_signal(candidates, "signal", subject),
        candidate_min=minimum,
        candidate_keep=candidates.integer("keep", 0, minimum, minimum // 2),
        candidate_age_ms=candidates.duration("min_age", 0) // _MS if tasks else 0,
        most=1 if subject == "system" else candidates.integer("most", 1, MAX_TREATED, MAX_TREATED),
        exclude=tuple(candidates.texts("exclude", [])) if tasks else (),
        features=features,
        arms=_arms(document),
        reward=_reward(document.table("reward")),
        guards=_guards(document),
        windows=_windows(document.table("windows")),
        learner=_learner(document.table("learner")),
        hold_ns=policy.duration("hold", 0),
        priority=policy.integer("priority", -1000, 1000, 0),
        when=_condition(policy, "when", subject),
        until=_condition(policy, "until", subject),
    )
    for table in (candidates, policy, document):
        table.done()
    return tuner


def read_tuner(path: Path) -> Tuner:
    """The tuner in a file, named after it. Raises AinkaError with the line of the first fault."""
    return parse_tuner(read_toml(path), path.stem)
