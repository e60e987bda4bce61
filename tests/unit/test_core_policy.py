# SPDX-License-Identifier: Apache-2.0
"""Values, hysteresis, budgets and states against models of their own."""

from __future__ import annotations

import pytest
from ainkad.core import (
    Bounds,
    Budget,
    ExpressionError,
    Hysteresis,
    Value,
    parse_value,
    state_allows,
    state_next,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core_reference import HIGHEST, LOWEST, divide, saturate

S64 = st.one_of(st.integers(-200, 200), st.integers(LOWEST, HIGHEST))
NAMES = Bounds(0, 5, 0, "normal=0 batch=3 idle=5 low=-7 idle2=4")

# ---- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "op", "argument"),
    [
        ("10", Value.ABSOLUTE, 10),
        ("-5", Value.ABSOLUTE, -5),
        ("+7", Value.ABSOLUTE, 7),
        ("base", Value.ADD, 0),
        ("base+5", Value.ADD, 5),
        ("base-5", Value.ADD, -5),
        ("base+20%", Value.PERCENT, 20),
        ("base-20%", Value.PERCENT, -20),
        ("model", Value.MODEL, 0),
    ],
)
def test_values(text: str, op: int, argument: int) -> None:
    value = parse_value(text, Bounds(-20, 19), has_model=True)
    assert (value.op, value.argument) == (op, argument)


@pytest.mark.parametrize(("name", "number"), [("normal", 0), ("batch", 3), ("idle", 5)])
def test_names_of_values(name: str, number: int) -> None:
    assert parse_value(name, NAMES).argument == number
    assert parse_value(str(number), NAMES).argument == number


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("20", "20 is outside -20 to 19"),
        ("-21", "-21 is outside -20 to 19"),
        ("99999999999999999999", "larger than 9223372036854775807"),
        ("5x", "unknown unit x"),
        ("x5", "a number, base+N"),
        ("5 6", "ends in front of this"),
        ("5ms", "does not fit the tunable, which is in plain numbers"),
        ("base+5ms", "does not fit the tunable"),
        ("--5", "a number, base+N"),
        ("base*2", "a number, base+N"),
        ("base+", "a number, base+N"),
        ("base+5%%", "ends in front of this"),
        ("base+0.5%", "are whole"),
        ("base+5.5", "a plain number is whole"),
        ("base+2000000%", "too large"),
        ("base+99999999999999999999", "larger than"),
        ("model", "no model"),
        ("1" * 32, "longer than 31"),
        ("ab\0", "NUL"),
    ],
)
def test_refused_values(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_value(text, Bounds(-20, 19))
    assert message in caught.value.message


KIB = Bounds(0, 16384, unit="KiB")


@pytest.mark.parametrize(
    ("text", "bounds", "op", "argument"),
    [
        ("4MiB", KIB, Value.ABSOLUTE, 4096),
        ("0.5MiB", KIB, Value.ABSOLUTE, 512),
        ("2048bytes", KIB, Value.ABSOLUTE, 2),
        ("128", KIB, Value.ABSOLUTE, 128),
        ("base+1MiB", KIB, Value.ADD, 1024),
        ("base-64KiB", KIB, Value.ADD, -64),
        ("base-50%", KIB, Value.PERCENT, -50),
        ("15%", Bounds(0, 100, unit="percent"), Value.ABSOLUTE, 15),
        ("base+15%", Bounds(0, 100, unit="percent"), Value.PERCENT, 15),
        ("base+15percent", Bounds(0, 100, unit="percent"), Value.ADD, 15),
        ("0.5%", Bounds(0, 1000, unit="permyriad"), Value.ABSOLUTE, 50),
        ("3s", Bounds(0, 1000, unit="cs"), Value.ABSOLUTE, 300),
        ("2.5GHz", Bounds(0, 10**9, unit="khz"), Value.ABSOLUTE, 2500000),
        ("-20us", Bounds(-100, 100, unit="us"), Value.ABSOLUTE, -20),
        ("max", Bounds(0, 10, 0, "max=7", unit="KiB"), Value.ABSOLUTE, 7),
    ],
)
def test_values_with_units(text: str, bounds: Bounds, op: int, argument: int) -> None:
    value = parse_value(text, bounds)
    assert (value.op, value.argument) == (op, argument)


@pytest.mark.parametrize(
    ("text", "bounds", "marked", "message"),
    [
        ("20ms", KIB, "20ms", "does not fit the tunable, which is in KiB: bytes KiB MiB GiB TiB"),
        ("base+20ms", KIB, "20ms", "does not fit the tunable, which is in KiB"),
        ("100bytes", KIB, "100bytes", "100bytes is not a whole number of KiB"),
        ("1GiB", KIB, "1GiB", "1GiB is outside 0 to 16384 KiB"),
        ("5KB", KIB, "KB", "unknown unit KB"),
        ("5ms", Bounds(0, 9, unit="weight"), "5ms", "which is in weight"),
        ("0.1bytes", KIB, "0.1bytes", "finer than can be told"),
    ],
)
def test_units_that_do_not_fit_a_tunable(
    text: str, bounds: Bounds, marked: str, message: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_value(text, bounds)
    error = caught.value
    assert message in error.message
    assert text[error.position : error.position + error.length] == marked


@pytest.mark.parametrize("text", ["idl", "idle=5", "=5", "low", "batch idle", "Normal"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_value(text, NAMES)


@given(st.text(max_size=40), S64, S64, st.none() | st.text("ab=-1 9", max_size=12))
def test_any_value_parses_or_explains_itself(
    text: str, minimum: int, maximum: int, names: str | None
) -> None:
    try:
        value = parse_value(text, Bounds(minimum, maximum, 0, names))
    except ExpressionError as error:
        assert error.message
    else:
        assert value.op != Value.ABSOLUTE or minimum <= value.argument <= maximum


@given(st.integers(0, 3), S64, st.lists(S64, min_size=2, max_size=2).map(sorted),
       st.one_of(st.just(0), st.integers(1, HIGHEST)), S64, S64, S64)  # fmt: skip
def test_resolved_values(
    op: int, argument: int, limits: list[int], step: int, baseline: int, current: int, model: int
) -> None:
    low, high = limits
    if op == Value.PERCENT:
        argument %= 1_000_001
    wanted = {
        Value.ABSOLUTE: argument,
        Value.ADD: saturate(baseline + argument),
        Value.PERCENT: saturate(baseline + saturate(divide(baseline * argument, 100))),
        Value.MODEL: model,
    }[op]
    expected = max(low, min(high, wanted))
    if step:
        expected = max(saturate(current - step), min(saturate(current + step), expected))
        expected = max(low, min(high, expected))
    got = Value(op, argument, Bounds(low, high, step)).resolve(baseline, current, model)
    assert got == (expected, expected != wanted)
    assert low <= got[0] <= high


# ---- hysteresis -------------------------------------------------------------------------------


class HysteresisModel:
    """The same rule told by looking back at the history."""

    def __init__(self, for_ns: int, hold_ns: int, cooldown_ns: int) -> None:
        self.times = (for_ns, hold_ns, cooldown_ns)
        self.on = False
        self.true_since: int | None = None
        self.changed: int | None = None

    def step(self, when: bool | None, now: int, *until: bool | None) -> bool:
        for_ns, hold_ns, cooldown_ns = self.times
        rested = self.changed is None or now - self.changed >= cooldown_ns
        if self.on:
            assert self.changed is not None
            wanted = until[0] is False if until else when is True
            turns = not wanted and now - self.changed >= hold_ns
        else:
            if when is not True:
                self.true_since = None
            elif self.true_since is None:
                self.true_since = now
            turns = self.true_since is not None and now - self.true_since >= for_ns and rested
        if turns:
            self.on, self.changed, self.true_since = not self.on, now, None
        return turns


truths = st.sampled_from([True, True, False, None])


@given(
    st.tuples(*[st.integers(0, 30)] * 3),
    st.booleans(),
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(0, 12), truths, truths), max_size=60),
)
def test_hysteresis(
    times: tuple[int, ...], has_until: bool, start: int,
    steps: list[tuple[int, bool | None, bool | None]],
) -> None:  # fmt: skip
    real, model, now = Hysteresis(*times), HysteresisModel(*times), start
    for elapsed, when, until in steps:
        now += elapsed
        extra = (until,) if has_until else ()
        assert real.step(when, now, *extra) == model.step(when, now, *extra)
        assert real.on == model.on


def test_a_clock_that_steps_back_has_not_moved() -> None:
    hysteresis = Hysteresis(for_ns=10)
    assert not hysteresis.step(True, 100)
    assert not hysteresis.step(True, 5)
    assert hysteresis.step(True, 110)


# ---- budget -----------------------------------------------------------------------------------


@given(
    st.integers(1, 6000),
    st.integers(1, 20),
    st.lists(st.integers(0, 3 * 10**9), min_size=1, max_size=80),
    st.integers(0, 10**12),
)
def test_budget(per_minute: int, burst: int, gaps: list[int], now: int) -> None:
    budget, period = Budget(per_minute, burst), 60 * 10**9 // per_minute
    credit, last = burst * period, now
    for gap in gaps:
        now += gap
        credit = min(burst * period, credit + now - last)
        last = now
        allowed = credit >= period
        credit -= period if allowed else 0
        assert budget.take(now) == allowed


@given(st.integers(1, 1000), st.integers(1, 50))
def test_a_minute_has_no_more_writes_than_rate_and_burst(per_minute: int, burst: int) -> None:
    budget = Budget(per_minute, burst)
    written = sum(budget.take(10**9 + t * 10**8) for t in range(600))
    assert min(burst, 600) <= written <= per_minute + burst


def test_edges_of_the_budget() -> None:
    assert not Budget(0, 5).take(1)
    none = Budget(60, 0)
    assert none.take(0)
    assert not none.take(0)
    assert not none.take(1)
    back = Budget(1, 1)
    assert back.take(10**12)
    assert not back.take(5)
    assert not back.take(10**12)
    assert Budget(2**32 - 1, 2**32 - 1).take(2**64 - 1)
    assert Budget(1, 2**32 - 1).take(7)


# ---- states -----------------------------------------------------------------------------------

LEARNING, OPTIMIZING, PREDICTIVE, ANOMALY, EMERGENCY = range(5)
BY_ADMIN, PROMOTED, LEARNER_GONE, STALL_HIGH, STALL_LOW = range(5)
ADMIN, LEARNER, EXPERIMENT = range(3)


@pytest.mark.parametrize("state", range(5))
def test_transitions(state: int) -> None:
    assert state_next(state, STALL_HIGH) == EMERGENCY
    assert state_next(state, STALL_LOW) == (LEARNING if state == EMERGENCY else state)
    assert state_next(state, PROMOTED) == (OPTIMIZING if state == LEARNING else state)
    gone = LEARNING if state in (OPTIMIZING, PREDICTIVE) else state
    assert state_next(state, LEARNER_GONE) == gone
    assert [state_next(state, BY_ADMIN, wanted) for wanted in range(5)] == list(range(5))
    assert state_next(state, BY_ADMIN, 5) == state
    assert state_next(state, BY_ADMIN, 2**32 - 1) == state
    assert state_next(state, 5) == state


@pytest.mark.parametrize("state", range(5))
@pytest.mark.parametrize("mask", range(32))
def test_who_may_write(state: int, mask: int) -> None:
    named = (mask or 0b01111) >> state & 1 == 1
    assert state_allows(state, ADMIN, mask) == named
    assert state_allows(state, LEARNER, mask) == (named and state in (OPTIMIZING, PREDICTIVE))
    assert state_allows(state, EXPERIMENT, mask) == (named and state in (LEARNING, OPTIMIZING))


def test_nonsense_states_and_origins() -> None:
    assert state_next(7, STALL_HIGH) == 7
    assert not state_allows(5, ADMIN, 0xFF)
    assert not state_allows(0, 3, 0xFF)
    assert not state_allows(2**32 - 1, 2**32 - 1, 2**32 - 1)
