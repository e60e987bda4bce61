# SPDX-License-Identifier: Apache-2.0
"""Cgroups as subjects, and their tunables: see tests/vm/scripts/check_cgroups.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guest.vm import Guest

SCRIPTS = Path(__file__).parent / "scripts"
#: The names in the table CHECKS at the end of the script.
TABLE = (SCRIPTS / "check_cgroups.py").read_text().rpartition("for check in (")[2]
CHECKS = [name.replace("_", "-") for name in re.findall(r"^ {8}(\w+),$", TABLE, re.MULTILINE)]


@pytest.mark.parametrize("check", CHECKS)
def test_cgroups(guest: Guest, check: str) -> None:
    for script in ("policy_tools.py", "cgroup_tools.py", "check_cgroups.py"):
        guest.put(SCRIPTS / script, f"/tmp/{script}")
    done = guest.run(f"python3 /tmp/check_cgroups.py {check}", timeout=300, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{check}: passed" in done.stdout
