# SPDX-License-Identifier: Apache-2.0
"""The net has no holes: mistakes made on purpose are reported, and found in the kernel's log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from guest.vm import Guest, debug, paths, reports
from tests.vm.conftest import DEBUG_BOOT_SECONDS, LEAKS

SOURCE = Path(__file__).parent / "faulty"

#: Each mistake with a word of its report, and of the function that makes it. KASAN and lockdep
#: switch lockdep off with their first report, so they come last.
FAULTS = {
    "rcu_without_lock": "suspicious RCU usage",
    "shift_too_far": "UBSAN: shift-out-of-bounds",
    "preemptible_cpu": "BUG: using smp_processor_id() in preemptible",
    "sleep_in_atomic": "BUG: sleeping function called from invalid context",
    "free_armed_timer": "ODEBUG: free active",
    "stall": "rcu: INFO: rcu_preempt",
    "inverted_locks": "possible circular locking dependency",
    "out_of_bounds": "KASAN: slab-out-of-bounds",
    "use_after_free": "KASAN: slab-use-after-free",
}


def build() -> Path:
    """Compile the module against the debug kernel."""
    work = paths.ROOT / "build/module/faulty"
    work.mkdir(parents=True, exist_ok=True)
    for source in SOURCE.iterdir():
        (work / source.name).write_bytes(source.read_bytes())
    command = ["make", "-C", str(debug.headers()), f"M={work}", "modules"]
    clean = {**os.environ, "MAKEFLAGS": "", "MFLAGS": "", "MAKELEVEL": ""}
    done = subprocess.run(command, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return work / "ainka_faulty.ko"


def commit(guest: Guest, fault: str) -> None:
    """Make a mistake; loading fails afterwards, in words."""
    guest.run("sleep 1.2")  # the kernel tells of sleeping in atomic context once a second
    done = guest.run(f"insmod /tmp/ainka_faulty.ko fault={fault}", check=False, timeout=120)
    assert "Operation canceled" in done.stderr, f"{fault}: {done.stderr}"


@pytest.mark.timeout(1800)
def test_each_kind_of_mistake_is_reported(fresh_guest: Callable[..., Guest]) -> None:
    module = build()
    guest = fresh_guest(
        debug.NAME, memory="3G", boot_timeout=DEBUG_BOOT_SECONDS, plain=True, reports=True
    )
    guest.put(module, "/tmp/ainka_faulty.ko")
    guest.run("echo 3 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout")
    assert guest.kernel_reports() == []
    missed = []
    for fault, words in FAULTS.items():
        before = set(guest.kernel_reports())
        commit(guest, fault)
        new = [line for line in guest.kernel_reports() if line not in before]
        if not any(words in line for line in new):
            missed.append(f"{fault}: {new or guest.run('dmesg | tail -40').stdout}")
        elif fault not in guest.run("dmesg").stdout:
            missed.append(f"{fault}: the report does not name the function")
    assert not missed, "\n".join(missed)


@pytest.mark.timeout(1800)
def test_a_leak_is_found(fresh_guest: Callable[..., Guest]) -> None:
    module = build()
    guest = fresh_guest(
        debug.NAME, memory="3G", boot_timeout=DEBUG_BOOT_SECONDS, plain=True, reports=True
    )
    guest.put(module, "/tmp/ainka_faulty.ko")
    guest.run(f"{LEAKS}echo clear >$leaks", timeout=600)
    commit(guest, "leak")
    found = guest.run(LEAKS, timeout=600).stdout
    assert "unreferenced object" in found
    # kmemleak shows the bytes of what was lost
    assert "nobody knows" in found
    assert reports.find(guest.run("dmesg").stdout), "the log does not say that there are leaks"
