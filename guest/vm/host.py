# SPDX-License-Identifier: Apache-2.0
"""What a guest gets of the host's CPUs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from guest.vm.guest import Guest

FIRST, LAST = -15, 10
"""Nice values of a guest that goes before everybody else, and of one that takes what is left."""


def host_wait_ns(guest: Guest) -> int:
    """How long QEMU's threads have waited for a CPU of the host so far, all together."""
    total = 0
    for task in Path(f"/proc/{guest.qemu_pid}/task").iterdir():
        # A thread may end meanwhile.
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_text().split()[1])
    return total


def prioritize(guest: Guest, nice: int) -> bool:
    """Give a guest that runs a nice value; False without the right.

    QEMU is a session of its own, so where the host groups tasks by session (autogroup) it is the
    group whose nice value counts, and else that of its threads.
    """
    try:
        for task in Path(f"/proc/{guest.qemu_pid}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, int(task.name), nice)
        group = Path(f"/proc/{guest.qemu_pid}/autogroup")
        if group.exists():
            group.write_text(str(nice))
    except OSError:
        return False
    return True


def favour(guest: Guest) -> bool:
    """Let the guest's CPUs go before the other programs of the host; False without the right.

    Each virtual CPU gets one of the host's for itself: else QEMU's own other threads, short as they
    run, make the host put both on one for milliseconds, and that is what p99 shows then.
    """
    _pin(guest)
    return prioritize(guest, FIRST)


def _pin(guest: Guest) -> None:
    """Keep the guest's CPUs apart on the host; no right is needed, and no harm if it fails."""
    free = sorted(os.sched_getaffinity(guest.qemu_pid))
    for task in sorted(Path(f"/proc/{guest.qemu_pid}/task").iterdir()):
        with contextlib.suppress(OSError):
            if free and (task / "comm").read_text().startswith("CPU "):
                os.sched_setaffinity(int(task.name), {free.pop(0)})
