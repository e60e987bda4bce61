# SPDX-License-Identifier: Apache-2.0
"""The daemon on the real module: it attaches, experiments, and leaves nothing when it is killed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from ainkad.netlink.spec_gen import MapRole

from guest.vm import Guest

ALL_MAPS = (1 << len(MapRole)) - 1
LOAD = Path(__file__).parent / "scripts" / "load.c"
# A daemon that learns soon: short windows, and enough of them to be caught in the middle.
CONFIG = """
[daemon]
lease = "2s"
[learning]
settle = "200ms"
seed = 1
"""


def start(guest: Guest) -> None:
    """Load the module, start the daemon as a service, wait until it is ready."""
    guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=CONFIG)
    guest.run("modprobe ainka && systemctl start ainkad", timeout=120)


def load(guest: Guest) -> None:
    guest.put(LOAD, "/tmp/load.c")
    guest.run("gcc -O1 -o /tmp/load /tmp/load.c && (setsid /tmp/load 6 >/dev/null 2>&1 &)")


def parsed(guest: Guest, command: str) -> Any:
    return json.loads(guest.run(f"ainkactl {command} --json").stdout)


def wait_for(guest: Guest, what: str, condition: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while guest.run(condition, check=False).returncode != 0:
        if time.monotonic() > deadline:
            log = guest.run("journalctl -u ainkad --no-pager | tail -30").stdout
            pytest.fail(f"no {what} within {seconds} s\n{log}")
        time.sleep(0.5)


@pytest.fixture(autouse=True)
def no_load_left(guest: Guest) -> Any:
    config = guest.run("cat /etc/ainka/config.toml").stdout
    yield
    guest.run("pkill -x interactive; pkill -x hog", check=False)
    guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=config)


def test_the_installed_configuration_is_right(guest: Guest) -> None:
    assert guest.run("ainkad --check-config").stdout == "/etc/ainka/config.toml: ok\n"
    guest.run("echo 'lease = 5' > /tmp/bad.toml")
    done = guest.run("ainkad --check-config --config /tmp/bad.toml", check=False)
    assert done.returncode == 1
    assert "/tmp/bad.toml:1: lease: unknown key" in done.stderr


def test_without_the_module_it_says_how_to_load_it(guest: Guest) -> None:
    done = guest.run("ainkad", check=False)
    assert done.returncode == 1
    assert "modprobe ainka" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_attaches_holds_the_lease_and_leaves_cleanly(guest: Guest) -> None:
    start(guest)
    status = parsed(guest, "status")
    assert status["maps"] == ALL_MAPS
    assert 0 < status["lease-ms"] <= 2000
    done = guest.run("ainkad", check=False, timeout=60)
    assert done.returncode == 1
    assert "another ainkad" in done.stderr
    time.sleep(4)
    assert parsed(guest, "status")["lease-ms"] > 0
    signals = {row["name"]: row for row in parsed(guest, "signals")}
    assert signals["sched.switch_rate_hz"]["value"] > 0
    assert parsed(guest, "signals --tasks")
    guest.run("systemctl stop ainkad")
    assert guest.run("systemctl show -p Result --value ainkad").stdout == "success\n"
    assert parsed(guest, "status")["maps"] == 0


def test_after_a_pause_longer_than_its_lease_it_hands_over_its_maps_again(guest: Guest) -> None:
    start(guest)
    guest.run("systemctl kill -s STOP ainkad; sleep 4; grep 'daemon: none' /proc/ainka")
    assert parsed(guest, "status")["maps"] == 0
    guest.run("systemctl kill -s CONT ainkad")
    wait_for(guest, "maps", f"ainkactl status --json | grep -q '\"maps\": {ALL_MAPS}'", 10)
    assert "event=lease-lapsed" in guest.run("journalctl -u ainkad --no-pager").stdout
    assert parsed(guest, "status")["lease-ms"] > 0


def test_policies_of_the_admin_are_loaded_at_start(guest: Guest) -> None:
    policy = (
        '[[policy]]\nname = "mine"\nwhen = "ainka.uptime_ms > 0"\n'
        'set = { "sysctl.vm.swappiness" = 12 }\n'
    )
    guest.run(["sh", "-c", "cat > /etc/ainka/policies.d/10-mine.toml"], input=policy)
    guest.run(["sh", "-c", "cat > /etc/ainka/policies.d/20-bad.toml"], input="[[policy]]\n")
    start(guest)
    assert [p["name"] for p in parsed(guest, "policy list")] == ["mine"]
    wait_for(guest, "change", "[ $(cat /proc/sys/vm/swappiness) = 12 ]", 5)
    assert "20-bad.toml" in guest.run("journalctl -u ainkad --no-pager").stdout
    guest.run("systemctl restart ainkad", timeout=120)
    assert [p["name"] for p in parsed(guest, "policy list")] == ["mine"]


def test_without_a_problem_it_changes_nothing(guest: Guest) -> None:
    start(guest)
    time.sleep(10)
    assert parsed(guest, "policy list") == []
    assert [d for d in parsed(guest, "decisions") if d["verdict"] == "applied"] == []


def test_unload_stops_it(guest: Guest) -> None:
    start(guest)
    assert "daemon stopped, module removed" in guest.run("ainkactl unload").stdout


@pytest.mark.slow
def test_killed_in_an_experiment_it_leaves_every_task_as_it_was(guest: Guest) -> None:
    start(guest)
    load(guest)
    policies = "ps -eLo comm,cls | grep -E '^(hog|interactive) '"
    wait_for(guest, "experiment", "ainkactl tunables --json | grep -q '\"baseline\"'", 120)
    # The daemon is to stay dead: systemd would start it anew.
    guest.run("systemctl mask --runtime ainkad; systemctl kill -s KILL ainkad")
    guest.run("sleep 3")  # the lease of 2 s and one more
    rows = parsed(guest, "tunables")
    assert [row for row in rows if "baseline" in row] == []
    assert {line.split()[1] for line in guest.run(policies).stdout.splitlines()} == {"TS"}
    nices = guest.run("ps -eLo comm,ni | grep -E '^(hog|interactive) '").stdout
    assert {line.split()[1] for line in nices.splitlines()} == {"0"}
    assert parsed(guest, "policy list") == []
    guest.run("systemctl unmask --runtime ainkad")
