#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: cgroups as subjects, and every tunable of theirs set and restored exactly.

Usage: check_cgroups.py [CHECK...]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from cgroup_tools import (
    ATTRIBUTES,
    DEFAULTS,
    ROOT,
    Cgroup,
    apply,
    cgroup,
    settings,
    tunable,
    wanted,
)
from policy_tools import (
    add,
    check,
    decisions,
    fork,
    held,
    loaded,
    main,
    programs,
    refused,
    remove,
    rmmod,
    signals,
    until,
    until_is,
)


def set_and_removed() -> None:
    """From the defaults and from other values, each alone and all together."""
    with loaded(), cgroup() as group:
        check(group.all() == DEFAULTS, f"a new cgroup has {group.all()}")
        apply(group)
        remove("all")
        until(lambda: group.all() == DEFAULTS, f"{group.all()} after a policy from the defaults")
        for attribute, (baseline, value, text, _) in ATTRIBUTES.items():
            group.write(attribute, baseline)
            before = group.all()
            add("one", "cgroup", group.this(), {tunable(attribute): value})
            until_is(partial(group.read, attribute), text, attribute)
            until(lambda: not any("pending" in row for row in held()), "pending for ever")
            changed = {a for a, t in group.all().items() if t != before[a]}
            check(changed == {attribute}, f"{attribute} changed {changed}")
            remove("one")
            until_is(group.all, before, "what is restored")
        check(not held(), "something is still held")


def unloaded() -> None:
    with cgroup() as group:
        for attribute, (baseline, _, _, _) in ATTRIBUTES.items():
            group.write(attribute, baseline)
        before = group.all()
        with loaded():
            apply(group)
            rmmod()
        check(group.all() == before, f"after rmmod {group.all()}, before {before}")


def lease_ended() -> None:
    """A policy of an experiment, whose daemon is killed."""
    with loaded("lease_ms=2000"), cgroup() as group:
        before, expected = group.all(), wanted(group.all())

        def daemon() -> None:
            with programs() as client:
                add("all", "cgroup", group.this(), settings(), origin="experiment")
                while True:
                    time.sleep(0.3)
                    client.request("lease-renew")

        pid = fork(daemon)
        until(lambda: group.all() == expected, f"{group.all()} is not {expected}", 60)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        until(lambda: group.all() == before, f"{group.all()} after the daemon's death")
        until(lambda: not held(), "something is still held")


def foreign_values() -> None:
    """What somebody else writes is left alone, and only that."""
    with loaded():
        for attribute, (_, _, _, foreign) in ATTRIBUTES.items():
            with cgroup() as group:
                apply(group)
                group.write(attribute, foreign)
                remove("all")
                expected = {**DEFAULTS, attribute: foreign}
                until_is(group.all, expected, "what is left")
                until(lambda: not held(), "something is still held")
                if foreign == DEFAULTS[attribute]:
                    continue  # the baseline itself was written: nothing to tell apart
                yielded = [d["tunable"] for d in decisions() if d["verdict"] == "yielded"]
                check(yielded[-1:] == [tunable(attribute)], f"yielded {yielded}")


def deleted() -> None:
    """The cgroup goes while it is held; another one of its name is not touched."""
    with loaded():
        with cgroup() as group:
            apply(group)
            group.destroy()
            until(lambda: not held(), "entries of a cgroup that is gone")
        with cgroup() as successor:
            check(successor.id != group.id, "the id is used again")
            time.sleep(0.5)
            check(successor.all() == DEFAULTS, f"the successor has {successor.all()}")
            remove("all")
            check(successor.all() == DEFAULTS, f"the successor has {successor.all()}")
        errors = [d for d in decisions() if d["verdict"] == "refused"]
        check(not errors, f"refused: {errors}")


def not_enabled() -> None:
    """Below a cgroup that gives its children no controllers, and when they are taken away."""
    with loaded(), cgroup(process=False) as parent:
        child = Cgroup(parent.path / "child")
        child.sleeper()
        settings = {"cgroup.memory.high": "64MiB", "cgroup.freeze": "frozen"}
        add("all", "cgroup", child.this(), settings)
        until(lambda: child.read("cgroup.freeze") == "1", "the attribute of the core is not set")
        (refusal,) = (d for d in decisions() if d["verdict"] == "refused")
        check(refusal["reason"] == "absent", f"refused because of {refusal['reason']}")
        check(refusal["label"] == "/ainka-test/child", f"for {refusal['label']}")
        remove("all")
        parent.write("cgroup.subtree_control", "+memory")
        add("all", "cgroup", child.this(), settings)
        until(lambda: child.read("memory.high") == "67108864", "memory.high is not set")
        parent.write("cgroup.subtree_control", "-memory")
        remove("all")
        until(lambda: not held(), "what went with its controller is still held")
        check(child.read("cgroup.freeze") == "0", "still frozen")
        parent.write("cgroup.subtree_control", "+memory")
        check(child.read("memory.high") == "max", f"memory.high is {child.read('memory.high')}")
        child.destroy()


BAD = {
    ("cgroup.memory.high", "1MiB"): "16777216",
    ("cgroup.memory.high", "20ms"): "bytes",
    ("cgroup.memory.high", "lots"): "max",
    ("cgroup.memory.low", "-1"): "outside 0",
    ("cgroup.memory.low", "900GiB"): "outside 0",
    ("cgroup.cpu.weight", "0"): "1 to 10000",
    ("cgroup.cpu.weight", "10001"): "1 to 10000",
    ("cgroup.cpu.max", "4"): "outside 5",
    ("cgroup.cpu.max", "100000"): "outside 5",
    ("cgroup.io.weight", "max"): "a number",
    ("cgroup.pids.max", "1"): "outside 8",
    ("cgroup.freeze", "2"): "0 to 1",
    ("cgroup.freeze", "cold"): "frozen",
    ("cgroup.memory.max", "64MiB"): "no tunable",
    ("task.nice", "5"): "subject task",
    ("sysctl.vm.swappiness", "5"): "subject system",
}


def bad_values() -> None:
    with loaded(), cgroup() as group:
        for (name, value), words in BAD.items():
            told = refused("bad", "cgroup", group.this(), {name: value})
            check(words in told, f"{name}={value}: {told}")
        told = refused("bad", "cgroup", "task.pid == 1", {"cgroup.freeze": "1"})
        check("task.pid" in told, told)
        told = refused("bad", "system", "ainka.uptime_ms > 0", {"cgroup.freeze": "1"})
        check("subject cgroup" in told, told)
        check(group.all() == DEFAULTS and not decisions(), "something was changed")


def fifty_times() -> None:
    with loaded(), cgroup() as group:
        for attribute, (baseline, _, _, _) in ATTRIBUTES.items():
            group.write(attribute, baseline)
        before, expected = group.all(), wanted(group.all())
        # cpu.max takes milliseconds of the slow lane, the rest microseconds
        for _ in range(50):
            add("all", "cgroup", group.this(), settings(), **{"rate-per-min": 100000})
            until(lambda: group.all() == expected, f"{group.all()} is not {expected}")
            remove("all")
            until(lambda: group.all() == before, f"{group.all()} is not {before}")
        until(lambda: not held(), "something is still held")


def protected() -> None:
    """A policy for every cgroup: neither init's, nor the daemon's, nor what is above them."""
    with loaded(), cgroup() as group, programs():
        own = Path("/proc/self/cgroup").read_text().strip().partition("::")[2]
        never = [ROOT / "init.scope", ROOT / own.lstrip("/")]
        for path in never:
            check(path.is_dir(), f"no {path}")
        before = [(path / "pids.max").read_text() for path in never]
        add("every", "cgroup", "cgroup.id > 0", {"cgroup.pids.max": "3000"})
        until(lambda: group.read("pids.max") == "3000", "an ordinary cgroup is not changed")

        def told() -> set[str]:
            return {d["label"] for d in decisions() if d["reason"] == "subject-protected"}

        until(lambda: {"/init.scope", own} <= told(), f"refused for {told()}, not for {own}")
        after = [(path / "pids.max").read_text() for path in never]
        check(after == before, f"{never}: {before}, then {after}")
        remove("every")
        until(lambda: not held(), "something is still held")


def high_in_steps() -> None:
    """memory.high goes down by at most half of what is used at a time."""
    size = 192 << 20
    with loaded(), cgroup() as group:
        file = Path("/var/tmp/ainka-cache")

        def fill() -> None:
            group.enter(os.getpid())
            file.write_bytes(b"x" * (8 << 20))
            with file.open("wb") as f:
                for _ in range(size >> 20):
                    f.write(b"x" * (1 << 20))
                os.fsync(f.fileno())

        os.waitpid(fork(fill), 0)
        used = int(group.read("memory.current"))
        check(used > size // 2, f"only {used} bytes are used")
        add("high", "cgroup", group.this(), {"cgroup.memory.high": "16MiB"})
        until(lambda: group.read("memory.high") == str(16 << 20), "never reaches 16 MiB", 60)
        steps = [d for d in decisions() if d["tunable"] == "cgroup.memory.high"]
        print("steps:", [(d["verdict"], d["new"] >> 20) for d in steps], "MiB of", used >> 20)
        check(len(steps) >= 3, "it went down at once")
        check({d["verdict"] for d in steps[:-1]} == {"clamped"}, "a step is not called clamped")
        # what a CPU had set aside for the cgroup may have been given back since
        least = used // 2 - (1 << 20)
        check(steps[0]["new"] >= least, f"the first step is {steps[0]['new']} of {used}")
        check(int(group.read("memory.current")) < used // 2, "nothing was reclaimed")
        remove("high")
        until(lambda: group.read("memory.high") == "max", "memory.high is not restored")
        file.unlink()


def signals_of_files() -> None:
    """Without any BPF program: what the files of a cgroup say."""
    with loaded(), cgroup() as group:
        group.sleeper()

        def seen() -> dict[str, int]:
            return signals("cgroup").get(group.id, {})

        until(lambda: seen().get("cgroup.tasks") == 2, f"signals {seen()}")
        found = seen()
        memory = int(group.read("memory.current"))
        check(found["cgroup.id"] == group.id, f"id {found['cgroup.id']}")
        check(found["cgroup.memory_current_bytes"] > 0 and memory > 0, "no memory")
        check(found["cgroup.oom_kills"] == 0, "an OOM kill")
        check("cgroup.cpu_share_permille" not in found, "a CPU share without programs")
        until(
            lambda: sum(name.startswith("cgroup.psi_") for name in seen()) == 6,
            f"pressure: {seen()}",
        )
        check(1 not in signals("cgroup"), "the root cgroup is visited")


#: A shell that forks without end, as a bomb does, but at most some 2 000 of them.
BOMB = """
import os, time
for _ in range(2000):
    try:
        if not os.fork():
            time.sleep(1000)
            os._exit(0)
    except OSError:
        time.sleep(0.01)
time.sleep(1000)
"""


def fork_bomb() -> None:
    """Contained by a policy: at most pids.max, frozen, and let go when it is removed."""
    with loaded(), cgroup(process=False) as group:
        add(
            "bomb",
            "cgroup",
            f"cgroup.tasks > 100 and {group.this()}",
            {"cgroup.pids.max": "150", "cgroup.freeze": "frozen"},
            until="cgroup.tasks < 10",
        )
        pid = os.spawnlp(
            os.P_NOWAIT, "sh", "sh", "-c",
            f'echo $$ > {group.path}/cgroup.procs; exec python3 -c "{BOMB}"',
        )  # fmt: skip
        until(lambda: group.read("cgroup.freeze") == "1", "the bomb is not frozen", 60)
        until(lambda: "frozen 1" in group.read("cgroup.events"), "not frozen in the end")
        tasks = int(group.read("pids.current"))
        print(f"contained with {tasks} tasks")
        check(group.read("pids.max") == "150", f"pids.max is {group.read('pids.max')}")
        time.sleep(1)
        check(int(group.read("pids.current")) == tasks, "it goes on forking")
        (first, *_) = (d for d in decisions() if d["tunable"] == "cgroup.freeze")
        check(first["label"] == "/ainka-test", f"for {first['label']}")
        group.write("cgroup.kill", "1")
        os.waitpid(pid, 0)
        until(lambda: group.read("cgroup.freeze") == "0", "still frozen after its end")
        until(lambda: group.read("pids.max") == "max", "pids.max is not restored")


def ainkactl_shows_paths() -> None:
    """What people see: signals, decisions, the explanation of one."""
    with loaded(), cgroup() as group:
        when = f"{group.this()} and cgroup.tasks >= 1"
        command = ["ainkactl", "policy", "add", "cli", "--subject", "cgroup", "--when", when]
        command += ["--set", "cgroup.cpu.weight=20"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        until(lambda: group.read("cpu.weight") == "20", "cpu.weight is not 20")
        for arguments, words in (
            (["signals", "--subject", "cgroup"], ["/ainka-test", "memory_current_bytes"]),
            (["decisions"], ["/ainka-test", "cgroup.cpu.weight", "100", "20"]),
            (["explain", str(decisions()[0]["id"])], ["/ainka-test", "cgroup.tasks 1 >= 1"]),
            (["tunables"], ["/ainka-test", "cgroup.cpu.weight"]),
        ):
            done = subprocess.run(["ainkactl", *arguments], check=True, capture_output=True)
            text = done.stdout.decode()
            for word in words:
                check(word in text, f"{arguments}: no {word!r} in\n{text}")


CHECKS = {
    check.__name__.replace("_", "-"): check
    for check in (
        set_and_removed,
        unloaded,
        lease_ended,
        foreign_values,
        deleted,
        not_enabled,
        bad_values,
        fifty_times,
        protected,
        high_in_steps,
        signals_of_files,
        fork_bomb,
        ainkactl_shows_paths,
    )
}

if __name__ == "__main__":
    sys.exit(main(CHECKS))
