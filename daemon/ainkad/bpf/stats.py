# SPDX-License-Identifier: Apache-2.0
"""Run counters of BPF programs."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

from ainkad.bpf.libbpf import BpfError, error_of, library
from ainkad.layouts_gen import BPF_PROG_INFO_DTYPE, Layout


@dataclass(frozen=True)
class ProgramStats:
    """What a program has cost since it was loaded.

    `run_time_ns` and `run_count` grow only while kernel.bpf_stats_enabled is 1. The
    kernel knows a program by the first 15 bytes of its name.
    """

    id: int
    name: str
    run_time_ns: int
    run_count: int

    @property
    def mean_ns(self) -> float:
        """Mean time of a run in nanoseconds, 0 before the first."""
        return self.run_time_ns / self.run_count if self.run_count else 0.0


def object_info(fd: int, layout: Layout) -> np.void:
    """The kernel's information on a program or map, cut to `layout`. Raises BpfError."""
    info = np.zeros(1, layout)
    length = ctypes.c_uint32(layout.itemsize)
    code = library().bpf_obj_get_info_by_fd(fd, info.ctypes.data, ctypes.byref(length))
    if code:
        raise BpfError(f"no information on BPF descriptor {fd}", error_of(code))
    found: np.void = info[0]
    return found


def program_stats(fd: int) -> ProgramStats:
    """Counters of the program behind a descriptor. Raises BpfError."""
    info = object_info(fd, BPF_PROG_INFO_DTYPE)
    return ProgramStats(
        id=int(info["id"]),
        name=info["name"].decode(errors="replace"),
        run_time_ns=int(info["run_time_ns"]),
        run_count=int(info["run_cnt"]),
    )
