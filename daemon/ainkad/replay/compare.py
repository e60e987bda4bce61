# SPDX-License-Identifier: Apache-2.0
"""Decisions that were recorded beside those taken again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ainkad.layouts_gen import RECORD_DECISION
from ainkad.netlink.spec_gen import FAMILY
from ainkad.replay.settle import Decision

FAST_NS: Final = 250_000_000
SLOW_NS: Final = 2_000_000_000
"""A decision is journalled when it has been carried out, so long after the evaluation at most."""

_VERDICTS: Final = FAMILY.enums["verdict"]
_REASONS: Final = FAMILY.enums["reason"]
# What a recording can say nothing about is not compared.
_KNOWN: Final = {
    "applied": ("condition-on",),
    "clamped": ("condition-on",),
    "observed": ("condition-on",),
    "advised": ("condition-on",),
    "refused": ("enforce-off", "state-changed", "overridden", "rate-limited", "oscillation"),
    "restored": ("condition-off", "enforce-off", "state-changed", "oscillation"),
}
# Whether a step or a bound limits a value may depend on the value before.
_SAME: Final = {"clamped": "applied"}

_Kind = tuple[str, str, int, str, str]


@dataclass
class Comparison:
    """How the decisions recorded and those taken again agree.

    ``unlike`` are those with no counterpart: (time_ns, policy, tunable, what, where), ``unjudged``
    counts recorded ones that a replay cannot know of, or in a time it knows too little of.
    """

    alike: int = 0
    unjudged: int = 0
    unlike: list[tuple[int, str, str, str, str]] = field(default_factory=list)


@dataclass
class Span:
    """A time in which nothing is compared."""

    begin_ns: int
    end_ns: int

    def holds(self, time_ns: int) -> bool:
        """Is this time within it?"""
        return self.begin_ns <= time_ns <= self.end_ns


def compare(
    recorded: NDArray[np.void],
    again: Sequence[Decision],
    unknown: Mapping[str, Sequence[Span]],
    slow: Collection[str] = (),
) -> Comparison:
    """Match the recorded decisions (n,) of RECORD_DTYPE of some policies with those taken again.

    ``unknown`` has for each policy the times of which too little is known, ``slow`` the tunables of
    the slow lane.
    """
    result = Comparison()
    theirs: dict[_Kind, list[int]] = defaultdict(list)
    ours: dict[_Kind, list[int]] = defaultdict(list)
    for row in recorded[recorded["type"] == RECORD_DECISION]:
        policy = bytes(row["policy"]).decode("utf-8", "replace")
        verdict, reason = _named(_VERDICTS, row["verdict"]), _named(_REASONS, row["reason"])
        time_ns = int(row["time_ns"])
        if policy not in unknown:
            continue
        if reason not in _KNOWN.get(verdict, ()) or any(s.holds(time_ns) for s in unknown[policy]):
            result.unjudged += 1
            continue
        tunable = bytes(row["tunable"]).decode("utf-8", "replace")
        kind = (policy, tunable, int(row["subject_id"]), _SAME.get(verdict, verdict), reason)
        theirs[kind].append(time_ns)
    for decision in again:
        spans = unknown[decision.policy]
        if decision.begins or any(span.holds(decision.time_ns) for span in spans):
            continue
        verdict = _SAME.get(decision.verdict, decision.verdict)
        kind = (decision.policy, decision.tunable, decision.key[1], verdict, decision.reason)
        ours[kind].append(decision.time_ns)
    for kind in sorted({*theirs, *ours}):
        within = SLOW_NS if kind[1] in slow else FAST_NS
        _match(kind, sorted(theirs[kind]), sorted(ours[kind]), within, result)
    result.unlike.sort()
    return result


def _named(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else f"number {number}"


def _match(
    kind: _Kind, theirs: list[int], ours: list[int], within: int, result: Comparison
) -> None:
    policy, tunable, _, verdict, reason = kind
    i = j = 0
    while i < len(theirs) or j < len(ours):
        if i < len(theirs) and j < len(ours) and 0 <= theirs[i] - ours[j] <= within:
            result.alike += 1
            i, j = i + 1, j + 1
        elif j == len(ours) or (i < len(theirs) and theirs[i] < ours[j]):
            result.unlike.append((theirs[i], policy, tunable, f"{verdict} ({reason})", "recorded"))
            i += 1
        else:
            result.unlike.append((ours[j], policy, tunable, f"{verdict} ({reason})", "replayed"))
            j += 1
