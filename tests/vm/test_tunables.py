# SPDX-License-Identifier: Apache-2.0
"""Tunables of the machine: set, given back exactly, and left alone once somebody else has set them.

The checks run in the guest, see checks/; they compare everything a tunable could touch.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from guest.vm import Guest

REFERENCE = Path(__file__).parents[2] / "docs/reference/tunables.md"
CHECKS = Path(__file__).parent / "checks"
DRIVERS = Path(__file__).parent / "drivers"


def run(guest: Guest, module: str, check: str, timeout: float = 600) -> None:
    """Run a check in the guest."""
    guest.run("rm -rf /tmp/checks")
    guest.put(CHECKS, "/tmp/checks")
    command = f"cd /tmp && python3 -m checks.{module} {check}"
    done = guest.run(command, timeout=timeout, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert done.stdout.endswith("all right\n")


def line(row: dict[str, Any]) -> str:
    """A tunable as the reference page has it."""
    name = re.sub(r"^block\.[^.]+\.", "block.DISK.", row["name"])
    words = " ".join(pair.partition("=")[0] for pair in row.get("values", "").split())
    cells = [f"`{name}`", row["subject"], words or f"{row['min']} to {row['max']}",
             "" if words else row["unit"], row["step"] or "", row["lane"]]  # fmt: skip
    if name.startswith("cpufreq.policyN."):
        cells[2:4] = ["as the hardware", "kHz"] if name.endswith("_khz") else ["words", ""]
    elif words == "max":
        # a number, and what stands for no limit
        cells[2:4] = [f"{row['min']} to max", row["unit"]]
    elif name == "cgroup.memory.low":
        cells[2] = "0 to half of the memory"
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


@pytest.mark.every_kernel
def test_the_reference_lists_what_the_module_knows(guest: Guest) -> None:
    guest.run("modprobe ainka")
    rows = json.loads(guest.run("ainkactl tunables --json").stdout)
    known = {line(row) for row in rows if "kind" in row}
    written = {text for text in REFERENCE.read_text().splitlines() if text.startswith("| `")}
    missing = sorted(known - written)
    assert not missing, f"not in {REFERENCE}:\n" + "\n".join(missing)
    assert not written - known, f"{REFERENCE} has what is not there: {sorted(written - known)}"


@pytest.mark.parametrize(
    "check", ["listing", "removal", "twenty", "unload", "lease", "foreign", "bad"]
)
def test_tunables_of_the_system(guest: Guest, check: str) -> None:
    guest.run("modprobe ainka lease_ms=2000")
    run(guest, "tunables", check)


@pytest.mark.parametrize(
    "check",
    ["bad", "schedulers", "twenty", "unload", "lease", "foreign", "pulled", "open_files", "cost"],
)
def test_tunables_of_disks(guest: Guest, check: str) -> None:
    guest.run("modprobe ainka lease_ms=2000")
    run(guest, "blocks", check)


# Once, on a host with more guests than CPUs, the switch was neither pending nor done.
@pytest.mark.flaky(reruns=2, only_rerun="was done before|EmulatorFault")
def test_a_slow_write_does_not_delay_the_fast_lane(guest: Guest) -> None:
    guest.run("modprobe ainka")
    run(guest, "blocks", "fast_lane")


@pytest.mark.parametrize(
    "check",
    ["counts", "flushes", "missing_hook", "signals_of_a_disk", "policies", "with_the_daemon"],
)
def test_disks_as_subjects(guest: Guest, check: str) -> None:
    guest.run("modprobe ainka lease_ms=3000")
    run(guest, "devices", check)


@pytest.mark.parametrize("check", ["one_of_them", "gone", "from_elsewhere"])
def test_tunables_of_network_namespaces(guest: Guest, check: str) -> None:
    guest.run("modprobe ainka")
    run(guest, "netns", check)


def test_cpu_latency_is_a_vote(guest: Guest) -> None:
    guest.run("modprobe ainka lease_ms=2000")
    run(guest, "power", "cpu_latency")


@pytest.mark.parametrize("check", ["votes", "pulled", "governors"])
def test_cpu_frequency(guest: Guest, check: str) -> None:
    """Against the kernel's cpufreq core, with a driver of our own below it."""
    if guest.run("test -e /tmp/drivers/testfreq.ko", check=False).returncode:
        guest.run("rm -rf /tmp/drivers")
        guest.put(DRIVERS, "/tmp/drivers")
        guest.run("make -C /lib/modules/$(uname -r)/build M=/tmp/drivers modules", timeout=300)
    guest.run("modprobe ainka lease_ms=2000")
    try:
        run(guest, "power", check)
    finally:
        guest.run("rmmod testfreq 2>/dev/null; true")
