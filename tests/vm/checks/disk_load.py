# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: makes one kind of trouble on a disk made of nothing, until it is terminated.

Usage: python3 -m checks.disk_load stall|random|sequential. Prints the disk's name when it begins.
"""

from __future__ import annotations

import random
import signal
import sys
import threading

from .disk import BLOCK, Load
from .null_disk import null_disk

#: How many read at once, what a request takes in ns, and the size of one.
KINDS = {
    "stall": (8, 100_000_000, BLOCK),
    "random": (8, 5_000_000, BLOCK),
    "sequential": (1, 100_000, 64 * BLOCK),
}
MIB = 256


def work(disk: str, kind: str, number: int, stop: threading.Event) -> None:
    """Read over and over."""
    load, size = Load(disk), KINDS[kind][2]
    blocks = (MIB << 20) // size
    draw = random.Random(number)
    at = 0
    while not stop.is_set():
        at = (at + 1) % blocks if kind == "sequential" else draw.randrange(blocks)
        load.read([at * size], size)
    load.close()


def main() -> None:
    """Begin, wait, end."""
    kind = sys.argv[1]
    readers, delay_ns, _ = KINDS[kind]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with null_disk(delay_ns=delay_ns, mib=MIB) as disk:
        threads = [
            threading.Thread(target=work, args=(disk, kind, n, stop)) for n in range(readers)
        ]
        for thread in threads:
            thread.start()
        print(disk, flush=True)
        stop.wait()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
