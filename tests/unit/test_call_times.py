# SPDX-License-Identifier: Apache-2.0
"""System calls by their number: what two readings of the programs' map say."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from ainkad.call_times import OTHERS, not_timed, rows
from ainkad.core import hist_bucket
from ainkad.errors import AinkaError
from ainkad.layouts_gen import CALL_REC_DTYPE, CALLS_MAX
from ainkad.system_calls import NAMES

READ, NAP = 0, 230


def sums() -> Any:
    return np.zeros(CALLS_MAX, CALL_REC_DTYPE)


def took(now: Any, number: int, n: int, ns: int, slow: int = 0) -> None:
    now["n"][number] += n
    now["sum_ns"][number] += n * ns
    now["slow"][number] += slow
    now["hist"][number, hist_bucket(ns) // 2] += n


def test_what_was_called_in_between() -> None:
    before = sums()
    took(before, READ, 1000, 7)
    took(before, 5, 3, 7)
    now = before.copy()
    took(now, READ, 98, 1_000_000)
    took(now, READ, 2, 500_000_000, slow=2)
    took(now, NAP, 4, 20_000_000)
    now["waits"][NAP] = 1
    took(now, OTHERS, 1, 1000)
    read, others, nap = rows(now, before, 2.0)
    assert (read["call"], read["number"], read["count"]) == (NAMES.get(0, "call 0"), 0, 100)
    assert (read["rate-hz"], read["mean-us"], read["slow"]) == (50.0, 10980.0, 2)
    assert abs(read["p50-us"] - 1000) <= 125 and abs(read["p99-us"] - 500_000) <= 62_500
    assert others["call"] == "others" and others["slow"] == 0
    assert nap["waits"] and "slow" not in nap and nap["total-us"] == 80_000


def test_nothing_was_called() -> None:
    assert rows(sums(), sums(), 1.0) == []


def test_a_daemon_that_does_not_time_says_how_to_ask_for_it() -> None:
    with pytest.raises(AinkaError, match="not timed") as caught:
        asyncio.run(not_timed({}))
    assert "syscalls = true" in caught.value.hint
