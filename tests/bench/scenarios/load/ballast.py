# SPDX-License-Identifier: Apache-2.0
"""Memory that is locked, so that a load finds as much of it as it needs to have too little."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

CHUNK_MIB: Final = 1


def available_mib(proc: Path = Path("/proc")) -> float:
    """MemAvailable: free, or held by files that may be dropped."""
    return _mib(proc / "meminfo", "MemAvailable")


def resident_mib(pid: int, proc: Path = Path("/proc")) -> float:
    """Memory of a process that no file backs, without what is swapped out."""
    return _mib(proc / str(pid) / "status", "RssAnon")


def swapped_mib(proc: Path = Path("/proc")) -> float:
    """What is swapped out, of all."""
    return _mib(proc / "meminfo", "SwapTotal") - _mib(proc / "meminfo", "SwapFree")


def _mib(file: Path, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", file.read_text(), re.MULTILINE)
    if not found:
        raise RuntimeError(f"{file} has no {name}")
    return int(found[1]) / 1024


class Ballast:
    """Locked chunks. ``room_mib`` says how much memory the load has now, with what it uses."""

    def __init__(self, room_mib: Callable[[], float]) -> None:
        self._room_mib = room_mib
        self._chunks: list[mmap.mmap] = []
        self._libc = ctypes.CDLL(None, use_errno=True)

    @property
    def locked_mib(self) -> int:
        """What is held."""
        return len(self._chunks) * CHUNK_MIB

    def leave(self, wanted_mib: float) -> float:
        """Lock or give back until so much is left, or nothing can be given back; what is left."""
        surplus = round((self._room_mib() - wanted_mib) / CHUNK_MIB)
        for _ in range(surplus):
            self._chunks.append(self._lock())
        for _ in range(min(-surplus, len(self._chunks))):
            self._chunks.pop().close()
        return self._room_mib()

    def _lock(self) -> mmap.mmap:
        size = CHUNK_MIB << 20
        chunk = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        # The address is only borrowed: a chunk with a view of it could not be closed.
        view = ctypes.c_char.from_buffer(chunk)
        address = ctypes.addressof(view)
        del view
        if self._libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(size)):
            chunk.close()
            raise RuntimeError(f"mlock of {CHUNK_MIB} MiB: {os.strerror(ctypes.get_errno())}")
        return chunk
