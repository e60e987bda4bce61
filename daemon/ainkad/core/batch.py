# SPDX-License-Identifier: Apache-2.0
"""What handles numpy batches; used through the functions and classes beside it."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ainkad.core import library
from ainkad.errors import AinkaError
from ainkad.layouts_gen import DEV_REC_DTYPE
from ainkad.signals_gen import N_DEVICE_SIGNALS, N_SIGNALS, N_TASK_SIGNALS

if TYPE_CHECKING:
    from ainkad.core.model import Model

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]
Fresh = BoolArray | ByteArray


def _rows(values: IntArray, fresh: Fresh) -> tuple[IntArray, ByteArray]:
    """Contiguous copies of what the library reads, where they are not contiguous already."""
    if values.ndim != 2 or values.shape[1] != N_SIGNALS or values.shape != fresh.shape:
        raise AinkaError(
            f"values have the shape {values.shape}, their freshness {fresh.shape}",
            f"both must be (n, {N_SIGNALS})",
        )
    return (
        np.ascontiguousarray(values, dtype=np.int64),
        np.ascontiguousarray(fresh.astype(np.bool_, copy=False)).view(np.uint8),
    )


def evaluate(
    program: ctypes.Array[ctypes.c_char],
    subject: int,
    values: IntArray,
    fresh: Fresh,
    model: Model | None,
) -> ByteArray:
    """Truth (uint8 of shape (n,): 0 false, 1 true, 2 unknown) of a program for each row."""
    values, fresh = _rows(values, fresh)
    truth = np.zeros(len(values), dtype=np.uint8)
    library.load().ainka_flat_eval_batch(
        program,
        subject,
        len(values),
        values.ctypes.data,
        fresh.ctypes.data,
        model.address if model else None,
        truth.ctypes.data,
    )
    return truth


def model(
    model: Model, values: IntArray, fresh: Fresh
) -> tuple[IntArray, BoolArray, npt.NDArray[np.uint32]]:
    """Results, whether they are known, and nodes reached, each of shape (n,)."""
    values, fresh = _rows(values, fresh)
    n = len(values)
    result = np.zeros(n, dtype=np.int64)
    known = np.zeros(n, dtype=np.uint8)
    leaf = np.zeros(n, dtype=np.uint32)
    library.load().ainka_flat_model_batch(
        model.address,
        model.subject,
        n,
        values.ctypes.data,
        fresh.ctypes.data,
        result.ctypes.data,
        known.ctypes.data,
        leaf.ctypes.data,
    )
    return result, known.view(np.bool_), leaf


def task_features(records: npt.NDArray[np.void], now_ns: int) -> tuple[IntArray, BoolArray]:
    """See ainkad.core.task_features()."""
    wanted = library.size(library.TASK_REC)
    if records.ndim != 1 or records.dtype.itemsize != wanted:
        raise AinkaError(
            f"records of {records.dtype.itemsize} bytes and shape {records.shape}",
            f"a record has {wanted} bytes and the array one dimension",
        )
    records = np.ascontiguousarray(records)
    values = np.zeros((len(records), N_TASK_SIGNALS), dtype=np.int64)
    fresh = np.zeros((len(records), N_TASK_SIGNALS), dtype=np.uint8)
    library.load().ainka_task_features_batch(
        records.ctypes.data, len(records), now_ns, values.ctypes.data, fresh.ctypes.data
    )
    return values, fresh.view(np.bool_)


def device_features(
    now: npt.NDArray[np.void], then: npt.NDArray[np.void], elapsed_ns: int
) -> tuple[IntArray, BoolArray]:
    """The signals of one disk from two copies of its BPF record, ``elapsed_ns`` apart.

    Both are arrays of shape (1,) with the layout of struct ainka_dev_rec. Returns values and
    freshness, both of shape (N_DEVICE_SIGNALS,). Raises AinkaError for another layout.
    """
    for records in (now, then):
        if records.shape != (1,) or records.dtype.itemsize != DEV_REC_DTYPE.itemsize:
            raise AinkaError(
                f"a record of {records.dtype.itemsize} bytes and shape {records.shape}",
                f"it has {DEV_REC_DTYPE.itemsize} bytes and shape (1,)",
            )
    now, then = np.ascontiguousarray(now), np.ascontiguousarray(then)
    values = np.zeros(N_DEVICE_SIGNALS, dtype=np.int64)
    fresh = np.zeros(N_DEVICE_SIGNALS, dtype=np.uint8)
    library.load().ainka_dev_features(
        now.ctypes.data, then.ctypes.data, elapsed_ns, values.ctypes.data, fresh.ctypes.data
    )
    return values, fresh.view(np.bool_)


def _counts(counts: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Contiguous, as the library reads them."""
    if counts.ndim != 1:
        raise AinkaError(f"counts have the shape {counts.shape}", "one dimension is allowed")
    return np.ascontiguousarray(counts, dtype=np.uint32)


def hist_percentile(counts: npt.NDArray[np.uint32], permille: int) -> int:
    """See ainkad.core.hist_percentile()."""
    counts = _counts(counts)
    return int(library.load().ainka_hist_percentile(counts.ctypes.data, len(counts), permille))


def hist_percentile_wide(counts: npt.NDArray[np.uint32], permille: int) -> int:
    """See ainkad.core.hist_percentile_wide()."""
    counts = _counts(counts)
    return int(library.load().ainka_hist_percentile_wide(counts.ctypes.data, len(counts), permille))
