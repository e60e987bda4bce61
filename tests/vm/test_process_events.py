# SPDX-License-Identifier: Apache-2.0
"""Events of processes and threads, against programs that make an exact number of them."""

from __future__ import annotations

from pathlib import Path

from guest.vm import Guest

SCRIPTS = Path(__file__).parent / "scripts"


def program(guest: Guest) -> str:
    """scripts/processes.c in the guest, compiled."""
    guest.put(SCRIPTS / "processes.c", "/tmp/processes.c")
    guest.run("gcc -O1 -Wall -static -pthread -o /tmp/processes /tmp/processes.c")
    return "/tmp/processes"


def test_events_are_what_the_program_did(guest: Guest) -> None:
    guest.put(SCRIPTS / "check_process_events.py", "/tmp/check_process_events.py")
    done = guest.run(
        ["python3", "/tmp/check_process_events.py", program(guest)], timeout=900, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
