# SPDX-License-Identifier: Apache-2.0
"""Windows over the past of a signal, against a model that keeps everything it saw."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Final

import pytest
from ainkad.core import ExpressionError, Past, Program, Windows, compile_expression
from ainkad.errors import AinkaError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core_reference import HIGHEST, LOWEST, saturate

TASK: Final = 1
MS: Final = 10**6
UPTIME: Final = "ainka.uptime_ms"
SHARE: Final = "task.cpu_share_permille"
FUNCS: Final = ("rate", "delta", "avg", "min", "max")


class WindowModel:
    """A window told by what was seen; times in microseconds."""

    def __init__(self, func: str, length_ms: int, samples: int) -> None:
        self.func = func
        self.length = length_ms * 1000
        self.spacing = -(-self.length // (samples - 1))
        self.samples: list[tuple[int, int]] = []
        self.since: list[int] = []

    def feed(self, now: int, value: int) -> None:
        if self.samples and not 0 <= now - self.samples[-1][0] <= self.length / 4:
            self.samples, self.since = [], []
        self.since.append(value)
        if self.samples and now // self.spacing == self.samples[-1][0] // self.spacing:
            return
        taken = {"min": min, "max": max}.get(self.func, lambda seen: seen[-1])(self.since)
        self.samples.append((now, taken))
        self.since = []

    def read(self, now: int) -> int | None:
        if not self.samples or not 0 <= now - self.samples[-1][0] <= self.length / 4:
            return None
        newest, last = self.samples[-1]
        inside = [(t, v) for t, v in self.samples if newest - self.length < t]
        oldest, first = inside[0]
        if newest - oldest < self.length * Fraction(3, 4):
            return None
        values = [v for _, v in inside]
        if self.func == "avg":
            return int(Fraction(sum(values), len(values)))
        if self.func == "min":
            return min(values + self.since)
        if self.func == "max":
            return max(values + self.since)
        change = saturate(last - first)
        if self.func == "delta":
            return change
        return saturate(int(Fraction(change * 10**6, newest - oldest)))


values = st.one_of(
    *[st.integers(-50, 50)] * 3,
    st.integers(LOWEST, HIGHEST),
    st.sampled_from([LOWEST, HIGHEST, None]),
)
# In thousandths of the window: most are small, so that it is full now and then.
steps_of_time = st.one_of(*[st.integers(0, 40)] * 3, st.integers(0, 200), st.integers(200, 260))
lengths = st.one_of(st.sampled_from([1000, 1001, 4000, 1800_000]), st.integers(1000, 9000))


def holds(program: Program, known: dict[str, int | None], past: Past, wanted: int | None) -> None:
    """The condition compares the window with a number that it should equal."""
    truth = program.evaluate(
        {k: v for k, v in known.items() if not k.startswith("task.")},
        {k: v for k, v in known.items() if k.startswith("task.")} if program.subject else None,
        past=past,
    )
    assert truth is (None if wanted is None else True)


def equals(call: str, value: int | None, subject: int, windows: Windows) -> Program:
    literal = str(value or 0) if (value or 0) > LOWEST else f"-{HIGHEST} - 1"
    return compile_expression(f"{call} == {literal}", subject, windows=windows)


def one_window(
    func: str, length: int, of_task: bool
) -> tuple[str, int, Windows, str, Past, WindowModel]:
    """A window over the system's signal or a task's, and the model of it."""
    signal, subject = (SHARE, TASK) if of_task else (UPTIME, 0)
    windows = Windows()
    call = f"{func}({signal}, {length}ms)"
    compile_expression(f"{call} > 0", subject, windows=windows)
    past = Past(windows, subject)
    model = WindowModel(func, length, 16 if of_task else 64)
    return signal, subject, windows, call, past, model


@settings(max_examples=120)
@given(
    st.sampled_from(FUNCS),
    lengths,
    st.booleans(),
    st.lists(st.tuples(steps_of_time, values), min_size=50, max_size=90),
    st.integers(0, 2**50),
)
def test_a_window_is_what_was_seen(
    func: str, length: int, of_task: bool, steps: list[tuple[int, int | None]], start: int
) -> None:
    signal, subject, windows, call, past, model = one_window(func, length, of_task)
    now = start
    for part, value in steps:
        now += part * length
        known: dict[str, int | None] = {signal: value}
        task = known if of_task else None
        past.feed(now * 1000, {} if of_task else known, task, int(of_task), 7)
        if value is not None:
            model.feed(now, value)
        wanted = model.read(now) if value is not None else None
        holds(equals(call, wanted, subject, windows), known, past, wanted)


@settings(max_examples=60)
@given(
    st.sampled_from(FUNCS),
    lengths,
    st.booleans(),
    st.lists(st.tuples(st.integers(1, 40), st.integers(-50, 50)), min_size=120, max_size=160),
    st.integers(0, 30),
    st.integers(0, 2**50),
)
def test_where_a_window_began_does_not_matter(
    func: str, length: int, of_task: bool, steps: list[tuple[int, int]], late: int, start: int
) -> None:
    """Who looks from later on knows the same, a window and one sample later: so replay does."""
    signal, subject, windows, call, past, model = one_window(func, length, of_task)
    now, begun = start, None
    compared = 0
    for i, (part, value) in enumerate(steps):
        now += part * length
        model.feed(now, value)
        known: dict[str, int | None] = {signal: value}
        if i < late:
            continue
        begun = now if begun is None else begun
        past.feed(now * 1000, {} if of_task else known, known if of_task else None, int(of_task), 7)
        if now - begun > model.length * 5 // 4:
            holds(equals(call, model.read(now), subject, windows), known, past, model.read(now))
            compared += 1
    assert compared or now - (begun or now) <= model.length * 5 // 4


subsets = st.one_of(*[st.just([1, 2, 3])] * 2, st.permutations(range(1, 7)).map(lambda p: p[:4]))


@given(st.lists(subsets, min_size=18, max_size=40))
def test_places_are_given_to_who_is_seen(walks: list[list[int]]) -> None:
    """Three places and six subjects: who has no place is unknown, who keeps one is not."""
    windows = Windows()
    call = f"delta({SHARE}, 1s)"
    compile_expression(f"{call} == 0", TASK, windows=windows)
    past = Past(windows, TASK, places=3)
    # who has the place, when he was seen last, his window
    places: list[tuple[int, int, WindowModel]] = []
    now = 1000
    for walk, numbers in enumerate(walks, 1):
        now += 90_000
        for number in numbers:
            past.feed(now * 1000, {}, {SHARE: now}, number, 5)
            own = next((i for i, place in enumerate(places) if place[0] == number), None)
            if own is None and len(places) < 3:
                own = len(places)
                places.append((number, walk, WindowModel("delta", 1000, 16)))
            elif own is None:
                oldest = min(range(3), key=lambda i: places[i][1])
                if places[oldest][1] + 1 < walk:
                    own = oldest
                    places[own] = (number, walk, WindowModel("delta", 1000, 16))
            wanted = None
            if own is not None:
                model = places[own][2]
                places[own] = (number, walk, model)
                model.feed(now, now)
                wanted = model.read(now)
            holds(equals(call, wanted, TASK, windows), {SHARE: now}, past, wanted)


def fed(call: str, series: list[tuple[float, int | None]], subject: int = 0) -> Past:
    """A past in which the signal of the call had these values at these seconds."""
    windows = Windows()
    compile_expression(f"{call} > 0", subject, windows=windows)
    past = Past(windows, subject)
    for second, value in series:
        past.feed(int(second * 10**9), {UPTIME: value})
    return past


def steady(value: int = 5, until: float = 6.0, step: float = 0.1) -> list[tuple[float, int | None]]:
    return [(10 + step * i, value) for i in range(round(until / step) + 1)]


def known(call: str, series: list[tuple[float, int | None]], present: int | None = 5) -> bool:
    program = compile_expression(f"{call} > -1000000", 0)
    return program.evaluate({UPTIME: present}, past=fed(call, series)) is not None


@pytest.mark.parametrize("func", FUNCS)
def test_what_makes_a_window_unknown(func: str) -> None:
    call = f"{func}({UPTIME}, 5s)"
    assert known(call, steady())
    assert not known(call, []), "nothing was ever seen"
    assert not known(call, steady(until=3.7)), "less than three quarters were seen"
    assert known(call, steady(until=3.8))
    assert not known(call, steady(), present=None), "the signal is stale now"
    gap = [*steady(until=2.4), *((10 + 2.4 + 1.2 + 0.1 * i, 5) for i in range(30))]
    assert known(call, gap), "a gap of a quarter at most"
    gap = [*steady(until=2.4), *((10 + 2.4 + 1.4 + 0.1 * i, 5) for i in range(30))]
    assert not known(call, gap), "a gap of more than a quarter"
    stale = [(t, v if not 12 < t < 13.4 else None) for t, v in steady()]
    assert not known(call, stale), "stale for more than a quarter"
    assert known(call, [(t, v if not 12 < t < 13 else None) for t, v in steady()])
    assert not known(call, [*steady(), (9.0, 5)]), "the clock went back"


def test_the_values() -> None:
    ramp: list[tuple[float, int | None]] = [(10 + 0.1 * i, 30 * i) for i in range(61)]
    for call, wanted in [
        (f"rate({UPTIME}, 5s)", 300),
        (f"delta({UPTIME}, 5s)", 1470),
        (f"min({UPTIME}, 5s)", 330),
        (f"max({UPTIME}, 5s)", 1800),
        (f"avg({UPTIME}, 5s)", 1065),
    ]:
        program = compile_expression(f"{call} == {wanted}", 0)
        assert program.evaluate({UPTIME: 1800}, past=fed(call, ramp)), (call, wanted)


def test_extremes_between_samples_are_not_missed() -> None:
    """Ten looks a sample: the one that counts is not the one that is sampled."""
    call = f"max({UPTIME}, 60s)"
    series: list[tuple[float, int | None]] = [
        (10 + 0.1 * i, 9 if i == 455 else 1) for i in range(600)
    ]
    assert compile_expression(f"{call} == 9", 0).evaluate({UPTIME: 1}, past=fed(call, series))
    series[-1] = (series[-1][0], 12)
    assert compile_expression(f"{call} == 12", 0).evaluate({UPTIME: 1}, past=fed(call, series))


def test_a_task_policy_may_have_windows_over_the_system() -> None:
    windows = Windows()
    program = compile_expression(
        f"max({UPTIME}, 2s) == 4 and max({SHARE}, 2s) == 9", TASK, windows=windows
    )
    past = Past(windows, TASK)
    for i in range(30):
        past.feed(i * 100 * MS, {UPTIME: 4}, {SHARE: 9}, 33, 1)
    assert program.evaluate({UPTIME: 4}, {SHARE: 9}, past=past) is True
    past.feed(2900 * MS, {UPTIME: 4}, {SHARE: 9}, 34, 1)
    assert program.evaluate({UPTIME: 4}, {SHARE: 9}, past=past) is None, "somebody new"


def test_both_conditions_share_windows() -> None:
    windows = Windows()
    when = compile_expression(f"rate({UPTIME}, 5s) > 9", 0, windows=windows)
    until = compile_expression(
        f"rate({UPTIME}, 5s) < 5 or max({UPTIME}, 5000ms) < 1", 0, windows=windows
    )
    assert struct.unpack_from("I", bytes(windows))[0] == 2
    assert when.windows is until.windows
    assert when.signals == until.signals == (UPTIME,)
    again = Program.from_bytes(bytes(until), 0, windows=bytes(windows))
    assert bytes(again) == bytes(until)
    with pytest.raises(AinkaError, match="no such signal"):
        Program.from_bytes(bytes(until), 0)


def test_units_and_text() -> None:
    delay = "sched.run_delay_p99_us"
    program = compile_expression(f"rate({delay}, 5s) > 20ms and avg({delay},1.5s) < 1ms", 0)
    windows, past = program.windows, Past(program.windows, 0)
    for i in range(60):
        past.feed(i * 100 * MS, {delay: 30 * i})
    assert program.render({delay: 5}, past=past) == (
        f"rate({delay}, 5s) 300 > 20000: false; avg({delay}, 1500ms) 1560 < 1000: false"
    )
    assert program.render({delay: 5}) == (
        f"rate({delay}, 5s) unknown > 20000: unknown;"
        f" avg({delay}, 1500ms) unknown < 1000: unknown"
    )
    assert bytes(compile_expression(f"rate({delay}, 5s) > 20000", 0, windows=windows))
    assert compile_expression(f"max ( {delay} , 30min ) > 1", 0)


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        (f"rate({UPTIME}) > 1", ")", "then comes its length"),
        (f"rate({UPTIME}, 5) > 1", "5", "is a time, such as 5s"),
        (f"rate({UPTIME}, 5%) > 1", "5%", "is a time, such as 5s"),
        (f"rate({UPTIME}, 999ms) > 1", "999ms", "1s to 30min"),
        (f"rate({UPTIME}, 31min) > 1", "31min", "1s to 30min"),
        (f"rate({UPTIME}, 1500.5ms) > 1", "1500.5ms", "whole milliseconds"),
        (f"rate({UPTIME} + 1, 5s) > 1", "+", "looks at one signal"),
        (f"rate({UPTIME}, 5s", "", "ends here, with )"),
        (f"rate({UPTIME}, 5s, 6s)", ",", "ends here, with )"),
        ("rate(5, 5s) > 1", "5", "looks at a signal"),
        ("rate(model, 5s) > 1", "model", "unknown signal model"),
        ("rate(no.such, 5s) > 1", "no.such", "unknown signal no.such"),
        (f"rate({SHARE}, 5s) > 1", SHARE, "is a signal of subject task"),
        ("rate > 1", ">", "is written rate(signal, 5s)"),
        (f"{UPTIME} > rate", "", "is written rate(signal, 5s)"),
        (f"rate({UPTIME}, 5s) > 1, 2", ",", "an operator is expected"),
        (f"max({UPTIME}, 5s) > 10%", "10%", f"does not fit max({UPTIME}, 5s), which takes ns"),
        (
            " or ".join(f"max({UPTIME}, {n}s) > 1" for n in range(1, 10)),
            f"max({UPTIME}, 9s)",
            "at most 8 windows",
        ),
    ],
)
def test_errors_name_and_mark(text: str, marked: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, 0, has_model=True)
    error = caught.value
    assert message in error.message
    assert text[error.position : error.position + error.length] == marked


def windows_blob(*defs: tuple[int, int, int, int], n: int | None = None) -> bytes:
    body = b"".join(struct.pack("<HBBI", *d) for d in defs)
    return struct.pack("<I", len(defs) if n is None else n) + body.ljust(64, b"\0")


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (windows_blob(n=9), "at most 8 windows"),
        (windows_blob((0x101, 0, 0, 5000)), "no such signal"),
        (windows_blob((0x8000, 0, 0, 5000)), "no such signal"),
        (windows_blob((0, 5, 0, 5000)), "no such window"),
        (windows_blob((0, 0, 1, 5000)), "no such window"),
        (windows_blob((0, 0, 0, 999)), "1s to 30min"),
        (windows_blob((0, 0, 0, 1800001)), "1s to 30min"),
        (b"x", "windows of 1 bytes"),
    ],
)
def test_windows_from_a_stranger_are_verified(blob: bytes, message: str) -> None:
    program = bytes(compile_expression(f"{UPTIME} > 1", 0))
    with pytest.raises(AinkaError, match=message):
        Program.from_bytes(program, 0, windows=blob)
    Program.from_bytes(program, 0, windows=windows_blob((0, 4, 0, 1000), (1, 3, 0, 1800000)))
