# SPDX-License-Identifier: Apache-2.0
"""Memory runs out at every place where the module asks for some: see failing/."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.vm import Guest

SCRIPTS = Path(__file__).parent / "failing"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", ["operations", "loading"])
def test_every_allocation_fails_once(guest: Guest, what: str) -> None:
    guest.run("rm -rf /tmp/failing")
    guest.put(SCRIPTS, "/tmp/failing")
    done = guest.run(f"cd /tmp && python3 -m failing.{what}", timeout=3500, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{what}: done" in done.stdout
