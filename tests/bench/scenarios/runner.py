# SPDX-License-Identifier: Apache-2.0
"""One scenario from boot to result: control, learning, rounds of all conditions."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guest.demo_guest import DaemonLog
from guest.vm import EmulatorFault, Guest, accel, extra, kernels, paths
from guest.vm.host import favour, host_wait_ns
from tests.bench.scenarios.machine import Agent, Ainka, Tuned, WindowError
from tests.bench.scenarios.scenario import AINKA, DEFAULTS, Condition, Scenario, conditions
from tests.bench.scenarios.schedule import SHORTLIST_AFTER, rounds, shortlist
from tests.bench.scenarios.settings import lines

#: Windows of each phase before AINKA is loaded.
BARE = 2
#: Windows of each phase that end learning once something has been promoted.
AFTER = 2
#: Windows that may fail before the scenario is given up.
FAILURES = 6
PREPARE_S = 1800.0
COPY_STORE = """
import sqlite3
with sqlite3.connect("file:/var/lib/ainka/telemetry.db?mode=ro", uri=True) as store:
    with sqlite3.connect("/tmp/telemetry.db") as copy:
        store.backup(copy)
"""
BACK_S = 15.0


@dataclass(frozen=True)
class Plan:
    """How a scenario is to be run.

    ``output``: the folder in which a copy of the daemon's store is kept; the next run of a scenario
    overwrites its own.
    """

    output: Path
    kinds: tuple[str, ...]
    rounds: int
    seed: int
    kernel: str | None = None
    learn_s: float | None = None
    favour: bool = False


class Teller:
    """One line of progress, with the seconds since the scenario began."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begin = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"scenarios: {self.seconds():5.0f} s  {self._name}: {text}", file=sys.stderr,
              flush=True)  # fmt: skip

    def seconds(self) -> float:
        """Since the scenario began."""
        return time.monotonic() - self._begin


def shipped(tuners: tuple[str, ...]) -> list[str]:
    """Those of the tuners that the tree has."""
    folder = paths.ROOT / "policies" / "tuners"
    return [name for name in tuners if (folder / f"{name}.toml").exists()]


@dataclass
class Run:
    """A scenario at work."""

    scenario: Scenario
    plan: Plan
    guest: Guest
    say: Teller
    keep: Callable[[dict[str, Any]], None]
    result: dict[str, Any] = field(default_factory=dict)
    _failed: int = 0
    _ainka: Ainka | None = None

    def go(self) -> None:
        """All of it; the result is filled as it goes on."""
        scenario, guest = self.scenario, self.guest
        packages = [one for one in scenario.packages if one != "tuned" or "tuned" in self._kinds()]
        self.say(f"Linux {guest.release} is up; installing {', '.join(packages) or 'nothing'}")
        if packages:
            extra.install(guest, packages)
        guest.put(paths.GUEST / "load" / "periodic.c", "/tmp/periodic.c")
        self.say("preparing the load")
        agent = Agent(guest, scenario.load, scenario.options, PREPARE_S)
        try:
            before = agent.settings()
            self._head(agent)
            self.result["bare"] = self._bare(agent)
            which = conditions(scenario, self._kinds())
            if AINKA in self.plan.kinds and AINKA not in self._kinds():
                self.say(f"no tuner of {', '.join(scenario.tuners)} is there: without AINKA")
            if any(one.kind == AINKA for one in which):
                self._learn(agent, before)
            self._rounds(agent, which, before)
            if self._ainka:
                self.result["ainka"] |= {
                    "in_force": self._ainka.learned(),
                    "counts": self._ainka.counts(),
                    "tuners_say": self._ainka.explain(),
                }
            self.result["left"] = agent.restore(before)
        finally:
            agent.close()

    def _kinds(self) -> tuple[str, ...]:
        """The kinds that can be had."""
        kinds = tuple(kind for kind in self.plan.kinds if kind in self.scenario.kinds())
        if self.scenario.policies or shipped(self.scenario.tuners):
            return kinds
        return tuple(kind for kind in kinds if kind != AINKA)

    def _head(self, agent: Agent) -> None:
        scenario, guest = self.scenario, self.guest
        self.result |= {
            "kernel": guest.release,
            "accelerator": accel.accelerator(kernels.kernel(guest.release)),
            "cpus": 2,
            "memory": scenario.memory,
            "disks": list(scenario.disks),
            "packages": list(scenario.packages),
            "options": scenario.options,
            "facts": agent.facts,
            "window_s": scenario.window_s,
            "settle_s": scenario.settle_s,
            "seed": self.plan.seed,
            "windows": [],
            "not_back": [],
            "errors": [],
        }

    # ---- windows

    def _window(
        self,
        agent: Agent,
        phase: str,
        settle_s: float,
        seconds: float,
        fresh: bool,
        reset: bool,
        series: bool = False,
    ) -> dict[str, Any]:
        """One window as it is kept; without figures when it failed."""
        waited, begin = host_wait_ns(self.guest), time.monotonic_ns()
        row: dict[str, Any] = {"phase": phase, "at_s": round(self.say.seconds(), 1)}
        try:
            row |= agent.window(phase, settle_s, seconds, fresh=fresh, reset=reset, series=series)
        except WindowError as error:
            row |= {"figures": {}, "error": str(error)}
            self.result["errors"].append(f"{phase}: {error}")
            self.say(f"  {phase}: no figure: {error}")
            self._failed += 1
            if self._failed > FAILURES:
                raise
        took = time.monotonic_ns() - begin
        row["host_wait_percent"] = round(100 * (host_wait_ns(self.guest) - waited) / (2 * took), 1)
        return row

    def _bare(self, agent: Agent) -> list[dict[str, Any]]:
        """Without AINKA in the kernel: what the machine is like, and the floor."""
        scenario, found = self.scenario, []
        for phase in (*scenario.controls, *scenario.phases * BARE):
            self.say(f"before AINKA is loaded: {phase}")
            found.append(
                self._window(agent, phase, scenario.settle_s, scenario.window_s, False, True)
            )
        return found

    # ---- learning

    def _learn(self, agent: Agent, before: dict[str, str]) -> None:
        """AINKA alone with the load, phase after phase, until it has promoted something."""
        scenario = self.scenario
        limit_s = scenario.learn_s if self.plan.learn_s is None else self.plan.learn_s
        tuners = shipped(scenario.tuners)
        self.say(f"AINKA is loaded; it may learn for {limit_s:.0f} s at most")
        self._ainka = Ainka(
            self.guest, tuners, scenario.policies, scenario.parameters, self.plan.seed
        )
        log = DaemonLog(self.guest)
        begin = self.say.seconds()
        learning: dict[str, Any] = {"windows": [], "events": [], "promoted_s": None}
        self.result["ainka"] = {"config": self._ainka.config, "tuners": tuners,
                                "parameters": scenario.parameters,
                                "policies": scenario.policies, "learning": learning}  # fmt: skip
        since_promotion = dict.fromkeys(scenario.phases, 0)
        phases = [
            phase
            for phase in scenario.learn_phases or scenario.phases
            for _ in range(scenario.learn_repeat)
        ]
        for phase in itertools.cycle(phases):
            since = self.say.seconds() - begin
            if since >= limit_s or min(since_promotion.values()) >= AFTER:
                break
            row = self._window(
                agent, phase, 0.0, scenario.learn_window_s, False, False, scenario.series
            )
            learning["windows"].append({**row, "since_s": round(since, 1)})
            while (event := log.event(0.05)) is not None:
                now = round(self.say.seconds() - begin, 1)
                learning["events"].append([now, *event])
                self.say(f"  {event[0]}: {event[1]}"[:150].rstrip(": "))
                if event[0] == "promoted" and learning["promoted_s"] is None:
                    learning["promoted_s"] = now
            since_promotion[phase] += learning["promoted_s"] is not None and scenario.pause
            self.say(f"  {phase}: {_short(row)}")
        learning["seconds"] = round(self.say.seconds() - begin, 1)
        log.close()
        self._keep_store()
        self.result["ainka"]["promoted"] = self._ainka.learned()
        if scenario.pause and tuners:
            self._ainka.pause()
        self._ainka.enforce(False)
        # What the first condition sets while it is AINKA's still would be the admin's from then on.
        left = self._ainka.wait_back(agent, before, BACK_S)
        if left:
            self.result["not_back"].append({"condition": "learning", "settings": left})

    def _keep_store(self) -> None:
        """What the daemon has stored until then, every window of it: for whoever asks why."""
        self.plan.output.mkdir(parents=True, exist_ok=True)
        kept = self.plan.output / f"{self.scenario.name}.db"
        self.guest.run(["python3", "-c", COPY_STORE])
        self.guest.get("/tmp/telemetry.db", kept)
        self.say(f"the daemon's store is kept in {kept}")

    # ---- rounds

    def _rounds(self, agent: Agent, which: list[Condition], before: dict[str, str]) -> None:
        order = rounds(which, self.plan.rounds, self.plan.seed)
        self.result["conditions"] = [{"name": c.name, "kind": c.kind} for c in which]
        begin, done = self.say.seconds(), 0
        for number in range(1, len(order) + 1):
            if number == SHORTLIST_AFTER + 1:
                go_on = shortlist(self.result["windows"], self.scenario.measures, which)
                order = [[one for one in drawn if one in go_on] for drawn in order]
            several = order[number - 1]
            for place, condition in enumerate(several, 1):
                left = ""
                if done:
                    each = (self.say.seconds() - begin) / done
                    to_do = sum(map(len, order[number:])) + len(several) - place + 1
                    left = f", {each * to_do / 60:.0f} min left"
                self.say(f"round {number}/{len(order)}, {place}/{len(several)}: "
                         f"{condition.name}{left}")  # fmt: skip
                self._condition(agent, condition, number, before)
                done += 1
            self.result["rounds"] = number
            self.keep(self.result)

    def _condition(
        self, agent: Agent, condition: Condition, number: int, before: dict[str, str]
    ) -> None:
        """Switch to it, measure each phase, switch back."""
        scenario, fresh = self.scenario, condition.kind in self.scenario.fresh
        tuned = Tuned(self.guest, scenario.hold, scenario.go_on)
        if condition.static:
            self.guest.run(lines(condition.static))
        elif condition.kind == "tuned":
            tuned.on(condition.name.removeprefix("tuned "))
        elif condition.kind == AINKA and self._ainka:
            self._ainka.enforce(True)
        for phase in scenario.phases:
            row = self._window(agent, phase, scenario.settle_s, scenario.window_s, fresh, True)
            row |= {"round": number, "condition": condition.name, "kind": condition.kind}
            if condition.kind == AINKA and self._ainka:
                # At the end of the window: what the policies had set, for whoever asks whether.
                row |= {"set": agent.differing(before), "state": self._ainka.state(),
                        "learned": self._ainka.learned()}  # fmt: skip
            self.result["windows"].append(row)
            self.say(f"  {phase}: {_short(row)}")
        self._back(agent, condition, tuned, before)

    def _back(
        self, agent: Agent, condition: Condition, tuned: Tuned, before: dict[str, str]
    ) -> None:
        """To the defaults, exactly; what did not go back by itself is written down."""
        if condition.kind == DEFAULTS:
            return
        left: dict[str, str] = {}
        if condition.static:
            if condition.static.off:
                self.guest.run(condition.static.off)
        elif condition.kind == "tuned":
            tuned.off()
        elif self._ainka:
            self._ainka.enforce(False)
            left = self._ainka.wait_back(agent, before, BACK_S)
        if condition.kind == "tuned":
            left = agent.differing(before)
        if left:
            self.result["not_back"].append({"condition": condition.name, "settings": left})
        if condition.kind != AINKA or left:
            still = agent.restore(before)
            if still:
                self.say(f"  not at defaults again: {still}")
                self.result["not_back"].append({"condition": condition.name, "for good": still})


def _short(row: dict[str, Any]) -> str:
    """Figures on one line."""
    figures = ", ".join(f"{key} {value:.4g}" for key, value in row["figures"].items())
    return f"{figures} (host wait {row['host_wait_percent']:.0f} %)"


def run(scenario: Scenario, plan: Plan, keep: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Boot a guest and run the scenario in it; ``keep`` gets what there is after each round.

    Raises EmulatorFault when QEMU made the guest's kernel fail.
    """
    say = Teller(scenario.name)
    say(f"booting a guest with {scenario.memory}, disks {', '.join(scenario.disks) or '-'}")
    result: dict[str, Any] = {"scenario": scenario.name, "started": time.strftime("%FT%TZ",
                              time.gmtime())}  # fmt: skip
    kernel = plan.kernel or scenario.kernel
    # Without AINKA the image needs none, and none is built.
    plain = AINKA not in plan.kinds
    with Guest(kernel, cpus=2, memory=scenario.memory, disks=scenario.disks, plain=plain) as guest:
        if plan.favour and not favour(guest):
            say("no right to run the guest before the other programs of this host")
        Run(scenario, plan, guest, say, keep, result).go()
        faults = guest.kernel_reports()
        if faults and guest.emulator_fault():
            raise EmulatorFault(guest.explain_reports())
        result["faults"] = faults
    result["seconds"] = round(say.seconds(), 1)
    say(f"done, in {say.seconds() / 60:.1f} min")
    return result
