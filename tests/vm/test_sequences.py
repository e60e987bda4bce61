# SPDX-License-Identifier: Apache-2.0
"""Random sequences of operations on the real module: see sequences/__main__.py.

``make test-vm`` runs a share of them, ``make test-sequences N=10000`` as many as it is told.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guest.vm import Guest

PACKAGE = Path(__file__).parent / "sequences"
OPERATIONS = int(os.environ.get("AINKA_OPERATIONS", "2000"))
SEED = int(os.environ.get("AINKA_SEED", "1"))


# A tenth of a second for each, several times what it takes; the debug kernel is slower still.
@pytest.mark.every_kernel
@pytest.mark.timeout(300 + OPERATIONS)
def test_promises_hold_after_random_sequences(guest: Guest) -> None:
    guest.run("rm -rf /tmp/sequences")
    guest.put(PACKAGE, "/tmp/sequences")
    command = f"cd /tmp && python3 -m sequences --operations {OPERATIONS} --seed {SEED}"
    done = guest.run(command, timeout=250 + OPERATIONS, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sequences: done" in done.stdout
