# SPDX-License-Identifier: Apache-2.0
"""In the guest, beside the daemon: crash N times, and see each in the signal; check_crashes.py N.

Prints how long it took from before the crash until the signal was pushed. Only that each is seen is
checked; the times are for people.
"""

from __future__ import annotations

import os
import resource
import signal
import statistics
import sys
import time

from ainkad.crashes import MINUTE
from ainkad.errors import AinkaError
from ainkad.netlink.client import Client

PATIENCE_S = 20.0


def crash() -> None:
    """A child that writes where it must not."""
    child = os.fork()
    if not child:
        os.kill(os.getpid(), signal.SIGSEGV)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGSEGV


def seen(client: Client) -> tuple[int, int]:
    """The count, 0 before the first one, and when it was pushed (CLOCK_MONOTONIC)."""
    try:
        row = client.request("signal-get", {"name": MINUTE})
    except AinkaError:
        return 0, 0
    return row.get("value", 0), time.monotonic_ns() - row.get("age-ns", 0)


def main() -> None:
    """One after the other."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    took = []
    with Client() as client:
        count, _ = seen(client)
        for _ in range(int(sys.argv[1])):
            begin = time.monotonic_ns()
            crash()
            count += 1
            while (found := seen(client))[0] < count:
                if time.monotonic_ns() - begin > PATIENCE_S * 1e9:
                    sys.exit(f"the signal is {found[0]}, not {count}, after {PATIENCE_S} s")
                time.sleep(0.005)
            assert found[0] == count, f"{found[0]} crashes seen, {count} there were"
            took.append((found[1] - begin) / 1e6)
            time.sleep(0.1)
    took.sort()
    print(f"from before a crash to the signal: median {statistics.median(took):.0f} ms, "
          f"largest of {len(took)} {took[-1]:.0f} ms")  # fmt: skip
    print("crashes checked")


main()
