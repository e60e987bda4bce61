# SPDX-License-Identifier: Apache-2.0
"""The functions of libbpf that are used, and what libbpf says while they run."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from ainkad.errors import AinkaError

LIBRARY: Final = "libbpf.so.1"
WARN, INFO = 0, 1
"""enum libbpf_print_level; what is above INFO is for those who debug libbpf."""

MAP_PERCPU_ARRAY: Final = 6
MAP_RINGBUF: Final = 27
"""enum bpf_map_type of <linux/bpf.h>, as far as maps are made here."""

XDP, TCX_INGRESS, TCX_EGRESS = 37, 46, 47
"""enum bpf_attach_type: where a program sees the packets of an interface."""
XDP_GENERIC: Final = 2
"""Flag XDP_FLAGS_SKB_MODE: after the driver, which is left alone."""

MAX_LOG_LINES: Final = 200

_P = ctypes.c_void_p
_S = ctypes.c_char_p
_INT = ctypes.c_int
_U32 = ctypes.c_uint32
_U32P = ctypes.POINTER(ctypes.c_uint32)
_PRINT = ctypes.CFUNCTYPE(_INT, _INT, _P, _P)

SIGNATURES: Final[dict[str, tuple[Any, list[Any]]]] = {
    "bpf_object__open_file": (_P, [_S, _P]),
    "bpf_object__load": (_INT, [_P]),
    "bpf_object__close": (None, [_P]),
    "bpf_object__next_program": (_P, [_P, _P]),
    "bpf_object__find_map_fd_by_name": (_INT, [_P, _S]),
    "bpf_object__find_map_by_name": (_P, [_P, _S]),
    "bpf_map__reuse_fd": (_INT, [_P, _INT]),
    "bpf_map_create": (_INT, [_INT, _S, _U32, _U32, _U32, _P]),
    "bpf_program__name": (_S, [_P]),
    "bpf_program__section_name": (_S, [_P]),
    "bpf_program__fd": (_INT, [_P]),
    "bpf_program__set_autoload": (_INT, [_P, ctypes.c_bool]),
    "bpf_program__attach": (_P, [_P]),
    "bpf_link__destroy": (_INT, [_P]),
    "bpf_link_create": (_INT, [_INT, _INT, _INT, _P]),
    "bpf_map_update_elem": (_INT, [_INT, _P, _P, ctypes.c_uint64]),
    "bpf_map_lookup_elem": (_INT, [_INT, _P, _P]),
    "bpf_map_get_next_key": (_INT, [_INT, _P, _P]),
    "bpf_map_lookup_batch": (_INT, [_INT, _P, _P, _P, _P, _U32P, _P]),
    "bpf_obj_get_info_by_fd": (_INT, [_INT, _P, _U32P]),
    "libbpf_set_print": (_P, [_PRINT]),
}


class LinkOptions(ctypes.Structure):
    """The beginning of struct bpf_link_create_opts; the rest counts as 0."""

    _fields_ = (("sz", ctypes.c_size_t), ("flags", _U32), ("pad", _U32))


class BpfError(AinkaError):
    """libbpf or the kernel refused; the message ends with what libbpf said.

    `code` is the positive errno, 0 if there was none.
    """

    def __init__(self, message: str, code: int = 0, log: str = "") -> None:
        if code:
            message += f": {os.strerror(code)}"
        if log:
            message += "\n" + log
        super().__init__(message, _hint(code))
        self.code = code
        self.log = log


def _hint(code: int) -> str:
    if code in (errno.EPERM, errno.EACCES):
        return "loading programs needs CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN: run as root"
    if code == errno.ENOENT:
        return "is AINKA installed? make ebpf builds its programs"
    return ""


_log: list[str] = []


def _collect(level: int, text: int, arguments: int) -> int:
    """libbpf's print function. A va_list is passed as a pointer on x86-64 and on arm64."""
    if level > INFO:
        return 0
    buffer = ctypes.create_string_buffer(16384)
    ctypes.CDLL(None).vsnprintf(buffer, ctypes.c_size_t(len(buffer)), _P(text), _P(arguments))
    _log.append(buffer.value.decode(errors="replace").rstrip("\n"))
    del _log[:-MAX_LOG_LINES]
    return 0


_print = _PRINT(_collect)
"""Kept for as long as libbpf may call it."""


@cache
def library() -> Any:
    """libbpf with its signatures set. Raises BpfError when it is not installed."""
    try:
        lib = ctypes.CDLL(LIBRARY, use_errno=True)
    except OSError as error:
        raise BpfError(f"cannot load {LIBRARY} ({error}): install libbpf1") from error
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = arguments
    lib.libbpf_set_print(_print)
    return lib


class Log:
    """What libbpf has said since the `with captured()` began."""

    @property
    def lines(self) -> list[str]:
        """Its lines, the last MAX_LOG_LINES."""
        return [line for text in _log for line in text.splitlines() if line.strip()]

    @property
    def text(self) -> str:
        """The lines, joined."""
        return "\n".join(self.lines)


@contextmanager
def captured() -> Iterator[Log]:
    """Collect what libbpf says meanwhile. Not reentrant; one thread uses libbpf."""
    _log.clear()
    yield Log()


def error_of(result: int | None) -> int:
    """The positive errno behind a result of libbpf: a negative number, or NULL with errno set."""
    if result is not None and result < 0:
        return -result
    return ctypes.get_errno() if not result else 0
