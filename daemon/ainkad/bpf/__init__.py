# SPDX-License-Identifier: Apache-2.0
"""A small binding over libbpf.so.1: load an object, attach its programs, read its maps.

ctypes, because libbpf comes with every distribution that has BPF, while bcc would bring a compiler
and its headers to every machine.
"""

from ainkad.bpf.libbpf import TCX_EGRESS, TCX_INGRESS, XDP, XDP_GENERIC, BpfError
from ainkad.bpf.maps import HashMap, PerCpuArray, SharedArray, create_map, write_number
from ainkad.bpf.object import BpfObject, ProgramState
from ainkad.bpf.ringbuf import RingBuffer
from ainkad.bpf.stats import ProgramStats, program_stats

__all__ = [
    "TCX_EGRESS",
    "TCX_INGRESS",
    "XDP",
    "XDP_GENERIC",
    "BpfError",
    "BpfObject",
    "HashMap",
    "PerCpuArray",
    "ProgramState",
    "ProgramStats",
    "RingBuffer",
    "SharedArray",
    "create_map",
    "program_stats",
    "write_number",
]
