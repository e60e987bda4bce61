# SPDX-License-Identifier: Apache-2.0
"""For scripts in the guest: a cgroup with all that policies can set, and what they set it to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from policy_tools import add, held, until

ROOT = Path("/sys/fs/cgroup")

#: attribute: baseline that is not the default, value of a policy, the text it leads to, a foreign
#: text. cpu.max keeps the period it finds.
ATTRIBUTES = {
    "memory.high": ("128974848", "64MiB", "67108864", "268435456"),
    "memory.low": ("4096", "1MiB", "1048576", "8192"),
    "cpu.weight": ("77", "20", "20", "500"),
    "cpu.max": ("33333 50000", "40%", "20000 50000", "70000 100000"),
    "io.weight": ("default 123", "50", "default 50", "default 9"),
    "pids.max": ("4000", "100", "100", "321"),
    "cgroup.freeze": ("0", "frozen", "1", "0"),
}
DEFAULTS = {
    "memory.high": "max",
    "memory.low": "0",
    "cpu.weight": "100",
    "cpu.max": "max 100000",
    "io.weight": "default 100",
    "pids.max": "max",
    "cgroup.freeze": "0",
}


def tunable(attribute: str) -> str:
    return attribute if attribute.startswith("cgroup.") else f"cgroup.{attribute}"


def settings() -> dict[str, str]:
    """A policy's values for all of them."""
    return {tunable(attribute): value for attribute, (_, value, _, _) in ATTRIBUTES.items()}


def wanted(before: dict[str, str]) -> dict[str, str]:
    """The texts they lead to."""
    period = int(before["cpu.max"].split()[1])
    texts = {attribute: text for attribute, (_, _, text, _) in ATTRIBUTES.items()}
    return {**texts, "cpu.max": f"{period * 40 // 100} {period}"}


class Cgroup:
    """A cgroup below the root with all controllers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.id = path.stat().st_ino

    def read(self, attribute: str) -> str:
        return (self.path / attribute).read_text().strip()

    def write(self, attribute: str, text: str) -> None:
        (self.path / attribute).write_text(text)

    def all(self) -> dict[str, str]:
        return {attribute: self.read(attribute) for attribute in ATTRIBUTES}

    def enter(self, pid: int) -> None:
        self.write("cgroup.procs", str(pid))

    def sleeper(self) -> int:
        """A process that sleeps in it."""
        pid = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1000")
        self.enter(pid)
        return pid

    def destroy(self) -> None:
        """Remove it with what is below it and in it; frozen tasks can be killed."""
        self.write("cgroup.kill", "1")
        until(lambda: "populated 0" in self.read("cgroup.events"), "processes do not die")
        for below in self.path.glob("*/"):
            below.rmdir()
        self.path.rmdir()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def this(self) -> str:
        """A condition that is true for it alone."""
        return f"cgroup.id == {self.id}"


@contextmanager
def cgroup(name: str = "ainka-test", process: bool = True) -> Iterator[Cgroup]:
    """A cgroup, with a sleeping process in it, removed in the end."""
    (ROOT / "cgroup.subtree_control").write_text("+cpu +io +memory +pids")
    made = Cgroup(ROOT / name)
    try:
        if process:
            made.sleeper()
        yield made
    finally:
        if made.path.exists():
            made.destroy()


def apply(group: Cgroup, **rest: object) -> None:
    """All of them by one policy, and wait until they are there."""
    expected = wanted(group.all())
    add("all", "cgroup", group.this(), settings(), **rest)
    until(lambda: group.all() == expected, f"{group.all()} is not {expected}")
    until(lambda: not any("pending" in row for row in held()), "the slow lane does not finish")
