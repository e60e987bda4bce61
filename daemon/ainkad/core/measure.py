# SPDX-License-Identifier: Apache-2.0
"""Signals of tasks from their BPF records, and histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ainkad.core import library

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ainkad.core.batch import BoolArray, IntArray


def task_features(records: npt.NDArray[np.void], now_ns: int) -> tuple[IntArray, BoolArray]:
    """The signals of tasks from copies of their BPF records.

    ``records`` is a structured array of shape (n,) with the layout of struct ainka_task_rec,
    ``now_ns`` CLOCK_MONOTONIC. Returns values (int64) and freshness (bool), both of shape
    (n, N_TASK_SIGNALS), columns in the order of TASK_SIGNALS. Raises AinkaError for another layout.
    """
    from ainkad.core import batch

    return batch.task_features(records, now_ns)


def hist_percentile(counts: npt.NDArray[np.uint32], permille: int) -> int:
    """A percentile in nanoseconds, within 12.5 %.

    ``counts`` is uint32 of shape (256,) or less, differences of two readings of a histogram;
    ``permille`` 990 means p99. Returns 0 when nothing was counted.
    """
    from ainkad.core import batch

    return batch.hist_percentile(counts, permille)


def hist_percentile_wide(counts: npt.NDArray[np.uint32], permille: int) -> int:
    """The same of one with half as many buckets (struct ainka_times), at most 12.5 % off."""
    from ainkad.core import batch

    return batch.hist_percentile_wide(counts, permille)


def hist_bucket(nanoseconds: int) -> int:
    """The bucket of a value."""
    return int(library.load().ainka_flat_hist_bucket(nanoseconds))


def hist_floor(bucket: int) -> int:
    """The smallest value of a bucket."""
    return int(library.load().ainka_flat_hist_floor(bucket))
