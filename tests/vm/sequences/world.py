# SPDX-License-Identifier: Apache-2.0
"""One sequence under way: the module, the tasks, the daemon, and what has to be true of them.

What is expected is simple on purpose. A tunable is, in the end, what somebody else wrote last, or
what it was before; a child is expected to be what its parent is expected to be. Nothing of what the
module does enters into it.
"""

from __future__ import annotations

import collections
import errno
import os
import time
from typing import Any

from ainkad.learning.compile import compile_tree
from ainkad.netlink.message import KernelError

from .actors import Actors
from .bad import BAD
from .daemon import Daemon
from .errors import Broken, Stuck
from .module import PARAMETERS, PROC, Module, wait_for, write
from .operations import ALWAYS, Operation
from .promises import bystanders, check_unloaded, check_untargeted
from .rows import SLOW, SYSTEM, TASK, Row

#: What a request may be refused with, and why.
TAKEN, NOT_ALLOWED, NOT_THERE = errno.EEXIST, errno.EPERM, errno.ENOENT

ROUNDS = 50
"""Tries to write a foreign value without the module writing in the same moment."""


class World:
    """Everything there is during a sequence; ``apply`` does one operation."""

    def __init__(
        self,
        rows: tuple[Row, ...],
        theirs: dict[tuple[str, str], bytes],
        maps: dict[str, int],
        actors: Actors,
    ) -> None:
        self.rows = {row.tunable: row for row in rows}
        self.actors = actors
        self.stats: collections.Counter[str] = collections.Counter()
        #: Seconds, by kind of operation.
        self.spent: dict[str, float] = collections.defaultdict(float)
        #: The tunables that each policy of the admin may write; what was learned goes by itself.
        self.policies: dict[str, set[str]] = {}
        self.learned: dict[str, set[str]] = {}
        self.daemon: Daemon | None = None
        #: Since when nobody has held the lease.
        self.orphaned = time.monotonic()
        self.enforce = True
        #: What somebody else wrote, by tunable and actor.
        self.foreign: dict[tuple[str, str], bytes] = {}
        #: The system's tunables that somebody else has written since the module was loaded: if it
        #: held them then they are the admin's for good.
        self.disowned: set[str] = set()
        self._theirs = theirs
        self._maps = maps
        self.before = {row.tunable: row.read(0) for row in rows if row.subject == SYSTEM}
        self._own = {row.tunable: row.read(os.getpid()) for row in rows if row.subject == TASK}
        self.bystanders = bystanders()
        self.actors.start()
        self.module: Module | None = None
        self._load()

    def _load(self) -> None:
        self.module = Module()
        self.enforce = True
        self.policies.clear()
        self.learned.clear()
        self.disowned.clear()

    # ---- what has to be

    def expected(self, row: Row, actor: str = "") -> bytes:
        """What a tunable has to be when nothing of the module is left."""
        own = self._own if row.subject == TASK else self.before
        return self.foreign.get((row.tunable, actor), own[row.tunable])

    def targeted(self, tunable: str) -> bool:
        """Whether a policy in force may want to write this tunable."""
        return any(tunable in targets for targets in self._all_targets())

    def _all_targets(self) -> list[set[str]]:
        return [*self.policies.values(), *self.learned.values()]

    def loaded(self) -> Module:
        """The module, which has to be there."""
        assert self.module
        return self.module

    def apply(self, operation: Operation) -> None:
        """Do one; raises Broken when the answer is not what it has to be."""
        began = time.monotonic()
        getattr(self, f"do_{operation.kind}")(**operation.arguments)
        self.stats[operation.kind] += 1
        self.spent[operation.kind] += time.monotonic() - began

    # ---- policies

    def do_add(self, by: str, policy: dict[str, Any]) -> None:
        """A policy, from the admin or, where it has an origin, from the daemon."""
        spec = self._resolved(policy)
        if not spec["action"]:
            return
        name, learned = spec["name"], "origin" in spec
        known = self.learned if learned else self.policies
        enforcing = spec["mode"] == "enforce"
        targets = {action["tunable"] for action in spec["action"]} if enforcing else set()
        others = any(self.targeted(tunable) for tunable in targets)
        code = self._send(by, spec)
        # When exactly the lease has ended, and whether experiments may run, only the module knows.
        wanted = {TAKEN if name in known and not spec.get("replace") else 0}
        if learned:
            wanted = {0, TAKEN, NOT_ALLOWED}
        if code not in wanted:
            raise Broken(f"policy-add {spec}: {os.strerror(code)}")
        if code == 0:
            self.stats["added"] += 1
            if name not in known and not others and self._at_once(spec):
                self._takes_effect(spec)
            # One that is replaced may still hold what it no longer sets, until the round is over.
            known[name] = targets

    def _resolved(self, policy: dict[str, Any]) -> dict[str, Any]:
        """Actors become thread ids (0 for one that is gone), a model becomes a blob."""
        spec = dict(policy)
        spec["action"] = [a for a in policy["action"] if a["tunable"] in self.rows]
        words = []
        for word in str(policy["when"]).split():
            actor = self.actors.alive.get(word[1:])
            words.append(word if word[0] != "@" else str(actor.tid if actor else 0))
        spec["when"] = " ".join(words)
        if "model" in spec:
            leaves = [{"class": 0}, {"class": spec["model"]}]
            split = {"feature": 0, "threshold": 0.5, "left": 1, "right": 2}
            spec["model"] = compile_tree([split, *leaves], ["ainka.uptime_ms"], 0)
        return spec

    def _send(self, by: str, spec: dict[str, Any]) -> int:
        if "origin" in spec and self.daemon and not self.daemon.hanging:
            if "model" in spec:
                spec = {**spec, "model": spec["model"].hex()}
            return self.daemon.request("policy-add", spec)
        if by == "proc":
            values = ",".join(f"{a['tunable']}={a['value']}" for a in spec["action"])
            options = f"subject {spec['subject']} mode {spec['mode']}"
            line = f"policy add {spec['name']} {options} when {spec['when']} set {values}"
            return write(PROC, line)
        return self._request("policy-add", spec)

    def _request(self, operation: str, values: dict[str, Any]) -> int:
        try:
            self.loaded().client.request(operation, values)
        except KernelError as error:
            if not error.text:
                raise Broken(f"{operation} {values} is refused without a word: {error}") from None
            return error.errno
        return 0

    def _at_once(self, spec: dict[str, Any]) -> bool:
        """Whether a policy that nobody competes with has its way as soon as it is added."""
        delays = ("for-ns", "states", "rate-per-min", "origin")
        return (
            self.enforce
            and spec["mode"] == "enforce"
            and spec["when"] == ALWAYS
            and not any(key in spec for key in delays)
            and self.loaded().client.request("state-get", {"brief": True})["state"] != "emergency"
        )

    def _takes_effect(self, spec: dict[str, Any]) -> None:
        for action in spec["action"]:
            row, value = self.rows[action["tunable"]], action["value"]
            if row.tunable in self.disowned:
                continue
            if row.subject == SYSTEM and value.isdecimal():
                what = f"{spec['name']} sets {row.tunable} to {value}, and nothing happens"
                wait_for(_is(row, value), what)
                self.stats["took effect"] += 1

    def do_remove(self, name: str, by: str) -> None:
        """A policy's end, whoever pushed it."""
        if by == "proc":
            code = write(PROC, f"policy remove {name}")
        else:
            code = self._request("policy-remove", {"name": name})
        wanted = {0 if name in self.policies else NOT_THERE}
        if name in self.learned:
            wanted.add(0)
        if code not in wanted:
            raise Broken(f"policy-remove {name}: {os.strerror(code)}")
        self.policies.pop(name, None)
        self.learned.pop(name, None)

    def do_bad(self, which: int) -> None:
        """A request that is refused in words."""
        operation, values = BAD[which % len(BAD)]
        if self._request(operation, values) == 0:
            raise Broken(f"{operation} {values} was accepted")

    # ---- others write, too

    def do_foreign(self, tunable: str, value: str, actor: str = "") -> None:
        """Somebody else writes a tunable: what he wrote has to stay.

        The kernel has no compare-and-set, so a write in the very moment in which the module writes
        may be lost (docs/limits.md). Decisions about the tunable that were made meanwhile tell that
        it may have been: then he writes again.
        """
        row = self.rows.get(tunable)
        if row is None or (actor and actor not in self.actors.alive):
            return
        tids = self.actors.alive[actor].tids if actor else [0]
        module = self.loaded()
        for _ in range(ROUNDS):
            self._await_slow(row)
            before = int(module.status()["decisions"])
            row.write(tids[-1], value)
            module.settle()
            self._await_slow(row)
            if not any(
                decision["tunable"] == tunable
                and decision.get("pid", 0) in tids
                and decision["verdict"] in ("applied", "clamped", "restored")
                for decision in module.decisions(before)
            ):
                break
            self.stats["foreign writes repeated"] += 1
        else:
            raise Stuck(f"{tunable} is written all the time")
        if not actor:
            self.disowned.add(tunable)
        self.foreign[tunable, actor] = self._theirs.get((tunable, value), value.encode())

    def _await_slow(self, row: Row) -> None:
        if row.lane == SLOW:
            wait_for(lambda: not self.loaded().pending(), "the slow lane does not end")
            self.loaded().settle()

    # ---- the module

    def do_reload(self) -> None:
        """Unloading, with whatever is in force, and loading; refused while a daemon is there."""
        if self.loaded().unload(held_by_daemon=self.daemon is not None):
            self.module = None
            check_unloaded(self)
            self._load()

    def do_state(self, to: str, by: str) -> None:
        """An admin's state."""
        if by == "proc":
            code = write(PROC, f"state {to}")
        else:
            code = self._request("state-set", {"state": to})
        if code:
            raise Broken(f"state {to}: {os.strerror(code)}")

    def do_enforce(self, on: bool, by: str) -> None:
        """Enforcement on or off, at one of its three doors."""
        if by == "netlink":
            code = self._request("state-set", {"enforce": int(on)})
        elif by == "proc":
            code = write(PROC, f"config_update enforce={int(on)}")
        else:
            code = write(PARAMETERS / "enforce", str(int(on)))
        if code:
            raise Broken(f"enforce {on} by {by}: {os.strerror(code)}")
        self.enforce = on

    def do_reset(self, by: str) -> None:
        """Everything back, and enforcement off."""
        code = write(PROC, "reset") if by == "proc" else self._request("reset", {})
        if code:
            raise Broken(f"reset: {os.strerror(code)}")
        self.enforce = False
        check_untargeted(self)

    def do_parameter(self, name: str, value: str) -> None:
        """A parameter that changes while the module runs."""
        code = write(PARAMETERS / name, value)
        if code:
            raise Broken(f"parameter {name}={value}: {os.strerror(code)}")

    def do_look(self, at: str) -> None:
        """Reading, which must not disturb."""
        if at == "proc":
            PROC.read_text()
        elif at == "tasks":
            list(self.loaded().client.dump("signal-get", {"subject": "task"}))
        else:
            list(self.loaded().client.dump(at))

    def do_check(self) -> None:
        """What no policy wants is what it has to be, already now."""
        check_untargeted(self)

    def do_pause(self, ms: int) -> None:
        """Time for ticks, walks and leases."""
        time.sleep(ms / 1000)

    # ---- the daemon

    def do_daemon(self, do: str) -> None:
        """A daemon comes, hangs, or goes in one of several ways."""
        daemon = self.daemon
        if do == "start" and daemon is None:
            self.daemon = Daemon(self._maps)
            if self.daemon.error:
                raise Broken(f"no lease for a new daemon: {os.strerror(self.daemon.error)}")
        elif do == "kill" and daemon:
            daemon.kill()
            self._orphan()
        elif do == "stop" and daemon and not daemon.hanging:
            daemon.stop()
            self._orphan()
        elif do == "hang" and daemon and not daemon.hanging:
            daemon.hang()
        elif do == "continue" and daemon and daemon.hanging:
            code = daemon.resume()
            if code:
                raise Broken(f"no maps after a pause: {os.strerror(code)}")
        else:
            return
        self.stats[f"daemon {do}"] += 1

    def _orphan(self) -> None:
        self.daemon = None
        self.orphaned = time.monotonic()

    # ---- actors

    def do_fork(self, actor: str, new: str) -> None:
        """A child, which is expected to be what its parent is expected to be."""
        if actor in self.actors.alive and new not in self.actors.alive:
            self.actors.fork(actor, new)
            self._inherit(actor, new)

    def do_thread(self, actor: str, new: str) -> None:
        """Another thread, which is a task of its own."""
        if actor in self.actors.alive and new not in self.actors.alive:
            self.actors.thread(actor, new)
            self._inherit(actor, new)

    def _inherit(self, actor: str, new: str) -> None:
        for tunable in self._own:
            if (tunable, actor) in self.foreign:
                self.foreign[tunable, new] = self.foreign[tunable, actor]
            else:
                self.foreign.pop((tunable, new), None)

    def do_exec(self, actor: str) -> None:
        """A thread executes a program; one that is not the first takes over the first one's pid."""
        if actor in self.actors.alive:
            follower = self.actors.alive[actor].tid != self.actors.alive[actor].tgid
            self.stats["exec by a thread"] += follower
            self.actors.execute(actor)

    def do_burn(self, actor: str, ms: int) -> None:
        """Computing, so that there is something to see."""
        if actor in self.actors.alive:
            self.actors.do(actor, f"burn {ms}")

    def do_storm(self, actor: str, n: int) -> None:
        """Children that end before anybody looks."""
        if actor in self.actors.alive:
            self.actors.do(actor, f"storm {n}")

    def do_end(self, actor: str, how: str) -> None:
        """A process ends, or one thread of it."""
        if actor in self.actors.alive:
            self.actors.stop(actor, how)

    # ---- the end

    def clean_up(self) -> None:
        """Back to where the sequence began, whatever has happened."""
        if self.daemon:
            self.daemon.kill()
            self._orphan()
        self.actors.end()
        if self.module:
            self.module.unload()
            self.module = None
        for tunable, was in self.before.items():
            row = self.rows[tunable]
            if row.read(0) != was:
                row.write(0, row.text(was))


def _is(row: Row, value: str) -> Any:
    return lambda: row.read(0).split()[:1] == [value.encode()]
