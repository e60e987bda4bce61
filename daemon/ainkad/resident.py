# SPDX-License-Identifier: Apache-2.0
"""Staying in memory while everything else is reclaimed (mlockall(2))."""

from __future__ import annotations

import ctypes
import os

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def stay_resident() -> None:
    """Keep what this process has touched, or will touch, in memory; what it has not stays out.

    A daemon whose pages are read again from a busy disk, one after the other, misses its lease on
    the machines that need it most. Programs that it starts are not affected. Raises OSError where
    more is locked than RLIMIT_MEMLOCK allows.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
