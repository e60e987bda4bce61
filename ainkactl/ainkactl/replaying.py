# SPDX-License-Identifier: Apache-2.0
"""ainkactl record and replay: what evaluations see, and what follows from it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ainkad.errors import AinkaError
from ainkad.policy_file import read_policies
from ainkad.replay.recording import Recording, open_recording
from ainkad.replay.run import Outcome, policies_changed, replay
from ainkad.replay.settle import Decision
from ainkad.signals_gen import BY_ID, EXTERNAL_FIRST
from ainkad.units import format_duration, parse_duration

from ainkactl.progress import Progress
from ainkactl.render import count, emit_json, escape


def record(path: Path, length: str | None, json: bool) -> None:
    """Record until interrupted, or for ``length``."""
    from ainkad.replay.recorder import record as run

    seconds = None if length is None else parse_duration(length) / 1e9
    shown = Progress("recording")

    def progress(seconds: float, records: int, size: int, lost: int) -> None:
        behind = f", {lost} lost" if lost else ""
        shown.text(f"{seconds:.0f} s, {records} records, {size / 1e6:.1f} MB{behind}")

    try:
        done = run(path, seconds, progress)
    finally:
        shown.clear()
    if json:
        emit_json({key: done[key] for key in ("seconds", "records", "bytes", "lost")})
        return
    print(f"{path}: {done['seconds']:.1f} s, {count(done['records'], 'record')}, "
          f"{done['bytes'] / 1e6:.2f} MB")  # fmt: skip
    if done["lost"]:
        print(f"{done['lost']} records were lost: a larger ring_kib holds more")


def run(path: Path, policies: list[Path], json: bool) -> None:
    """Replay a recording with its own policies or with those of files."""
    requests: list[dict[str, Any]] = []
    for file in policies:
        for request in read_policies(file):
            if any(request["name"] == other["name"] for other in requests):
                raise AinkaError(f"{file}: policy {request['name']!r} is there twice",
                                 "names are unique")  # fmt: skip
            requests.append({**request, "id": len(requests) + 1})
    decisions: list[Decision] = []
    shown = Progress("replaying")
    with open_recording(path) as recording:

        def on_decision(decision: Decision) -> None:
            if json:
                decisions.append(decision)
            else:
                shown.clear()
                _print(decision, recording)

        try:
            outcome = replay(recording, requests or None, on_decision, shown.bar)
        finally:
            shown.clear()
        if json:
            emit_json(_document(outcome, decisions, recording))
        else:
            _summary(outcome, recording)


def _clock(time_ns: int, recording: Recording) -> str:
    """Local time; without the offset of the clocks, seconds since the boot."""
    offset = recording.head.get("wall_minus_monotonic_ns")
    if not isinstance(offset, int):
        return f"{time_ns / 1e9:.3f}"
    wall = time_ns + offset
    local = time.localtime(wall // 1_000_000_000)
    return f"{time.strftime('%H:%M:%S', local)}.{wall // 1_000_000 % 1000:03d}"


def _subject(decision: Decision) -> str:
    if decision.subject == "system":
        return "system"
    number, identity = decision.key
    return f"{decision.subject} {number if decision.subject == 'task' else identity}"


def _name(signal: int, recording: Recording) -> str:
    known = BY_ID.get(signal)
    if known is not None:
        return known.name
    names, at = recording.head["external"], signal - EXTERNAL_FIRST
    return str(names[at]) if 0 <= at < len(names) else hex(signal)


def _print(decision: Decision, recording: Recording) -> None:
    old, new = ("?" if value is None else str(value) for value in (decision.old, decision.new))
    value = decision.text if decision.new is None else f"{old} → {new}"
    begins = ", on already" if decision.begins else ""
    verdict = f"{decision.verdict} ({decision.reason}){begins}"
    print(f"{_clock(decision.time_ns, recording)}  {decision.policy}  {_subject(decision)}  "
          f"{decision.tunable} {value}  {verdict}")  # fmt: skip
    if decision.path:
        print(f"{'':14}{escape(decision.path)}")


def _summary(outcome: Outcome, recording: Recording) -> None:
    span = format_duration(outcome.last_ns - outcome.first_ns)
    print(f"{count(outcome.frames, 'evaluation')} in {span}, {', '.join(outcome.policies)}: "
          f"{count(outcome.decided, 'decision')}")  # fmt: skip
    for gap in outcome.gaps:
        print(f"gap: nothing is known of {_clock(gap.begin_ns, recording)} to "
              f"{_clock(gap.end_ns, recording)}")  # fmt: skip
    for told in _doubts(outcome, recording):
        print(told)
    comparison = outcome.comparison
    if comparison is None:
        return
    compared = comparison.alike + len(comparison.unlike)
    print(f"recorded decisions: {comparison.alike} of {compared} are alike, "
          f"{comparison.unjudged} cannot be judged")  # fmt: skip
    for time_ns, policy, tunable, what, where in comparison.unlike:
        print(f"  only {where}: {_clock(time_ns, recording)}  {policy}  {tunable}  {what}")


def _doubts(outcome: Outcome, recording: Recording) -> list[str]:
    """What else makes a replay less than certain."""
    doubts = []
    if recording.cut_off:
        doubts.append(f"the recording is cut off: {recording.cut_off}")
    if outcome.pieces_lost or outcome.corrupt:
        doubts.append(f"{count(outcome.pieces_lost, 'piece')} missing, "
                      f"{outcome.corrupt} unreadable")  # fmt: skip
    if outcome.after_events:
        doubts.append(f"{count(outcome.after_events, 'evaluation')} after events: what policies "
                      "saw of those is not recorded")  # fmt: skip
    if outcome.comparison is not None:
        parked = [row["name"] for row in recording.head["policies"] if row.get("parked")]
        if parked:
            doubts.append(f"had lost tunables before (undo, oscillation): {', '.join(parked)}")
    if outcome.comparison is not None and (changed := policies_changed(recording)):
        doubts.append(f"changed while it was recorded: {', '.join(changed)}")
    return doubts


def _document(outcome: Outcome, decisions: list[Decision], recording: Recording) -> dict[str, Any]:
    comparison = outcome.comparison
    return {
        "policies": outcome.policies,
        "frames": outcome.frames,
        "first-ns": outcome.first_ns,
        "last-ns": outcome.last_ns,
        "gaps": [{"begin-ns": gap.begin_ns, "end-ns": gap.end_ns} for gap in outcome.gaps],
        "doubts": _doubts(outcome, recording),
        "decisions": [
            {
                "time-ns": d.time_ns,
                "policy": d.policy,
                "subject": d.subject,
                "number": d.key[0],
                "subject-id": d.key[1],
                "tunable": d.tunable,
                "value": d.text,
                "old": d.old,
                "new": d.new,
                "verdict": d.verdict,
                "reason": d.reason,
                "path": d.path,
                "cause": [{"signal": _name(s, recording), "value": v} for s, v in d.causes],
                "begins": d.begins,
            }
            for d in decisions
        ],
        "compared": None
        if comparison is None
        else {
            "alike": comparison.alike,
            "unjudged": comparison.unjudged,
            "unlike": [
                dict(zip(("time-ns", "policy", "tunable", "what", "only"), row, strict=True))
                for row in comparison.unlike
            ],
        },
    }
