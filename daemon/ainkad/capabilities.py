# SPDX-License-Identifier: Apache-2.0
"""Giving up CAP_SYS_ADMIN once the programs are loaded (capabilities(7), capset(2))."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from pathlib import Path

_VERSION_3 = 0x20080522
_CAP_SYS_ADMIN = 21
NEEDED = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": _CAP_SYS_ADMIN, "CAP_PERFMON": 38, "CAP_BPF": 39}
"""Capabilities that the daemon starts with, and their numbers (capability.h)."""
_PR_CAPBSET_DROP = 24
# There is no wrapper for capset in libc; the numbers are those of the system call tables.
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91, "riscv64": 91}
_SYS_CAPGET = {"x86_64": 125, "aarch64": 90, "riscv64": 90}


def effective(status: Path = Path("/proc/self/status")) -> list[str]:
    """Which of NEEDED this process has now."""
    mask = int(status.read_text().split("\nCapEff:", 1)[1].split(None, 1)[0], 16)
    return [name for name, number in NEEDED.items() if mask >> number & 1]


def drop_sys_admin() -> bool:
    """Drop CAP_SYS_ADMIN from the bounding, permitted, effective and inheritable sets.

    Only loading needs it (bpf_btf_get_fd_by_id of a module's BTF). Returns False where the numbers
    of the system calls are not known; raises OSError when the kernel refuses.
    """
    machine = platform.machine()
    if machine not in _SYS_CAPSET:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    if libc.syscall(_SYS_CAPGET[machine], header, data) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if libc.prctl(_PR_CAPBSET_DROP, _CAP_SYS_ADMIN, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        if number != errno.EPERM:  # without CAP_SETPCAP the bounding set stays as it is
            raise OSError(number, os.strerror(number))
    for word in range(3):
        data[word] &= ~(1 << _CAP_SYS_ADMIN)
    if libc.syscall(_SYS_CAPSET[machine], header, data) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True
