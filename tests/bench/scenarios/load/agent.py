# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: takes orders for a load, one line of JSON each, and answers each with one.

python3 -m load.agent MODULE OPTIONS: MODULE is one beside this with a class Load, OPTIONS its
options as JSON. The first answer comes when the load is prepared and runs.

  {"order": "window", "phase": P, "settle": S, "seconds": S, "fresh": F, "reset": R,
   "series": T}
        run phase P; drop the first S seconds, measure the others. fresh: with programs that are
        started for it; reset: first undo what the windows before have left behind; series: tell
        how it went on meanwhile, too, where the load knows
  {"order": "settings"}       every setting that may be touched, by its file
  {"order": "restore", "settings": {…}}   write back what is different, say what still is
  {"order": "quit"}           end everything; so does the end of stdin
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any, Protocol, TextIO

from . import settings


class Load(Protocol):
    """A load at work. Made when all is prepared and runs."""

    def window(
        self, phase: str, settle_s: float, seconds: float, *, fresh: bool, reset: bool
    ) -> dict[str, float]:
        """Figures of the load's own report, by name."""

    def series(self) -> list[tuple[float, float]]:
        """Of the last window: seconds since it was asked for, and operations until then."""

    def facts(self) -> dict[str, Any]:
        """What was set up, for the report."""

    def close(self) -> None:
        """End all programs."""


def obey(load: Load, order: dict[str, Any]) -> dict[str, Any]:
    """Do one thing."""
    if order["order"] == "window":
        begin = time.monotonic_ns()
        figures = load.window(
            order["phase"],
            order["settle"],
            order["seconds"],
            fresh=order["fresh"],
            reset=order["reset"],
        )
        return {
            "figures": figures,
            "began_ns": begin,
            "ended_ns": time.monotonic_ns(),
            "series": load.series() if order["series"] else [],
        }
    if order["order"] == "settings":
        return {"settings": settings.read()}
    if order["order"] == "restore":
        return {"left": settings.restore(order["settings"])}
    raise ValueError(f"no such order: {order['order']}")


def serve(load: Load, orders: TextIO, answers: TextIO) -> None:
    """Take orders until there are none."""
    for line in orders:
        order = json.loads(line)
        if order["order"] == "quit":
            break
        try:
            answer: dict[str, Any] = {"fine": True, **obey(load, order)}
        except Exception as error:
            # A window that fails is the host's to judge; the load goes on.
            answer = {"fine": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def main() -> None:
    """Prepare, say so, serve."""
    module = importlib.import_module(f".{sys.argv[1]}", __package__)
    load: Load = module.Load(json.loads(sys.argv[2]))
    try:
        print(json.dumps({"fine": True, "facts": load.facts()}), flush=True)
        serve(load, sys.stdin, sys.stdout)
    finally:
        load.close()


if __name__ == "__main__":
    main()
