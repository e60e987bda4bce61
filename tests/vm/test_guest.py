# SPDX-License-Identifier: Apache-2.0
"""The guest tooling itself: what guest/run promises, and that DKMS works as on a user's machine."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guest.vm import CommandFailed, Guest, GuestError, GuestTimeout, mirrors, reports
from guest.vm.host import LAST, prioritize
from guest.vm.paths import ROOT
from guest.vm.qemu import Disk
from guest.vm.ssh import shell_line

ONCE = os.environ.get("AINKA_ONCE") == "1"
RUN = str(ROOT / "guest/run")
NEEDS_MODULE = pytest.mark.skipif(not (ROOT / "Kbuild").exists(), reason="no module in this tree")


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([RUN, *arguments], capture_output=True, text=True, input=stdin)


def version() -> str:
    return (ROOT / "VERSION").read_text().strip()


# ---- guest/run


def test_passes_on_input_output_and_status() -> None:
    done = run("--", "sh", "-c", "cat; echo 'two  words' >&2; exit 7", stdin="from the host\n")
    assert (done.stdout, done.stderr, done.returncode) == ("from the host\n", "two  words\n", 7)


def test_two_at_once() -> None:
    """One is ended by its time limit, the other by a kernel report; neither sees the other."""
    slow = subprocess.Popen(
        [RUN, "--timeout", "5", "--", "echo begun; sleep 1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    warned = run("--", "sh", "-c", "echo passed; echo 'WARNING: test' >/dev/kmsg")
    out, err = slow.communicate()
    assert (warned.stdout, warned.returncode) == ("passed\n", 123)
    assert "WARNING: test" in warned.stderr
    assert (out, slow.returncode) == ("begun\n", 124)
    assert "WARNING" not in err


def test_says_why_a_guest_died() -> None:
    done = run("--", "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 100")
    assert done.returncode == 123
    assert "Kernel panic" in done.stderr


def test_persist_keeps_the_disk(tmp_path: Path) -> None:
    disk = str(tmp_path / "disk")
    assert run("--persist", disk, "--", "echo kept >/root/file").returncode == 0
    assert run("--persist", disk, "--", "cat /root/file").stdout == "kept\n"
    assert run("--", "test ! -e /root/file").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--kernel", "5.15", "--", "true"], r"no kernel '5\.15'.*6\.1\..*6\.12\."),
        (["--disk", "large", "--", "true"], "size"),
        (["--cpus", "0", "--", "true"], "positive"),
        ([], "COMMAND"),
    ],
)
def test_wrong_arguments_are_the_harness_failing(arguments: list[str], told: str) -> None:
    done = run(*arguments)
    assert done.returncode == 125
    assert done.stdout == ""
    assert re.search(told, done.stderr)


# ---- class Guest


def test_run(guest: Guest) -> None:
    assert guest.run("echo $((6 * 7))").stdout == "42\n"
    assert guest.run(["echo", "$HOME", "a  b"]).stdout == "$HOME a  b\n"
    assert guest.run("cat", input="line\n").stdout == "line\n"
    assert guest.run("exit 255", check=False).returncode == 255
    with pytest.raises(CommandFailed, match="the reason"):
        guest.run("echo the reason >&2; false")
    with pytest.raises(GuestTimeout):
        guest.run("sleep 60", timeout=1)
    assert guest.run(["uname", "-r"]).stdout.strip() == guest.release


def test_a_command_costs_little(guest: Guest) -> None:
    begin = time.monotonic()
    for _ in range(5):
        guest.run("true")
    # 0.1 s each under emulation on an idle host; a connection of its own would cost 1 s.
    assert (time.monotonic() - begin) / 5 < 0.8


def test_put_and_get(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_text("contents")
    guest.put(tmp_path / "folder", "/tmp/folder")
    guest.run("mv /tmp/folder/file /tmp/folder/other")
    guest.get("/tmp/folder/other", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "contents"


def test_popen(guest: Guest) -> None:
    process = guest.popen("read line; echo got $line; exit 3")
    assert process.communicate("it\n", timeout=60)[0] == "got it\n"
    assert process.returncode == 3


def test_machine_is_quiet(guest: Guest) -> None:
    """Nothing of the guest's own disturbs a measurement, and no unit failed."""
    assert guest.run("systemctl --failed --plain --no-legend").stdout == ""
    timers = guest.run("systemctl list-timers --plain --no-legend").stdout
    assert timers == ""


def test_installed_and_not_started(guest: Guest) -> None:
    assert guest.run("lsmod | grep -c ^ainka", check=False).stdout == "0\n"
    assert guest.run("systemctl is-active ainkad", check=False).stdout.strip() == "inactive"
    if (ROOT / "Kbuild").exists():
        assert guest.run("modinfo -F filename ainka").stdout.startswith("/lib/modules/")
    for command in ("ainkad", "ainkactl"):
        guest.run(["command", "-v", command])


def test_share_disk_and_cmdline(fresh_guest: Callable[..., Guest], tmp_path: Path) -> None:
    guest = fresh_guest(
        cpus=1, memory="1G", share=tmp_path, disks=["64M,iops-read=100"], cmdline="ainka.test=1"
    )
    guest.run("echo from the guest >/share/file")
    assert (tmp_path / "file").read_text() == "from the guest\n"
    assert guest.run("cat /sys/block/vdb/size").stdout == f"{64 * 2048}\n"
    assert "ainka.test=1" in guest.run("cat /proc/cmdline").stdout.split()
    assert guest.run("nproc").stdout == "1\n"


def test_a_removed_breakpoint_does_not_end_it(guest: Guest) -> None:
    """What guest/rootfs/removed_int3 is for; without it one such storm in three was the end."""
    if "modules_load=removed_int3" not in guest.run("cat /proc/cmdline").stdout.split():
        pytest.skip("not a kernel of the base image")
    guest.run(
        "for i in 1 2 3; do (while :; do :; done) & done\n"
        "cd /sys/kernel/tracing/events\n"
        "for i in $(seq 15); do for group in irq_vectors sched timer; do\n"
        "    echo 1 >$group/enable; echo 0 >$group/enable\n"
        "done; done\n"
        "kill $(jobs -p)",
        timeout=600,
    )
    print("run again:", guest.run("cat /sys/module/removed_int3/parameters/again").stdout)


# ---- DKMS, as on a user's machine


def test_one_version() -> None:
    assert f'PACKAGE_VERSION="{version()}"' in (ROOT / "dkms.conf").read_text()


@NEEDS_MODULE
def test_dkms_has_installed_it(guest: Guest) -> None:
    """guest/rootfs/install has DKMS compile it, with the compiler of the guest but natively."""
    status = guest.run("dkms status").stdout.splitlines()
    assert f"ainka/{version()}, {guest.release}, x86_64: installed" in status
    assert "/updates/dkms/" in guest.run("modinfo -F filename ainka").stdout
    guest.run("modprobe ainka && [ -e /sys/module/ainka ] && rmmod ainka")


@NEEDS_MODULE
@pytest.mark.slow
@pytest.mark.timeout(4000)
@pytest.mark.skipif(ONCE, reason="ONCE=1: an emulated compiler takes more than ten minutes")
def test_dkms_from_source_to_loaded_module(
    fresh_guest: Callable[..., Guest], record_property: Callable[[str, object], None]
) -> None:
    guest = fresh_guest()
    # a compiler under emulation is busy for long: tests of other guests that look at times go first
    prioritize(guest, LAST)
    dkms, this = "dkms {} -m ainka -v " + version(), f" -k {guest.release}"

    def at_leisure(line: str) -> str:
        # who takes what is left may get nothing for long: only the test has a time limit
        return guest.run(line, timeout=3600).stdout

    at_leisure(dkms.format("remove") + " --all")
    at_leisure("! modinfo ainka")
    at_leisure(dkms.format("add"))
    begin = time.monotonic()
    at_leisure(dkms.format("build") + this)
    record_property("dkms_build_seconds", round(time.monotonic() - begin))
    at_leisure(dkms.format("install") + this)
    assert f"{guest.release}, x86_64: installed" in at_leisure("dkms status")
    guest.reboot()
    assert guest.run("lsmod | grep -c ^ainka", check=False).stdout == "0\n"
    guest.run("modprobe ainka && [ -e /sys/module/ainka ] && rmmod ainka")


# ---- pure parts


def test_shell_line() -> None:
    assert shell_line("a && b") == "a && b"
    assert shell_line(["a && b"]) == "a && b"
    assert shell_line(["sh", "-c", "a && b"]) == "sh -c 'a && b'"


@pytest.mark.parametrize(
    "line",
    [
        "[   12.345678] WARNING: CPU: 0 PID: 1 at kernel/softirq.c:362 __local_bh_enable+0x1/0x2",
        "[   12.345678][    C1] BUG: unable to handle page fault for address: ffffffffffffffff",
        "[   12.345678][  T123] BUG: KASAN: slab-out-of-bounds in ainka_init+0x10/0x20 [ainka]",
        "[  112.345678] WARNING: possible circular locking dependency detected",
        "[  112.345678] INFO: task rmmod:123 blocked for more than 120 seconds.",
        "[    1.000000] general protection fault, probably for non-canonical address: 0000 [#1]",
        "[    1.000000] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [ainkad:99]",
        "[    1.000000] rcu: INFO: rcu_preempt self-detected stall on CPU",
        "[    1.000000] UBSAN: shift-out-of-bounds in kmod/core/eval.c:12:3",
        "[    1.000000] kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "[    1.000000] Kernel panic - not syncing: sysrq triggered crash",
        "[    1.000000] BUG kmalloc-64 (Tainted: G           O      ): Poison overwritten",
        "[    1.000000] refcount_t: underflow; use-after-free.",
        "[    1.0] kobject: kobject_add_internal failed for ainka with -EEXIST",
        "[    1.000000] kobject: kobject_add_internal failed for ainka (error: -2 parent: module)",
    ],
)
def test_reports_are_found(line: str) -> None:
    log = f"[    0.5] harmless\r\n{line}\r\n[   13.0] Call Trace:\r\n{line}\r\n"
    assert reports.find(log) == [line]
    assert reports.excerpt(log, line).splitlines()[1] == "[   13.0] Call Trace:"


def test_emulator_faults_are_told_apart() -> None:
    oops = "[    1.354960] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI"
    assert reports.find(oops) == [oops]
    assert reports.from_emulator(oops)
    assert not reports.from_emulator("[    1.354960] Oops: 0000 [#1] PREEMPT SMP NOPTI")


@pytest.mark.parametrize(
    "line",
    [
        "[    2.0] ainka: loading out-of-tree module taints kernel.",
        "[    2.0] clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' unstable",
        "[    2.0] systemd[1]: no WARNING: here",
        "[    2.0] ainka: policy 'BUG: x' refused",
        "[    2.0] DEBUG: nothing",
        "[    2.0] kobject: kobject_add_internal failed for ainka (error: -12 parent: misc)",
        "Debian GNU/Linux 12 BUG: of user space",
    ],
)
def test_other_lines_are_not_reports(line: str) -> None:
    assert reports.find(line) == []


def test_mirrors_come_from_apt(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://commented/ bookworm main\n"
        "deb-src http://source/ bookworm main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://one/debian bookworm main contrib # first\n"
    )
    (parts / "vendor.sources").write_text(
        "Types: deb\nURIs: http://off/\nSuites: bookworm-updates\nComponents: main\nEnabled: no\n"
        "\n"
        "Types: deb deb-src\nURIs: http://two/sec\n# a comment\n"
        "Suites: bookworm-security\n other\nComponents: main\n"
    )
    assert mirrors.sources_list(tmp_path, "bookworm") == (
        "deb http://one/debian bookworm main\ndeb http://two/sec bookworm-security main\n"
    )
    with pytest.raises(GuestError, match="trixie"):
        mirrors.sources_list(tmp_path, "trixie")


def test_disk_syntax() -> None:
    assert Disk.parse("2G,iops-read=3000") == Disk("2G", ("iops-read=3000",))
    for wrong in ("", "2X", "2G,file=/etc/passwd", "2G,iops-read=many"):
        with pytest.raises(GuestError):
            Disk.parse(wrong)
