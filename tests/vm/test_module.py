# SPDX-License-Identifier: Apache-2.0
"""The module by its own doors: loading, /proc/ainka, parameters, and that nothing outlives it."""

from __future__ import annotations

import time

import pytest

from guest.vm import Guest

pytestmark = pytest.mark.every_kernel

SWAPPINESS = "cat /proc/sys/vm/swappiness"


def out(guest: Guest, command: str) -> str:
    return guest.run(command).stdout.strip()


def refused(guest: Guest, command: str) -> str:
    """Run a command that must fail; returns what the kernel logged meanwhile."""
    guest.run("dmesg -C")
    done = guest.run(command, check=False)
    assert done.returncode != 0, f"{command} was accepted"
    return out(guest, "dmesg")


def add(guest: Guest, rest: str) -> None:
    guest.run(f"echo 'policy add {rest}' > /proc/ainka")


def test_load_and_unload_50_times(guest: Guest) -> None:
    guest.run("for i in $(seq 50); do modprobe ainka && rmmod ainka || exit 1; done", timeout=300)
    assert out(guest, "grep -c ^ainka /proc/modules; true") == "0"
    assert out(guest, "ls /dev/ainka /proc/ainka 2>/dev/null; true") == ""


def test_aliases_and_parameters(guest: Guest) -> None:
    guest.run("modprobe ainka_core emergency_threshold=1000 tick_us=20000")
    parameters = "/sys/module/ainka/parameters"
    assert out(guest, f"cat {parameters}/emergency_threshold") == "1000"
    assert out(guest, f"cat {parameters}/tick_us") == "20000"
    guest.run(f"echo 950 > {parameters}/emergency_threshold")
    assert out(guest, f"cat {parameters}/emergency_threshold") == "950"
    log = refused(guest, f"echo many > {parameters}/emergency_threshold")
    assert '"many" is not a number from 0 to 1000000' in log
    assert out(guest, f"cat {parameters}/emergency_threshold") == "950"
    guest.run("rmmod ainka")
    guest.run("modprobe ainka_enhanced && rmmod ainka")
    log = refused(guest, "modprobe ainka tick_us=5")
    assert "tick_us" in log and "1000 to 1000000" in log
    assert out(guest, "grep -c ^ainka /proc/modules; true") == "0"


def test_a_policy_by_proc_changes_the_machine_and_removal_restores_it(guest: Guest) -> None:
    before = out(guest, SWAPPINESS)
    guest.run("modprobe ainka")
    add(guest, "swap when ainka.uptime_ms > 0 set sysctl.vm.swappiness=10")
    assert out(guest, SWAPPINESS) == "10"
    page = out(guest, "cat /proc/ainka")
    assert "policy swap: enforce, admin, subject system, on for 1" in page
    assert "away from baseline: 1" in page
    guest.run("echo 'policy remove swap' > /proc/ainka")
    assert out(guest, SWAPPINESS) == before
    assert "policies: 0 of 64" in out(guest, "cat /proc/ainka")


BAD_COMMANDS = {
    "nonsense": "none of policy, state, undo, release, reset, debug, config_update",
    "policy": "policy takes add, remove or resume",
    "policy add": "policy add NAME",
    "policy add x when ainka.uptime_ms > 0": "policy add NAME",
    "policy add x when no.such > 0 set sysctl.vm.swappiness=10": "no.such",
    "policy add x when ainka.uptime_ms > set sysctl.vm.swappiness=10": "at character",
    "policy add x when ainka.uptime_ms > 0 set sysctl.no.such=1": "no tunable sysctl.no.such",
    "policy add x when ainka.uptime_ms > 0 set sysctl.vm.swappiness=999": "200",
    "policy add x when ainka.uptime_ms > 0 set sysctl.vm.swappiness": "TUNABLE=VALUE",
    "policy add x when ainka.uptime_ms > 0 set task.nice=5": "subject task",
    "policy add x mode maybe when ainka.uptime_ms > 0 set sysctl.vm.swappiness=1": "maybe",
    "policy add x*y when ainka.uptime_ms > 0 set sysctl.vm.swappiness=1": "letters, digits",
    "policy remove nobody": "no policy",
    "state happy": "learning, optimizing",
    "config_update": "PARAMETER=VALUE",
    "config_update tick_us=1": "1000 to 1000000",
    "config_update ring_kib=64": "PARAMETER=VALUE",
    "debug perhaps": "boolean",
}


def test_malformed_commands_are_refused_in_words(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = out(guest, f"{SWAPPINESS}; grep -v -e evaluations -e loaded -e state: /proc/ainka")
    for command, words in BAD_COMMANDS.items():
        log = refused(guest, f"echo '{command}' > /proc/ainka")
        assert words in log, f"{command}: {log}"
    assert "1023 characters" in refused(guest, "head -c 5000 /dev/zero | tr '\\0' x > /proc/ainka")
    after = out(guest, f"{SWAPPINESS}; grep -v -e evaluations -e loaded -e state: /proc/ainka")
    assert after == before


@pytest.mark.systemd
def test_the_device_belongs_to_the_group(guest: Guest) -> None:
    guest.run("modprobe ainka && udevadm settle")
    assert out(guest, "stat -c '%U:%G %a' /dev/ainka") == "root:ainka 660"


def test_only_an_administrator_may_write(guest: Guest) -> None:
    guest.run("modprobe ainka && chmod 666 /proc/ainka")
    drop = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all"
    done = guest.run(f"{drop} sh -c 'echo reset > /proc/ainka'", check=False)
    assert done.returncode != 0
    assert "enforce: yes" in out(guest, "cat /proc/ainka")
    # the opener counts: a privileged process that inherits the descriptor lends it nothing
    done = guest.run(f"{drop} sh -c 'exec 3> /proc/ainka; echo reset >&3'", check=False)
    assert done.returncode != 0


def test_unload_with_policies_in_force_restores_everything(guest: Guest) -> None:
    values = (
        "cat /proc/sys/vm/swappiness /proc/sys/vm/vfs_cache_pressure"
        " /sys/block/vda/queue/read_ahead_kb"
    )
    before = out(guest, values)
    guest.run("modprobe ainka")
    add(
        guest,
        "many when ainka.uptime_ms > 0 set sysctl.vm.swappiness=33,"
        "sysctl.vm.vfs_cache_pressure=base+50,block.vda.read_ahead_kb=64",
    )
    deadline = time.monotonic() + 20
    while out(guest, values).split() != ["33", "150", "64"] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert out(guest, values).split() == ["33", "150", "64"]
    guest.run("rmmod ainka")
    assert out(guest, values) == before


def test_the_admin_wins(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = out(guest, SWAPPINESS)
    add(guest, "swap when ainka.uptime_ms > 0 set sysctl.vm.swappiness=10")
    guest.run("echo 77 > /proc/sys/vm/swappiness")
    # another policy with a higher priority would write: it finds the foreign value instead
    guest.run("echo 'policy remove swap' > /proc/ainka")
    assert out(guest, SWAPPINESS) == "77", "a foreign value is not restored over"
    assert "restored 0" in out(guest, "cat /proc/ainka")
    guest.run(f"echo {before} > /proc/sys/vm/swappiness")


def test_reset_restores_and_switches_enforcement_off(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = out(guest, SWAPPINESS)
    add(guest, "swap when ainka.uptime_ms > 0 set sysctl.vm.swappiness=10")
    guest.run("echo reset > /proc/ainka")
    assert out(guest, SWAPPINESS) == before
    assert "enforce: no" in out(guest, "cat /proc/ainka")
    guest.run("echo 'config_update enforce=1' > /proc/ainka")
    deadline = time.monotonic() + 5
    while out(guest, SWAPPINESS) != "10" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert out(guest, SWAPPINESS) == "10"


def test_emergency_withdraws_ordinary_policies(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = out(guest, SWAPPINESS)
    add(guest, "swap when ainka.uptime_ms > 0 set sysctl.vm.swappiness=10")
    guest.run("echo 'state emergency' > /proc/ainka")
    assert out(guest, SWAPPINESS) == before
    guest.run("echo 'state learning' > /proc/ainka")
    assert out(guest, SWAPPINESS) == "10"


def test_modes_observe_and_advise_change_nothing(guest: Guest) -> None:
    guest.run("modprobe ainka")
    before = out(guest, SWAPPINESS)
    for mode in ("observe", "advise"):
        add(guest, f"{mode} mode {mode} when ainka.uptime_ms > 0 set sysctl.vm.swappiness=10")
        assert out(guest, SWAPPINESS) == before
    assert "decisions: 2 (applied 0, restored 0, refused 0)" in out(guest, "cat /proc/ainka")


def test_a_full_table_is_refused(guest: Guest) -> None:
    guest.run("modprobe ainka max_policies=2")
    for name in ("a", "b"):
        add(guest, f"{name} when ainka.uptime_ms < 0 set sysctl.vm.swappiness=10")
    log = refused(
        guest,
        "echo 'policy add c when ainka.uptime_ms < 0 set sysctl.vm.swappiness=10' > /proc/ainka",
    )
    assert "the table is full: 2 policies" in log
    log = refused(
        guest,
        "echo 'policy add a when ainka.uptime_ms < 0 set sysctl.vm.swappiness=10' > /proc/ainka",
    )
    assert "full" in log or "already" in log


def test_malformed_netlink_messages(guest: Guest) -> None:
    guest.put("tests/vm/scripts/check_malformed.py", "/tmp/check_malformed.py")
    guest.run("modprobe ainka")
    done = guest.run("python3 /tmp/check_malformed.py", timeout=300, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "malformed: done" in done.stdout


HOG = "sh -c 'while :; do :; done' hog"


def start_hog(guest: Guest) -> int:
    return int(out(guest, f"setsid {HOG} >/dev/null 2>&1 & echo $!"))


def scheduling(guest: Guest, pid: int) -> str:
    """Policy and nice of a task, for instance ``SCHED_OTHER 0``."""
    return out(
        guest,
        'python3 -c "import os; '
        f"print({{0: 'other', 3: 'batch', 5: 'idle'}}[os.sched_getscheduler({pid})], "
        f'os.getpriority(os.PRIO_PROCESS, {pid}))"',
    )


def wait_scheduling(guest: Guest, pid: int, expected: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (now := scheduling(guest, pid)) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert now == expected


@pytest.mark.parametrize("setting", ["task.policy=idle", "task.nice=15"])
@pytest.mark.parametrize("end", ["kill", "hang", "rmmod"])
def test_a_task_is_changed_and_given_back(guest: Guest, setting: str, end: str) -> None:
    """By a policy of an experiment, whose lease ends in one of three ways."""
    changed = {"task.policy=idle": "idle 0", "task.nice=15": "other 15"}[setting]
    guest.put("tests/vm/scripts/hold_lease.py", "/tmp/hold_lease.py")
    guest.run("modprobe ainka lease_ms=2000")
    hog = start_hog(guest)
    try:
        assert scheduling(guest, hog) == "other 0"
        when = f"task.pid == {hog} and task.cpu_share_permille > 100"
        hang = "--hang" if end == "hang" else ""
        holder = int(
            out(
                guest,
                f"setsid python3 /tmp/hold_lease.py test '{when}' {setting} experiment {hang}"
                " > /tmp/holder.log 2>&1 & echo $!",
            )
        )
        guest.run(
            "for i in $(seq 200); do grep -q ready /tmp/holder.log && exit 0; sleep 0.1; done; "
            "cat /tmp/holder.log; exit 1",
            timeout=60,
        )
        if end != "hang":
            wait_scheduling(guest, hog, changed, 10)
        if end == "kill":
            guest.run(f"kill -9 {holder}")
        elif end == "rmmod":
            busy = guest.run("rmmod ainka", check=False)
            assert busy.returncode != 0 and "in use" in busy.stderr
            guest.run(f"kill {holder}")
            guest.run(
                "for i in $(seq 50); do rmmod ainka 2>/dev/null && exit 0; sleep 0.1; done; "
                "rmmod ainka"
            )
        wait_scheduling(guest, hog, "other 0", 10)
        if end != "rmmod":
            assert "away from baseline: 0" in out(guest, "cat /proc/ainka")
            assert "policies: 0 of" in out(guest, "cat /proc/ainka")
    finally:
        guest.run(f"kill -9 {hog}; pkill -9 -f [h]old_lease.py; true")


def test_children_of_a_changed_task_get_the_baseline_back(guest: Guest) -> None:
    """The hog forks while it is changed; its children copied the change."""
    guest.put("tests/vm/scripts/hold_lease.py", "/tmp/hold_lease.py")
    guest.run("modprobe ainka")
    # forks a sleeper whenever it is told to, and hogs meanwhile
    guest.run(
        "cat > /tmp/forker.sh <<'EOF'\n"
        "trap 'sleep 1000 & echo $! >> /tmp/children' USR1\n"
        "while :; do :; done\nEOF\n"
        "rm -f /tmp/children"
    )
    hog = int(out(guest, "setsid sh /tmp/forker.sh >/dev/null 2>&1 & echo $!"))
    try:
        when = f"task.pid == {hog}"
        guest.run(
            f"setsid python3 /tmp/hold_lease.py test '{when}' task.nice=15 experiment"
            " > /tmp/holder.log 2>&1 &"
        )
        wait_scheduling(guest, hog, "other 15", 30)
        guest.run(f"for i in 1 2 3 4 5; do kill -USR1 {hog}; sleep 0.3; done")
        guest.run(
            "for i in $(seq 100); do [ $(wc -l < /tmp/children) = 5 ] && exit 0; sleep 0.1; "
            "done; cat /tmp/children; exit 1"
        )
        guest.run("pkill -9 -f [h]old_lease.py")
        wait_scheduling(guest, hog, "other 0", 15)
        for child in out(guest, "cat /tmp/children").split():
            wait_scheduling(guest, int(child), "other 0", 5)
        assert "away from baseline: 0" in out(guest, "cat /proc/ainka")
    finally:
        guest.run(f"kill -9 {hog} $(cat /tmp/children); pkill -9 -f [h]old_lease.py; true")


def test_protected_tasks_are_refused(guest: Guest) -> None:
    guest.put("tests/vm/scripts/hold_lease.py", "/tmp/hold_lease.py")
    guest.run("modprobe ainka")
    try:
        guest.run(
            "setsid python3 /tmp/hold_lease.py test 'task.age_ms >= 0' task.nice=3 experiment"
            " > /tmp/holder.log 2>&1 &"
        )
        guest.run(
            "for i in $(seq 200); do grep -q ready /tmp/holder.log && exit 0; sleep 0.1; done; "
            "cat /tmp/holder.log; exit 1",
            timeout=60,
        )
        guest.run("sleep 1")
        nice = out(guest, "ps -o ni= -p 1 -p $(pgrep -f [h]old_lease.py | head -1)")
        assert set(nice.split()) == {"0"}
        assert out(guest, "ps -o ni= -C sshd | sort -u").strip() == "0"
    finally:
        guest.run("pkill -9 -f [h]old_lease.py; true")
