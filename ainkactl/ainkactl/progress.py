# SPDX-License-Identifier: Apache-2.0
"""A line on the terminal that says how far long work has got."""

from __future__ import annotations

import sys
import time

_WIDTH = 30
_EVERY_S = 0.1


class Progress:
    """A bar, or a line of text; nothing where standard error is not a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = sys.stderr.isatty()
        self._last = 0.0
        self._length = 0

    def bar(self, done: int, total: int) -> None:
        """So much of so much is done."""
        share = min(1.0, done / total) if total else 1.0
        filled = round(share * _WIDTH)
        self.text(f"{'█' * filled}{'·' * (_WIDTH - filled)} {share:4.0%}", done >= total)

    def text(self, text: str, now: bool = False) -> None:
        """Show a text; not more often than the eye follows, unless ``now``."""
        if not self._shown or (not now and time.monotonic() - self._last < _EVERY_S):
            return
        self._last = time.monotonic()
        line = f"{self._what} {text}"
        print(f"\r{line.ljust(self._length)}", end="", file=sys.stderr, flush=True)
        self._length = len(line)

    def clear(self) -> None:
        """Leave an empty line behind."""
        if self._length:
            print(f"\r{' ' * self._length}\r", end="", file=sys.stderr, flush=True)
            self._length = 0
