# SPDX-License-Identifier: Apache-2.0
"""Who is not an administrator of the machine is let in at no door.

Neither is root of a user namespace of his own, with or without a network namespace, whose
capabilities mean nothing to the machine.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from guest.vm import Guest

SPEC = Path(__file__).parents[2] / "kmod/spec/ainka.yaml"
SCRIPT = Path(__file__).parent / "scripts/check_doors.py"
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all"
CALLERS = {
    "nobody": NOBODY,
    "root of a user namespace": f"{NOBODY} unshare --user --map-root-user",
    "root of user and network namespaces": f"{NOBODY} unshare --user --map-root-user --net",
}


def operations() -> list[str]:
    """The operations that are an administrator's, as check_doors.py takes them."""
    listed = yaml.safe_load(SPEC.read_text())["operations"]["list"]
    return [
        f"{'do' if 'do' in operation else 'dump'}:{operation['name']}"
        for operation in listed
        if "admin-perm" in operation.get("flags", [])
    ]


def doors(guest: Guest, caller: str) -> dict[str, str]:
    """What each door said to a caller."""
    command = f"cd / && {caller} python3 /tmp/check_doors.py {' '.join(operations())}"
    lines = guest.run(command).stdout.splitlines()
    assert lines[-1] == "doors: done", lines
    return dict(line.split(": ", 1) for line in lines[:-1])


@pytest.fixture
def open_files(guest: Guest) -> Guest:
    """The module, with its files open to all, so that only its own checks are left."""
    guest.put(SCRIPT, "/tmp/check_doors.py")
    guest.run("modprobe ainka; udevadm settle 2>/dev/null; chmod 666 /proc/ainka")
    return guest


def test_root_is_let_in(open_files: Guest) -> None:
    found = doors(open_files, "")
    assert set(found.values()) == {"open"}, found
    assert set(operations()) <= set(found)
    assert "parameter enforce" in found


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
def test_others_are_not(open_files: Guest, caller: str) -> None:
    guest = open_files
    guest.run(
        "echo 'policy add swap when ainka.uptime_ms > 0 set sysctl.vm.swappiness=33' > /proc/ainka"
    )
    page = "grep -v -e evaluations -e loaded -e memory /proc/ainka"
    before = guest.run(page).stdout
    found = doors(guest, caller)
    if "netlink" in found:
        assert "--net" in caller and found.pop("netlink").startswith("no family")
    else:
        assert set(operations()) <= set(found)
    assert set(found.values()) <= {"EPERM", "EACCES"}, found
    assert {"proc", "device", "parameter enforce"} <= set(found)
    assert guest.run(page).stdout == before
    assert guest.run("cat /proc/sys/vm/swappiness").stdout == "33\n"
