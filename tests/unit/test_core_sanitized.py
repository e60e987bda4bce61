# SPDX-License-Identifier: Apache-2.0
"""The tests of the core once more, against the build with address and undefined sanitizers.

The sanitizer's run time has to be the first library of the process, so they run in another one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
LIBRARY = CHECKOUT / "build/core/libainka_core_asan.so"


@pytest.mark.skipif("AINKA_CORE_LIB" in os.environ, reason="a library was chosen already")
def test_core_with_sanitizers() -> None:
    assert LIBRARY.exists(), "run make core first"
    runtime = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    modules = sorted(p for p in HERE.glob("test_core_*.py") if p.name != Path(__file__).name)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, modules)],
        cwd=CHECKOUT,
        env=os.environ
        | {
            "AINKA_CORE_LIB": str(LIBRARY),
            "LD_PRELOAD": runtime,
            # The interpreter does not free everything; that is not what is tested.
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-8000:]
