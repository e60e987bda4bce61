# SPDX-License-Identifier: Apache-2.0
"""The phases of the demo, one after the other; everything it learns goes into one dictionary."""

from __future__ import annotations

import dataclasses
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from guest import demo_guest as hands
from guest.demo_data import Telemetry, read_samples, read_telemetry
from guest.demo_stats import (
    BUSY_HOST_PERCENT,
    Check,
    Loop,
    Mark,
    Phase,
    Return,
    phase,
    untreated,
    verdict,
)
from guest.vm import Guest, accel, kernels, paths
from guest.vm.host import favour, host_wait_ns

#: The interactive task: how often it wakes, and what it then has to do on an idle machine.
PERIOD_US, WORK_US = 5000, 2000
HOGS = 12
#: Debian 12's newer kernel: with EEVDF a task that was put last owes nothing when it is put back.
KERNEL = "6.12"
CPUS = 2
#: Lengths of the phases in seconds, and what is dropped after a change before one is measured.
CONTROL_S, OBSERVE_S, ENFORCE_S, AFTER_S, SETTLE_S = 12.0, 16.0, 18.0, 16.0, 1.5
#: Phases that may be measured once more because the host was busy, in all.
AGAIN = 3
#: The learned policy's hold, and a little: at its promotion it meets tasks as a window without it
#: has left them, and may treat one for that long although it should not be.
HOLD_S = 6.0
#: The tuner needs this long with the windows it ships; the limit allows for a busy host.
EXPECTED_S, LEARN_LIMIT_S = 110.0, 300.0
NEW_HOG_S = 9.0
#: The shipped tuner's windows are 1 s long. Shorter ones fit into five minutes, and are all we set.
WINDOW = "600ms"
#: Events of a tuner after which an attempt is over.
ENDINGS = (
    "nothing-learned",
    "not-confirmed",
    "too-little",
    "interrupted",
    "attempt-failed",
    "rejected",
)
TUNER = paths.ROOT / "policies" / "tuners" / "cpu-hogs.toml"
POLICY = "learned.cpu-hogs"
APPLIED = ("applied", "clamped")


class Teller:
    """One line of progress, with the seconds since the beginning."""

    def __init__(self, begin: float) -> None:
        self._begin = begin

    def __call__(self, text: str) -> None:
        print(f"demo: {time.monotonic() - self._begin:4.0f} s  {text}", file=sys.stderr, flush=True)


def run(guest: Guest, hogs: int, output: Path, say: Teller) -> dict[str, Any]:
    """All phases. The result has everything that is reported and plotted, in plain data."""
    machine = accel.accelerator(kernels.kernel(guest.release))
    marks: list[tuple[str, Mark, Mark]] = []
    host: dict[str, float] = {}
    hands.start_daemon(guest, WINDOW)
    log = hands.DaemonLog(guest)
    load = hands.Load(guest, PERIOD_US, WORK_US)

    again = AGAIN

    def measure(name: str, seconds: float, settle_s: float = SETTLE_S) -> None:
        nonlocal again
        time.sleep(settle_s)
        while True:
            start, waited = load.mark(name), host_wait_ns(guest)
            time.sleep(seconds)
            end = load.mark(name)
            host[name] = _host_wait(start, end, host_wait_ns(guest) - waited)
            if host[name] <= BUSY_HOST_PERCENT or not again:
                break
            again -= 1
            say(f"  the host kept the guest waiting {host[name]:.0f} % of the time: once more")
        marks.append((name, start, end))

    if not favour(guest):
        say("no right to run the guest before the other programs of this host: they may disturb it")
    settings = hands.settings(guest)
    say(f"control: the interactive task alone, AINKA observing, {CONTROL_S:.0f} s")
    measure("no hogs", CONTROL_S)
    hogs_ns = load.set_hogs(hogs)
    say(f"{hogs} hogs started beside it; AINKA only observes, {OBSERVE_S:.0f} s")
    measure("observing", OBSERVE_S)

    learn_from, waited = load.mark("learning"), host_wait_ns(guest)
    hands.let_it_learn(guest)
    say("AINKA may learn now: nobody tells it what a hog is, or that there are any")
    say(f"  (windows of {WINDOW}, from config.toml; the tuner and all else are as installed)")
    promoted = _wait_for_promotion(log, say)
    learn_to = load.mark("learning")
    host["learning"] = _host_wait(learn_from, learn_to, host_wait_ns(guest) - waited)
    marks.append(("learning", learn_from, learn_to))
    origin, explanation = "", ""
    new_hog: dict[str, Any] = {}
    if promoted:
        say(f"the learned policy is in force; {HOLD_S:.0f} s to settle, {ENFORCE_S:.0f} s measured")
        measure("enforcing", ENFORCE_S, HOLD_S)
        origin = str(hands.ainkactl(guest, "policy", "show", POLICY).get("origin"))
        new_hog, explanation = _new_hog(guest, load, hogs + 1, say)

    status = hands.ainkactl(guest, "status")
    baseline = {pid: (0, 0) for pid in [load.pid, *load.hogs]}
    lease_s = status["lease-ms"] and _lease_s(guest)
    say("kill -9 of the daemon")
    report = hands.kill_and_watch(guest, baseline, lease_s + 15)
    load.set_hogs(hogs)
    say(f"everything is as at first, {hogs} hogs and no treatment, {AFTER_S:.0f} s")
    measure("daemon killed", AFTER_S)

    say("collecting what was recorded")
    load.fetch(output / "samples")
    load.close()
    log.close()
    after = hands.settings(guest)
    decisions = hands.ainkactl(guest, "decisions", "--last", "512")
    telemetry = read_telemetry(hands.fetch_store(guest, output / "telemetry.db"))
    samples = read_samples(output / "samples")
    everything = _merge(telemetry, decisions)
    writes = [d["time_ns"] for d in everything if d["verdict"] in (*APPLIED, "restored")]
    phases = [phase(name, a, b, samples, writes, host[name]) for name, a, b in marks]
    changed = [f"{k} is {after.get(k)}, was {v}" for k, v in settings.items() if after.get(k) != v]
    changed += [f"task {pid}: policy, nice {how}" for pid, how in report["away_after"].items()]
    back = Return(
        _since(report, "tasks_back_ns"), _since(report, "module_back_ns"), lease_s, tuple(changed)
    )
    mine = [d for d in everything if d["policy"] == POLICY and d["verdict"] in APPLIED]
    loop = Loop(promoted, origin, len(mine))
    by_name = {one.name: one for one in phases}
    before = untreated(
        [(a, b) for name, a, b in marks if name in ("observing", "daemon killed")], samples
    )
    checks = verdict(before, by_name.get("enforcing"), loop, back)
    return {
        "kernel": guest.release,
        "accelerator": machine,
        "hogs": hogs,
        "period_us": PERIOD_US,
        "work_us": WORK_US,
        "window": WINDOW,
        "min_age": tomllib.loads(TUNER.read_text())["candidates"].get("min_age", "0s"),
        "phases": [dataclasses.asdict(one) for one in phases],
        "untreated": dataclasses.asdict(before),
        "hogs_started_ns": hogs_ns,
        "promoted_ns": _time(telemetry, "promoted"),
        "loop": dataclasses.asdict(loop),
        "new_hog": new_hog,
        "explanation": explanation,
        "learned": _learned(telemetry),
        "effects": telemetry.effects,
        "return": {
            **dataclasses.asdict(back),
            "seconds": back.seconds,
            "away_before": len(report["away_before"]),
            "killed_ns": report["killed_ns"],
            "held_before": report["held_before"],
        },  # fmt: skip
        "status": {key: status.get(key) for key in ("decisions", "applied", "restored", "refused")},
        "decisions": everything,
        "events": telemetry.events,
        "checks": [dataclasses.asdict(check) for check in checks],
    }


def phases_of(found: dict[str, Any]) -> dict[str, Phase]:
    """The phases of a result, by name, in order."""
    return {row["name"]: Phase(**row) for row in found["phases"]}


def checks_of(found: dict[str, Any]) -> list[Check]:
    """The checks of a result."""
    return [Check(**row) for row in found["checks"]]


def _wait_for_promotion(log: hands.DaemonLog, say: Teller) -> bool:
    """Tell what the tuner does until it has promoted a policy; False when it does not in time."""
    begin = told = time.monotonic()
    while (now := time.monotonic()) - begin < LEARN_LIMIT_S:
        event = log.event(1.0)
        if event:
            name, detail = event
            say(f"  {name}: {detail}".rstrip(": "))
            told = now
            if name == "promoted":
                return True
            if name in ENDINGS:
                say("  that attempt has ended; the tuner will try again in minutes, we do not wait")
                return False
        elif now - told > 10:
            say(f"  … {now - begin:.0f} s (all of it takes about {EXPECTED_S:.0f} s)")
            told = now
    say(f"  nothing was promoted in {LEARN_LIMIT_S:.0f} s")
    return False


def _new_hog(guest: Guest, load: hands.Load, hogs: int, say: Teller) -> tuple[dict[str, Any], str]:
    """Start one more hog and find the decision about it: (times and figures, its explanation)."""
    say("one more hog starts")
    started_ns = load.set_hogs(hogs)
    pid = load.hogs[-1]
    time.sleep(NEW_HOG_S)
    rows = hands.ainkactl(guest, "decisions", "--last", "100")
    found: dict[str, Any] = {"pid": pid, "started_ns": started_ns, "seconds": None}
    for row in rows:
        if row.get("pid") == pid and row["verdict"] in APPLIED and row.get("policy") == POLICY:
            found["decision"] = row["id"]
            found["demoted_ns"] = row["time-ns"]
            found["seconds"] = (row["time-ns"] - started_ns) / 1e9
            say(f"  demoted {found['seconds']:.2f} s after its start")
            return found, hands.explain(guest, row["id"])
    say(f"  not demoted within {NEW_HOG_S:.0f} s")
    mine = [row for row in rows if row.get("policy") == POLICY and row["verdict"] in APPLIED]
    return found, hands.explain(guest, mine[-1]["id"]) if mine else ""


def _lease_s(guest: Guest) -> float:
    """The lease the daemon asks for, at most what the module grants."""
    code = (
        "from ainkad.main import load_config; from pathlib import Path; print(min("
        "load_config(None).lease_ms, "
        "int(Path('/sys/module/ainka/parameters/lease_ms').read_text())))"
    )
    return int(guest.run(["python3", "-c", code]).stdout) / 1000


def _host_wait(start: Mark, end: Mark, waited_ns: int) -> float:
    return 100 * waited_ns / (CPUS * (end.time_ns - start.time_ns))


def _since(report: dict[str, Any], key: str) -> float | None:
    at = report[key]
    return None if at is None else (at - report["killed_ns"]) / 1e9


def _time(telemetry: Telemetry, event: str) -> int | None:
    row = telemetry.event(event)
    return None if row is None else int(row["time_ns"])


def _learned(telemetry: Telemetry) -> dict[str, Any] | None:
    """What the last model of the session says, in words."""
    if not telemetry.models:
        return None
    model = telemetry.models[-1]
    report = model["report"]
    return {"arm": model["arm"], "treat": report["treat"], "agreement": report["agreement"],
            "windows": sum(w["stage"] == "explore" for w in telemetry.windows)}  # fmt: skip


def _merge(telemetry: Telemetry, decisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The decisions of the daemon's store and those that the module took after its death."""
    verdicts = ("applied", "clamped", "observed", "advised", "refused", "restored", "yielded")
    rows = {row["id"]: {**row, "verdict": verdicts[row["verdict"]]} for row in telemetry.decisions}
    for row in decisions:
        rows[row["id"]] = {
            "id": row["id"],
            "time_ns": row["time-ns"],
            "policy": row.get("policy", ""),
            "tunable": row.get("tunable", ""),
            "pid": row.get("pid", 0),
            "label": row.get("label", ""),
            "old": row.get("old"),
            "new": row.get("new"),
            "verdict": row["verdict"],
            "reason": row.get("reason", ""),
        }
    return [rows[number] for number in sorted(rows)]
