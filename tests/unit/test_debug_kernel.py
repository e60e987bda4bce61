# SPDX-License-Identifier: Apache-2.0
"""The debug kernel's configuration: what it has to have, and that a refused line is noticed."""

from __future__ import annotations

import pytest

from guest.vm import debug

NEEDED = (
    "KASAN", "KASAN_GENERIC", "KASAN_INLINE", "KASAN_VMALLOC", "PROVE_LOCKING", "PROVE_RCU",
    "DEBUG_ATOMIC_SLEEP", "DEBUG_KMEMLEAK", "DEBUG_OBJECTS", "UBSAN", "FAILSLAB",
    "FAIL_PAGE_ALLOC", "FAULT_INJECTION_DEBUG_FS", "DEBUG_INFO_BTF",
)  # fmt: skip


@pytest.mark.parametrize("symbol", NEEDED)
def test_it_looks_for_mistakes(symbol: str) -> None:
    assert f"CONFIG_{symbol}=y" in (debug.HERE / "config").read_text().splitlines()


@pytest.mark.parametrize(
    ("wanted", "got", "missing"),
    [
        ("CONFIG_A=y\n", "CONFIG_A=y\n", []),
        ("CONFIG_A=y\n", "# CONFIG_A is not set\n", ["CONFIG_A=y"]),
        ("CONFIG_A=y\n", "CONFIG_A=m\n", ["CONFIG_A=y"]),
        ("# a comment\n\nCONFIG_N=3\n", "CONFIG_N=30\n", ["CONFIG_N=3"]),
        ("# CONFIG_A is not set\n", "", []),
        ("# CONFIG_A is not set\n", "CONFIG_A=y\n", ["# CONFIG_A is not set"]),
        ("# CONFIG_A is not set\n", "CONFIG_AB=y\n", []),
    ],
)
def test_a_line_that_was_not_taken_is_named(wanted: str, got: str, missing: list[str]) -> None:
    assert debug.not_taken(wanted, got) == missing
