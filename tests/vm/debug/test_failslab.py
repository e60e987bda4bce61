# SPDX-License-Identifier: Apache-2.0
"""Memory runs out at every place where the module asks for some: see failslab.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.vm import Guest

SCRIPT = Path(__file__).parent / "failslab.py"


@pytest.mark.timeout(3600)
def test_every_allocation_of_every_operation_fails_once(guest: Guest) -> None:
    guest.put(SCRIPT, "/tmp/failslab.py")
    done = guest.run("python3 /tmp/failslab.py", timeout=3500, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failslab: done" in done.stdout
