# SPDX-License-Identifier: Apache-2.0
"""Signals that are registered at run time: which names are possible, and conditions on them."""

from __future__ import annotations

import pytest
from ainkad.core import ExpressionError, compile_expression, external_signals
from ainkad.signals_gen import EXTERNAL_FIRST, N_EXTERNAL

NAMES = ("forecast_30s.sched.run_delay_p99_us", "web.queue_count", "a.b_hz", "x1.y2.z_permille")


def test_a_condition_may_name_them_while_they_are_known() -> None:
    with external_signals(NAMES):
        for name in NAMES:
            compile_expression(f"{name} > 5 and ainka.uptime_ms > 0", subject=1)
    for name in NAMES:
        with pytest.raises(ExpressionError, match="unknown signal"):
            compile_expression(f"{name} > 5", subject=0)


def test_their_ids_are_the_last_of_the_systems_bank() -> None:
    with external_signals(NAMES):
        program = compile_expression("web.queue_count > 5", subject=0)
        assert (EXTERNAL_FIRST + 1).to_bytes(2, "little") in bytes(program)


def test_the_unit_of_the_name_is_that_of_the_signal() -> None:
    with external_signals(NAMES):
        compile_expression("forecast_30s.sched.run_delay_p99_us > 20ms", subject=0)
        with pytest.raises(ExpressionError, match="does not fit"):
            compile_expression("a.b_hz > 20ms", subject=0)


def test_a_slip_is_told() -> None:
    with (
        external_signals(NAMES),
        pytest.raises(ExpressionError, match=r"did you mean web\.queue_count\?"),
    ):
        compile_expression("web.queu_count > 1", subject=0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "lower-case words"),
        ("queue_count", "lower-case words"),
        (".queue_count", "lower-case words"),
        ("web..queue_count", "lower-case words"),
        ("web.queue_count.", "lower-case words"),
        ("Web.queue_count", "lower-case words"),
        ("web.queue-count", "lower-case words"),
        ("1web.queue_count", "lower-case words"),
        ("web.queue count", "lower-case words"),
        ("web.quéue_count", "lower-case words"),
        ("web.queue", "ends in its unit"),
        ("web.queue_furlongs", "ends in its unit"),
        ("web.count", "ends in its unit"),
        ("web_count.queue", "ends in its unit"),
        ("task.queue_count", "of such subjects"),
        ("cgroup.queue_count", "of such subjects"),
        ("w." + "x" * 56 + "_count", "longer than 63"),
        ("w." + "x" * 5000, "longer than 63"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_words(name: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words), external_signals([name]):
        pass


def test_the_longest_name_and_the_most_of_them() -> None:
    longest = "w." + "x" * 55 + "_count"
    assert len(longest) == 63
    with external_signals([longest]):
        compile_expression(f"{longest} > 1", subject=0)
    with external_signals([f"w.x{i}_count" for i in range(N_EXTERNAL)]):
        compile_expression(f"w.x{N_EXTERNAL - 1}_count > 1", subject=0)
    too_many = [f"w.x{i}_count" for i in range(N_EXTERNAL + 1)]
    with pytest.raises(ExpressionError, match="at most 64"), external_signals(too_many):
        pass
