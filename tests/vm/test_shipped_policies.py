# SPDX-License-Identifier: Apache-2.0
"""The shipped policies on the real module: each fires on real trouble, and undoes itself after.

They are added as they are shipped, but for their mode. memory-leak looks back over ten minutes and
wants more memory than the guest has: that one is tried by replay, in tests/unit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guest.vm import Guest
from tests.vm.test_daemon import load, no_load_left, parsed, wait_for
from tests.vm.test_delivery import start

__all__ = ["no_load_left"]

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(900)]
FOLDER = "/usr/share/ainka/policies"
HERE = Path(__file__).parent
LEARNS_NOTHING = "[learning]\nenabled = false\n"


def enforce(guest: Guest, name: str) -> None:
    """Add a shipped file, in mode enforce."""
    guest.run(f"sed 's/^mode = .*/mode = \"enforce\"/' {FOLDER}/{name}.toml > /tmp/{name}.toml")
    guest.run(f"ainkactl policy add -f /tmp/{name}.toml")


def advised(guest: Guest) -> set[str]:
    """Policies that have given advice."""
    rows = parsed(guest, "decisions")
    return {row["policy"] for row in rows if row["verdict"] == "advised"}


@contextmanager
def storm(guest: Guest, *arguments: str, cgroup: str = "") -> Iterator[None]:
    """scripts/storm.c at work, in a cgroup if one is named."""
    guest.put(HERE / "scripts/storm.c", "/tmp/storm.c")
    guest.run("gcc -O1 -Wall -o /tmp/storm /tmp/storm.c")
    join = f"echo $$ > {cgroup}/cgroup.procs; " if cgroup else ""
    command = f"{join}exec /tmp/storm {' '.join(arguments)}"
    guest.run(f"setsid sh -c '{command}' >/dev/null 2>&1 </dev/null &")
    try:
        yield
    finally:
        guest.run("pkill -9 -x storm; true")
        wait_for(guest, "end of the storm", "! pgrep -x storm", 60)


@contextmanager
def disk_load(guest: Guest, kind: str) -> Iterator[str]:
    """checks/disk_load.py at work; the name of its disk."""
    guest.run("rm -rf /tmp/checks")
    guest.put(HERE / "checks", "/tmp/checks")
    guest.run(
        f"(cd /tmp && exec setsid python3 -m checks.disk_load {kind}) "
        ">/tmp/disk_load.log 2>&1 </dev/null &"
    )
    wait_for(guest, "disk", "grep -q . /tmp/disk_load.log", 60)
    disk = guest.run("cat /tmp/disk_load.log").stdout.strip()
    try:
        yield disk
    finally:
        guest.run("pkill -f [c]hecks.disk_load; true")
        wait_for(guest, "end of the load", "! pgrep -f [c]hecks.disk_load", 60)


def test_the_module_takes_every_one_as_advice(guest: Guest) -> None:
    guest.run("modprobe ainka")
    for path in guest.run(f"ls {FOLDER}/*.toml").stdout.split():
        guest.run(f"ainkactl policy add -f {path}")
    rows = parsed(guest, "policy list")
    assert len(rows) >= 7
    assert {row["mode"] for row in rows} == {"advise"}


def test_cpu_hogs_are_weighed_down_and_let_go(guest: Guest) -> None:
    start(guest, LEARNS_NOTHING)
    load(guest)
    guest.run(f"ainkactl policy add -f {FOLDER}/cpu-hogs.toml")
    wait_for(guest, "advice", "ainkactl decisions --json | grep -q advised", 120)
    assert advised(guest) == {"cpu-hogs"}
    assert set(guest.run("ps -o ni= -C hog").stdout.split()) == {"0"}
    guest.run("ainkactl policy remove cpu-hogs")
    enforce(guest, "cpu-hogs")
    wait_for(guest, "change", "ps -o ni= -C hog | grep -qw 5", 120)
    assert set(guest.run("ps -o ni= -C interactive").stdout.split()) == {"0"}
    guest.run("pkill -STOP -x hog")
    wait_for(guest, "return", "! ps -o ni= -C hog | grep -qw 5", 120)


def test_a_debt_on_a_slow_disk_is_limited(guest: Guest) -> None:
    start(guest, LEARNS_NOTHING)
    before = guest.run("cat /proc/sys/vm/dirty_bytes").stdout
    enforce(guest, "dirty-debt")
    with disk_load(guest, "stall"):
        wait_for(guest, "limit", "[ $(cat /proc/sys/vm/dirty_bytes) = $((64 << 20)) ]", 120)
    wait_for(guest, "return", f"[ $(cat /proc/sys/vm/dirty_bytes) = {before.strip()} ]", 180)


@pytest.mark.parametrize("limited", [True, False])
def test_a_fork_storm_is_contained_in_its_cgroup(guest: Guest, limited: bool) -> None:
    file, value, usual = ("pids.max", "3000", "max") if limited else ("cgroup.freeze", "1", "0")
    other = "fork-storm-freeze" if limited else "fork-storm"
    start(guest, LEARNS_NOTHING)
    folder = "/sys/fs/cgroup/stormy"
    guest.run(f"echo +pids > /sys/fs/cgroup/cgroup.subtree_control; mkdir {folder}")
    try:
        enforce(guest, "fork-storm")
        guest.run("ainkactl policy remove fork-storm-task")
        guest.run(f"ainkactl policy remove {other}")
        with storm(guest, "stay", "5000", cgroup=folder):
            wait_for(guest, "change", f"grep -qx {value} {folder}/{file}", 120)
            time.sleep(2)
            assert int(guest.run(f"cat {folder}/pids.current").stdout) <= 3000 or not limited
        wait_for(guest, "return", f"grep -qx {usual} {folder}/{file}", 120)
    finally:
        guest.run(f"rmdir {folder}")


def test_who_forks_without_end_gets_the_cpu_last(guest: Guest) -> None:
    start(guest, LEARNS_NOTHING)
    enforce(guest, "fork-storm")
    # Two kernels on a busy host fork less than a thousand times a second.
    guest.run("sed -i 's/hz > 500/hz > 100/; s/hz < 100/hz < 50/' /tmp/fork-storm.toml")
    guest.run("grep -q 'hz > 100' /tmp/fork-storm.toml && grep -q 'hz < 50' /tmp/fork-storm.toml")
    guest.run("ainkactl policy add --replace -f /tmp/fork-storm.toml")
    with storm(guest, "fork"):
        wait_for(guest, "nice", "ps -o ni= -C storm | grep -qw 19", 60)
        # It holds for 5 s in any case, and then while the storm goes on. Where others want the
        # CPUs, who gets them last may fork so seldom that it is let go; it comes again.
        time.sleep(12)
        wait_for(guest, "nice still", "ps -o ni= -C storm | grep -qw 19", 60)
        guest.run("pkill -STOP -x storm")
        wait_for(guest, "return", "ps -o ni= -C storm | grep -qw 0", 60)


def test_read_ahead_follows_the_kind_of_reads(guest: Guest) -> None:
    start(guest, LEARNS_NOTHING)
    enforce(guest, "read-ahead")
    for kind, wanted in (("random", 16), ("sequential", 512)):
        with disk_load(guest, kind) as disk:
            ahead = f"/sys/block/{disk}/queue/read_ahead_kb"
            wait_for(guest, f"read-ahead for {kind} reads", f"grep -qx {wanted} {ahead}", 60)
            guest.run("pkill -STOP -f [c]hecks.disk_load")
            wait_for(guest, "return", f"grep -qx 128 {ahead}", 60)
            guest.run("pkill -CONT -f [c]hecks.disk_load")
