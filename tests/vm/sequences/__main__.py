# SPDX-License-Identifier: Apache-2.0
"""Random sequences of operations, and the promises after each; run in the guest:

  python3 -m sequences --operations 10000 [--seed 1]     that many, in sequences of 50 to 250
  python3 -m sequences --sequence 1.17                   that one again
  python3 -m sequences --replay FILE                     one operation a line, as it was printed

A sequence that breaks a promise is shortened as far as that goes and printed. The last line is
``sequences: done``; the exit status is the verdict.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ainkad.bpf import BpfObject
from ainkad.errors import AinkaError
from ainkad.netlink.client import Client

from .actors import Actors
from .errors import Broken, Stuck
from .module import PROC, Module, loaded
from .operations import Generator, Operation, parse
from .promises import finish
from .rows import ROWS, SLOW, SYSTEM, Row
from .world import World

OBJECT = "/usr/lib/ainka/sched.bpf.o"
ENDINGS = ("remove", "reset", "unload")
#: What a run of some length has to have seen: without it, it has tested nothing.
HAPPENED = (
    "verdict applied", "verdict restored", "verdict yielded", "verdict refused", "inherited",
    "took effect", "exec by a thread", "daemon kill", "reload", "unloaded", "checked",
)  # fmt: skip
LONG_RUN = 1000

Outcome = Broken | Stuck | AinkaError | OSError


class Runner:
    """Runs sequences one after the other; the BPF programs stay loaded between them."""

    def __init__(self, bpf: BpfObject) -> None:
        self.rows = _present()
        self.stats: collections.Counter[str] = collections.Counter()
        self.spent: dict[str, float] = collections.defaultdict(float)
        self._actors = Actors()
        self._theirs = _calibrate(self.rows)
        self._maps = {"sched-stats": bpf.map_fd("sched_stats"), "tasks": bpf.map_fd("tasks")}

    def run(self, operations: list[Operation], ending: str) -> Outcome | None:
        """One sequence; returns what went wrong."""
        began = time.monotonic()
        world = World(self.rows, self._theirs, self._maps, self._actors)
        world.spent["(begin)"] = time.monotonic() - began
        done = 0
        try:
            for operation in operations:
                world.apply(operation)
                done += 1
            began = time.monotonic()
            finish(world, ending)
            world.spent[f"(end by {ending})"] += time.monotonic() - began
        except (Broken, Stuck, AinkaError, OSError) as error:
            at = f"operation {done}: {operations[done]}" if done < len(operations) else ending
            error.add_note(f"at {at}")
            error.add_note(_scene())
            return error
        finally:
            self.stats.update(world.stats)
            for kind, seconds in world.spent.items():
                self.spent[kind] += seconds
            world.clean_up()
        return None


def _present() -> tuple[Row, ...]:
    """The rows that this kernel and the module have."""
    module = Module()
    there = {t["name"] for t in module.client.dump("tunable-get") if "absent" not in t}
    module.unload()
    missing = [row.tunable for row in ROWS if row.tunable not in there]
    if missing:
        print("not on this machine:", ", ".join(missing))
    return tuple(row for row in ROWS if row.tunable in there)


def _calibrate(rows: tuple[Row, ...]) -> dict[tuple[str, str], bytes]:
    """How each foreign value reads once it is written; and that a row can be put back at all."""
    found = {}
    for row in rows:
        if row.subject != SYSTEM:
            continue
        was = row.read(0)
        for value in row.theirs:
            row.write(0, value)
            found[row.tunable, value] = row.read(0)
        row.write(0, row.text(was))
        if row.read(0) != was:
            raise Stuck(f"{row.tunable} was {was!r}, and is {row.read(0)!r} after the calibration")
    return found


def _scene() -> str:
    """What the module shows of itself, for whoever has to find the reason."""
    if not loaded():
        return "the module is not loaded"
    lines = [PROC.read_text()]
    client = Client()
    for tunable in client.dump("tunable-get"):
        if "baseline" in tunable:
            lines.append(f"held: {tunable}")
    for d in list(client.dump("decision-get"))[-200:]:
        who = f"{d.get('label')}({d['pid']}) " if "pid" in d else ""
        change = f"{d['old']} -> {d['new']}, {d['verdict']}: {d['reason']}"
        lines.append(f"decision {d['id']} {d['policy']} {who}{d['tunable']} {change}")
    client.close()
    return "\n".join(lines)


def shorten(
    operations: list[Operation], fails: Callable[[list[Operation]], bool], seconds: float
) -> list[Operation]:
    """Leave out what is not needed to fail: halves first, then ever smaller pieces.

    ``fails`` may be wrong now and then (a race that is not met again): then a piece stays.
    """
    deadline = time.monotonic() + seconds
    size = max(1, len(operations) // 2)
    while True:
        start = 0
        while start < len(operations) and time.monotonic() < deadline:
            shorter = operations[:start] + operations[start + size :]
            if fails(shorter):
                operations = shorter
            else:
                start += size
        if size == 1 or time.monotonic() >= deadline:
            return operations
        size //= 2


def report(
    runner: Runner,
    name: str,
    operations: list[Operation],
    ending: str,
    error: Outcome,
    seconds: int,
) -> None:
    """Say what broke, and the shortest way there."""
    print(f"sequence {name} ({ending}) broke: {error}")
    print("\n".join(getattr(error, "__notes__", [])))
    sys.stdout.flush()

    def fails(shorter: list[Operation]) -> bool:
        # Twice, because a failure may need some luck.
        return any(isinstance(runner.run(shorter, ending), Broken) for _ in range(2))

    short = operations
    try:
        if isinstance(error, Broken) and seconds:
            short = shorten(operations, fails, seconds)
    except (Broken, Stuck, AinkaError, OSError) as stuck:
        print(f"cannot be shortened further: {stuck}")
    print(f"{len(short)} of {len(operations)} operations are enough (or were, once):")
    for operation in short:
        print(f"  {operation}")
    print(
        f"again: python3 -m sequences --sequence {name}, or --replay with these and --end {ending}"
    )


def sequence(seed: int, number: int, length: int | None = None) -> tuple[list[Operation], str]:
    """The operations and the ending of one sequence of a run."""
    dice = random.Random(f"{seed}.{number}")
    generator = Generator(dice.randrange(1 << 62), ROWS)
    return generator.sequence(length or dice.randrange(50, 251)), generator.ending()


def slow_share(operations: list[Operation]) -> int:
    """How many of them touch the slow lane."""
    names = [f'"{row.tunable}"' for row in ROWS if row.lane == SLOW]
    return sum(any(name in str(operation) for name in names) for operation in operations)


def run(runner: Runner, options: argparse.Namespace) -> int:
    """All sequences that were asked for."""
    began, done, slow, number = time.monotonic(), 0, 0, 0
    while done < options.operations:
        operations, ending = sequence(options.seed, number)
        name = f"{options.seed}.{number}"
        print(f"sequence {name}: {len(operations)} operations, {ending}", flush=True)
        error = runner.run(operations, ending)
        if error is not None:
            report(runner, name, operations, ending, error, options.shorten)
            return 1
        done, number, slow = done + len(operations), number + 1, slow + slow_share(operations)
    spent = time.monotonic() - began
    print(f"{done} operations in {number} sequences, {spent:.0f} s, {slow} on the slow lane")
    print(", ".join(f"{name} {count}" for name, count in sorted(runner.stats.items())))
    costly = sorted(runner.spent.items(), key=lambda item: -item[1])
    print("seconds:", ", ".join(f"{kind} {seconds:.1f}" for kind, seconds in costly))
    missing = [what for what in HAPPENED if not runner.stats[what]]
    if missing and done >= LONG_RUN:
        print(f"in all of this there was no: {', '.join(missing)}")
        return 1
    return 0


def one(runner: Runner, options: argparse.Namespace) -> int:
    """A single sequence, from its name or from a file."""
    if options.replay:
        lines = Path(options.replay).read_text().splitlines()
        operations, ending = [parse(line) for line in lines if line.strip()], options.end
    else:
        seed, _, number = options.sequence.partition(".")
        operations, ending = sequence(int(seed), int(number))
    for attempt in range(options.times):
        error = runner.run(operations, ending)
        if error is not None:
            print(f"attempt {attempt + 1}")
            report(runner, options.sequence, operations, ending, error, options.shorten)
            return 1
    return 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="sequences", description=__doc__)
    parser.add_argument("--operations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sequence", default="", metavar="SEED.NUMBER")
    parser.add_argument("--replay", metavar="FILE")
    parser.add_argument("--end", choices=ENDINGS, default="remove")
    parser.add_argument("--times", type=int, default=1, help="repeat a single sequence")
    parser.add_argument("--shorten", type=int, default=120, metavar="S", help="0: not at all")
    options = parser.parse_args()
    Actors.compile()
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    with BpfObject(OBJECT) as bpf:
        refused = [state for state in bpf.attach_all() if not state.attached]
        if refused:
            print(f"not attached: {refused}")
            return 1
        runner = Runner(bpf)
        verdict = (
            one(runner, options) if options.sequence or options.replay else run(runner, options)
        )
    print("sequences: failed" if verdict else "sequences: done")
    return verdict


if __name__ == "__main__":
    sys.exit(main())
