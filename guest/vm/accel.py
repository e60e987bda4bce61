# SPDX-License-Identifier: Apache-2.0
"""KVM or emulation: use KVM only where a kernel was seen to start under it.

An openable /dev/kvm proves nothing: on some hosts, nested ones above all, a stock kernel hangs
under it before its first line. So a kernel is booted once per boot of the host, for ten seconds.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from guest.vm import paths
from guest.vm.errors import GuestError
from guest.vm.kernels import Kernel

QEMU = "qemu-system-x86_64"
PROBE_SECONDS = 10

#: An instruction takes one nanosecond of the guest's time, so that what the guest times is
#: instructions, whatever the host does. One CPU; while it is idle its time is the host's.
ICOUNT = ["-accel", "tcg,thread=single", "-icount", "shift=0", "-cpu", "max"]
#: For the kernel: the time stamp counter then has this frequency, which need not be measured.
ICOUNT_CMDLINE = "tsc_early_khz=1000000"

#: For an emulated kernel: mitigations of what an emulator does not have cost a tenth of its time.
EMULATED_CMDLINE = "mitigations=off"


def accelerator(kernel: Kernel) -> str:
    """``kvm`` or ``tcg``; AINKA_ACCEL decides when it is set."""
    chosen = os.environ.get("AINKA_ACCEL", "")
    if chosen:
        if chosen not in ("kvm", "tcg"):
            raise GuestError(f"AINKA_ACCEL is {chosen!r}; it can be kvm or tcg")
        return chosen
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    verdict = paths.cache() / "accel"
    try:
        known, result = verdict.read_text().split()
    except (FileNotFoundError, ValueError):
        known = result = ""
    if known != boot_id or result not in ("kvm", "tcg"):
        result = "kvm" if _starts_under_kvm(kernel) else "tcg"
        fresh = verdict.with_suffix(f".{os.getpid()}")
        fresh.write_text(f"{boot_id} {result}\n")
        fresh.rename(verdict)
    return result


def options(accel: str) -> list[str]:
    """QEMU's options for one of the two.

    With a thread for each emulated CPU (the default), a kernel that patches its own code under load
    can die of "int3": a CPU executes a breakpoint that another one has already removed. Seen with
    QEMU 7.2 and 10.0 when tracepoints are switched while both CPUs are busy, and in one boot of
    forty. Debian's kernels therefore load a module that goes on after such a breakpoint; before it
    is loaded, and on the debug kernel, it still happens. AINKA_TCG=single takes turns on one
    thread: no such deaths, but a CPU may wait 100 ms for its turn. One CPU (cpus=1) has neither
    problem.
    """
    if accel == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    thread = os.environ.get("AINKA_TCG", "") or "multi"
    if thread not in ("multi", "single"):
        raise GuestError(f"AINKA_TCG is {thread!r}; it can be multi or single")
    return ["-accel", f"tcg,thread={thread}", "-cpu", "max"]


def _starts_under_kvm(kernel: Kernel) -> bool:
    command = [QEMU, "-M", "q35", *options("kvm"), "-m", "512", "-nodefaults", "-display", "none"]
    command += ["-no-reboot", "-serial", "stdio", "-kernel", str(kernel.image)]
    command += ["-append", "console=ttyS0 earlyprintk=serial panic=-1"]
    try:
        output = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
        ).stdout
    except subprocess.TimeoutExpired as expired:
        output = expired.stdout or b""
    # Without a root file system it panics at the end, which is as far as it can get.
    return b"Linux version" in output and b"Kernel panic" in output
