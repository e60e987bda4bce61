# SPDX-License-Identifier: Apache-2.0
"""Shared by the checks of tunables that run in the guest: the module's doors, and the machine.

A check compares the text of everything that a tunable could touch, before and after, so that what
comes back with it, and what does not, shows.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError

ALWAYS = "ainka.uptime_ms > 0"
TREES = (
    "/proc/sys/vm",
    "/proc/sys/kernel",
    "/proc/sys/net/core",
    "/proc/sys/net/ipv4",
    "/sys/kernel/mm/transparent_hugepage",
    "/sys/kernel/mm/lru_gen",
    "/sys/module/zswap/parameters",
    "/sys/devices/system/cpu/cpufreq",
)
#: Counters and clocks, and what a process changes by looking.
VOLATILE = (
    "/proc/sys/kernel/random/",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/kernel/pty/nr",
    "/proc/sys/kernel/tainted",
    "/proc/sys/kernel/keys/",
    "/proc/sys/net/ipv4/conf/",
    "/proc/sys/net/ipv4/neigh/",
    "/proc/sys/net/ipv4/tcp_fastopen_key",
    "full_scans",
    "pages_collapsed",
    "scaling_cur_freq",
    "cpuinfo_cur_freq",
    "/stats/",
)


def check(right: bool, message: str) -> None:
    """End with status 1 when something is wrong."""
    if not right:
        sys.exit(f"FAILED: {message}")


def until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for it, as long as it takes on a busy host; fail when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"{what}: not within {seconds} s")
        time.sleep(0.02)


def read(path: Path | str) -> str | None:
    """The text of an attribute, None if it cannot be read."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return None


def queue_files(disk: str) -> Iterator[Path]:
    """All attributes of a disk's queue and of its scheduler."""
    folder = Path("/sys/block", disk, "queue")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_mode & 0o200:
            yield path


def machine(disks: Iterable[str] = ()) -> dict[str, str | None]:
    """The text of everything that a tunable could touch."""
    paths = [path for tree in TREES for path in sorted(Path(tree).rglob("*"))]
    paths += [path for disk in disks for path in queue_files(disk)]
    texts = {}
    for path in paths:
        name = str(path)
        if any(part in name for part in VOLATILE) or not path.is_file():
            continue
        texts[name] = read(path)
    return texts


def same(before: dict[str, str | None], after: dict[str, str | None], when: str) -> None:
    """Fail with what differs."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        check(old == new, f"{when}: {name} was {old!r} and is {new!r}")


class Module:
    """What a check asks of the module."""

    def __init__(self) -> None:
        self.client = Client()

    def reopen(self) -> None:
        """After the module has been loaded anew."""
        self.client = Client()

    def tunables(self) -> dict[str, dict[str, Any]]:
        """All tunables, by name; without the entries that follow them."""
        return {row["name"]: row for row in self.client.dump("tunable-get") if "kind" in row}

    def tunable(self, name: str) -> dict[str, Any]:
        """One tunable."""
        return dict(self.client.request("tunable-get", {"name": name}))

    def add(self, name: str, settings: dict[str, str], **more: Any) -> None:
        """Put a policy in force that holds always."""
        actions = [{"tunable": t, "value": v} for t, v in settings.items()]
        policy = {"name": name, "when": ALWAYS, "mode": "enforce", "action": actions, **more}
        self.client.request("policy-add", policy)

    def remove(self, name: str) -> None:
        """Take it out of force and wait until what it changed is back, or given up."""
        self.client.request("policy-remove", {"name": name})
        self.settled()

    def held(self) -> int:
        """Tunables away from their baseline."""
        return int(self.client.request("state-get").get("held", 0))

    def settled(self) -> None:
        """Wait until nothing is held and nothing is under way."""
        until(lambda: not self.busy(), "restoring")

    def busy(self) -> bool:
        """Is something held, or being written?"""
        if self.held():
            return True
        return any("pending" in row for row in self.client.dump("tunable-get"))

    def applied(self, names: Iterable[str]) -> None:
        """Wait until these have been written."""
        left = set(names)

        def done() -> bool:
            rows = self.tunables()
            return all("written" in rows[n] and "pending" not in rows[n] for n in left)

        until(done, f"setting {sorted(left)}")

    def decisions(self) -> list[dict[str, Any]]:
        """Those that the module remembers."""
        return [dict(row) for row in self.client.dump("decision-get")]

    def refused(self, name: str, value: str, **more: Any) -> str:
        """Push a policy that must be refused; returns what the kernel said."""
        try:
            self.add("refused", {name: value}, **more)
        except KernelError as error:
            return error.message
        check(False, f"{name}={value} was accepted")
        return ""


@contextlib.contextmanager
def policy(module: Module, settings: dict[str, str], **more: Any) -> Iterator[None]:
    """A policy in force, applied; afterwards everything is back."""
    module.add("check", settings, **more)
    module.applied(settings)
    try:
        yield
    finally:
        module.remove("check")
