# SPDX-License-Identifier: Apache-2.0
"""What the daemon has touched stays in memory, or an error says why not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DAEMON = Path(__file__).resolve().parents[2] / "daemon"
SCRIPT = """
import os, re, resource, sys
from ainkad.resident import stay_resident

if len(sys.argv) > 1:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    if os.geteuid() == 0:  # whom no limit binds
        os.setuid(65534)
try:
    stay_resident()
except OSError as error:
    print("refused", error.errno)
else:
    after = bytearray(8 << 20)
    after[:] = b"x" * len(after)
    status = open("/proc/self/status").read()
    print("locked", *(re.search(key + r":\\s+(\\d+)", status)[1] for key in ("VmLck", "VmSize")))
"""


def run(*arguments: str) -> list[str]:
    """What the script says, in a process of its own: a lock lasts as long as one does."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], env={"PYTHONPATH": str(DAEMON)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.split()


def test_what_is_touched_is_locked() -> None:
    word, *numbers = run()
    # Without the right to it the limit is a few megabytes.
    if os.geteuid() == 0 or word == "locked":
        assert word == "locked"
        locked_kib, all_kib = map(int, numbers)
        assert 8 << 10 < locked_kib <= all_kib
    else:
        assert numbers[0] in ("1", "12")


def test_where_it_may_not_it_says_so() -> None:
    word, number = run("without")
    assert word == "refused" and number in ("1", "12")
