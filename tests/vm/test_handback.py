# SPDX-License-Identifier: Apache-2.0
"""What an admin takes back and gives back: foreign values, undo, policies that oscillate."""

from __future__ import annotations

import json
import time
from typing import Any

from guest.vm import Guest

SWAPPINESS = "cat /proc/sys/vm/swappiness"
TUNABLE = "sysctl.vm.swappiness"
ALWAYS = "--when 'ainka.uptime_ms > 0'"


def ok(guest: Guest, command: str) -> str:
    return guest.run(f"ainkactl {command}").stdout


def rows(guest: Guest, command: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ok(guest, f"{command} --json"))
    return found


def refused(guest: Guest, command: str) -> str:
    done = guest.run(f"ainkactl {command}", check=False)
    assert done.returncode == 1 and done.stderr.startswith("error: "), done
    return str(done.stderr)


def value(guest: Guest) -> str:
    return guest.run(SWAPPINESS).stdout.strip()


def wait_value(guest: Guest, expected: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while (now := value(guest)) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert now == expected


def applied(guest: Guest, policy: str) -> int:
    """The last decision of a policy that set something."""
    found = [
        row["id"]
        for row in rows(guest, "decisions --last 100")
        if row["policy"] == policy and row["verdict"] == "applied"
    ]
    assert found, f"{policy} has set nothing"
    return int(found[-1])


def test_a_foreign_value_stays_until_it_is_released(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = value(guest)
    try:
        ok(guest, f"policy add calm {ALWAYS} --set {TUNABLE}=11")
        wait_value(guest, "11")
        guest.run("echo 77 > /proc/sys/vm/swappiness")
        ok(guest, "policy remove calm")
        assert value(guest) == "77"
        # Another policy, later: it is still the admin's.
        ok(guest, f"policy add late {ALWAYS} --set {TUNABLE}=12")
        guest.run("sleep 1")
        assert value(guest) == "77"
        assert rows(guest, "decisions")[-1]["reason"] == "foreign-value"
        assert "the admin's: 1" in guest.run("cat /proc/ainka").stdout
        (entry,) = (row for row in rows(guest, f"tunables {TUNABLE}") if "baseline" in row)
        assert entry["foreign"] is True

        assert f"released {TUNABLE} of 1 subject" in ok(guest, f"tunable release {TUNABLE}")
        wait_value(guest, "12")
        ok(guest, "policy remove late")
        wait_value(guest, "77")
        assert "nothing to hand back" in refused(guest, f"tunable release {TUNABLE}")
        assert "no.such" in refused(guest, "tunable release no.such")
    finally:
        guest.run(f"rmmod ainka; echo {before} > /proc/sys/vm/swappiness")


def test_unload_leaves_a_foreign_value_alone_and_restores_the_rest(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = value(guest)
    pressure = "/proc/sys/vm/vfs_cache_pressure"
    other = guest.run(f"cat {pressure}").stdout.strip()
    try:
        ok(guest, f"policy add two {ALWAYS} --set {TUNABLE}=11 "
                  "--set sysctl.vm.vfs_cache_pressure=55")  # fmt: skip
        wait_value(guest, "11")
        guest.run("echo 77 > /proc/sys/vm/swappiness; rmmod ainka")
        assert value(guest) == "77"
        assert guest.run(f"cat {pressure}").stdout.strip() == other
    finally:
        guest.run(f"echo {before} > /proc/sys/vm/swappiness")


def test_undo_lets_the_next_policy_have_it_then_the_baseline(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = value(guest)
    ok(guest, f"policy add low {ALWAYS} --set {TUNABLE}=21")
    wait_value(guest, "21")
    ok(guest, f"policy add high {ALWAYS} --priority 5 --set {TUNABLE}=22")
    wait_value(guest, "22")
    high = applied(guest, "high")
    assert f"undo     ainkactl undo {high}" in ok(guest, f"explain {high}")
    said = ok(guest, f"undo {high}")
    assert f"{TUNABLE} of system is 21, by policy low" in said
    assert value(guest) == "21"
    assert "already" in refused(guest, f"undo {high}") or "set since" in refused(
        guest, f"undo {high}"
    )
    low = applied(guest, "low")
    assert f"has its baseline again, {before}" in ok(guest, f"undo {low}")
    assert value(guest) == before
    guest.run("sleep 1")
    assert value(guest) == before, "an undone policy must not set it again"
    assert "parked 1" in guest.run("cat /proc/ainka").stdout
    assert "has its baseline already" in refused(guest, f"undo {low}")
    assert "resumed low: 1 tunable" in ok(guest, "policy resume low")
    wait_value(guest, "21")
    assert "nothing to resume" in refused(guest, "policy resume low")
    # Replacing a policy gives it everything back as well.
    ok(guest, f"policy add high {ALWAYS} --priority 5 --replace --set {TUNABLE}=23")
    wait_value(guest, "23")
    guest.run("rmmod ainka")
    assert value(guest) == before


def test_undo_of_what_cannot_be_undone_says_why(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = value(guest)
    ok(guest, f"policy add watch {ALWAYS} --mode observe --set {TUNABLE}=21")
    guest.run("sleep 1")
    (seen,) = rows(guest, "decisions")
    assert "did not set anything" in refused(guest, f"undo {seen['id']}")
    assert "not remembered" in refused(guest, "undo 999999")
    ok(guest, f"policy add calm {ALWAYS} --set {TUNABLE}=11")
    wait_value(guest, "11")
    guest.run("echo 77 > /proc/sys/vm/swappiness")
    calm = applied(guest, "calm")
    ok(guest, "policy remove calm")
    assert "somebody else has set" in refused(guest, f"undo {calm}")
    assert value(guest) == "77"
    guest.run(f"rmmod ainka; echo {before} > /proc/sys/vm/swappiness")


def test_a_policy_that_oscillates_is_parked_at_the_baseline(guest: Guest) -> None:
    guest.run("modprobe ainka park_turns=6")
    before = value(guest)
    ok(guest, f"policy add flutter --when 'ainka.uptime_ms % 400 < 200' --set {TUNABLE}=11")
    guest.run(
        "for i in $(seq 300); do grep -q 'parked: 1' /proc/ainka && exit 0; sleep 0.1; done; "
        "cat /proc/ainka; exit 1"
    )
    wait_value(guest, before)
    last = [row for row in rows(guest, "decisions --last 100") if row["policy"] == "flutter"]
    assert last[-1]["reason"] == "oscillation"
    writes = [row for row in last if row["verdict"] == "applied"]
    assert len(writes) <= 5, "more than six turns"
    guest.run("sleep 1")
    assert value(guest) == before
    assert rows(guest, "policy list")[0]["parked"] == 1
    ok(guest, "policy resume flutter")
    wait_value(guest, "11")


def test_the_same_by_proc(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = value(guest)
    guest.run(f"echo 'policy add p when ainka.uptime_ms > 0 set {TUNABLE}=11' > /proc/ainka")
    wait_value(guest, "11")
    guest.run(f"echo 'undo {applied(guest, 'p')}' > /proc/ainka")
    wait_value(guest, before)
    guest.run("echo 'policy resume p' > /proc/ainka")
    wait_value(guest, "11")
    guest.run("echo 77 > /proc/sys/vm/swappiness; echo 'policy remove p' > /proc/ainka")
    guest.run(f"echo 'release {TUNABLE}' > /proc/ainka")
    for bad in ("undo", "undo x", "undo 99999", "release", f"release {TUNABLE}", "release no.such",
                "policy resume", "policy resume nobody"):  # fmt: skip
        guest.run("dmesg -C")
        assert guest.run(f"echo '{bad}' > /proc/ainka", check=False).returncode != 0, bad
        assert "ainka: /proc/ainka:" in guest.run("dmesg").stdout, f"{bad}: not a word about it"
    guest.run(f"rmmod ainka; echo {before} > /proc/sys/vm/swappiness")
