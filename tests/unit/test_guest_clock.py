# SPDX-License-Identifier: Apache-2.0
"""What an emulated kernel is told of its clock."""

from __future__ import annotations

import platform

import pytest

from guest.vm import clock


@pytest.mark.skipif(platform.machine() != "x86_64", reason="no time stamp counter")
def test_two_measurements_of_the_frequency_agree() -> None:
    found = []
    for _ in range(2):
        clock.tsc_khz.cache_clear()
        found.append(clock.tsc_khz())
    if not all(found):
        pytest.skip("memory that may be written must not be executed here")
    # tenths of a GHz to ten; the kernel refines it by at most 1 %
    assert 100_000 < found[0] < 10_000_000
    assert abs(found[0] - found[1]) < found[0] / 1000


def test_without_a_counter_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    clock.tsc_khz.cache_clear()
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert clock.tsc_khz() == 0
    clock.tsc_khz.cache_clear()
