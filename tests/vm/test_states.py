# SPDX-License-Identifier: Apache-2.0
"""The states, their doors, and what each allows: see scripts/check_states.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.vm import Guest

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("check", ["transitions", "learner_gone", "stall"])
def test_states(guest: Guest, check: str) -> None:
    for script in ("policy_tools.py", "check_states.py"):
        guest.put(SCRIPTS / script, f"/tmp/{script}")
    done = guest.run(f"python3 /tmp/check_states.py {check}", timeout=1000, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{check}: passed" in done.stdout
