# SPDX-License-Identifier: Apache-2.0
"""The command line of the guest's machine: one that counts instructions, and an ordinary one."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.vm import Guest, GuestError, clock
from guest.vm.kernels import Kernel
from guest.vm.qemu import Machine


def command(icount: bool) -> list[str]:
    kernel = Kernel("6.12.0", Path("/boot/vmlinuz"), Path("/boot/initrd"))
    machine = Machine(kernel, Path("/r"), Path("/c"), 1, "1G", "quiet", [], None, icount)
    return machine.command(2222)


def test_instructions_are_counted_only_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AINKA_ACCEL", "tcg")
    monkeypatch.setattr(clock, "tsc_khz", lambda: 2_600_000)
    counting, ordinary = command(True), command(False)
    assert counting[counting.index("-icount") + 1] == "shift=0"
    assert counting[counting.index("-accel") + 1] == "tcg,thread=single"
    words = counting[counting.index("-append") + 1].split()
    assert "tsc_early_khz=1000000" in words
    assert words[-1] == "quiet"
    assert "mitigations=off" not in words
    assert "-icount" not in ordinary
    assert "mitigations=off" in ordinary[ordinary.index("-append") + 1].split()
    assert "tsc_early_khz=2600000 tsc=reliable" in ordinary[ordinary.index("-append") + 1]


@pytest.mark.parametrize(("accel", "khz"), [("kvm", 2_600_000), ("tcg", 0)])
def test_only_an_emulated_kernel_is_told_of_a_counter_that_there_is(
    monkeypatch: pytest.MonkeyPatch, accel: str, khz: int
) -> None:
    monkeypatch.setenv("AINKA_ACCEL", accel)
    monkeypatch.setattr(clock, "tsc_khz", lambda: khz)
    ordinary = command(False)
    words = ordinary[ordinary.index("-append") + 1]
    assert "tsc" not in words
    assert ("mitigations=off" in words) == (accel == "tcg")


def test_a_guest_that_counts_has_one_cpu() -> None:
    with pytest.raises(GuestError, match="1 CPU, not 2"):
        Guest(icount=True)
