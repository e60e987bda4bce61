# SPDX-License-Identifier: Apache-2.0
"""Says on stderr what is being built, how far it is and how long it took."""

from __future__ import annotations

import sys
import time
from types import TracebackType


class Progress:
    """A task of known stages; quiet ones speak to a terminal only."""

    def __init__(self, what: str, stages: int, *, quiet: bool = False) -> None:
        self._what = what
        self._stages = stages
        self._stage = 0
        self._begin = time.monotonic()
        self._silent = quiet and not sys.stderr.isatty()

    def stage(self, name: str) -> None:
        """Enter the next stage."""
        self._stage += 1
        self._say(f"{self._stage}/{self._stages} {name}")

    def note(self, text: str) -> None:
        """Say how far the present stage is."""
        self._say(f"{self._stage}/{self._stages} … {text}")

    def seconds(self) -> float:
        """Time since the task began."""
        return time.monotonic() - self._begin

    def _say(self, text: str) -> None:
        if not self._silent:
            line = f"guest: {self.seconds():4.0f} s  {self._what}: {text}"
            print(line, file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._say("done" if kind is None else "failed")
