# SPDX-License-Identifier: Apache-2.0
"""The module under test: loaded, asked, unloaded."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ainkad.errors import AinkaError
from ainkad.netlink.client import Client

from .errors import Broken

PROC = Path("/proc/ainka")
PARAMETERS = Path("/sys/module/ainka/parameters")

#: A short lease, so that a death is soon over; no emergency but those that are called out.
OPTIONS = "lease_ms=1000 emergency_threshold=1000000"
LEASE_SECONDS = 1.0

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_DELETE_MODULE, _SYS_FINIT_MODULE = 176, 313


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Poll for something that has to come true; Broken when it does not."""
    deadline = time.monotonic() + seconds
    pause = 0.002
    while not condition():
        if time.monotonic() > deadline:
            raise Broken(what)
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


def loaded() -> bool:
    return PROC.exists()


class Module:
    """The module, loaded on construction."""

    def __init__(self) -> None:
        path = _path()
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        done = _libc.syscall(_SYS_FINIT_MODULE, fd, OPTIONS.encode(), 0)
        code = ctypes.get_errno() if done else 0
        os.close(fd)
        if code:
            raise Broken(f"the module cannot be loaded: {os.strerror(code)}")
        self.client = Client()

    def unload(self, *, held_by_daemon: bool = False) -> bool:
        """Remove the module; with a daemon at work it has to refuse."""
        if held_by_daemon:
            if not _delete():
                raise Broken("the module was unloaded under a daemon")
            return False
        self.client.close()
        # A reader elsewhere may hold it for a moment.
        wait_for(lambda: not _delete(), "the module cannot be unloaded")
        return True

    def status(self) -> dict[str, Any]:
        """state-get, with all counters."""
        return self.client.request("state-get")

    def held(self) -> int:
        """How many tunables are away from their baseline."""
        return int(self.status()["held"])

    def policies(self) -> set[str]:
        """Names of the policies in force."""
        return {str(policy["name"]) for policy in self.client.dump("policy-get")}

    def settle(self) -> None:
        """Let a round of the engine begin and end: this dump waits for one."""
        for _ in self.client.dump("signal-get"):
            pass

    def pending(self) -> bool:
        """Whether the slow lane is at something."""
        return any("pending" in tunable for tunable in self.client.dump("tunable-get"))

    def decisions(self, after: int) -> list[dict[str, Any]]:
        """The decisions with a number above ``after``; those that are forgotten are missing."""
        found = []
        for number in range(after + 1, int(self.status()["decisions"]) + 1):
            try:
                found.append(self.client.request("decision-get", {"id": number}))
            except AinkaError:
                continue
        return found


def write(path: Path, text: str) -> int:
    """Write a file as echo does; returns the errno."""
    try:
        fd = os.open(path, os.O_WRONLY)
    except OSError as error:
        return error.errno or errno.EIO
    try:
        os.write(fd, text.encode())
    except OSError as error:
        return error.errno or errno.EIO
    finally:
        os.close(fd)
    return 0


def _delete() -> int:
    done = _libc.syscall(_SYS_DELETE_MODULE, b"ainka", os.O_NONBLOCK)
    return ctypes.get_errno() if done else 0


@cache
def _path() -> str:
    """The module's file, unpacked where DKMS has packed it; AINKA_MODULE names another one."""
    other = os.environ.get("AINKA_MODULE")
    if other:
        return other
    found = subprocess.run(["modinfo", "-n", "ainka"], capture_output=True, text=True, check=True)
    path = found.stdout.strip()
    if not path.endswith(".xz"):
        return path
    plain = Path("/tmp/sequences-ainka.ko")
    with plain.open("wb") as out:
        subprocess.run(["xz", "-dc", path], stdout=out, check=True)
    return str(plain)
