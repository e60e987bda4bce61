# SPDX-License-Identifier: Apache-2.0
"""Programs that count for the system's signals: the counts, and the signals that come of them.

The counts are checked in the guest, by scripts/check_*.py, against what the kernel itself says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guest.vm import Guest

SCRIPTS = Path(__file__).parent / "scripts"
COPY = "/usr/lib/ainka-copy"
# Some minutes on a quiet machine.
pytestmark = pytest.mark.timeout(1800)


def run_check(guest: Guest, name: str, timeout: float = 900) -> None:
    for file in ("counting", name):
        guest.put(SCRIPTS / f"{file}.py", f"/tmp/{file}.py")
    done = guest.run(["python3", f"/tmp/{name}.py"], timeout=timeout, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_memory_counts_are_the_kernels(guest: Guest) -> None:
    run_check(guest, "check_memory")


def test_network_counts_are_the_kernels(guest: Guest) -> None:
    run_check(guest, "check_network")


def test_interrupts_are_those_of_the_kernel(guest: Guest) -> None:
    run_check(guest, "check_interrupts")


def test_system_calls_are_those_that_were_made(guest: Guest) -> None:
    run_check(guest, "check_syscalls")


def test_files_synced_are_those_that_were(guest: Guest) -> None:
    run_check(guest, "check_fs")


def test_maps_and_slots_that_do_not_fit_are_refused(guest: Guest) -> None:
    guest.run("modprobe ainka")
    run_check(guest, "check_slots")


Signals = dict[str, dict[str, Any]]


@pytest.fixture
def start(guest: Guest) -> Iterator[Callable[[str], None]]:
    """Starts the daemon with a configuration, which is put back afterwards."""
    old = guest.run("cat /etc/ainka/config.toml").stdout

    def with_config(text: str) -> None:
        guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=text)
        guest.run("modprobe ainka && systemctl start ainkad", timeout=120)

    yield with_config
    guest.run(["sh", "-c", "cat > /etc/ainka/config.toml"], input=old)
    guest.run(f"rm -rf {COPY}")


def signals(guest: Guest) -> Signals:
    rows = json.loads(guest.run("ainkactl signals --json").stdout)
    return {row["name"]: row for row in rows}


def stale(rows: Signals) -> set[str]:
    return {name for name, row in rows.items() if row.get("stale") or "value" not in row}


def wait(guest: Guest, what: str, condition: Callable[[Signals], bool], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not condition(rows := signals(guest)):
        if time.monotonic() > deadline:
            pytest.fail(f"no {what} within {seconds} s: {rows}")
        time.sleep(0.3)
    return rows


def rates(rows: Signals, *sources: str) -> set[str]:
    """Names of signals that always have a value while their programs are attached."""
    return {
        name
        for name, row in rows.items()
        if row["source"] in sources and name.endswith(("rate_hz", "permille", "oom_kills"))
    }


def test_signals_follow_what_is_counted(guest: Guest, start: Callable[[str], None]) -> None:
    start("[learning]\nenabled = false\n")
    sources = ("mem.bpf", "net.bpf", "irq.bpf", "fs.bpf", "kernel")
    rows = wait(guest, "rates", lambda rows: not rates(rows, *sources) & stale(rows))
    assert {row["source"] for row in rows.values()} >= set(sources)
    guest.run(
        "(setsid sh -c 'while :; do /bin/true; done' >/dev/null 2>&1 </dev/null &"
        " echo $! > /tmp/faults.pid)"
    )
    rows = wait(guest, "faults", lambda rows: rows["mem.minor_fault_rate_hz"].get("value", 0) > 500)
    assert rows["mem.minor_fault_p99_us"]["value"] >= rows["mem.minor_fault_mean_us"]["value"] // 8
    guest.run("kill -- -$(ps -o pgid= -p $(cat /tmp/faults.pid) | tr -d ' ')", check=False)
    before = rows["mem.oom_kills"]["value"]
    guest.run(["sh", "-c", "cat > /tmp/eat.py"], input='eaten = b"x" * (200 << 20)\n')
    guest.run(
        "echo +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p /sys/fs/cgroup/tiny;"
        " cd /sys/fs/cgroup/tiny; echo 20M > memory.max;"
        " sh -c 'echo $$ > cgroup.procs; exec python3 /tmp/eat.py'",
        check=False,
    )
    assert "oom_kill 1\n" in guest.run("cat /sys/fs/cgroup/tiny/memory.events").stdout
    guest.run("rmdir /sys/fs/cgroup/tiny")
    wait(guest, "OOM kill", lambda rows: rows["mem.oom_kills"]["value"] == before + 1)
    # Without the daemon nobody counts: the signals of its programs grow stale.
    guest.run("systemctl stop ainkad")
    wait(guest, "end", lambda rows: rates(rows, "mem.bpf") <= stale(rows))


def test_packets_are_those_that_were_sent(guest: Guest) -> None:
    run_check(guest, "check_traffic")


def test_traffic_of_an_interface_on_request(guest: Guest, start: Callable[[str], None]) -> None:
    start('[learning]\nenabled = false\n[collect]\ninterfaces = ["lo", "nowhere0"]\n')
    code = "import socket; s = socket.socket(2, 2); s.bind(('127.0.0.1', 0))\n"
    code += "for _ in range(3): s.sendto(b'x', s.getsockname())"
    guest.run(["python3", "-c", code])
    rows = json.loads(guest.run("ainkactl interfaces --json").stdout)["interfaces"]
    lo, nowhere = rows
    assert lo["watched"] and lo["hooks"]["ingress"] in ("tcx", "xdp")
    received = {c["protocol"]: c["packets"] for c in lo["counts"] if c["direction"] == "ingress"}
    assert received["udp"] >= 3
    assert (nowhere["watched"], nowhere["reason"]) == (False, "there is no such interface")
    shown = guest.run("ainkactl interfaces")
    assert shown.stdout.split()[:3] == ["INTERFACE", "DIRECTION", "PROTOCOL"]
    assert "nowhere0: there is no such interface" in shown.stderr
    found = json.loads(guest.run("ainkactl doctor --json", check=False).stdout)
    assert "traffic.bpf.o" in json.dumps(found)
    guest.run("pkill -9 -x ainkad; systemctl stop ainkad")
    left = guest.run("bpftool prog show | grep -E 'tc_ingress|xdp_ingress'", check=False)
    assert not left.stdout and "xdp" not in guest.run("ip link show lo").stdout


def test_totals_and_shares_are_the_kernels(guest: Guest, start: Callable[[str], None]) -> None:
    start("[learning]\nenabled = false\n")
    run_check(guest, "check_totals")


def test_what_does_not_load_costs_its_own_signals(
    guest: Guest, start: Callable[[str], None]
) -> None:
    guest.run(
        f"cp -r /usr/lib/ainka {COPY} && cd {COPY} &&"
        " sed -i 's/workingset_refault/workingset_nothing/' mem.bpf.o"
    )
    start(f'[daemon]\nbpf = "{COPY}/sched.bpf.o"\n[learning]\nenabled = false\n')

    def others(rows: Signals) -> set[str]:
        return rates(rows, "mem.bpf", "kernel") - {"mem.refault_rate_hz"}

    rows = wait(guest, "rates", lambda rows: not others(rows) & stale(rows))
    assert "mem.refault_rate_hz" in stale(rows)
    assert "event=not-attached program=cache_refault" in guest.run("journalctl -u ainkad").stdout
    guest.run(f"systemctl stop ainkad; echo no object > {COPY}/mem.bpf.o")
    guest.run("systemctl start ainkad", timeout=120)
    rows = wait(guest, "other signals", lambda rows: "sched.switch_rate_hz" not in stale(rows))
    assert rates(rows, "mem.bpf") <= stale(rows)
    assert f"event=not-loaded object={COPY}/mem.bpf.o" in guest.run("journalctl -u ainkad").stdout


def test_system_calls_are_timed_when_that_is_asked_for(
    guest: Guest, start: Callable[[str], None]
) -> None:
    plain = "[learning]\nenabled = false\n"
    start(plain)
    rows = wait(guest, "rates", lambda rows: not rates(rows, "mem.bpf") & stale(rows))
    asked_for = {name for name, row in rows.items() if row["source"] == "syscall.bpf"}
    assert asked_for and asked_for <= stale(rows)
    refused = guest.run("ainkactl syscalls", check=False)
    assert refused.returncode == 1 and "system calls are not timed" in refused.stderr
    assert "hint: set syscalls = true" in refused.stderr
    guest.run("systemctl stop ainkad")
    start(plain + '[collect]\nsyscalls = true\nslow_call = "1us"\n')
    rows = wait(guest, "rates", lambda rows: not rates(rows, "syscall.bpf") & stale(rows))
    # There is always some call, and hardly one is faster than that here.
    wait(guest, "slow calls", lambda rows: rows["syscall.slow_rate_hz"].get("value", 0) > 0)
    wait(guest, "opened files", lambda rows: rows["fs.open_rate_hz"].get("value", 0) > 0)
    every = json.loads(guest.run("ainkactl syscalls --json").stdout)
    guest.run(
        "(setsid sh -c 'while :; do sleep 0.1; done' >/dev/null 2>&1 </dev/null &"
        " echo $! > /tmp/naps.pid)"
    )
    some = json.loads(guest.run("ainkactl syscalls --seconds 10 --json").stdout)
    guest.run("kill -- -$(ps -o pgid= -p $(cat /tmp/naps.pid) | tr -d ' ')", check=False)
    assert 10 <= some["seconds"] < every["seconds"] + 60
    sleeps = next(row for row in some["calls"] if row["call"] == "clock_nanosleep")
    assert sleeps["waits"] and sleeps["count"] >= 7 and sleeps["p99-us"] > 87_500
    execs = next(row for row in some["calls"] if row["call"] == "execve")
    assert execs["count"] >= 7 and execs["slow"] <= execs["count"] and execs["mean-us"] > 0
    shown = guest.run("ainkactl syscalls").stdout.splitlines()
    assert shown[0].startswith("in ") and shown[1].split()[:3] == ["CALL", "COUNT", "RATE"]
