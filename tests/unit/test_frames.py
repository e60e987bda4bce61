# SPDX-License-Identifier: Apache-2.0
"""Record mode's frames: what goes in comes out, and a gap is told and passed over."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from ainkad.errors import AinkaError
from ainkad.frames import FRAME_SIGNALS, SNAP, SUBJECTS, WALKED, Coder, Frame, Reader
from ainkad.layouts_gen import INPUTS_BYTES, INPUTS_DTYPE, INPUTS_KEY, RECORD_INPUTS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.recordings import Cutter

EDGES = [0, 1, -1, 2**63 - 1, -(2**63), 2**62, 127, 128]
VALUE = st.one_of(st.sampled_from(EDGES), st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9))


def bank(n: int, seed: int, chosen: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """``n`` values and flags: too many to draw each, so most follow from a seed."""
    rng = Random(seed)
    values = [rng.choice((rng.choice(EDGES), rng.randint(-9, 9), 0)) for _ in range(n)]
    for at, value in chosen:
        values[at % n] = value
    return values, [rng.randrange(2) for _ in range(n)]


def banks(n: int) -> Any:
    chosen = st.lists(st.tuples(st.integers(0, n - 1), VALUE), max_size=6)
    return st.builds(bank, st.just(n), st.integers(0, 2**32 - 1), chosen)


SUBJECT = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(0, 3), banks(SNAP))


@st.composite
def frames(draw: Any) -> list[Frame]:
    found = []
    time_ns = draw(st.integers(0, 2**63))
    for number in range(draw(st.integers(1, 8))):
        time_ns += draw(st.integers(0, 2**40))
        walked = number == 0 or draw(st.booleans())
        rows = draw(st.lists(SUBJECT, max_size=6, unique_by=lambda s: s[:3])) if walked else []
        subjects = np.zeros(len(rows), SUBJECTS)
        for at, (subject, num, id_, (val, fresh)) in enumerate(rows):
            subjects[at] = (subject, num, id_, val, fresh)
        val, fresh = draw(banks(FRAME_SIGNALS))
        found.append(
            Frame(
                time_ns,
                (WALKED if walked else 0) | draw(st.sampled_from([0, 2])),
                draw(st.integers(0, 4)),
                np.array(val, np.int64),
                np.array(fresh, np.uint8),
                subjects,
            )
        )
    return found


def same(a: Frame, b: Frame, subjects: Any) -> None:
    assert (a.time_ns, a.flags, a.state) == (b.time_ns, b.flags, b.state)
    np.testing.assert_array_equal(a.fresh, b.fresh)
    np.testing.assert_array_equal(a.values[a.fresh == 1], b.values[b.fresh == 1])
    assert len(subjects) == len(b.subjects)
    for name in ("subject", "num", "id", "fresh"):
        np.testing.assert_array_equal(subjects[name], b.subjects[name])
    known = subjects["fresh"] == 1
    np.testing.assert_array_equal(subjects["val"][known], b.subjects["val"][known])


@settings(max_examples=200, deadline=None)
@given(frames(), st.integers(0, 7))
def test_what_is_encoded_is_decoded(sent: list[Frame], key_at: int) -> None:
    writer, reader = Coder(), Coder()
    subjects: Any = []
    for number, frame in enumerate(sent):
        key = number == 0 or (number == key_at and bool(frame.flags & WALKED))
        if frame.flags & WALKED:
            subjects = frame.subjects
        same(frame, reader.decode(writer.encode(frame, key), key), subjects)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), frames())
def test_bytes_from_anywhere_are_a_frame_or_refused(data: bytes, sent: list[Frame]) -> None:
    coder = Coder()
    whole = coder.encode(sent[0])
    for candidate in (data, whole[:-1], whole + b"\0", whole[: len(whole) // 2] + data):
        reader = Coder()
        try:
            frame = reader.decode(candidate)
        except AinkaError:
            continue
        assert len(frame.subjects) <= 320
    with pytest.raises(AinkaError):
        Coder().decode(whole + b"\0")


def stream(n: int, every: int) -> tuple[list[Frame], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(7)
    writer = Coder()
    sent, cutter = [], Cutter()
    for number in range(n):
        subjects = np.zeros(40, SUBJECTS)
        subjects["subject"] = 1
        subjects["num"] = np.arange(40) + 1
        subjects["val"] = rng.integers(-(10**12), 10**12, (40, SNAP))
        subjects["fresh"] = 1
        frame = Frame(
            1000 * number,
            WALKED,
            0,
            rng.integers(0, 10**6, FRAME_SIGNALS),
            np.ones(FRAME_SIGNALS, np.uint8),
            subjects,
        )
        sent.append(frame)
        cutter.add(writer.encode(frame, number % every == 0), number % every == 0)
    return sent, cutter.pieces()


def test_pieces_make_the_same_frames_in_any_batches() -> None:
    sent, rows = stream(20, 5)
    assert len(rows) > 60
    reader = Reader()
    got = [frame for part in np.array_split(rows[:], 7) for frame in reader.read(part)]
    assert len(got) == len(sent)
    for a, b in zip(sent, got, strict=True):
        same(a, b, a.subjects)
    assert (reader.losses.gaps, reader.losses.pieces, reader.losses.corrupt) == (0, 0, 0)


def test_a_gap_is_told_and_reading_goes_on_at_the_next_key_frame() -> None:
    sent, rows = stream(20, 5)
    keys = np.flatnonzero(rows["flags"] & INPUTS_KEY)
    lost = int(keys[1]) + 3  # within the frames from the fifth on
    reader = Reader()
    got = list(reader.read(np.delete(rows, [lost, lost + 1])))
    assert (reader.losses.gaps, reader.losses.pieces) == (1, 2)
    times = [frame.time_ns for frame in got]
    assert times[:5] == [f.time_ns for f in sent[:5]]
    assert times[-10:] == [f.time_ns for f in sent[10:]]
    assert 15 <= len(times) < 20


def test_beginning_in_the_middle_waits_for_a_key_frame() -> None:
    sent, rows = stream(20, 5)
    keys = np.flatnonzero(rows["flags"] & INPUTS_KEY)
    got = list(Reader().read(rows[int(keys[1]) + 1 :]))
    assert [frame.time_ns for frame in got] == [frame.time_ns for frame in sent[10:]]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 3), st.integers(0, 600),
                          st.binary(max_size=INPUTS_BYTES)), max_size=20))  # fmt: skip
def test_hostile_pieces_do_no_harm(rows: list[tuple[int, int, int, bytes]]) -> None:
    out = np.zeros(len(rows), INPUTS_DTYPE)
    for at, (number, flags, n, payload) in enumerate(rows):
        out[at]["id"], out[at]["type"] = number, RECORD_INPUTS
        out[at]["flags"], out[at]["bytes"] = flags, n
        out[at]["payload"][: len(payload)] = np.frombuffer(payload, np.uint8)
    reader = Reader()
    for frame in reader.read(out):
        assert len(frame.subjects) <= 320
