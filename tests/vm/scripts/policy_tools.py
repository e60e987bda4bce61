# SPDX-License-Identifier: Apache-2.0
"""What the checks that run in the guest share: policies by netlink, waiting, comparing."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ainkad.bpf import BpfObject
from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError
from ainkad.programs import SCHED
from ainkad.ring import RingReader

PR_SET_PDEATHSIG = 1
OBJECT = "/usr/lib/ainka/sched.bpf.o"


def check(right: object, message: str) -> None:
    """End the script with a message unless it is right."""
    if not right:
        sys.exit(f"{describe()}\nFAILED: {message}")


def describe() -> str:
    """What the module says of itself, for messages."""
    with suppress(OSError):
        keys = ("label", "tunable", "old", "new", "verdict", "reason", "error")
        rows = ([str(d.get(key, "")) for key in keys] for d in decisions()[-12:])
        return Path("/proc/ainka").read_text() + "\n".join(" ".join(row) for row in rows)
    return "(module not loaded)"


def until(condition: Callable[[], object], message: str, seconds: float = 30) -> None:
    """Wait for a condition; end the script when it does not come about."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            check(False, f"after {seconds} s: {message}")
        time.sleep(0.05)


def until_is(read: Callable[[], object], wanted: object, what: str, seconds: float = 30) -> None:
    """Wait until something reads as it should."""
    until(lambda: read() == wanted, f"{what} is not {wanted}", seconds)


def modprobe(*parameters: str) -> None:
    subprocess.run(["modprobe", "ainka", *parameters], check=True)


def rmmod() -> None:
    subprocess.run(["rmmod", "ainka"], check=True)


@contextmanager
def loaded(*parameters: str) -> Iterator[None]:
    """The module, loaded meanwhile."""
    modprobe(*parameters)
    try:
        yield
    except BaseException:
        subprocess.run(["rmmod", "ainka"], check=False)
        raise
    if Path("/sys/module/ainka").exists():
        rmmod()


def add(
    name: str, subject: str, when: str, settings: Mapping[str, str], **rest: Any
) -> Mapping[str, Any]:
    """Put a policy in force."""
    request = {
        "name": name,
        "subject": subject,
        "when": when,
        "action": [{"tunable": t, "value": v} for t, v in settings.items()],
    }
    with Client() as client:
        return client.request("policy-add", {**request, **rest})


def refused(name: str, subject: str, when: str, settings: Mapping[str, str]) -> str:
    """A policy that must be refused; returns the kernel's words."""
    try:
        add(name, subject, when, settings)
    except KernelError as error:
        return str(error)
    check(False, f"{settings} was accepted")
    return ""


def remove(name: str) -> None:
    with Client() as client:
        client.request("policy-remove", {"name": name})


def decisions() -> list[dict[str, Any]]:
    """What the module remembers, oldest first."""
    with Client() as client:
        return [dict(row) for row in client.dump("decision-get")]


def held() -> list[dict[str, Any]]:
    """The journal entries that are the module's."""
    with Client() as client:
        rows = [dict(row) for row in client.dump("tunable-get")]
    return [row for row in rows if "baseline" in row and "foreign" not in row]


def signals(subject: str) -> dict[int, dict[str, int]]:
    """Fresh signals by subject (pid of a task, else its id), then by name."""
    found: dict[int, dict[str, int]] = {}
    with Client() as client:
        for row in client.dump("signal-get", {"subject": subject}):
            if "value" in row:
                key = row["pid"] if subject == "task" else row["subject-id"]
                found.setdefault(key, {})[row["name"]] = row["value"]
    return found


@contextmanager
def programs() -> Iterator[Client]:
    """Hold the lease and hand the maps over, as the daemon does; renew by lease-renew."""
    with RingReader("/dev/ainka"), Client() as client, BpfObject(OBJECT) as bpf:
        client.request("lease-renew")
        missing = [state for state in bpf.attach_all() if not state.attached]
        check(not missing, f"not attached: {missing}")
        for role, name in SCHED:
            dashed = role.name.lower().replace("_", "-")
            client.request("map-attach", {"role": dashed, "fd": bpf.map_fd(name)})
        yield client


def fork(function: Callable[[], None]) -> int:
    """Run a function in a child, which ends then, or with this process; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        function()
    except BaseException as error:  # a child must not return into the parent's code
        print(error, file=sys.stderr)
        os._exit(1)
    os._exit(0)


def main(checks: Mapping[str, Callable[[], None]]) -> int:
    """Run the checks named on the command line, all without any; ends with ``passed``."""
    for name in sys.argv[1:] or checks:
        checks[name]()
        print(f"{name}: passed", flush=True)
    return 0
