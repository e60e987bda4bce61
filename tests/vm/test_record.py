# SPDX-License-Identifier: Apache-2.0
"""Record mode in a real kernel: the decisions can be taken again from what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guest.vm import Guest

SCRIPT = Path(__file__).parent / "scripts" / "check_record.py"


# A gap (status 2) is a busy host, which kept the reader from its work; it is told as one.
@pytest.mark.flaky(reruns=2, only_rerun="ring was full|EmulatorFault")
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


@pytest.mark.flaky(reruns=2, only_rerun="ring was full|EmulatorFault")
def test_a_replay_takes_the_decisions_that_the_module_took(guest: Guest) -> None:
    # What turned to and fro before the recording counts for the module, and is not known to it.
    guest.run("modprobe ainka ring_kib=4096 park_turns=100000")
    before = guest.run("cat /proc/sys/vm/swappiness /sys/module/ainka/parameters/record").stdout
    for name, more in (
        ("flutter", "mode enforce when ainka.uptime_ms % 3000 < 1500 set sysctl.vm.swappiness=7"),
        ("second", "mode observe when avg(ainka.uptime_ms, 1s) % 1400 < 700 set "
                   "sysctl.vm.vfs_cache_pressure=90"),
    ):  # fmt: skip
        guest.run(f"echo 'policy add {name} {more}' > /proc/ainka")
    guest.run("ainkactl record /tmp/recording --for 14s", timeout=120)
    after = guest.run("cat /sys/module/ainka/parameters/record").stdout
    assert after.strip() == before.split()[1]
    done = guest.run("ainkactl replay /tmp/recording --json", timeout=300)
    found = json.loads(done.stdout)
    print(guest.run("ainkactl replay /tmp/recording | tail -n 20").stdout)
    assert not found["gaps"], "the ring was full"
    assert found["doubts"] == []
    assert found["frames"] > 200
    assert found["compared"]["alike"] >= 12
    assert found["compared"]["unlike"] == []
    values = {(d["old"], d["new"]) for d in found["decisions"] if d["policy"] == "flutter"}
    swappiness = int(before.split()[0])
    assert values == {(swappiness, 7), (7, swappiness)}
