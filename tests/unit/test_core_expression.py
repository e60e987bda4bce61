# SPDX-License-Identifier: Apache-2.0
"""Conditions: the compiled program means what the text says, and no program can do harm."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import pytest
from ainkad.core import ExpressionError, Program, compile_expression
from ainkad.errors import AinkaError
from ainkad.signals_gen import N_SYSTEM_SIGNALS
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core_reference import (
    ALL_SIGNALS,
    SIGNALS,
    Node,
    conditions,
    environments,
    split,
    truth,
)

TASK: Final = 1
LIMITS: Final = ("at most 64 instructions", "longer than 511", "at most 16", "more than 16 deep")
INSN: Final = struct.Struct("<BBHHHq")
HEADER_BYTES: Final = 16

Instruction = tuple[int, int, int, int, int]
"""op, cmp, signal, pad, imm; the slot follows from the signal"""


def packed(instruction: Instruction) -> bytes:
    op, cmp, signal, pad, imm = instruction
    slot = signal if signal < 0x100 else N_SYSTEM_SIGNALS + (signal & 0xFF)
    return INSN.pack(op, cmp, signal, slot, pad, imm)


def compiled(node: Node) -> Program | None:
    """The program, or None for a text that is beyond a limit."""
    try:
        return compile_expression(node.text(), TASK)
    except ExpressionError as error:
        assert any(limit in error.message for limit in LIMITS), (node.text(), error.message)
        return None


@given(conditions, environments)
def test_means_what_the_reference_means(node: Node, known: dict[str, int | None]) -> None:
    program = compiled(node)
    if program is not None:
        assert program.evaluate(*split(known)) is truth(node, known), node.text()


@given(conditions, environments)
def test_what_compiles_verifies_and_renders(node: Node, known: dict[str, int | None]) -> None:
    program = compiled(node)
    if program is None:
        return
    again = Program.from_bytes(bytes(program), TASK)
    assert bytes(again) == bytes(program)
    text = again.render(*split(known))
    assert text.count(": ") >= 1
    assert all(name in text for name in again.signals) or text.endswith("...")


@given(conditions, st.lists(environments, min_size=1, max_size=4))
def test_batches_equal_single_evaluations(node: Node, rows: list[dict[str, int | None]]) -> None:
    program = compiled(node)
    if program is None:
        return
    values = np.array([[row.get(s.name) or 0 for s in ALL_SIGNALS] for row in rows], dtype=np.int64)
    fresh = np.array([[row.get(s.name) is not None for s in ALL_SIGNALS] for row in rows])
    truths = program.evaluate_batch(values, fresh)
    assert [(False, True, None)[t] for t in truths] == [program.evaluate(*split(r)) for r in rows]


@given(
    conditions,
    environments,
    st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_mutated_programs_are_refused_or_safe(
    node: Node, known: dict[str, int | None], changes: list[tuple[int, int]]
) -> None:
    program = compiled(node)
    if program is None:
        return
    blob = bytearray(bytes(program))
    for position, value in changes:
        blob[position % len(blob)] = value
    try:
        mutant = Program.from_bytes(bytes(blob), TASK)
    except AinkaError:
        return
    mutant.evaluate(*split(known))
    mutant.render(*split(known))
    assert len(bytes(mutant)) <= HEADER_BYTES + 64 * INSN.size


instructions = st.tuples(
    st.integers(0, 16),
    st.integers(0, 7),
    st.sampled_from([0, 1, 15, 16, 0x100, 0x109, 0x10A, 0xFFFF]),
    st.just(0),
    st.sampled_from([0, 0, 1, -1, 2**63 - 1, -(2**63)]),
)


@given(st.lists(instructions, min_size=1, max_size=64), environments, st.data())
def test_random_instructions_are_refused_or_safe(
    drawn: list[Instruction], known: dict[str, int | None], data: st.DataObject
) -> None:
    # Fields an operation does not use are zeroed, or next to nothing would verify.
    code = []
    for op, cmp, signal, pad, imm in drawn:
        term = op <= 2
        code.append(
            (
                op,
                (cmp or 1) if term or op == 12 else 0,
                signal if term or op == 4 else 0,
                pad,
                imm if term or op == 3 else 0,
            )
        )
    used: list[int] = []
    for op, _, signal, *_ in code:
        if (op <= 2 or op == 4) and signal not in used and len(used) < 4:
            used.append(signal)
    depth = data.draw(st.integers(1, 6))
    header = struct.pack("<HHH4HH", len(code), depth, len(used), *(used + [0] * 4)[:4], 0)
    try:
        program = Program.from_bytes(header + b"".join(map(packed, code)), TASK)
    except AinkaError:
        return
    program.evaluate(*split(known))
    program.render(*split(known))


@given(st.text(max_size=80))
def test_any_text_compiles_or_explains_itself(text: str) -> None:
    try:
        compile_expression(text, TASK, has_model=True)
    except ExpressionError as error:
        assert error.message
        assert 0 <= error.position <= len(text)
        assert error.position + error.length <= len(text)


words = st.sampled_from(
    ["and", "or", "not", "!", "(", ")", "<", "<=", "==", "+", "-", "*", "/", "%", "5", "20ms"]
    + ["10%", "task.age_ms", "sched.run_delay_p99_us", "psi.io_some_permille", "model", "1s"]
)


@given(st.lists(words, max_size=40).map(" ".join))
def test_any_words_compile_or_explain_themselves(text: str) -> None:
    try:
        program = compile_expression(text, TASK, has_model=True)
    except ExpressionError as error:
        assert error.message
        assert error.position + error.length <= len(text)
    else:
        Program.from_bytes(bytes(program), TASK, has_model=True)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("sched.run_delay_p99_us > 20ms", "sched.run_delay_p99_us > 20000"),
        ("20ms < sched.run_delay_p99_us", "sched.run_delay_p99_us > 20000"),
        ("task.age_ms >= 2min", "task.age_ms >= 120000"),
        ("psi.io_some_permille > 10%", "psi.io_some_permille > 100"),
        ("sched.run_delay_p99_us > 2 * 20ms + 1s", "sched.run_delay_p99_us > 1040000"),
        ("sched.run_delay_p99_us - 5 > -20ms", "sched.run_delay_p99_us - 5 > -20000"),
        ("sched.run_delay_p99_us / 1ms > 3", "sched.run_delay_p99_us / 1000 > 3"),
        ("sched.run_delay_p99_us > 1.5ms", "sched.run_delay_p99_us > 1500"),
        ("sched.run_delay_p99_us > 0.000500s", "sched.run_delay_p99_us > 500"),
        ("psi.io_some_permille > 12.5%", "psi.io_some_permille > 125"),
        ("psi.io_some_permille > 5000ppm", "psi.io_some_permille > 5"),
        ("sched.switch_rate_hz > 2.5kHz", "sched.switch_rate_hz > 2500"),
        ("task.age_ms > 1h", "task.age_ms > 3600000"),
        ("task.pid > 1_000_000", "task.pid > 1000000"),
        ("task.pid > 1 && !(task.pid == 3) || 1 > 0",
         "task.pid > 1 and not (task.pid == 3) or 1 > 0"),
        ("not task.pid > 1 and 2 > 1", "(not (task.pid > 1)) and (2 > 1)"),
        ("task.pid > 2 + 3 * 4", "task.pid > 14"),
        ("task.pid\n>\t7", "task.pid>7"),
    ],
)  # fmt: skip
def test_two_ways_to_write_one_condition(text: str, same: str) -> None:
    assert bytes(compile_expression(text, TASK)) == bytes(compile_expression(same, TASK))


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        ("sched.run_dely_p99_us > 1", "sched.run_dely_p99_us", "mean sched.run_delay_p99_us?"),
        ("nonsense > 1", "nonsense", "unknown signal nonsense"),
        ("task.age_ms > 3", "task.age_ms", "is a signal of subject task, but the policy's subject"),
        ("psi.io_some_permille > 20ms", "20ms", "20ms does not fit psi.io_some_permille"),
        ("sched.run_delay_p99_us > 10%", "10%", "does not fit sched.run_delay_p99_us"),
        ("ainka.uptime_ms > 1500us", "1500us", "whole number of ms, the unit of ainka.uptime"),
        ("ainka.uptime_ms > 5parsec", "parsec", "unknown unit parsec: there are ns us ms s min"),
        ("ainka.uptime_ms > 1.5", "1.5", "a plain number is whole"),
        ("ainka.uptime_ms > 0.1us", "0.1us", "not a whole number of ms"),
        ("ainka.uptime_ms > 0.0001us", "0.0001us", "finer than can be told"),
        ("ainka.uptime_ms > 1.ms", "1.", "a digit is expected"),
        ("ainka.uptime_ms > 1MHz", "1MHz", "which takes ns us ms s min h"),
        ("sched.switch_rate_hz > 1ms", "1ms", "which takes Hz kHz MHz GHz"),
        ("model > 1ms", "model", "no model"),
        ("ainka.uptime_ms > 9223372036854775808", "9223372036854775808", "larger than"),
        ("ainka.uptime_ms > 9223372036854775s", "9223372036854775s", "larger than"),
        ("1 < ainka.uptime_ms < 3", "<", "chained"),
        ("ainka.uptime_ms", "ainka.uptime_ms", "a number, not a condition"),
        ("ainka.uptime_ms and 1 > 0", "ainka.uptime_ms", "where a condition is needed"),
        ("(1 > 0) + 1 > 0", "(1 > 0)", "where a number is needed"),
        ("1 > ", "", "ends where"),
        ("", "", "ends where"),
        ("1 > (1", "(", "not closed"),
        ("1 > 1)", ")", "not opened"),
        ("1 > 0 2", "2", "an operator is expected"),
        ("1 = 0", "=", "comparisons are"),
        ("1 > 0 & 1 > 0", "&", "write and"),
        ("1 > ü", "ü", "unexpected character"),
        ("model > 1", "model", "no model"),
        ("20ms > 10ms", "20ms > 10ms", "no signal beside"),
        ("20ms * 20ms > 1", "20ms", "with a plain number only"),
        ("1 > 0\0", "\0", "NUL"),
        ("(" * 17 + "1>0" + ")" * 17, "(", "nested more than 16"),
        ("not " * 17 + "1 > 0", "not", "nested more than 16"),
        (" and ".join(["ainka.uptime_ms > 1"] * 27), None, "longer than 511"),
        ("1/0" + "+1/0" * 21 + " > 1", None, "at most 64 instructions"),
    ],
)
def test_errors_name_and_mark(text: str, marked: str | None, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, 0)
    error = caught.value
    assert message in error.message
    if marked is not None and not text.endswith(" ü"):
        assert text[error.position : error.position + error.length].strip() == marked
        assert error.caret.splitlines()[1].index("^") == error.position + 2
    assert len(error.message) < 160


def test_just_within_the_limits() -> None:
    compile_expression("+".join(["task.pid"] * 31) + " > task.pid", TASK)
    compile_expression("(" * 16 + "1>0" + ")" * 16, TASK)
    compile_expression(" and ".join(["task.pid > 1"] * 28), TASK)
    compile_expression("1*1*1*1*1*1 + 2 > " + "+".join("1" * 200), TASK)


def test_causes_are_the_first_four_signals() -> None:
    names = [s.name for s in SIGNALS[:6]]
    program = compile_expression(" and ".join(f"{n} > 1" for n in names + names), 0)
    assert program.signals == tuple(names[:4])


def test_a_program_of_a_task_is_not_one_of_the_system() -> None:
    blob = bytes(compile_expression("task.pid > 1", TASK))
    for subject in (0, 2, 3, 4, 1 << 31):
        with pytest.raises(AinkaError):
            Program.from_bytes(blob, subject)


def test_model_needs_a_model() -> None:
    blob = bytes(compile_expression("model > 1", 0, has_model=True))
    with pytest.raises(AinkaError):
        Program.from_bytes(blob, 0)
    assert Program.from_bytes(blob, 0, has_model=True).evaluate({}) is None


def test_explanation() -> None:
    program = compile_expression(
        "sched.run_delay_p99_us > 5ms and psi.io_some_permille > 10%"
        " or -(task.age_ms - 3) * 2 != 4",
        TASK,
    )
    assert program.render({"sched.run_delay_p99_us": 8123}, {"task.age_ms": 1}) == (
        "sched.run_delay_p99_us 8123 > 5000: true; psi.io_some_permille stale > 100: unknown;"
        " (-(task.age_ms 1 - 3)) * 2 != 4: false"
    )


def test_unknown_is_not_false() -> None:
    stale: dict[str, int | None] = {}
    known: dict[str, int | None] = {"ainka.uptime_ms": 5}
    one = "sched.run_delay_p99_us > 1"
    assert compile_expression(one, 0).evaluate(stale) is None
    assert compile_expression(f"not {one}", 0).evaluate(stale) is None
    assert compile_expression(f"{one} and ainka.uptime_ms > 9", 0).evaluate(known) is False
    assert compile_expression(f"{one} or ainka.uptime_ms > 1", 0).evaluate(known) is True
    assert compile_expression("ainka.uptime_ms / 0 > 1", 0).evaluate(known) is None


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        ("ainka.uptime_ms / -1", -(2**63), 2**63 - 1),
        ("ainka.uptime_ms % -1", -(2**63), 0),
        ("-ainka.uptime_ms", -(2**63), 2**63 - 1),
        ("ainka.uptime_ms + 1", 2**63 - 1, 2**63 - 1),
        ("ainka.uptime_ms - 2", -(2**63) + 1, -(2**63)),
        ("0 - ainka.uptime_ms", -(2**63), 2**63 - 1),
        ("ainka.uptime_ms * ainka.uptime_ms", -(2**40), 2**63 - 1),
        ("ainka.uptime_ms * -5", 2**62, -(2**63)),
        ("ainka.uptime_ms / 2", -7, -3),
        ("ainka.uptime_ms % 4", -7, -3),
    ],
)
def test_arithmetic_saturates_and_never_traps(text: str, value: int, result: int) -> None:
    # The smallest number has no literal: it is reached by saturation.
    literal = str(result) if result > -(2**63) else f"-{2**63 - 1} - 1"
    program = compile_expression(f"{text} == {literal}", 0)
    assert program.evaluate({"ainka.uptime_ms": value}) is True


TERM: Final = (0, 4, 0, 0, 1)
TERM_AND: Final = (1, 4, 0, 0, 1)
IMM: Final = (3, 0, 0, 0, 1)
NOT: Final = (13, 0, 0, 0, 0)
ADD: Final = (7, 0, 0, 0, 0)
CMP: Final = (12, 4, 0, 0, 0)
AND: Final = (14, 0, 0, 0, 0)


def by_hand(code: list[Instruction], depth: int, signals: int = 0) -> bytes:
    header = struct.pack("<HHH4HH", len(code), depth, signals, 0, 0, 0, 0, 0)
    return header + b"".join(map(packed, code))


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "1 to 64"),
        (by_hand([TERM] * 65, 1), "is too long"),
        (by_hand([TERM_AND], 1, 1), "operand is missing"),
        (by_hand([IMM, CMP], 1), "operand is missing"),
        (by_hand([TERM, TERM, CMP], 2, 1), "wrong type"),
        (by_hand([IMM, NOT], 1), "wrong type"),
        (by_hand([IMM, IMM, AND], 2), "wrong type"),
        (by_hand([IMM, TERM_AND], 1, 1), "wrong type"),
        (by_hand([TERM, IMM, ADD], 2, 1), "wrong type"),
        (by_hand([IMM], 1), "exactly one condition"),
        (by_hand([TERM, TERM], 2, 1), "exactly one condition"),
        (by_hand([*[TERM] * 17, *[AND] * 16], 17, 1), "more than 16 stack"),
        (by_hand([(16, 0, 0, 0, 0)], 1), "no such operation"),
        (by_hand([(255, 0, 0, 0, 0)], 1), "no such operation"),
        (by_hand([(0, 0, 0, 0, 1)], 1, 1), "no such comparison"),
        (by_hand([(0, 7, 0, 0, 1)], 1, 1), "no such comparison"),
        (by_hand([IMM, IMM, (12, 4, 1, 0, 0)], 2), "no such signal"),
        (by_hand([(0, 4, 0xB0, 0, 1)], 1, 1), "no such signal"),
        (by_hand([(0, 4, 0x2F0, 0, 1)], 1, 1), "no such signal"),
        (by_hand([(0, 4, 0, 1, 1)], 1, 1), "unused fields"),
        (by_hand([TERM, (13, 0, 0, 0, 5)], 1, 1), "unused fields"),
        (by_hand([TERM], 1, 1).replace(b"\x04\0\0\0\0", b"\x04\0\0\1\0"), "the slot is not"),
        (by_hand([TERM], 2, 1), "depth is wrong"),
        (by_hand([TERM], 0, 1), "depth is wrong"),
        (by_hand([TERM], 1, 0), "number of signals"),
        (by_hand([TERM], 1, 2), "number of signals"),
        (by_hand([(0, 4, 1, 0, 1)], 1, 1), "list of signals"),
    ],
)
def test_the_verifier_refuses(blob: bytes, message: str) -> None:
    with pytest.raises(AinkaError) as caught:
        Program.from_bytes(blob, TASK)
    assert message in caught.value.message


def test_the_verifier_accepts_a_full_stack() -> None:
    blob = by_hand([*[TERM] * 16, *[AND] * 15], 16, 1)
    assert Program.from_bytes(blob, 0).evaluate({"ainka.uptime_ms": 2}) is True
