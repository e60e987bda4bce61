# SPDX-License-Identifier: Apache-2.0
"""Recordings: read back as written or refused, and the same decisions taken again from them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainkad.core import Hysteresis, Past, Windows, compile_expression
from ainkad.errors import AinkaError
from ainkad.frames import ENFORCE, EVENTS, WALKED, Frame
from ainkad.layouts_gen import RECORD_DECISION, RECORD_DTYPE
from ainkad.netlink.spec_gen import FAMILY
from ainkad.replay.recording import open_recording
from ainkad.replay.run import Outcome, policies_changed, replay
from ainkad.replay.settle import Decision

from tests.unit.recordings import MS, Array, frame, pieces, write

ROOT = Path(__file__).parents[2]
SWAP = "sysctl.vm.swappiness"
TUNABLES = [
    {"name": SWAP, "kind": "sysctl", "min": 0, "max": 200, "step": 0, "lane": "fast", "current": 60}
]


def policy(name: str, when: str, **more: Any) -> dict[str, Any]:
    value = more.pop("value", "10")
    tunable = more.pop("tunable", SWAP)
    return {"name": name, "when": when, "action": [{"tunable": tunable, "value": value}], **more}


def run(path: Path, requests: Any = None) -> tuple[list[Decision], Outcome]:
    found: list[Decision] = []
    with open_recording(path) as recording:
        outcome = replay(recording, requests, found.append)
    return found, outcome


def busy(n: int, seed: int = 3) -> list[Frame]:
    """Frames of 10 ms with a walk in each tenth: a random walk of signals, tasks come and go."""
    rng = np.random.default_rng(seed)
    value, tasks, frames = 500.0, list(range(2, 12)), []
    shares = {pid: 300.0 for pid in tasks}
    for number in range(n):
        value = max(0.0, value + rng.normal(0, 40))
        walked = number % 10 == 0
        if walked and rng.random() < 0.1:
            gone = tasks.pop(int(rng.integers(len(tasks))))
            tasks.append(max(*tasks, gone) + 1)
        rows = []
        for pid in tasks if walked else ():
            shares[pid] = max(0.0, shares.get(pid, 300.0) + rng.normal(0, 60))
            signals = {"task.pid": pid, "task.cpu_share_permille": int(shares[pid])}
            rows.append((pid, signals if rng.random() > 0.05 else {"task.pid": pid}))
        system = {"sched.run_delay_p99_us": int(value)}
        frames.append(
            frame(number * 10 * MS + 7, system if rng.random() > 0.02 else {}, rows, walked)
        )
    return frames


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = pieces(busy(300))
    batches = np.array_split(rows, 5)
    path = write(tmp_path / "r", batches, [policy("p", "ainka.uptime_ms > 5", model=b"\x00\xff")])
    with open_recording(path) as recording:
        assert recording.head["policies"][0]["model"] == b"\x00\xff"
        got = list(recording.blocks())
        assert recording.tail is not None
        assert recording.tail["records"] == len(rows)
    assert np.concatenate(got).tobytes() == rows.tobytes()
    assert recording.cut_off == ""


def test_a_file_cut_anywhere_is_told_and_used_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = write(tmp_path / "r", np.array_split(pieces(busy(60)), 4)).read_bytes()
    seen: list[int] = []
    for length in range(0, len(whole), 37):
        cut = tmp_path / "cut"
        cut.write_bytes(whole[:length])
        try:
            with open_recording(cut) as recording:
                seen.append(sum(len(batch) for batch in recording.blocks()))
        except AinkaError as error:
            assert not seen, "only a file without a head is refused"
            assert "recording" in error.message or "head" in error.message
            continue
        assert "stops at byte" in recording.cut_off
    assert seen == sorted(seen)
    assert seen[-1] > 0


def test_damage_anywhere_is_an_error_that_names_the_place(tmp_path: Path) -> None:
    rows = pieces(busy(60))
    whole = write(tmp_path / "r", np.array_split(rows, 4)).read_bytes()
    bad = tmp_path / "bad"
    for at in range(0, len(whole), 11):
        data = bytearray(whole)
        data[at] ^= 0x41
        bad.write_bytes(bytes(data))
        with pytest.raises(AinkaError) as told, open_recording(bad) as recording:
            for batch in recording.blocks():
                assert batch.tobytes() in rows.tobytes()
            # a size that has become too large runs into the end of the file
            assert recording.cut_off
            raise AinkaError(f"{bad}: {recording.cut_off}")
        assert str(bad) in told.value.message
        assert any(word in told.value.message for word in ("byte", "version", "recording", "head"))


def again_by_hand(frames: list[Frame], text: str, until: str, subject: int, **times: int) -> Any:
    """On and off by the conditions' other binding: (time, id, on)."""
    windows = Windows()
    when = compile_expression(text, subject, windows=windows)
    off = compile_expression(until, subject, windows=windows)
    past = Past(windows, subject)
    states: dict[int, Hysteresis] = {}
    found = []
    for one in frames:
        system = {
            "sched.run_delay_p99_us": int(one.values[2]) if one.fresh[2] else None,
        }
        rows: list[tuple[int, int, Any]] = [(0, 0, None)]
        if subject:
            if not one.flags & WALKED:
                # The system's past goes on between walks.
                past.feed(one.time_ns, system)
                continue
            rows = [
                (
                    int(row["num"]),
                    int(row["id"]),
                    {
                        "task.pid": int(row["num"]),
                        "task.cpu_share_permille": int(row["val"][1]) if row["fresh"][1] else None,
                    },
                )
                for row in one.subjects
            ]
        for num, identity, values in rows:
            past.feed(one.time_ns, system, values, num, identity)
            state = states.setdefault(identity, Hysteresis(**times))
            truths = (when.evaluate(system, values, past=past),
                      off.evaluate(system, values, past=past))  # fmt: skip
            if state.step(truths[0], one.time_ns, truths[1]):
                found.append((one.time_ns, identity, state.on))
        for identity in states.keys() - {identity for _, identity, _ in rows}:
            if states.pop(identity).on:
                found.append((one.time_ns, identity, False))
    return sorted(found)


@pytest.mark.parametrize("subject", ["system", "task"])
def test_policies_turn_on_and_off_as_evaluated_one_by_one(tmp_path: Path, subject: str) -> None:
    frames = busy(4000)
    signal = "sched.run_delay_p99_us" if subject == "system" else "task.cpu_share_permille"
    when, until = f"avg({signal}, 2s) > 400 and {signal} > 350", f"{signal} < 250"
    times = {"for-ns": 200 * MS, "hold-ns": 500 * MS, "cooldown-ns": 300 * MS}
    request = policy("p", when, until=until, subject=subject, mode="observe", **times)
    if subject == "task":
        request["action"] = [{"tunable": "task.nice", "value": "base+5"}]
    path = write(tmp_path / "r", np.array_split(pieces(frames), 9))
    from ainkad.replay.rerun import Rerun, Stream

    rerun, found = Rerun(request), []
    with open_recording(path) as recording:
        for one in Stream().frames(recording.blocks()):
            found += [(one.time_ns, c.key[1], c.on) for c in rerun.step(one)]
    wanted = again_by_hand(frames, when, until, int(subject == "task"),
                           for_ns=200 * MS, hold_ns=500 * MS, cooldown_ns=300 * MS)  # fmt: skip
    assert len(wanted) > 10
    assert sorted(found) == wanted
    decisions, outcome = run(path, [request])
    on = [(time, key) for time, key, is_on in wanted if is_on]
    assert sorted((d.time_ns, d.key[1]) for d in decisions) == on
    assert all(d.verdict == "observed" and d.path and d.causes for d in decisions)
    assert outcome.frames == len(frames)


def sawtooth(n: int, period: int = 40) -> list[Frame]:
    return [
        frame(t * 10 * MS + 1, {"ainka.uptime_ms": t * 10, "sched.run_delay_p99_us": t % period},
              walked=t % 10 == 0)
        for t in range(n)
    ]  # fmt: skip


def records_of(decisions: list[Decision]) -> Array:
    """Decision records as the module would have written them a moment later."""
    out = np.zeros(len(decisions), RECORD_DTYPE)
    for row, d in zip(out, decisions, strict=True):
        row["type"] = RECORD_DECISION
        row["time_ns"] = d.time_ns + MS // 3
        row["policy"], row["tunable"] = d.policy.encode(), d.tunable.encode()
        row["subject_id"] = d.key[1]
        row["verdict"] = FAMILY.enums["verdict"].index(d.verdict)
        row["reason"] = FAMILY.enums["reason"].index(d.reason)
    return out


def test_the_same_policies_give_the_same_decisions(tmp_path: Path) -> None:
    own = [policy("saw", "sched.run_delay_p99_us >= 20", id=1)]
    rows = pieces(sawtooth(800))
    bare = write(tmp_path / "bare", [rows], own, TUNABLES)
    taken, _ = run(bare)
    assert [d.verdict for d in taken[:3]] == ["applied", "restored", "applied"]
    assert [(d.old, d.new) for d in taken[:2]] == [(60, 10), (10, 60)]
    full = write(tmp_path / "full", [rows[:100].view(RECORD_DTYPE), records_of(taken),
                                     rows[100:].view(RECORD_DTYPE)], own, TUNABLES)  # fmt: skip
    _, outcome = run(full)
    assert outcome.comparison is not None
    assert outcome.comparison.alike >= len(taken) - 1, "the last one may be too near the end"
    assert outcome.comparison.unlike == []
    # One that was recorded and does not follow, one that follows and was not recorded.
    wrong = records_of([*taken[:5], *taken[6:]])
    wrong[2]["time_ns"] += 5 * 10**9
    bad = write(tmp_path / "bad", [rows, wrong], own, TUNABLES)
    _, outcome = run(bad)
    assert outcome.comparison is not None
    assert {row[4] for row in outcome.comparison.unlike} == {"recorded", "replayed"}


def test_other_policies_are_not_compared(tmp_path: Path) -> None:
    path = write(tmp_path / "r", [pieces(sawtooth(200))], [], TUNABLES)
    with pytest.raises(AinkaError, match="no policy was in force"):
        run(path)
    decisions, outcome = run(path, [policy("q", "sched.run_delay_p99_us >= 39")])
    assert outcome.comparison is None
    assert {d.policy for d in decisions} == {"q"}


def test_a_gap_is_reported_as_a_gap(tmp_path: Path) -> None:
    rows = pieces(sawtooth(2000), key_every=20)
    lost = len(rows) // 2
    path = write(tmp_path / "r", [np.delete(rows, [lost, lost + 1])],
                 [policy("saw", "sched.run_delay_p99_us >= 20", id=1)], TUNABLES)  # fmt: skip
    _, outcome = run(path)
    (gap,) = outcome.gaps
    assert outcome.pieces_lost == 2
    assert gap.end_ns - gap.begin_ns > 150 * MS
    assert gap.begin_ns < gap.end_ns < outcome.last_ns
    assert outcome.frames < 2000


def test_pieces_that_come_a_batch_late_are_no_gap(tmp_path: Path) -> None:
    rows = pieces(sawtooth(600))
    mixed = rows.copy()
    mixed[[29, 30]] = mixed[[30, 29]]
    path = write(tmp_path / "r", [mixed[:30], mixed[30:]], [policy("p", "ainka.uptime_ms > 0")])
    _, outcome = run(path)
    assert (outcome.gaps, outcome.corrupt, outcome.frames) == ([], 0, 600)


def test_who_wins_and_what_the_state_forbids(tmp_path: Path) -> None:
    frames = []
    for t in range(100):
        state, flags = (1, ENFORCE) if t < 50 else (4, ENFORCE) if t < 70 else (1, 0)
        frames.append(
            frame(t * 100 * MS + 1, {"sched.run_delay_p99_us": t}, state=state, flags=flags)
        )
    requests = [
        policy("low", "sched.run_delay_p99_us >= 10", id=1, priority=1, value="20"),
        policy("high", "sched.run_delay_p99_us >= 20 and sched.run_delay_p99_us < 40", id=2,
               priority=5, value="base+50%"),
        policy("late", "sched.run_delay_p99_us >= 80", id=3, value="500000", tunable="other"),
    ]  # fmt: skip
    path = write(tmp_path / "r", [pieces(frames)], requests, TUNABLES)
    decisions, _ = run(path)
    told = [(d.time_ns // (100 * MS), d.policy, d.verdict, d.reason, d.new) for d in decisions]
    assert told == [
        (10, "low", "applied", "condition-on", 20),
        (20, "high", "applied", "condition-on", 90),
        (20, "low", "refused", "overridden", None),
        (40, "low", "applied", "condition-on", 20),
        (50, "low", "restored", "state-changed", 60),
        # that it may not is told once for each time it turns on, and it has been told
        (80, "late", "refused", "enforce-off", None),
    ]


def test_who_turns_a_tunable_back_and_forth_loses_it(tmp_path: Path) -> None:
    path = write(tmp_path / "r", [pieces(sawtooth(3000, period=40))],
                 [policy("saw", "sched.run_delay_p99_us >= 20", id=1)], TUNABLES)  # fmt: skip
    decisions, _ = run(path)
    # On and off are a turn each; the one that is one too many is carried out, and then undone.
    verdicts = [(d.verdict, d.reason) for d in decisions]
    assert verdicts[:11] == [("applied", "condition-on"), ("restored", "condition-off")] * 5 + [
        ("applied", "condition-on")
    ]
    assert verdicts[11:] == [("restored", "condition-off"), ("refused", "oscillation")] + [
        ("refused", "oscillation")
    ] * (len(verdicts) - 13)
    slow = write(tmp_path / "s", [pieces(sawtooth(8000, period=2000))],
                 [policy("saw", "sched.run_delay_p99_us >= 1000", id=1)], TUNABLES)  # fmt: skip
    assert all(d.verdict != "refused" for d in run(slow)[0])


def test_external_signals_and_events(tmp_path: Path) -> None:
    frames = [
        frame(t * 100 * MS + 1, external={1: t}, flags=ENFORCE | (EVENTS if t == 7 else 0))
        for t in range(20)
    ]
    path = write(tmp_path / "r", [pieces(frames)],
                 [policy("e", "web.queue_count >= 5", mode="advise")], TUNABLES,
                 ["a.b_count", "web.queue_count"])  # fmt: skip
    decisions, outcome = run(path)
    assert [(d.time_ns // (100 * MS), d.verdict) for d in decisions] == [(5, "advised")]
    assert decisions[0].path == "web.queue_count 5 >= 5: true"
    assert outcome.after_events == 1


def test_what_changed_meanwhile_is_told(tmp_path: Path) -> None:
    before = [policy("a", "ainka.uptime_ms > 1", id=1, version=1),
              policy("b", "ainka.uptime_ms > 1", id=2, version=1)]  # fmt: skip
    path = write(tmp_path / "r", [pieces(sawtooth(20))], before, TUNABLES,
                 policies_after=[{**before[0], "version": 2}])  # fmt: skip
    with open_recording(path) as recording:
        replay(recording)
        assert policies_changed(recording) == ["a", "b"]


def ainkactl(*arguments: str) -> subprocess.CompletedProcess[str]:
    paths = f"{ROOT / 'daemon'}:{ROOT / 'ainkactl'}"
    return subprocess.run(
        [sys.executable, "-m", "ainkactl.main", *arguments], text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": paths}, timeout=120, check=False,
    )  # fmt: skip


def test_the_command(tmp_path: Path) -> None:
    own = [policy("saw", "sched.run_delay_p99_us >= 20", id=1)]
    path = write(tmp_path / "r", [pieces(sawtooth(200))], own, TUNABLES, finish=False)
    done = ainkactl("replay", str(path))
    assert done.returncode == 0, done.stderr
    assert "saw  system  sysctl.vm.swappiness 60 → 10  applied (condition-on)" in done.stdout
    assert "cut off" in done.stdout
    document = json.loads(ainkactl("replay", str(path), "--json").stdout)
    assert document["frames"] == 200
    assert document["decisions"][0]["cause"] == [{"signal": "sched.run_delay_p99_us", "value": 20}]
    other = tmp_path / "other.toml"
    other.write_text('[policy]\nname = "o"\nwhen = "sched.run_delay_p99_us > 30"\n'
                     'mode = "observe"\nset = { "sysctl.vm.swappiness" = 5 }\n')  # fmt: skip
    assert "o  system" in ainkactl("replay", str(path), "--policy", str(other)).stdout
    path.write_bytes(path.read_bytes()[:400] + b"x" + path.read_bytes()[401:])
    bad = ainkactl("replay", str(path))
    assert bad.returncode == 1
    assert "damaged at byte" in bad.stderr
    assert "Traceback" not in bad.stderr
    other.write_text('[policy]\nname = "o"\nwhen = "sched.nothing > 30"\n')
    assert ainkactl("replay", str(path), "--policy", str(other)).returncode == 1
