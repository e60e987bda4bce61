# SPDX-License-Identifier: Apache-2.0
"""What a sequence consists of: operations as plain data, drawn from a seed.

An operation names policies and actors instead of counting them, so that a sequence of which parts
are left out still means something: an operation on an actor that is not there does nothing.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from .rows import FAST, SLOW, SYSTEM, TASK, Row

#: At most this share of operations touches a tunable of the slow lane.
SLOW_SHARE = 0.015
MOST_ACTORS = 8
#: Fast tunables of the system that one sequence is about: few, so that its policies meet.
FOCUS = 3

ALWAYS = "ainka.uptime_ms > 0"
STATES = ("learning", "optimizing", "predictive-scaling", "anomaly-detection", "emergency")


@dataclass(frozen=True)
class Operation:
    """One step; ``arguments`` are JSON."""

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return json.dumps([self.kind, self.arguments])


def parse(line: str) -> Operation:
    """The operation that ``str`` has written."""
    kind, arguments = json.loads(line)
    return Operation(str(kind), dict(arguments))


class Generator:
    """Draws operations; knows the actors there would be if every operation did its work."""

    def __init__(self, seed: int, rows: tuple[Row, ...]) -> None:
        self._random = random.Random(seed)
        self._rows = {
            (subject, lane): [r for r in rows if r.subject == subject and r.lane == lane]
            for subject in (SYSTEM, TASK)
            for lane in (FAST, SLOW)
        }
        fast = self._rows[SYSTEM, FAST]
        self._rows[SYSTEM, FAST] = self._random.sample(fast, min(FOCUS, len(fast)))
        self._actors = ["a0"]
        self._born = 0

    def sequence(self, length: int) -> list[Operation]:
        """A few actors, a daemon most of the time, and then anything."""
        start = [self._fork() for _ in range(3)] + [self._thread()]
        if self._random.random() < 0.7:
            start.append(Operation("daemon", {"do": "start"}))
        return [*start, *(self._one() for _ in range(max(0, length - len(start))))]

    def ending(self) -> str:
        """How the promises are called in."""
        return self._random.choice(("remove", "remove", "reset", "unload"))

    def _one(self) -> Operation:
        makers, weights = zip(*self._CHOICES, strict=True)
        (maker,) = self._random.choices(makers, weights)
        made: Operation = maker(self)
        return made

    # ---- policies

    def _add(self) -> Operation:
        rng = self._random
        subject = TASK if rng.random() < 0.45 else SYSTEM
        learned = rng.random() < 0.35
        spec: dict[str, Any] = {
            "name": f"{'l' if learned else 'p'}{rng.randrange(6)}",
            "subject": subject,
            "when": self._condition(subject),
            "mode": rng.choices(("enforce", "observe", "advise"), (10, 1, 1))[0],
            "action": self._actions(subject),
        }
        by = "netlink"
        if learned:
            spec["origin"] = rng.choice(("learner", "experiment"))
        elif rng.random() < 0.25:
            by = "proc"
        if by == "netlink":
            self._extras(spec)
        return Operation("add", {"by": by, "policy": spec})

    def _extras(self, spec: dict[str, Any]) -> None:
        """What only netlink can say."""
        rng = self._random
        if rng.random() < 0.3:
            spec["priority"] = rng.choice((-1000, -1, 1, 7, 1000))
        if rng.random() < 0.2:
            spec["for-ns"] = rng.choice((1, 50_000_000, 200_000_000))
        if rng.random() < 0.2:
            spec["hold-ns"] = rng.choice((1, 100_000_000, 500_000_000))
        if rng.random() < 0.1:
            spec["cooldown-ns"] = rng.choice((1, 100_000_000))
        if rng.random() < 0.15:
            spec["until"] = "ainka.uptime_ms < 0"
        if rng.random() < 0.15:
            spec["states"] = rng.randrange(1, 32)
        if rng.random() < 0.1:
            spec["rate-per-min"] = rng.choice((1, 60))
        if rng.random() < 0.5:
            spec["replace"] = True
        if spec["subject"] == SYSTEM and rng.random() < 0.15:
            # The model's answer is the value, where it can be a number of the row's own.
            for action in spec["action"]:
                if action["value"].isdecimal():
                    spec["model"] = int(action["value"])
                    action["value"] = "model"
                    break

    def _condition(self, subject: str) -> str:
        rng = self._random
        if subject == SYSTEM:
            return rng.choices(
                (ALWAYS,
                 f"ainka.uptime_ms % {rng.choice((100, 300))} < {rng.choice((50, 90))}",
                 "ainka.uptime_ms < 0", f"ainka.uptime_ms > {rng.randrange(2000)}",
                 "sched.cpu_busy_permille >= 0 or psi.cpu_some_permille < 0"),
                (10, 3, 1, 2, 2),
            )[0]  # fmt: skip
        one, other = self._actor(), self._actor()
        return rng.choices(
            (f"task.pid == @{one}", f"task.pid == @{one} or task.pid == @{other}",
             f"task.pid == @{one} and task.age_ms % 400 < 200", "task.cpu_share_permille > 300",
             "task.age_ms >= 0"),
            (8, 6, 3, 1, 1),
        )[0]  # fmt: skip

    def _row(self, subject: str) -> Row:
        slow = self._rows[subject, SLOW]
        fast = self._rows[subject, FAST]
        if slow and (not fast or self._random.random() < SLOW_SHARE):
            return self._random.choice(slow)
        return self._random.choice(fast)

    def _actions(self, subject: str) -> list[dict[str, str]]:
        rows = {row.tunable: row for row in (self._row(subject) for _ in range(3))}
        chosen = list(rows.values())[: self._random.choice((1, 1, 2, 3))]
        return [{"tunable": r.tunable, "value": self._random.choice(r.ours)} for r in chosen]

    def _remove(self) -> Operation:
        name = f"{self._random.choice('ppl')}{self._random.randrange(6)}"
        by = "proc" if self._random.random() < 0.25 else "netlink"
        return Operation("remove", {"name": name, "by": by})

    def _bad(self) -> Operation:
        return Operation("bad", {"which": self._random.randrange(100)})

    # ---- the machine

    def _foreign(self) -> Operation:
        subject = TASK if self._random.random() < 0.4 else SYSTEM
        row = self._row(subject)
        arguments = {"tunable": row.tunable, "value": self._random.choice(row.theirs)}
        if subject == TASK:
            arguments["actor"] = self._actor()
        return Operation("foreign", arguments)

    def _pause(self) -> Operation:
        return Operation("pause", {"ms": self._random.choice((1, 5, 15, 40, 120))})

    def _reload(self) -> Operation:
        return Operation("reload")

    # ---- the module

    def _state(self) -> Operation:
        by = self._random.choice(("netlink", "proc"))
        return Operation("state", {"to": self._random.choice(STATES), "by": by})

    def _calm(self) -> Operation:
        """Back to a state in which policies may act: emergency would make the rest idle."""
        return Operation("state", {"to": self._random.choice(STATES[:3]), "by": "netlink"})

    def _enforce(self) -> Operation:
        by = self._random.choice(("netlink", "proc", "parameter"))
        return Operation("enforce", {"on": self._random.random() < 0.75, "by": by})

    def _reset(self) -> Operation:
        return Operation("reset", {"by": self._random.choice(("netlink", "proc"))})

    def _parameter(self) -> Operation:
        name, value = self._random.choice(
            (("tick_us", "1000"), ("tick_us", "10000"), ("tick_us", "50000"),
             ("learning_mode", "0"), ("learning_mode", "1"), ("debug", "0"))
        )  # fmt: skip
        return Operation("parameter", {"name": name, "value": value})

    def _look(self) -> Operation:
        what = ("tunable-get", "policy-get", "decision-get", "signal-get", "tasks", "proc")
        return Operation("look", {"at": self._random.choice(what)})

    def _check(self) -> Operation:
        return Operation("check")

    def _daemon(self) -> Operation:
        verbs = ("start", "kill", "hang", "continue", "stop")
        return Operation("daemon", {"do": self._random.choices(verbs, (8, 3, 1, 2, 1))[0]})

    # ---- actors

    def _actor(self) -> str:
        return self._random.choice(self._actors)

    def _new_actor(self) -> str:
        self._born += 1
        self._actors.append(f"a{self._born}")
        if len(self._actors) > MOST_ACTORS:
            # The first stays: the others descend from it.
            self._actors.pop(self._random.randrange(1, len(self._actors) - 1))
        return f"a{self._born}"

    def _fork(self) -> Operation:
        return Operation("fork", {"actor": self._actor(), "new": self._new_actor()})

    def _thread(self) -> Operation:
        return Operation("thread", {"actor": self._actor(), "new": self._new_actor()})

    def _exec(self) -> Operation:
        return Operation("exec", {"actor": self._actor()})

    def _burn(self) -> Operation:
        return Operation("burn", {"actor": self._actor(), "ms": self._random.choice((1, 5, 20))})

    def _storm(self) -> Operation:
        return Operation("storm", {"actor": self._actor(), "n": self._random.choice((1, 3, 8))})

    def _end(self) -> Operation:
        how = self._random.choice(("exit", "leave", "kill"))
        # The first actor outlives the others, else the sequence would soon be without.
        actor = self._random.choice(self._actors[1:] or ["a0"])
        return Operation("end", {"actor": actor, "how": how})

    _CHOICES = (
        (_add, 22),
        (_remove, 10),
        (_bad, 3),
        (_foreign, 16),
        (_pause, 5),
        (_reload, 0.5),
        (_state, 1),
        (_calm, 3),
        (_enforce, 3),
        (_reset, 0.7),
        (_parameter, 1.5),
        (_look, 5),
        (_check, 2),
        (_daemon, 4),
        (_fork, 7),
        (_thread, 4),
        (_exec, 2),
        (_burn, 3),
        (_storm, 2),
        (_end, 4),
    )
