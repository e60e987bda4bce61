# SPDX-License-Identifier: Apache-2.0
"""Runs in the debug kernel's guest: the module is loaded with allocations failing.

python3 -m failing.loading ends with ``loading: done``. The allocations are the kernel's own for a
module, and ours; those for a single tunable may fail without the module, which lists it as absent.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from .nth import Nth, Wrong, set_up

HARMLESS, STRIDE = 40, 7
MOST_LOADING = 20_000

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_DELETE_MODULE, _SYS_FINIT_MODULE = 176, 313


def load(fd: int) -> int:
    """finit_module(2); returns the errno."""
    done = _libc.syscall(_SYS_FINIT_MODULE, fd, b"", 0)
    return ctypes.get_errno() if done else 0


def unload() -> int:
    """delete_module(2); returns the errno."""
    done = _libc.syscall(_SYS_DELETE_MODULE, b"ainka", os.O_NONBLOCK)
    return ctypes.get_errno() if done else 0


def loading_fails(nth: Nth) -> tuple[int, int, int]:
    """Load with allocations failing, the kernel's own for a module and ours.

    The module either loads whole or not at all, and loads the next time. Where loading has got by
    HARMLESS times in a row, what fails belongs to single tunables (some thousand allocations, a
    second each): from there on only every STRIDE-th does. Returns how many there are, how many
    failed, and how many of these kept the module from loading.
    """
    found = subprocess.run(["modinfo", "-n", "ainka"], capture_output=True, text=True, check=True)
    fd = os.open(found.stdout.strip(), os.O_RDONLY | os.O_CLOEXEC)
    n, tried, refused, harmless = 1, 0, 0, 0
    while n < MOST_LOADING:
        with nth.armed(n):
            code = load(fd)
        reached = nth.reached
        loaded = Path("/proc/ainka").exists()
        if loaded != (code == 0):
            raise Wrong(f"loading, allocation {n}: errno {code}, /proc/ainka is there: {loaded}")
        if loaded and unload():
            raise Wrong(f"loading, allocation {n}: cannot be unloaded again")
        if not reached:
            if code:
                raise Wrong(f"loading: errno {code} with nothing failing")
            os.close(fd)
            return n - 1, tried, refused
        tried += 1
        refused += code != 0
        harmless = 0 if code else harmless + 1
        n += STRIDE if harmless >= HARMLESS else 1
    raise Wrong("loading does not end")


def main() -> int:
    """The exit status is the verdict."""
    set_up()
    try:
        allocations, tried, refused = loading_fails(Nth())
        print(f"finit_module: {allocations} allocations, {tried} failed, {refused} of them kept "
              "the module out", flush=True)  # fmt: skip
        subprocess.run(["modprobe", "ainka"], check=True)
        if unload():
            raise Wrong("the module cannot be unloaded in the end")
    except Wrong as error:
        print(f"loading: {error}")
        return 1
    print("loading: done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
