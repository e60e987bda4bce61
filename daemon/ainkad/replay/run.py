# SPDX-License-Identifier: Apache-2.0
"""A recording from its first to its last frame: decisions, gaps, and how they compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ainkad.core import external_signals
from ainkad.errors import AinkaError
from ainkad.frames import EVENTS, WALKED
from ainkad.layouts_gen import RECORD_DECISION, RECORD_DTYPE
from ainkad.replay.compare import FAST_NS, Comparison, Span, compare
from ainkad.replay.recording import Recording
from ainkad.replay.rerun import Change, Rerun, Stream
from ainkad.replay.settle import PARK_TURNS, Decision, Settler

Request = Mapping[str, Any]
# (bytes read so far, of so many)
Progress = Callable[[int, int], None]

_FAR: Final = (1 << 63) - 1


@dataclass(frozen=True)
class Gap:
    """Frames are missing between these two times."""

    begin_ns: int
    end_ns: int


@dataclass
class Outcome:
    """What a replay has come to; ``decisions`` without those that are passed on as they come."""

    policies: list[str]
    frames: int = 0
    first_ns: int = 0
    last_ns: int = 0
    after_events: int = 0
    gaps: list[Gap] = field(default_factory=list)
    pieces_lost: int = 0
    corrupt: int = 0
    decided: int = 0
    comparison: Comparison | None = None
    recorded: int = 0


def _in_table_order(requests: Sequence[Request]) -> list[Request]:
    return sorted(requests, key=lambda request: int(request.get("id") or 0))


def recorded_policies(recording: Recording) -> list[Request]:
    """The policies that were in force when it was made."""
    return _in_table_order(recording.head["policies"])


def policies_changed(recording: Recording) -> list[str]:
    """Names of policies added, removed or replaced meanwhile; known when all blocks are read."""
    if recording.tail is None:
        return []

    def versions(of: Mapping[str, Any]) -> dict[str, Any]:
        rows = of.get("policies") or []
        return {row["name"]: (row.get("id"), row.get("version")) for row in rows}

    before, after = versions(recording.head), versions(recording.tail)
    names = before.keys() | after.keys()
    return sorted(name for name in names if before.get(name) != after.get(name))


def replay(
    recording: Recording,
    requests: Sequence[Request] | None = None,
    on_decision: Callable[[Decision], None] = lambda _: None,
    progress: Progress = lambda *_: None,
) -> Outcome:
    """Take the decisions of a recording again, with its policies or with ``requests``.

    With its own policies they are compared with those that were recorded. Raises AinkaError for a
    damaged file and for a policy that does not compile.
    """
    own = requests is None
    chosen = recorded_policies(recording) if requests is None else requests
    if not chosen:
        raise AinkaError(
            f"{recording.path}: no policy was in force when it was made",
            "give some: ainkactl replay FILE --policy POLICY.toml",
        )
    with external_signals(recording.head["external"]):
        return _replay(recording, chosen, own, on_decision, progress)


def _replay(
    recording: Recording,
    requests: Sequence[Request],
    own: bool,
    on_decision: Callable[[Decision], None],
    progress: Progress,
) -> Outcome:
    policies = [Rerun(request) for request in requests]
    turns = recording.head.get("park_turns")
    turns = turns if isinstance(turns, int) else PARK_TURNS
    settler = Settler(policies, recording.head["tunables"], turns)
    outcome = Outcome([policy.name for policy in policies])
    recorded: list[NDArray[np.void]] = []
    again: list[Decision] = []

    def batches() -> Iterator[NDArray[np.void]]:
        for batch in recording.blocks():
            recorded.append(batch[batch["type"] == RECORD_DECISION])
            yield batch
            progress(recording.at, recording.size)

    stream = Stream()
    for frame in stream.frames(batches()):
        begins = not outcome.frames
        if frame.after_gap_ns:
            outcome.gaps.append(Gap(frame.after_gap_ns, frame.time_ns))
            begins = True
        outcome.first_ns = outcome.first_ns or frame.time_ns
        outcome.last_ns = frame.time_ns
        outcome.frames += 1
        outcome.after_events += bool(frame.flags & EVENTS)
        changes: list[tuple[int, list[Change]]] = []
        for number, policy in enumerate(policies):
            changed = policy.step(frame)
            if changed:
                changes.append((number, changed))
        if not changes and (settler.idle or not frame.flags & WALKED):
            continue
        for decision in settler.step(frame, changes, begins):
            outcome.decided += 1
            on_decision(decision)
            if own:
                again.append(decision)
    outcome.pieces_lost, outcome.corrupt = stream.pieces, stream.corrupt
    theirs = np.concatenate([*recorded, np.empty(0, RECORD_DTYPE)])
    outcome.recorded = len(theirs)
    if own:
        slow = {row["name"] for row in recording.head["tunables"] if row.get("lane") == "slow"}
        unknown = {policy.name: _unknown(outcome, policy.memory_ns) for policy in policies}
        outcome.comparison = compare(theirs, again, unknown, slow)
    return outcome


def _unknown(outcome: Outcome, memory_ns: int) -> list[Span]:
    """Before the first frame, behind the last, in gaps, and as long as what was before matters."""
    spans = [
        Span(0, outcome.first_ns + memory_ns),
        Span(outcome.last_ns - FAST_NS, _FAR),
    ]
    spans += [Span(gap.begin_ns, gap.end_ns + max(memory_ns, FAST_NS)) for gap in outcome.gaps]
    return spans
