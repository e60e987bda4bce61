# SPDX-License-Identifier: Apache-2.0
"""A disk made of nothing, by null_blk: to be slow on demand, and to be pulled out."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

CONFIG = Path("/sys/kernel/config/nullb")


def _ready() -> None:
    subprocess.run(["modprobe", "null_blk", "nr_devices=0"], check=True)
    if not CONFIG.is_dir():
        subprocess.run(["mount", "-t", "configfs", "none", "/sys/kernel/config"], check=True)


@contextlib.contextmanager
def null_disk(
    name: str = "nullb0", delay_ns: int = 0, mib: int = 256, cache_mib: int = 0
) -> Iterator[str]:
    """A disk of this name; its requests take ``delay_ns``. Reads give what was written.

    With a cache of its own it wants to be told to flush it.
    """
    _ready()
    folder = CONFIG / name
    folder.mkdir()
    try:
        for key, value in {"size": mib, "memory_backed": 1, "queue_mode": 2, "blocksize": 4096,
                           "cache_size": cache_mib,
                           "irqmode": 2 if delay_ns else 0}.items():  # fmt: skip
            (folder / key).write_text(f"{value}\n")
        if delay_ns:
            (folder / "completion_nsec").write_text(f"{delay_ns}\n")
        plug(name)
        yield name
    finally:
        unplug(name)
        folder.rmdir()


def plug(name: str) -> None:
    """Switch it on: a new disk, whatever it was before."""
    (CONFIG / name / "power").write_text("1\n")
    subprocess.run(["udevadm", "settle"], check=True)
    # udev and blkid have looked at it by now; nothing of ours has
    deadline = time.monotonic() + 10
    while not Path("/dev", name).exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def unplug(name: str) -> None:
    """Switch it off."""
    (CONFIG / name / "power").write_text("0\n")


def reads(name: str) -> int:
    """Read requests that the disk has done."""
    return int(Path("/sys/block", name, "stat").read_text().split()[0])
