# SPDX-License-Identifier: Apache-2.0
"""A disk as the kernel counts it, as our map has it, and as something to read and write."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any

from ainkad.bpf import BpfObject, HashMap
from ainkad.layouts_gen import DEV_REC_DTYPE, DEVS_MAX

from .machine import read

OBJECT = Path("/usr/lib/ainka/block.bpf.o")
BLOCK = 4096


def number(disk: str) -> int:
    """The device number as the kernel has it."""
    major, minor = (int(x) for x in (read(f"/sys/block/{disk}/dev") or "").split(":"))
    return major << 20 | minor


def sequence(disk: str) -> int:
    """The disk's sequence number."""
    return int(read(f"/sys/block/{disk}/diskseq") or 0)


class Disks:
    """The map of disks."""

    def __init__(self, bpf: BpfObject) -> None:
        self._map = HashMap(bpf.map_fd("devices"), "u4", DEV_REC_DTYPE, DEVS_MAX)

    def get(self, disk: str) -> Any:
        """The record of a disk, None if there is none."""
        keys, values = self._map.read_all()
        found = [v for k, v in zip(keys, values, strict=True) if k == number(disk)]
        return found[0] if found and found[0]["diskseq"] == sequence(disk) else None


def stat(disk: str) -> dict[str, int]:
    """What the kernel itself has counted."""
    words = [int(word) for word in (read(f"/sys/block/{disk}/stat") or "").split()]
    return {"reads": words[0], "read_sectors": words[2], "read_ms": words[3],
            "writes": words[4], "write_sectors": words[6], "write_ms": words[7],
            "flushes": words[15], "flush_ms": words[16]}  # fmt: skip


class Load:
    """Reads and writes past the page cache, so many and no more."""

    def __init__(self, disk: str) -> None:
        self._fd = os.open(f"/dev/{disk}", os.O_RDWR | os.O_DIRECT)

    def read(self, offsets: list[int], size: int = BLOCK) -> None:
        """Read at each offset."""
        buffer = mmap.mmap(-1, size)
        for offset in offsets:
            os.preadv(self._fd, [buffer], offset)

    def write(self, offsets: list[int], size: int = BLOCK) -> None:
        """Write at each offset."""
        buffer = mmap.mmap(-1, size)
        for offset in offsets:
            os.pwritev(self._fd, [buffer], offset)

    def close(self) -> None:
        """Let go of the disk."""
        os.close(self._fd)
