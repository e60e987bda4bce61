# SPDX-License-Identifier: Apache-2.0
"""Events: what BPF programs and probes post changes the machine without waiting for a tick."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guest.vm import Guest
from guest.vm.paths import ROOT

CHECK = Path(__file__).parent / "scripts" / "check_events.py"
PROC = "/usr/lib/ainka/proc.bpf.o"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/vm/bpf, compiled."""
    folder = tmp_path_factory.mktemp("bpf")
    includes = ("ebpf", "kmod/include", "kmod/include/uapi", "kmod/core")
    for source in (ROOT / "tests/vm/bpf").glob("*.bpf.c"):
        subprocess.run(
            ["clang", "-target", "bpf", "-D__TARGET_ARCH_x86", "-O2", "-g", "-mcpu=v3", "-Wall",
             *(f"-I{ROOT / path}" for path in includes), "-c", str(source),
             "-o", str(folder / f"{source.stem}.o")],
            check=True,
        )  # fmt: skip
    return folder


def out(guest: Guest, command: str) -> str:
    return guest.run(command).stdout.strip()


def check(guest: Guest, name: str, path: str = "") -> str:
    guest.put(CHECK, "/tmp/check_events.py")
    done = guest.run(["python3", "/tmp/check_events.py", name, path], timeout=300, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def loaded(guest: Guest, objects: Path) -> Guest:
    for path in objects.glob("*.o"):
        guest.put(path, f"/tmp/{path.name}")
    guest.run("modprobe ainka")
    return guest


@pytest.mark.every_kernel
def test_the_module_offers_its_function(loaded: Guest) -> None:
    """Also where the headers bring no vmlinux: kmod/btf/embed has made the BTF."""
    assert "bpf_ainka_event" in out(
        loaded, "bpftool btf dump file /sys/kernel/btf/ainka | grep FUNC"
    )
    assert "functions for BPF programs: bpf_ainka_event" in out(loaded, "cat /proc/ainka")
    assert "cannot post" not in out(loaded, "ainkactl status")
    embed = f"/usr/src/ainka-{(ROOT / 'VERSION').read_text().strip()}/kmod/btf/embed"
    # what it takes for the kernel's BTF is the kernel's BTF
    loaded.run(
        f"python3 -B - <<'EOF'\n"
        "import importlib.machinery, importlib.util, os, sys\n"
        f"loader = importlib.machinery.SourceFileLoader('embed', {embed!r})\n"
        "spec = importlib.util.spec_from_loader('embed', loader)\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "sys.modules['embed'] = module\n"
        "loader.exec_module(module)\n"
        "btf, origin = module.base_btf(os.uname().release, None)\n"
        "assert btf == open('/sys/kernel/btf/vmlinux', 'rb').read(), origin\n"
        "EOF",
        timeout=120,
    )


def test_an_event_changes_the_machine_without_a_tick(loaded: Guest) -> None:
    check(loaded, "react", "/tmp/post.bpf.o")


def test_what_cannot_be_posted_is_refused_and_counted(loaded: Guest) -> None:
    check(loaded, "bad", "/tmp/post.bpf.o")


def test_every_context_but_nmi(loaded: Guest) -> None:
    check(loaded, "contexts", "/tmp/contexts.bpf.o")


def test_a_flood_is_limited_and_starves_nobody(loaded: Guest) -> None:
    check(loaded, "flood", "/tmp/post.bpf.o")


def test_a_fork_storm_by_the_bpf_program(loaded: Guest) -> None:
    check(loaded, "storm", PROC)


def test_a_program_that_calls_it_holds_the_module(loaded: Guest) -> None:
    code = (
        "import sys, time; from ainkad.bpf import BpfObject\n"
        f"b = BpfObject({PROC!r}); b.attach_all(); print('on', flush=True); time.sleep(1000)"
    )
    loaded.run(f'setsid python3 -c "{code}" >/tmp/holder.log 2>&1 </dev/null &')
    loaded.run(
        "for i in $(seq 200); do grep -q on /tmp/holder.log && exit 0; sleep 0.1; done; exit 1"
    )
    busy = loaded.run("rmmod ainka", check=False)
    assert busy.returncode != 0 and "in use" in busy.stderr
    told = loaded.run("ainkactl unload", check=False, timeout=120)
    assert told.returncode == 1 and "BPF program" in told.stderr
    loaded.run("pkill -9 -f [a]inkad.bpf")
    loaded.run("for i in $(seq 50); do rmmod ainka 2>/dev/null && exit 0; sleep 0.1; done; exit 1")


def test_the_daemon_loads_it_and_unload_takes_it_away(guest: Guest) -> None:
    guest.run("modprobe ainka && systemctl start ainkad", timeout=120)
    guest.run(
        "for i in $(seq 200); do bpftool prog show | grep -q sched_process_fork && exit 0; "
        "sleep 0.3; done; journalctl -u ainkad; exit 1",
        timeout=120,
    )
    guest.run("ainkactl unload", timeout=120)
    assert out(guest, "ls -d /sys/module/ainka; true") == ""


def test_without_btf_the_module_works_and_says_so(guest: Guest) -> None:
    guest.run(
        "cd /tmp && file=$(modinfo -F filename ainka) && "
        "case $file in *.xz) xz -dc $file ;; *) cat $file ;; esac > x.ko && "
        "objcopy --remove-section .BTF x.ko ainka.ko && insmod ainka.ko"
    )
    reason = "no BTF that fits this kernel"
    assert reason in out(guest, "cat /proc/ainka")
    assert reason in out(guest, "ainkactl status")
    assert reason in out(guest, "dmesg")
    # the module's own probe posts in its place
    check(guest, "storm")
    # the program that posts does not load, and the daemon goes on without it
    guest.run("systemctl start ainkad", timeout=120)
    log = out(guest, "journalctl -u ainkad --no-pager")
    assert "event=not-attached program=sched_process_fork" in log
    assert "event=attached program=process_fork" in log
    assert out(guest, "systemctl is-active ainkad") == "active"
    guest.run("systemctl stop ainkad; rmmod ainka; rm -f /tmp/*.ko")
