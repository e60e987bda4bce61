# SPDX-License-Identifier: Apache-2.0
"""Counts and latencies of a disk against fio's own report; fio is fetched for this."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from guest.vm import Guest, extra

CHECKS = Path(__file__).parent / "checks"
KERNELS = [name for name in os.environ.get("AINKA_KERNELS", "6.1").split() if name != "debug"]
ONCE = os.environ.get("AINKA_ONCE") == "1"


@pytest.mark.systemd
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kernel", KERNELS[-1:] if ONCE else KERNELS)
def test_what_is_counted_is_what_fio_did(fresh_guest: Callable[..., Guest], kernel: str) -> None:
    guest = fresh_guest(kernel, disks=["64M,iops-total=200"])
    extra.install(guest, ["fio"])
    # whoever writes to a disk and closes it makes udev look what is on it now
    guest.run("systemctl stop 'systemd-udevd*.socket' systemd-udevd")
    guest.put(CHECKS, "/tmp/checks")
    done = guest.run("cd /tmp && python3 -m checks.fio vdb", timeout=600, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all right\n")
