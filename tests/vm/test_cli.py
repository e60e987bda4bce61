# SPDX-License-Identifier: Apache-2.0
"""ainkactl against the real module: what it changes, what it refuses, what it says."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from guest.vm import Guest

SWAPPINESS = "cat /proc/sys/vm/swappiness"
ALWAYS = "--when 'ainka.uptime_ms > 0'"


def ok(guest: Guest, command: str) -> str:
    return guest.run(f"ainkactl {command}").stdout


def parsed(guest: Guest, command: str) -> Any:
    return json.loads(ok(guest, f"{command} --json"))


def refused(guest: Guest, command: str) -> str:
    """A command that must fail with status 1; returns what it said."""
    before = guest.run(f"ainkactl policy list --json; {SWAPPINESS}").stdout
    done: subprocess.CompletedProcess[str] = guest.run(f"ainkactl {command}", check=False)
    assert done.returncode == 1, f"{command}: {done.returncode} {done.stdout} {done.stderr}"
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    after = guest.run(f"ainkactl policy list --json; {SWAPPINESS}").stdout
    strip = [line for line in before.splitlines() if "age-ns" not in line]
    assert strip == [line for line in after.splitlines() if "age-ns" not in line]
    return done.stderr


def test_a_policy_changes_a_sysctl_and_its_removal_restores_it(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = guest.run(SWAPPINESS).stdout.strip()
    ok(guest, f"policy add calm {ALWAYS} --set sysctl.vm.swappiness=11")
    guest.run(f"for i in $(seq 40); do [ $({SWAPPINESS}) = 11 ] && exit 0; sleep 0.1; done; exit 1")
    (policy,) = parsed(guest, "policy list")
    assert policy["name"] == "calm"
    assert policy["mode"] == "enforce"
    assert policy["origin"] == "admin"
    held = [row for row in parsed(guest, "tunables sysctl.vm.swappiness") if "baseline" in row]
    assert [(row["baseline"], row["written"]) for row in held] == [(int(before), 11)]

    (decision,) = parsed(guest, "decisions")
    assert (decision["old"], decision["new"]) == (int(before), 11)
    told = ok(guest, f"explain {decision['id']}")
    for word in ("calm", "ainka.uptime_ms", "because the condition became true", "not measured",
                 f"undo     ainkactl undo {decision['id']}"):  # fmt: skip
        assert word in told

    assert "removed calm; 1 tunable let go" in ok(guest, "policy remove calm")
    assert guest.run(SWAPPINESS).stdout.strip() == before
    assert ok(guest, "policy list") == "no policies\n"
    assert [d["verdict"] for d in parsed(guest, "decisions")] == ["applied", "restored"]


def test_observe_and_advise_change_nothing(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = guest.run(SWAPPINESS).stdout
    for mode in ("observe", "advise"):
        ok(guest, f"policy add {mode} {ALWAYS} --mode {mode} --set sysctl.vm.swappiness=11")
    guest.run("sleep 1")
    assert guest.run(SWAPPINESS).stdout == before
    assert {d["verdict"] for d in parsed(guest, "decisions")} == {"observed", "advised"}


ADD = "policy add x --when 'ainka.uptime_ms > 0' --set"
REFUSED = {
    "policy add x --when 'no.such > 1' --set sysctl.vm.swappiness=1": ["no.such", "^^^"],
    "policy add x --when 'ainka.uptime_ms >' --set sysctl.vm.swappiness=1": ["when", "^"],
    "policy add x --when '(ainka.uptime_ms > 1' --set sysctl.vm.swappiness=1": ["when", "^"],
    f"{ADD} no.such=1": ["no.such", "ainkactl tunables"],
    f"{ADD} sysctl.vm.swappiness=999": ["swappiness", "200"],
    f"{ADD} sysctl.vm.swappiness=ten": ["swappiness", "ten"],
    f"{ADD} task.nice=1": ["task.nice", "subject task"],
    "policy add x --subject task --when 'task.pid > 0' --set task.policy=fifo": ["fifo", "idle"],
    "policy add taken --when 'ainka.uptime_ms > 0' --set sysctl.vm.swappiness=1": [
        "taken",
        "--replace",
    ],
    "policy remove nobody": ["nobody", "taken"],
    "policy show nobody": ["nobody", "taken"],
    "tunables no.such": ["no.such", "ainkactl tunables"],
    "explain 999999": ["999999", "ainkactl decisions"],
    "state set asleep": ["asleep", "learning"],
}


def test_bad_input_is_named_and_changes_nothing(guest: Guest) -> None:
    guest.run("modprobe ainka")
    ok(guest, "policy add taken --when 'ainka.uptime_ms < 0' --set sysctl.vm.swappiness=5")
    for command, words in REFUSED.items():
        said = refused(guest, command)
        for word in words:
            assert word in said, f"{command}: {said}"


def test_a_full_table_is_named_with_its_parameter(guest: Guest) -> None:
    guest.run("modprobe ainka max_policies=2")
    for name in "ab":
        ok(guest, f"policy add {name} --when 'ainka.uptime_ms < 0' --set sysctl.vm.swappiness=5")
    said = refused(guest, f"policy add c {ALWAYS} --set sysctl.vm.swappiness=5")
    assert "max_policies" in said
    ok(guest, "policy add a --replace --when 'ainka.uptime_ms < 1' --set sysctl.vm.swappiness=6")


def test_a_file_is_added_as_a_whole_or_not_at_all(guest: Guest) -> None:
    guest.run("modprobe ainka")
    policy = (
        '[[policy]]\nname = "{0}"\nwhen = "ainka.uptime_ms < 0"\n'
        'set = {{ "sysctl.vm.swappiness" = {1} }}\n'
    )
    good = policy.format("one", 1) + policy.format("two", 2)
    guest.run(["sh", "-c", "cat > /tmp/good.toml"], input=good)
    guest.run(["sh", "-c", "cat > /tmp/bad.toml"], input=good.replace("= 2", "= 2000"))
    said = refused(guest, "policy add -f /tmp/bad.toml")
    assert "policy two" in said and "2000" in said
    ok(guest, "policy add -f /tmp/good.toml")
    assert [p["name"] for p in parsed(guest, "policy list")] == ["one", "two"]
    guest.run(["sh", "-c", "cat > /tmp/broken.toml"], input='[[policy]]\nname = "x\n')
    assert "/tmp/broken.toml:2" in refused(guest, "policy add -f /tmp/broken.toml")


def test_a_user_without_privilege_is_told_so(guest: Guest) -> None:
    guest.run("modprobe ainka")
    done = guest.run(
        "su -s /bin/sh nobody -c 'ainkactl policy remove x; ainkactl status'", check=False
    )
    assert "run it as root" in done.stderr
    assert "state" in done.stdout


def test_reset_and_enforcement(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = guest.run(SWAPPINESS).stdout
    ok(guest, f"policy add calm {ALWAYS} --set sysctl.vm.swappiness=11")
    guest.run("sleep 0.5")
    assert "1 tunable back" in ok(guest, "reset")
    assert guest.run(SWAPPINESS).stdout == before
    guest.run("sleep 0.5")
    assert guest.run(SWAPPINESS).stdout == before
    ok(guest, "state set --enforce on")
    guest.run(f"for i in $(seq 40); do [ $({SWAPPINESS}) = 11 ] && exit 0; sleep 0.1; done; exit 1")


def test_decisions_can_be_followed(guest: Guest) -> None:
    guest.run("modprobe ainka")
    guest.run("ainkactl decisions --follow --json > /tmp/follow 2>&1 & echo $! > /tmp/pid; sleep 3")
    ok(guest, f"policy add calm {ALWAYS} --set sysctl.vm.swappiness=11")
    guest.run("sleep 0.5")
    ok(guest, "policy remove calm")
    guest.run("sleep 0.5; kill $(cat /tmp/pid)")
    rows = [json.loads(line) for line in guest.run("cat /tmp/follow").stdout.splitlines()]
    assert [row["verdict"] for row in rows] == ["applied", "restored"]


def test_unload_restores_and_says_what(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = guest.run(SWAPPINESS).stdout
    ok(guest, f"policy add calm {ALWAYS} --set sysctl.vm.swappiness=11")
    guest.run("sleep 0.5")
    said = ok(guest, "unload")
    assert "module removed" in said
    assert "sysctl.vm.swappiness" in said
    assert guest.run(SWAPPINESS).stdout == before
    assert "not loaded" in refused_without_module(guest)


def refused_without_module(guest: Guest) -> str:
    done = guest.run("ainkactl status", check=False)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("command", ["status", "signals", "tunables", "policy list", "state"])
def test_json_is_one_document(guest: Guest, command: str) -> None:
    guest.run("modprobe ainka")
    assert parsed(guest, command) is not None
