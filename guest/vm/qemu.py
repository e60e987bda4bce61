# SPDX-License-Identifier: Apache-2.0
"""The virtual machine: QEMU's command line, its process, its disks."""

from __future__ import annotations

import ctypes
import re
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from guest.vm import accel, clock
from guest.vm.errors import GuestError
from guest.vm.kernels import Kernel

#: Warnings and worse go to the console (level < 5); timers that watch for stalls are told that the
#: machine may be emulated on a busy host.
CMDLINE = (
    "console=ttyS0 loglevel=5 log_buf_len=4M printk.devkmsg=on panic=-1 net.ifnames=0 "
    # the check counts timer ticks in a delay loop; an emulator on a busy host fails it, and panics
    "no_timer_check "
    "rcupdate.rcu_cpu_stall_timeout=60 watchdog_thresh=30 systemd.show_status=auto "
    "systemd.log_target=journal"
)


class Disk(NamedTuple):
    """An empty extra disk, as /dev/vdb and on; QEMU throttles it, so results compare."""

    size: str
    throttle: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Disk:
        """``2G`` or ``2G,iops-read=3000,bps-read=125000000`` (QEMU's throttling.* names)."""
        size, *limits = text.split(",")
        if not re.fullmatch(r"\d+[KMGT]?", size):
            raise GuestError(f"disk {text!r}: the size comes first, as in 2G")
        for limit in limits:
            if not re.fullmatch(r"(?:iops|bps)-(?:total|read|write)(?:-max)?=\d+", limit):
                raise GuestError(f"disk {text!r}: {limit!r} is no limit; try iops-read=3000")
        return cls(size, tuple(limits))


class Machine(NamedTuple):
    """What one virtual machine consists of."""

    kernel: Kernel
    root: Path
    console: Path
    cpus: int
    memory: str
    cmdline: str
    disks: Sequence[tuple[Path, Disk]]
    share: Path | None
    #: Instructions are counted, and are its clock: guest.vm.accel.
    icount: bool = False

    def emulated(self) -> bool:
        """Whether its instructions are emulated, rather than run by KVM."""
        return self.icount or accel.accelerator(self.kernel) == "tcg"

    def _emulation(self) -> str:
        """What an emulated kernel is told: of its time stamp counter, and more."""
        if self.icount:
            return accel.ICOUNT_CMDLINE
        if not self.emulated():
            return ""
        khz = clock.tsc_khz()
        time = f" tsc_early_khz={khz} tsc=reliable" if khz else ""
        return accel.EMULATED_CMDLINE + time

    def command(self, port: int) -> list[str]:
        """QEMU's command line, with ssh reachable at ``port`` of the loopback interface."""
        command = [accel.QEMU, "-M", "q35"]
        command += accel.ICOUNT if self.icount else accel.options(accel.accelerator(self.kernel))
        command += ["-smp", str(self.cpus), "-m", self.memory, "-nodefaults", "-no-user-config"]
        # Named threads: a host tells the virtual CPUs from the rest of QEMU.
        command += ["-display", "none", "-no-reboot", "-name", "ainka,debug-threads=on"]
        command += ["-chardev", f"file,id=console,path={_escape(self.console)},append=on"]
        command += ["-serial", "chardev:console"]
        command += ["-kernel", str(self.kernel.image), "-initrd", str(self.kernel.initramfs)]
        words = [CMDLINE, self.kernel.cmdline, self._emulation()]
        command += ["-append", " ".join([*filter(None, words), self.cmdline]).strip()]
        command += ["-object", "rng-random,id=rng,filename=/dev/urandom"]
        command += ["-device", "virtio-rng-pci,rng=rng"]
        command += ["-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22"]
        command += ["-device", "virtio-net-pci,netdev=net,romfile="]
        command += _drive("root", self.root, "qcow2", ())
        for number, (path, disk) in enumerate(self.disks):
            command += _drive(f"disk{number}", path, "raw", disk.throttle)
        if self.share:
            share = f"local,path={_escape(self.share)},mount_tag=share,security_model=none"
            command += ["-virtfs", share]
        return command


def _drive(name: str, path: Path, form: str, throttle: Sequence[str]) -> list[str]:
    # unsafe: the disk of a throw-away machine need not survive a crash of the host.
    drive = f"file={_escape(path)},format={form},if=none,id={name},cache=unsafe,discard=unmap"
    limits = "".join(f",throttling.{limit}" for limit in throttle)
    return ["-drive", drive + limits, "-device", f"virtio-blk-pci,drive={name}"]


def _escape(path: Path) -> str:
    """A comma ends an option; two are one."""
    return str(path).replace(",", ",,")


def free_port() -> int:
    """A port nobody listens on; somebody may take it before QEMU does, so be ready to retry."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def overlay(image: Path, path: Path) -> None:
    """A disk that starts as ``image`` and keeps its changes to itself."""
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image), str(path)]
    _qemu_img(create)


def backing(path: Path) -> Path:
    """The image below an overlay."""
    info = _qemu_img(["qemu-img", "info", "--force-share", str(path)])
    match = re.search(r"^backing file: (.*?)(?: \(actual path: .*)?$", info, re.MULTILINE)
    if not match:
        raise GuestError(f"{path} is not an overlay made by guest/run")
    return Path(match[1])


def empty(path: Path, size: str) -> None:
    """A raw disk without contents."""
    _qemu_img(["qemu-img", "create", "-q", "-f", "raw", str(path), size])


def _qemu_img(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise GuestError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def launch(command: list[str], errors: Path) -> subprocess.Popen[bytes]:
    """Start QEMU so that it cannot outlive us, however we end."""
    libc = ctypes.CDLL(None)

    def die_with_parent() -> None:
        pr_set_pdeathsig = 1
        libc.prctl(pr_set_pdeathsig, signal.SIGKILL)

    with errors.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Control-C in the terminal is for us: we close the guest in an orderly way.
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
