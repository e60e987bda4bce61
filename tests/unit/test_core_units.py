# SPDX-License-Identifier: Apache-2.0
"""Literals with units: converted exactly or refused, against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import pytest
from ainkad.core import Bounds, ExpressionError, compile_expression, parse_value
from ainkad.signals_gen import SIGNALS, SignalDef
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core_reference import HIGHEST


def sizes(text: str) -> dict[str, Fraction]:
    return {unit: Fraction(size) for unit, size in (pair.split("=") for pair in text.split())}


SIZES: Final = {
    "time": sizes("ns=1/1000000000 us=1/1000000 ms=1/1000 cs=1/100 s=1 min=60 h=3600"),
    "size": sizes("bytes=1 B=1 KiB=1024 MiB=1048576 GiB=1073741824 TiB=1099511627776"),
    "share": sizes("ppm=1/1000000 permyriad=1/10000 permille=1/1000 %=1/100 percent=1/100"),
    "rate": sizes("Hz=1 hz=1 kHz=1000 khz=1000 MHz=1000000 mhz=1000000 GHz=1000000000"),
}
"""What a unit is in the unit of its kind that people think in."""

SMALLEST: Final = {"time": "ns", "size": "bytes", "share": "ppm", "rate": "Hz"}
KIND: Final = {unit: kind for kind, units in SIZES.items() for unit in units}

numbers = st.builds(
    lambda whole, fraction: f"{whole}.{fraction}" if fraction else str(whole),
    st.one_of(st.integers(0, 5000), st.integers(0, HIGHEST)),
    st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=6)),
)


def converted(number: str, unit: str, target: str) -> int | None:
    """The literal in the unit ``target``; None where it must be refused."""
    kind = KIND[unit]
    size, smallest = SIZES[kind][unit], SIZES[kind][SMALLEST[kind]]
    if Fraction(number) * size / smallest > HIGHEST // 10**6:
        return None  # may be refused as too large: its digits are counted before the point is set
    if KIND.get(target) != kind:
        return None
    exact = Fraction(number) * size / SIZES[kind][target]
    return int(exact) if exact.denominator == 1 else None


@given(numbers, st.sampled_from(sorted(KIND)), st.sampled_from([*sorted(KIND), "weight", ""]))
def test_a_value_converts_exactly_or_not_at_all(number: str, unit: str, target: str) -> None:
    bounds = Bounds(0, HIGHEST, unit=target or None)
    text = f"{number}{unit}"
    expected = converted(number, unit, target)
    try:
        value = parse_value(text, bounds)
    except ExpressionError as error:
        assert expected is None or len(text) > 31, error.message
    else:
        kind = KIND[unit]
        assert value.argument * SIZES[kind][target] == Fraction(number) * SIZES[kind][unit]


@given(numbers, st.sampled_from(sorted(KIND)), st.sampled_from(SIGNALS), st.booleans())
def test_a_literal_takes_the_unit_of_its_signal(
    number: str, unit: str, signal: SignalDef, swapped: bool
) -> None:
    name, target = signal.name, signal.unit
    literal = f"{number}{unit}"
    text = f"{literal} > {name}" if swapped else f"{name} > {literal}"
    expected = converted(number, unit, target)
    try:
        program = compile_expression(text, signal.subject)
    except ExpressionError as error:
        assert expected is None, error.message
        assert literal in text[error.position : error.position + error.length] or (
            error.message.startswith("unknown unit")
        )
    else:
        kind = KIND[unit]
        plain = Fraction(number) * SIZES[kind][unit] / SIZES[kind][target]
        assert plain.denominator == 1
        same = f"{plain} > {name}" if swapped else f"{name} > {plain}"
        assert bytes(program) == bytes(compile_expression(same, signal.subject))


def test_every_unit_of_a_signal_is_known_or_plain() -> None:
    for signal in SIGNALS:
        if signal.unit == "count":
            continue
        assert signal.unit in KIND, f"{signal.name}: literals cannot have its unit"
        compile_expression(f"{signal.name} > 1{signal.unit}", signal.subject)


@pytest.mark.parametrize("kind", sorted(SIZES))
def test_what_fits_is_said(kind: str) -> None:
    wrong = "5ms" if kind != "time" else "5%"
    with pytest.raises(ExpressionError) as caught:
        parse_value(wrong, Bounds(0, 9, unit=SMALLEST[kind]))
    listed = caught.value.message.split(": ")[1].split()
    assert set(listed) <= set(SIZES[kind])
    assert {SIZES[kind][u] for u in listed} | {Fraction(1, 100), Fraction(1, 10**4)} >= set(
        SIZES[kind].values()
    )
