# SPDX-License-Identifier: Apache-2.0
"""Finds and loads libainka_core.so, the code that the kernel module runs.

Structures pass as opaque memory whose size the library tells: no layout is typed here.
"""

from __future__ import annotations

import ctypes
import functools
import os
from ctypes import POINTER, c_char_p, c_int, c_int64, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Final

from ainkad.errors import AinkaError
from ainkad.signals_gen import N_SYSTEM_SIGNALS, N_TASK_SIGNALS

NAME: Final = "libainka_core.so"

# enum ainka_flat_what of kmod/core/flat.h
PROG: Final = 0
ERR_MSG: Final = 1
HYST: Final = 2
BUDGET: Final = 3
TASK_REC: Final = 4
N_SYSTEM: Final = 5
N_TASK: Final = 6
WINDOWS: Final = 7

_U32P: Final = POINTER(c_uint32)
_ERROR: Final = [_U32P, _U32P, c_char_p]

_SIGNATURES: Final[dict[str, tuple[Any, list[Any]]]] = {
    "ainka_flat_size": (c_uint64, [c_uint32]),
    "ainka_flat_prog_bytes": (c_uint64, [c_void_p]),
    "ainka_flat_prog_signals": (c_uint32, [c_void_p, c_void_p]),
    "ainka_flat_compile": (
        c_int,
        [c_char_p, c_uint32, c_uint32, c_void_p, c_void_p, *_ERROR],
    ),
    "ainka_flat_prog_verify": (
        c_int,
        [c_void_p, c_uint32, c_uint32, c_void_p, _U32P, c_char_p],
    ),
    "ainka_flat_history_bytes": (c_uint64, [c_void_p, c_uint32]),
    "ainka_flat_history_init": (None, [c_void_p, c_void_p, c_uint32]),
    "ainka_flat_history_feed": (None, [c_void_p, c_uint32, c_void_p, c_uint64]),
    "ainka_flat_eval": (c_int, [c_void_p, c_uint32, c_void_p, _U32P]),
    "ainka_flat_external": (c_int, [c_uint32, c_char_p, _U32P, c_char_p]),
    "ainka_flat_eval_batch": (
        None,
        [c_void_p, c_uint32, c_uint32, c_void_p, c_void_p, c_void_p, c_void_p],
    ),
    "ainka_flat_render": (c_uint32, [c_void_p, c_uint32, c_void_p, c_char_p, c_uint32]),
    "ainka_flat_model_size": (
        c_int,
        [c_char_p, c_uint64, POINTER(c_uint64), _U32P, c_char_p],
    ),
    "ainka_flat_model_load": (
        c_int,
        [c_char_p, c_uint64, c_uint32, c_void_p, _U32P, c_char_p],
    ),
    "ainka_flat_model_render": (c_uint32, [c_uint32, c_void_p, c_char_p, c_uint32]),
    "ainka_flat_model_batch": (
        None,
        [c_void_p, c_uint32, c_uint32, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p],
    ),
    "ainka_flat_value_parse": (
        c_int,
        [
            *[c_char_p, c_int64, c_int64, c_int64, c_char_p, c_char_p, c_uint32],
            *[_U32P, POINTER(c_int64), *_ERROR],
        ],
    ),
    "ainka_flat_value_resolve": (c_int64, [c_uint32, *[c_int64] * 7, _U32P]),
    "ainka_flat_hyst_step": (
        c_int,
        [c_void_p, *[c_uint64] * 3, *[c_uint32] * 3, c_uint64, _U32P],
    ),
    "ainka_flat_norm": (
        None,
        [c_uint32, c_void_p, c_void_p, c_void_p, POINTER(c_int64), POINTER(c_int64)],
    ),
    "ainka_flat_rate": (None, [c_uint32, c_void_p, c_void_p, c_void_p]),
    "ainka_flat_hist_bucket": (c_uint32, [c_uint64]),
    "ainka_flat_hist_floor": (c_uint64, [c_uint32]),
    "ainka_hist_percentile": (c_uint64, [c_void_p, c_uint32, c_uint32]),
    "ainka_hist_percentile_wide": (c_uint64, [c_void_p, c_uint32, c_uint32]),
    "ainka_task_features_batch": (
        None,
        [c_void_p, c_uint32, c_uint64, c_void_p, c_void_p],
    ),
    "ainka_dev_features": (None, [c_void_p, c_void_p, c_uint64, c_void_p, c_void_p]),
    "ainka_budget_take": (ctypes.c_bool, [c_void_p, c_uint32, c_uint32, c_uint64]),
    "ainka_state_next": (c_uint32, [c_uint32, c_uint32, c_uint32]),
    "ainka_state_allows": (ctypes.c_bool, [c_uint32, c_uint32, c_uint32]),
    "ainka_flat_frame_bytes": (c_uint64, [c_uint32]),
    "ainka_flat_frame_set": (None, [c_void_p, c_uint64, c_uint32, c_uint32, c_void_p, c_void_p]),
    "ainka_flat_frame_add": (
        c_uint32,
        [c_void_p, c_uint32, c_uint32, c_uint64, c_void_p, c_void_p],
    ),
    "ainka_flat_frame_get": (
        c_uint32,
        [c_void_p, POINTER(c_uint64), _U32P, _U32P, c_void_p, c_void_p],
    ),
    "ainka_flat_frame_subjects": (None, [c_void_p] * 6),
    "ainka_frame_encode": (c_uint32, [c_void_p, c_void_p, c_char_p]),
    "ainka_frame_decode": (c_int, [c_char_p, c_uint32, c_void_p, c_void_p]),
    "ainka_replay_bytes": (c_uint64, []),
    "ainka_replay_init": (None, [c_void_p]),
    "ainka_replay_feed": (c_int, [c_void_p, c_void_p]),
    "ainka_replay_next": (c_int, [c_void_p]),
    "ainka_replay_frame": (c_void_p, [c_void_p]),
    "ainka_replay_losses": (None, [c_void_p, *[POINTER(c_uint64)] * 3]),
    "ainka_rerun_bytes": (c_uint64, [c_void_p]),
    "ainka_rerun_init": (None, [c_void_p, c_uint32, *[c_void_p] * 4]),
    "ainka_rerun_times": (None, [c_void_p, *[c_uint64] * 3]),
    "ainka_rerun_memory_ns": (c_uint64, [c_void_p]),
    "ainka_rerun_frame": (c_uint32, [c_void_p] * 5),
    "ainka_rerun_causes": (
        c_uint32,
        [c_void_p, c_void_p, c_uint32, c_uint64, c_uint32, c_void_p, c_void_p],
    ),
    "ainka_rerun_render": (
        c_uint32,
        [c_void_p, c_void_p, c_uint32, c_uint64, c_uint32, c_char_p, c_uint32],
    ),
    "ainka_rerun_model": (
        ctypes.c_bool,
        [c_void_p, c_void_p, c_uint32, c_uint64, POINTER(c_int64)],
    ),
    "ainka_ring_load_head": (c_uint64, [c_void_p]),
    "ainka_ring_store_tail": (None, [c_void_p, c_uint64]),
    "ainka_ring_fence": (None, []),
}


class CoreLibraryError(AinkaError):
    """The library is missing, or it is of another version than this package."""


def candidates() -> list[Path]:
    """Where the library may be: $AINKA_CORE_LIB alone, or installed, or in the checkout."""
    chosen = os.environ.get("AINKA_CORE_LIB")
    if chosen:
        return [Path(chosen)]
    checkout = Path(__file__).resolve().parents[3]
    return [Path("/usr/lib/ainka") / NAME, checkout / "build" / "core" / NAME]


@functools.cache
def load() -> ctypes.CDLL:
    """The library with its signatures set; raises CoreLibraryError."""
    places = candidates()
    path = next((p for p in places if p.exists()), None)
    if path is None:
        raise CoreLibraryError(
            f"there is no {NAME} at {' or '.join(map(str, places))}",
            "install AINKA, or run make core in the checkout",
        )
    try:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise CoreLibraryError(
            f"cannot load {path}: {error}", "reinstall AINKA, or run make core in the checkout"
        ) from error
    signals = (library.ainka_flat_size(N_SYSTEM), library.ainka_flat_size(N_TASK))
    if signals != (N_SYSTEM_SIGNALS, N_TASK_SIGNALS):
        raise CoreLibraryError(
            f"{path} knows {signals} signals, this package"
            f" {(N_SYSTEM_SIGNALS, N_TASK_SIGNALS)}",
            "install the library and the package of one version",
        )
    return library


@functools.cache
def size(what: int) -> int:
    """Bytes of an opaque structure (PROG, HYST …)."""
    return int(load().ainka_flat_size(what))
