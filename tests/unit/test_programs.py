# SPDX-License-Identifier: Apache-2.0
"""What is counted follows from the programs that are attached."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ainkad.programs import OTHERS, SYSCALLS, slots_mask
from ainkad.signals_gen import COUNTERS, TIMES, Slot

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = re.compile(r"^int BPF_PROG\((\w+)", re.M)

SLOTS = (
    Slot(index=0, name="a.one", file="a.bpf", programs=("begin", "end")),
    Slot(index=1, name="a.two", file="a.bpf", programs=("other",)),
    Slot(index=5, name="b.one", file="b.bpf", programs=("begin",)),
)


def test_a_missing_program_costs_its_own_slots() -> None:
    everything = {("a.bpf", "begin"), ("a.bpf", "end"), ("a.bpf", "other"), ("b.bpf", "begin")}
    assert slots_mask(SLOTS, everything) == 0b100011
    assert slots_mask(SLOTS, everything - {("a.bpf", "end")}) == 0b100010
    assert slots_mask(SLOTS, everything - {("b.bpf", "begin")}) == 0b11
    assert slots_mask(SLOTS, set()) == 0


@pytest.mark.parametrize("slot", COUNTERS + TIMES, ids=lambda slot: slot.name)
def test_the_programs_that_count_are_in_the_files_that_are_loaded(slot: Slot) -> None:
    source = (ROOT / "ebpf" / f"{slot.file}.c").read_text()
    assert set(slot.programs) <= set(PROGRAM.findall(source))
    assert f"{slot.file}.o" in {file for file, _ in (*OTHERS, SYSCALLS)}
