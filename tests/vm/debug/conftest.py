# SPDX-License-Identifier: Apache-2.0
"""Tests of the debug kernel alone; on the others they are left out."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def debug_kernel_only(session_guest: Any) -> None:
    """Leave the test out where the kernel would notice nothing."""
    if not session_guest.debug:
        pytest.skip("only for the debug kernel")
