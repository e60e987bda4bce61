# SPDX-License-Identifier: Apache-2.0
"""What people see of collection: ainkactl events, doctor and top, and the daemon's socket."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guest.vm import Guest

SCRIPTS = Path(__file__).parent / "scripts"
PROGRAM = "/tmp/processes"


@pytest.fixture(autouse=True)
def configuration(guest: Guest) -> Iterator[None]:
    before = guest.run("cat /etc/ainka/config.toml").stdout
    yield
    guest.run("pkill -x ainkactl", check=False)
    guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=before)


def start(guest: Guest, config: str = "") -> None:
    guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=config)
    guest.run("modprobe ainka && systemctl start ainkad", timeout=120)


def compile_program(guest: Guest) -> None:
    guest.put(SCRIPTS / "processes.c", "/tmp/processes.c")
    guest.run(f"gcc -O1 -Wall -static -pthread -o {PROGRAM} /tmp/processes.c")


def parsed(guest: Guest, command: str) -> Any:
    return json.loads(guest.run(f"ainkactl {command} --json").stdout)


def wait_for(guest: Guest, condition: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while guest.run(condition, check=False).returncode != 0:
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.3)


def follow(guest: Guest, options: str) -> None:
    """ainkactl events in the background, which has begun when this returns."""
    guest.run(
        f"setsid ainkactl events --follow --last 0 --json {options} "
        ">/tmp/follow 2>/tmp/follow.err </dev/null &"
    )
    wait_for(guest, "[ $(grep -c ainkad.sock /proc/net/unix) -ge 2 ]")  # a listener and a client


def followed(guest: Guest, until: str) -> list[dict[str, Any]]:
    """What was followed, when the condition `until` holds."""
    wait_for(guest, until)
    guest.run("pkill -x ainkactl")
    return [json.loads(line) for line in guest.run("cat /tmp/follow").stdout.splitlines()]


def test_events_are_followed(guest: Guest) -> None:
    compile_program(guest)
    start(guest)
    follow(guest, "")
    guest.run(f"echo x | {PROGRAM} forks 300; echo x | {PROGRAM} threads 20")
    guest.run("cp /bin/true /tmp/last-one && /tmp/last-one")
    rows = followed(guest, "grep -q '\"exit\".*last-one' /tmp/follow")
    parents = Counter(row["ppid"] for row in rows if row["type"] == "fork")
    parent, forks = parents.most_common(1)[0]
    assert forks == 300
    children = {row["pid"] for row in rows if row["type"] == "fork" and row["ppid"] == parent}
    of_them = Counter(row["type"] for row in rows if row["pid"] in children)
    assert of_them == {"fork": 300, "exec": 300, "exit": 300}
    ends = [row for row in rows if row["type"] == "exit" and row["pid"] in children]
    assert Counter(row["exit-status"] for row in ends) == {n: 3 for n in range(100)}
    assert all(row["comm"] == "processes" and row["peak-rss-bytes"] > 0 for row in ends)
    threads = Counter(
        row["type"] for row in rows if row["tgid"] != row["pid"] and row["comm"] == "processes"
    )
    assert threads == {"thread-start": 20, "thread-exit": 20}
    assert guest.run("cat /tmp/follow.err").stdout == ""

    only = parsed(guest, "events --type exec --last 5")
    assert [row["type"] for row in only] == ["exec"] * 5
    text = guest.run("ainkactl events --type exit --last 3").stdout
    assert len(text.splitlines()) == 4 and "status 0, after" in text
    refused = guest.run("ainkactl events --type spoon", check=False)
    assert refused.returncode == 1
    assert "'spoon'" in refused.stderr and "thread-start" in refused.stderr
    told = guest.run("su -s /bin/sh nobody -c 'ainkactl events'", check=False)
    assert told.returncode == 1 and "run it as root" in told.stderr


def test_the_table_of_processes_is_that_of_proc(guest: Guest) -> None:
    compile_program(guest)
    start(guest)
    guest.put(SCRIPTS / "check_process_table.py", "/tmp/check_process_table.py")
    done = guest.run(["python3", "/tmp/check_process_table.py", PROGRAM], timeout=300, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_hook_that_runs_hot_is_sampled_and_that_is_said(guest: Guest) -> None:
    compile_program(guest)
    start(guest, "[events]\nlimit_hz = 100\n")
    follow(guest, "--type fork")
    guest.run(f"echo x | {PROGRAM} forks 1500", timeout=120)
    rows = followed(guest, "grep -q 'one in .* is sent' /tmp/follow.err")
    assert max(row["weight"] for row in rows) > 1
    assert "event=sampling type=fork" in guest.run("journalctl -u ainkad --no-pager").stdout
    counts = {row["type"]: row for row in parsed(guest, "doctor")["events"]}
    assert counts["fork"]["skipped"] > 0
    assert counts["fork"]["seen"] == counts["fork"]["sent"] + counts["fork"]["skipped"]
    assert counts["fork"]["lost"] == 0
    # what was not sent is made up for from /proc
    guest.put(SCRIPTS / "check_process_table.py", "/tmp/check_process_table.py")
    guest.run(["python3", "/tmp/check_process_table.py", PROGRAM], timeout=300)


def test_doctor_knows_every_program(guest: Guest) -> None:
    found = parsed(guest, "doctor")
    missing = {row["what"]: row for row in found["findings"] if row["state"] == "missing"}
    assert missing.keys() == {"module", "daemon"}
    assert "modprobe ainka" in missing["module"]["reason"]
    start(guest)
    found = parsed(guest, "doctor")
    lacking = {row["what"] for row in found["findings"] if row["state"] != "there"}
    kfunc = "function for BPF programs"
    assert lacking <= {kfunc}  # test_events.py says where there must be one
    absent = {"sched_process_fork"} if lacking else set()
    programs = {(row["object"], row["program"]): row for row in found["programs"]}
    assert ("proc.bpf.o", "process_exit") in programs
    assert ("sched.bpf.o", "sched_switch") in programs
    assert {row["program"] for row in found["programs"] if not row["attached"]} == absent
    assert programs["proc.bpf.o", "process_exit"]["attach-point"] == "tp_btf/sched_process_exit"
    text = guest.run("ainkactl doctor").stdout
    assert "tp_btf/sched_switch" in text and ("missing" in text) == bool(lacking)
    told = guest.run("su -s /bin/sh nobody -c 'ainkactl doctor'").stdout
    assert "only root may ask it" in told


def test_doctor_says_what_a_missing_hook_costs(guest: Guest) -> None:
    guest.run(
        "mkdir -p /opt/objects && cp /usr/lib/ainka/*.bpf.o /opt/objects && rm /opt/objects/block.*"
        " && sed -i 's,tp_btf/sched_process_exec,tp_btf/sched_process_nope,' "
        "/opt/objects/proc.bpf.o"
    )
    start(guest, '[daemon]\nbpf = "/opt/objects/sched.bpf.o"\n')
    found = parsed(guest, "doctor")
    missing = {
        (row["object"], row.get("program")): row for row in found["programs"] if not row["attached"]
    }
    (key,) = (key for key in missing if key[0] == "proc.bpf.o" and "fork" not in str(key[1]))
    assert "failed to find kernel BTF type ID" in missing[key]["reason"]
    assert "events of processes" in missing[key]["costs"]
    assert "dev.*" in missing["block.bpf.o", None]["costs"]
    assert "there is no BPF object" in missing["block.bpf.o", None]["reason"]
    counts = {row["type"]: row for row in parsed(guest, "doctor")["events"]}
    assert counts["fork"]["seen"] > 0 and counts["exec"]["seen"] == 0


def test_top_shows_machine_state_and_decisions(guest: Guest) -> None:
    start(guest)
    guest.run("ainkactl policy add calm --when 'ainka.uptime_ms > 0' --set sysctl.vm.swappiness=11")
    wait_for(guest, "[ $(cat /proc/sys/vm/swappiness) = 11 ]")
    wait_for(guest, "ainkactl signals --json | grep -q sched.cpu_busy")
    view = parsed(guest, "top")
    assert view["state"]["state"] == "learning"
    assert view["processes"] > 20
    assert [row["tunable"] for row in view["decisions"]] == ["sysctl.vm.swappiness"]
    assert [row["name"] for row in view["policies"]] == ["calm"]
    assert {row["type"] for row in view["events"]} >= {"fork", "exec", "exit"}
    text = guest.run("ainkactl top --once").stdout
    assert "on: calm" in text and "swappiness" in text and "\x1b" not in text
    # on a terminal it goes on until it is interrupted, and leaves the screen as it was
    shown = guest.run(
        "script -qc 'timeout --foreground -s INT 15 ainkactl top --interval 0.3' /dev/null",
        check=False,
    ).stdout
    assert shown.count("AINKA") > 2
    assert shown.index("\x1b[?1049h") < shown.index("AINKA") < shown.index("\x1b[?1049l")


def test_top_names_the_maker_of_a_fork_storm(guest: Guest) -> None:
    start(guest, "[learning]\nenabled = false\n")
    storm = "while :; do /bin/true; done"
    pid = guest.run(f"setsid sh -c '{storm}' >/dev/null 2>&1 </dev/null & echo $!").stdout.strip()
    try:
        deadline = time.monotonic() + 60
        while not (rows := parsed(guest, "top")["subtrees"]) or rows[0]["pid"] != int(pid):
            assert time.monotonic() < deadline, rows
    finally:
        guest.run(f"kill {pid}")
    assert rows[0]["comm"] == "sh" and rows[0]["fork-rate-hz"] > 1 < rows[0]["exec-rate-hz"]


def test_an_oom_kill_names_victim_and_trigger(guest: Guest) -> None:
    start(guest)
    guest.run(
        "cd /sys/fs/cgroup && echo +memory > cgroup.subtree_control && mkdir -p small && "
        "echo 40M > small/memory.max && (echo 0 > small/memory.swap.max; true)"
    )
    greedy = (
        "echo $$ > /sys/fs/cgroup/small/cgroup.procs; echo $$; "
        "exec python3 -c 'b\"x\" * (300 << 20)'"
    )
    done = guest.run(["sh", "-c", greedy], check=False)
    pid = int(done.stdout.split()[0])
    wait_for(guest, "ainkactl events --type oom-kill --json | grep -q trigger-pid")
    rows = parsed(guest, "events --type oom-kill --type exit --last 1000")
    kills = [row for row in rows if row["type"] == "oom-kill"]
    assert [(row["pid"], row["trigger-pid"]) for row in kills] == [(pid, pid)]
    assert kills[0]["comm"] == kills[0]["trigger-comm"] == "python3"
    group = guest.run("stat -c %i /sys/fs/cgroup/small").stdout
    assert kills[0]["cgroup"] == int(group)
    assert [row["signal"] for row in rows if row["type"] == "exit" and row["pid"] == pid] == [9]
    assert guest.run("grep 'oom_kill ' /sys/fs/cgroup/small/memory.events").stdout == "oom_kill 1\n"
    guest.run("rmdir /sys/fs/cgroup/small")


def test_slow_system_calls_are_told_where_that_is_wanted(guest: Guest) -> None:
    start(guest, '[collect]\nsyscalls = true\nslow_call = "200ms"\n')
    guest.run("cp /usr/bin/tail /tmp/patient; (sleep 0.5; echo x) | /tmp/patient -1")
    wait_for(guest, "ainkactl events --type slow-call --last 1000 | grep -q 'patient .*read took'")
    rows = parsed(guest, "events --type slow-call --last 1000")
    (read,) = (row for row in rows if row["comm"] == "patient" and row["call"] == "read")
    assert read["latency-ns"] > 300_000_000
    assert min(row["latency-ns"] for row in rows) >= 200_000_000


def test_execs_are_counted(guest: Guest) -> None:
    start(guest)
    guest.run("(setsid sh -c 'while :; do /bin/true; done' >/dev/null 2>&1 </dev/null &)")
    condition = "ainkactl signals --json | grep -A3 proc.exec_rate_hz | grep -q 'value\": [1-9]'"
    try:
        wait_for(guest, condition)
    finally:
        guest.run("pkill -f 'while :; do /bin/[t]rue'")
