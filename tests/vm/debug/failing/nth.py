# SPDX-License-Identifier: Apache-2.0
"""One allocation of one thread fails, and what a script needs to go through them all.

The kernel's fail-nth makes the Nth allocation of a thread fail; an operation is repeated with
N = 1, 2, 3 … until it gets by without reaching the Nth.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

DEBUGFS = Path("/sys/kernel/debug")
#: More allocations than any operation makes; one that never ends is a failure of its own.
MOST = 2000


class Wrong(Exception):
    """A promise was broken."""


def set_up() -> None:
    """Let every kind of allocation fail, for those who ask for it; say nothing about it."""
    for kind in ("failslab", "fail_page_alloc"):
        for name, value in (("ignore-gfp-wait", "N"), ("verbose", "0"), ("task-filter", "Y")):
            (DEBUGFS / kind / name).write_text(value)
    (DEBUGFS / "fail_page_alloc/ignore-gfp-highmem").write_text("N")
    (DEBUGFS / "fail_page_alloc/min-order").write_text("0")
    (DEBUGFS / "fail_usercopy/verbose").write_text("0")


class Nth:
    """fail-nth of a thread: armed inside ``with``; ``reached`` says whether it failed something."""

    def __init__(self, thread: str = "thread-self") -> None:
        self._fd = os.open(f"/proc/{thread}/fail-nth", os.O_RDWR)
        self.reached = False

    @contextlib.contextmanager
    def armed(self, n: int) -> Iterator[None]:
        """Let the ``n``-th allocation from now on fail."""
        number = str(n).encode()
        # As little as can be comes between arming and the operation.
        os.pwrite(self._fd, number, 0)
        try:
            yield
        finally:
            self._disarm()

    def _disarm(self) -> None:
        """Copies to and from user space fail like allocations, these two as well."""
        try:
            self.reached = int(os.pread(self._fd, 16, 0)) == 0
        except OSError:
            self.reached = False
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, b"0", 0)

    def close(self) -> None:
        os.close(self._fd)


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for something that has to come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Wrong(what)
        time.sleep(0.05)
