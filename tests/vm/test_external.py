# SPDX-License-Identifier: Apache-2.0
"""Signals that others register and push through netlink, and policies that name them."""

from __future__ import annotations

import json
from typing import Any

from guest.vm import Guest

SWAPPINESS = "cat /proc/sys/vm/swappiness"


def out(guest: Guest, command: str) -> str:
    return guest.run(command).stdout.strip()


def refused(guest: Guest, command: str) -> str:
    done = guest.run(command, check=False)
    assert done.returncode == 1, f"{command}: {done.stdout}{done.stderr}"
    return done.stderr


def signal(guest: Guest, name: str) -> dict[str, Any]:
    rows = json.loads(out(guest, "ainkactl signals --json"))
    return next(row for row in rows if row["name"] == name)


def wait(guest: Guest, test: str) -> None:
    """Until a shell test holds."""
    guest.run(f"for i in $(seq 200); do {test} && exit 0; sleep 0.05; done; exit 1", timeout=60)


def test_a_policy_acts_on_a_pushed_signal_and_ends_with_it(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = out(guest, SWAPPINESS)
    add = "ainkactl policy add web --when 'web.queue_count > 100' --set sysctl.vm.swappiness=11"
    # the module decides what names there are: before the first push there is none
    assert "unknown signal web.queue_count" in refused(guest, add)
    guest.run("ainkactl signals push web.queue_count=5 --max-age 1h")
    guest.run(add)
    assert out(guest, SWAPPINESS) == before
    guest.run("ainkactl signals push web.queue_count=500")
    wait(guest, f'[ "$({SWAPPINESS})" = 11 ]')
    row = signal(guest, "web.queue_count")
    assert (row["value"], row["unit"], row["source"]) == (500, "count", "netlink")
    assert row["max-age-ns"] == 3600 * 10**9, "kept when not given"
    guest.run("ainkactl signals push web.queue_count=7")
    wait(guest, f'[ "$({SWAPPINESS})" = {before} ]')
    decisions = json.loads(out(guest, "ainkactl decisions --json"))
    assert decisions[-2]["cause"] == [{"signal": "web.queue_count", "value": 500}]

    # nobody pushes any more: it grows stale, and the baseline comes back by itself
    guest.run("ainkactl signals push web.queue_count=500 --max-age 500ms")
    wait(guest, "grep -q 'applied 2, restored 2' /proc/ainka")
    assert out(guest, SWAPPINESS) == before
    assert signal(guest, "web.queue_count")["stale"]


def test_what_cannot_be_is_refused_in_words(guest: Guest) -> None:
    guest.run("modprobe ainka")
    push = "ainkactl signals push"
    for arguments, words in {
        "web.queue=1": "ends in its unit",
        "Web.queue_count=1": "lower-case",
        "task.queue_count=1": "of such subjects",
        "ainka.uptime_ms=1": "measures itself",
        "web.queue_count=1 --max-age 1us": "1 ms to 1 hour",
        "web.queue_count=1 --max-age 2h": "1 ms to 1 hour",
        "web.queue_count=1 --max-age 0": "1 ms to 1 hour",
        f"web.{'x' * 70}_count=1": "policy validation",
        "web.queue_count=9223372036854775808": "64 bits",
        "web.queue_count=many": "64 bits",
        "web.queue_count": "NAME=VALUE",
    }.items():
        stderr = refused(guest, f"{push} {arguments}")
        assert words in stderr, f"{arguments}: {stderr}"
    assert "web." not in out(guest, "ainkactl signals"), "what is refused is not registered"
    done = guest.run(
        f"setpriv --reuid=65534 --regid=65534 --clear-groups {push} web.queue_count=1", check=False
    )
    assert done.returncode == 1 and "not permitted" in done.stderr.lower()
    # the table is bounded, and what is full says so; names that are there still work
    guest.run(f"{push} $(for i in $(seq 64); do echo w.n${{i}}_count=$i; done)")
    assert "table of external signals is full: 64" in refused(guest, f"{push} w.more_count=1")
    guest.run(f"{push} w.n64_count=5")


def test_what_the_daemon_pushed_is_stale_when_its_lease_ends(guest: Guest) -> None:
    guest.put("tests/vm/scripts/hold_lease.py", "/tmp/hold_lease.py")
    guest.run("modprobe ainka lease_ms=2000")
    before = out(guest, SWAPPINESS)
    guest.run(
        "setsid python3 /tmp/hold_lease.py test 'load.forecast_permille > 800'"
        " sysctl.vm.swappiness=11 admin --push load.forecast_permille=900"
        " > /tmp/holder.log 2>&1 &"
    )
    try:
        wait(guest, f'[ "$({SWAPPINESS})" = 11 ]')
        assert signal(guest, "load.forecast_permille")["source"] == "daemon"
        guest.run("pkill -9 -f [h]old_lease.py")
        # the policy is the admin's and stays; its signal is what goes
        wait(guest, f'[ "$({SWAPPINESS})" = {before} ]')
        assert signal(guest, "load.forecast_permille")["stale"]
        assert "load.forecast_permille > 800" in out(guest, "ainkactl policy show test")
        # a successor takes the name up again
        guest.run("ainkactl signals push load.forecast_permille=900")
        wait(guest, f'[ "$({SWAPPINESS})" = 11 ]')
    finally:
        guest.run("pkill -9 -f [h]old_lease.py; true")
