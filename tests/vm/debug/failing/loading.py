# SPDX-License-Identifier: Apache-2.0
"""Runs in the debug kernel's guest: the module is loaded with every allocation failing once.

python3 -m failing.loading ends with ``loading: done``. The allocations are the kernel's own for a
module, and ours; those for a single tunable may fail without the module, which lists it as absent.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from .nth import MOST, Nth, Wrong, set_up

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


def loading_fails(nth: Nth) -> int:
    """Load with each allocation failing, the kernel's own for a module and ours; returns how many.

    The module either loads whole or not at all, and loads the next time.
    """
    found = subprocess.run(["modinfo", "-n", "ainka"], capture_output=True, text=True, check=True)
    fd = os.open(found.stdout.strip(), os.O_RDONLY | os.O_CLOEXEC)
    failed = 0
    for n in range(1, MOST):
        with nth.armed(n):
            code = load(fd)
        reached = nth.reached
        loaded = Path("/proc/ainka").exists()
        if loaded != (code == 0):
            raise Wrong(f"loading, allocation {n}: errno {code}, /proc/ainka is there: {loaded}")
        if loaded:
            if unload():
                raise Wrong(f"loading, allocation {n}: cannot be unloaded again")
            if not reached:
                os.close(fd)
                return failed
        failed += code != 0
    raise Wrong("loading does not end")


def main() -> int:
    """The exit status is the verdict."""
    set_up()
    try:
        print(f"finit_module: failed {loading_fails(Nth())} times", flush=True)
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
