# SPDX-License-Identifier: Apache-2.0
"""The promises, as they are checked: in the middle of a sequence, at its end, after unloading."""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Broken
from .module import LEASE_SECONDS, PROC, Module, loaded, wait_for
from .rows import SYSTEM, Row

if TYPE_CHECKING:
    from .world import World

#: How many decisions the module remembers.
REMEMBERED = 512
#: How long a busy, emulated machine may take for what takes milliseconds.
SOON = 30.0

_KTHREAD = 0x200000
_EFFECTIVE = ("applied", "clamped", "restored")


# ---- tasks that have nothing to do with the test


def _threads() -> Iterator[tuple[tuple[int, str], tuple[str, str]]]:
    """Every thread but those of the kernel: (tid, start time) and (nice, policy)."""
    for stat in Path("/proc").glob("[0-9]*/task/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name is in parentheses and may hold anything.
            fields = stat.read_text().rpartition(")")[2].split()
            if not int(fields[6]) & _KTHREAD:
                yield (int(stat.parent.name), fields[19]), (fields[16], fields[38])


def bystanders() -> dict[tuple[int, str], tuple[str, str]]:
    """Nice and policy of every task there is."""
    return dict(_threads())


def _check_bystanders(world: World) -> None:
    now = bystanders()
    for who, was in world.bystanders.items():
        if who in now and now[who] != was:
            name = Path(f"/proc/{who[0]}/comm").read_text().strip()
            raise Broken(f"{name} ({who[0]}) has nice and policy {now[who]}, it had {was}")


# ---- tunables


def _subjects(world: World, row: Row) -> list[tuple[str, int]]:
    if row.subject == SYSTEM:
        return [("", 0)]
    return [(actor.name, actor.tid) for actor in world.actors.alive.values()]


def _expect(world: World, row: Row, seconds: float) -> None:
    """A tunable becomes, or already is, what it has to be."""
    for actor, tid in _subjects(world, row):
        wanted = world.expected(row, actor)
        deadline = time.monotonic() + seconds
        while (found := row.read(tid)) != wanted:
            if time.monotonic() >= deadline:
                who = f" of {actor} ({tid})" if actor else ""
                foreign = (
                    " (somebody else wrote it)" if (row.tunable, actor) in world.foreign else ""
                )
                raise Broken(f"{row.tunable}{who} is {found!r}, it has to be {wanted!r}{foreign}")
            time.sleep(0.01)


def check_untargeted(world: World) -> None:
    """Policies are those that were added, and what none of them wants is as it has to be."""
    module = world.loaded()
    _check_policies(world, module)
    for row in world.rows.values():
        if not world.enforce or not world.targeted(row.tunable):
            _expect(world, row, SOON)
    world.stats["checked"] += 1


def _check_policies(world: World, module: Module) -> None:
    there = module.policies()
    admin = {name for name in there if name not in world.learned}
    if admin != set(world.policies):
        raise Broken(f"policies are {sorted(there)}, not {sorted(world.policies)} and learned ones")
    if world.daemon is None and time.monotonic() > world.orphaned + LEASE_SECONDS + SOON / 10:
        wait_for(lambda: not module.policies() - set(world.policies), "learned policies stay")
        there = module.policies()
    for name in set(world.learned) - there:
        del world.learned[name]


def check_unloaded(world: World) -> None:
    """Nothing outlives the module."""
    if loaded():
        raise Broken("/proc/ainka is still there")
    for row in world.rows.values():
        # At once: there is nobody left who could still put it right.
        _expect(world, row, 0)
    _check_bystanders(world)
    world.stats["unloaded"] += 1


# ---- the end of a sequence


def finish(world: World, how: str) -> None:
    """Withdraw everything in one of three ways, and call in the promises."""
    module = world.loaded()
    if how == "remove":
        for name in list(world.policies):
            world.do_remove(name, "netlink")
        if world.daemon:
            world.do_daemon("kill")
        wait_for(lambda: not module.policies(), "policies outlive the lease of a dead daemon", 60)
    elif how == "reset":
        world.do_reset("netlink")
    if how != "unload":
        wait_for(lambda: not module.held(), "tunables stay away from their baseline", 60)
        wait_for(lambda: not module.pending(), "the slow lane does not end", 60)
        for row in world.rows.values():
            _expect(world, row, SOON)
        _check_counters(world, module)
    if world.daemon:
        world.do_daemon("kill")
    module.unload()
    world.module = None
    check_unloaded(world)


def _check_counters(world: World, module: Module) -> None:
    """What is counted is what was journalled, and both doors say the same."""
    wait_for(lambda: _numbers_agree(module), "/proc/ainka and netlink count differently")
    status = module.status()
    total = int(status["decisions"])
    # A policy that flickers may go on being refused meanwhile: what comes later does not count.
    dumped = list(module.client.dump("decision-get"))
    decisions = [decision for decision in dumped if int(decision["id"]) <= total]
    world.stats["decisions"] += total
    newest = int(dumped[-1]["id"]) if dumped else 0
    first = max(1, newest - REMEMBERED + 1)
    if [int(decision["id"]) for decision in decisions] != list(range(first, total + 1)):
        ids = [decision["id"] for decision in dumped]
        raise Broken(f"{total} decisions, those from {first} should be remembered: {ids}")
    for verdict in ("applied", "clamped", "restored", "refused", "yielded", "observed", "advised"):
        count = sum(decision["verdict"] == verdict for decision in decisions)
        world.stats[f"verdict {verdict}"] += count
    world.stats["inherited"] += sum(d["reason"] == "inherited" for d in decisions)
    if first == 1:
        applied = [d for d in decisions if d["verdict"] in ("applied", "clamped")]
        counted = (int(status["applied"]), int(status["restored"]), int(status["refused"]))
        listed = (len(applied), *(
            sum(d["verdict"] == verdict for d in decisions) for verdict in ("restored", "refused")
        ))  # fmt: skip
        if counted != listed:
            raise Broken(f"counted {counted} applied, restored, refused; journalled are {listed}")
    _check_chains(world, decisions)


def _numbers_agree(module: Module) -> bool:
    page = PROC.read_text()
    match = re.search(r"decisions: (\d+) \(applied (\d+), restored (\d+), refused (\d+)\)", page)
    away = re.search(r"away from baseline: (\d+)", page)
    if not match or not away:
        raise Broken(f"/proc/ainka has no counters:\n{page}")
    status = module.status()
    names = ("decisions", "applied", "restored", "refused")
    return [int(n) for n in match.groups()] == [int(status[name]) for name in names] and int(
        away[1]
    ) == int(status["held"])


def _check_chains(world: World, decisions: list[dict[str, Any]]) -> None:
    """Where nobody else wrote, each write found what the one before it left; the last restored."""
    written = {tunable for tunable, _ in world.foreign}
    for row in world.rows.values():
        if row.subject != SYSTEM or row.tunable in written:
            continue
        chain = [
            decision
            for decision in decisions
            if decision["tunable"] == row.tunable and decision["verdict"] in _EFFECTIVE
        ]
        for one, other in itertools.pairwise(chain):
            if one["new"] != other["old"]:
                raise Broken(f"{row.tunable}: decision {one['id']} left {one['new']}, "
                             f"{other['id']} found {other['old']}")  # fmt: skip
        if chain and chain[-1]["verdict"] != "restored":
            raise Broken(f"{row.tunable}: the last decision is {chain[-1]}")
