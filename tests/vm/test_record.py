# SPDX-License-Identifier: Apache-2.0
"""Record mode in a real kernel: the decisions can be taken again from what was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.vm import Guest

SCRIPT = Path(__file__).parent / "scripts" / "check_record.py"


# A gap (status 2) is a busy host, which kept the reader from its work; it is told as one.
@pytest.mark.flaky(reruns=2, only_rerun="ring was full")
def test_decisions_can_be_taken_again_from_a_recording(guest: Guest) -> None:
    guest.put(SCRIPT, "/tmp/check_record.py")
    guest.run("modprobe ainka ring_kib=4096")
    done = guest.run(["python3", "/tmp/check_record.py"], timeout=300, check=False)
    print(done.stdout)
    assert done.returncode != 2, f"the ring was full: {done.stdout}"
    assert done.returncode == 0, done.stdout + done.stderr
    assert "done" in done.stdout


def test_recording_allocates_nothing_until_it_is_on_and_gives_it_back(guest: Guest) -> None:
    def memory() -> int:
        text = guest.run("cat /proc/ainka").stdout
        (line,) = (line for line in text.splitlines() if line.startswith("memory: "))
        return int(line.split()[1])

    guest.run("modprobe ainka tick_us=10000")
    guest.run("echo 'policy add p mode observe when ainka.uptime_ms > 0 set "
              "sysctl.vm.swappiness=1' > /proc/ainka")  # fmt: skip
    off = memory()
    guest.run("echo 'config_update record=1' > /proc/ainka; sleep 1")
    on = memory()
    assert off < on < off + (1 << 20)
    guest.run("echo 'config_update record=0' > /proc/ainka; sleep 1")
    assert memory() == off
