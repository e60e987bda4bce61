# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: cold memory and a hot file beside each other, more than fits; swap is zram.

What fits is set: all memory beyond ``room_mib`` is locked, once before anything is measured, and
once more when AINKA is there, so that what it takes is not taken from the load.
"""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

from .ballast import Ballast, available_mib, resident_mib, swapped_mib
from .programs import Counter, Plain, Program, compile_c, shell, wait_until

SETUP = """
set -e
modprobe zram num_devices=1
echo {algorithm} > /sys/block/zram0/comp_algorithm
echo {zram_mib}M > /sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null; swapon /dev/zram0
echo 0 > /proc/sys/vm/page-cluster
echo {mglru} > /sys/kernel/mm/lru_gen/enabled
mkfs.ext4 -q -F /dev/vdb; mkdir -p /mnt; mount -o noatime /dev/vdb /mnt
"""


MODULE = Path("/sys/module/ainka")


class Load(Plain):
    """One program; a window counts its reads."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._counter = Counter()
        self._swept = threading.Event()
        shell(SETUP.format(**options))
        self._program = Program(
            [compile_c("pages"), str(options["anon_mib"]), "/mnt/file", str(options["file_mib"]),
             str(options["threads"]), str(options["cold_s"])],
            self._line,
        )  # fmt: skip
        wait_until(self._reads, "reads", 300)
        self._ballast = Ballast(lambda: available_mib() + resident_mib(self._program.pid))
        self._with_ainka = False
        self._room_mib = self._ballast.leave(options["room_mib"])

    def _line(self, now: float, line: str) -> None:
        if line.strip() == "swept":
            self._swept.set()
        else:
            self._counter.add(now, int(line))

    def _reads(self) -> bool:
        self._program.must_run()
        return self._counter.total > 1000

    def facts(self) -> dict[str, Any]:
        """What was set up, beside the options."""
        return {"room_mib": round(self._room_mib), "locked_mib": self._ballast.locked_mib,
                "lru_gen": shell("cat /sys/kernel/mm/lru_gen/enabled").strip(),
                "swap": shell("tail -n +2 /proc/swaps").strip()}  # fmt: skip

    def window(
        self, phase: str, settle_s: float, seconds: float, *, fresh: bool, reset: bool
    ) -> dict[str, float]:
        """Reads a second. A measured window begins after the program has used all of its memory.

        Without that, what one setting has swapped out would help the next one.
        """
        if self._with_ainka != MODULE.exists():
            self._with_ainka = not self._with_ainka
            self._room_mib = self._ballast.leave(self._options["room_mib"])
        if reset:
            self._swept.clear()
            self._program.signal(signal.SIGUSR1)
            wait_until(self._swept.is_set, "end of the sweep", 120)
        begin = time.monotonic() + settle_s
        end = begin + seconds
        time.sleep(end - time.monotonic())
        self._program.must_run()
        return {"ops_per_s": self._counter.rate(begin, end), "swapped_mib": swapped_mib()}

    def close(self) -> None:
        """End it."""
        self._program.end()
