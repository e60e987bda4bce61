# SPDX-License-Identifier: Apache-2.0
"""The time stamp counter of this machine, which is that of a guest whose CPUs are emulated.

A kernel measures its frequency while it boots, and compares it with other clocks later. Emulated on
a busy host it gets both wrong and falls back on the HPET, each reading of which leaves the emulated
CPU and takes QEMU's lock; a BPF program reads the clock at every event. So the guest is told.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import time
from collections.abc import Callable

#: rdtsc; shl $32, %rdx; or %rdx, %rax; ret
_RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")
_SPAN_NS = 200_000_000
_READINGS = 50


def _reader() -> tuple[Callable[[], int], mmap.mmap]:
    """A function that reads the counter, and the memory it is in, which must live as long."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(_RDTSC)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return ctypes.CFUNCTYPE(ctypes.c_uint64)(address), memory


@functools.cache
def tsc_khz() -> int:
    """Its frequency in kHz; 0 on a machine that has none."""
    if platform.machine() != "x86_64":
        return 0
    try:
        read, memory = _reader()
    except OSError:  # memory that may be written must not be executed here
        return 0

    def reading() -> tuple[int, int]:
        """Counter and time, of the readings the one that was disturbed least."""
        best = (1 << 62, 0, 0)
        for _ in range(_READINGS):
            before, counter, after = time.monotonic_ns(), read(), time.monotonic_ns()
            best = min(best, (after - before, counter, (before + after) // 2))
        return best[1:]

    counter, begin = reading()
    time.sleep(_SPAN_NS / 1e9)
    later, end = reading()
    del memory
    return round((later - counter) * 1_000_000 / (end - begin))
