# SPDX-License-Identifier: Apache-2.0
"""A running guest::

with Guest(kernel="6.12") as guest:
    guest.run("modprobe ainka")
    status = guest.run(["cat", "/proc/ainka"]).stdout
    assert not guest.kernel_reports()
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from guest.vm import base, debug, image, kernels, locks, paths, qemu, reports
from guest.vm.errors import CommandFailed, EmulatorFault, GuestError, GuestTimeout
from guest.vm.qemu import Disk, Machine
from guest.vm.ssh import SSH_FAILED, Connection

READY = "guest: ready"
#: Console logs that are kept; the newest is also console.log.
CONSOLES = 20

_count = itertools.count()


class Guest:
    """One virtual machine with AINKA installed and not loaded; throw-away unless ``persist``.

    ``icount``: it counts instructions, one a nanosecond of its time; it has one CPU then.
    """

    def __init__(
        self,
        kernel: str = kernels.DEFAULT,
        *,
        cpus: int = 2,
        memory: str = "2G",
        cmdline: str = "",
        disks: Sequence[str | Disk] = (),
        share: str | Path | None = None,
        persist: str | Path | None = None,
        plain: bool = False,
        icount: bool = False,
        boot_timeout: float = 300,
    ) -> None:
        if icount and cpus != 1:
            raise GuestError(f"a guest that counts instructions has 1 CPU, not {cpus}")
        self._kernel_name = kernel
        self._cpus = cpus
        self._memory = memory
        self._cmdline = cmdline
        self._disks = [Disk.parse(disk) if isinstance(disk, str) else disk for disk in disks]
        self._share = Path(share).resolve() if share else None
        self._persist = Path(persist).absolute() if persist else None
        self._plain = plain
        self._icount = icount
        self._boot_timeout = boot_timeout
        self._machine: Machine | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._directories: list[Path] = []
        self._locks: list[int] = []
        self._reports: dict[str, None] = {}
        self._dmesg = ""
        self.console = Path(os.devnull)
        #: Seconds from QEMU's start to an answering sshd, of the last boot.
        self.boot_seconds = 0.0

    # ---- life

    def start(self) -> Guest:
        """Build what is missing and boot; returns when the guest takes commands."""
        if self._persist and self._persist.exists():
            lower = qemu.backing(self._persist)
            if not lower.exists():
                raise GuestError(f"{self._persist} needs {lower}, which is gone")
            if not base.exists():
                image.ensure_image(plain=True)
        else:
            lower = image.ensure_image(plain=self._plain)
        kernel = kernels.kernel(self._kernel_name)
        try:
            self._locks = [locks.share(lower), locks.share(kernel.image)]
            self._machine = self._prepare(lower, kernel)
            self._boot()
            if self._kernel_name == debug.NAME:
                self._install_debug_module()
        except BaseException:
            self.close()
            raise
        return self

    def reboot(self) -> None:
        """``systemctl reboot`` and wait until the guest is up again, on the same disk."""
        self.kernel_reports()
        self._dmesg = ""
        self._go_down("reboot")
        self._boot()

    def close(self) -> None:
        """End the guest; with ``persist`` in an orderly way, otherwise at once."""
        if self._process and self._process.poll() is None and self._persist and self._connection:
            with contextlib.suppress(GuestError):
                self._go_down("poweroff")
        self._stop()
        for directory in self._directories:
            shutil.rmtree(directory, ignore_errors=True)
        self._directories.clear()
        for lock in self._locks:
            os.close(lock)
        self._locks.clear()

    def __enter__(self) -> Guest:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ---- use

    @property
    def release(self) -> str:
        """The full name of the kernel that runs."""
        return self._needs_machine().kernel.release

    @property
    def qemu_pid(self) -> int:
        """The process that runs it."""
        if not self._process:
            raise GuestError("the guest does not run")
        return self._process.pid

    def run(
        self,
        command: str | Sequence[str],
        *,
        timeout: float | None = 120,
        check: bool = True,
        input: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell line, or an argument vector, as root.

        Raises CommandFailed when ``check`` and the status is not 0, GuestTimeout after ``timeout``
        seconds, and GuestError when the guest itself has gone.
        """
        try:
            done = subprocess.run(
                self._connected().command(command),
                # Empty rather than inherited: the terminal is not the guest's.
                input=input or "",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as expired:
            raise GuestTimeout(f"no end after {timeout} s: {command}") from expired
        if done.returncode == SSH_FAILED:
            self._must_live(done.stderr)
        if check and done.returncode:
            raise CommandFailed(done.returncode, command, done.stdout, done.stderr)
        done.args = command
        return done

    def popen(self, command: str | Sequence[str]) -> subprocess.Popen[str]:
        """Start a command and let it run; it has pipes for stdin, stdout and stderr."""
        return subprocess.Popen(
            self._connected().command(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def execute(
        self, command: str | Sequence[str], *, timeout: float | None = None, terminal: bool = False
    ) -> int:
        """Run a command on our own stdin, stdout and stderr; returns its status."""
        try:
            status = subprocess.run(
                self._connected().command(command, terminal=terminal), timeout=timeout
            ).returncode
        except subprocess.TimeoutExpired as expired:
            raise GuestTimeout(f"no end after {timeout} s") from expired
        if status == SSH_FAILED:
            self._must_live("")
        return status

    def put(self, local: str | Path, remote: str) -> None:
        """Copy a file or a directory into the guest."""
        self._connected().copy(str(local), f"guest:{remote}")

    def get(self, remote: str, local: str | Path) -> None:
        """Copy a file or a directory out of the guest."""
        self._connected().copy(f"guest:{remote}", str(local))

    def kernel_reports(self) -> list[str]:
        """Lines in which the kernel reported a fault of its own, since the start."""
        if self._connection and self._process and self._process.poll() is None:
            # Where it no longer answers, the console has the reason.
            with contextlib.suppress(GuestError, CommandFailed):
                self._dmesg = self.run("dmesg", timeout=60).stdout
        for log in (self.console_text(), self._dmesg):
            self._reports.update(dict.fromkeys(reports.find(log)))
        return list(self._reports)

    def emulator_fault(self) -> bool:
        """Whether the emulator is to blame for what the kernel reported: see guest.vm.accel."""
        machine = self._needs_machine()
        return any(map(reports.from_emulator, self.kernel_reports())) and machine.emulated()

    def explain_reports(self) -> str:
        """The reports with what the kernel printed after them."""
        console = self.console_text()
        parts = []
        if self.emulator_fault():
            parts.append("EmulatorFault: QEMU's doing, not the kernel's; see guest/vm/accel.py")
        for line in self.kernel_reports():
            parts.append(reports.excerpt(console if line in console else self._dmesg, line))
        return "\n\n".join(parts)

    def console_text(self) -> str:
        """Everything the guest wrote to its console."""
        return self.console.read_text(errors="replace").replace("\r", "")

    # ---- inside

    def _prepare(self, lower: Path, kernel: kernels.Kernel) -> Machine:
        runs = paths.cache() / "run"
        runs.mkdir(parents=True, exist_ok=True)
        for old in runs.glob("*.*"):
            # Left by a run that was killed before it could tidy up.
            if not Path("/proc", old.name.split(".")[0]).exists():
                shutil.rmtree(old, ignore_errors=True)
        directory = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}.", dir=runs))
        self._directories.append(directory)
        root = self._persist or directory / "root.qcow2"
        if not root.exists():
            qemu.overlay(lower, root)
        disks = []
        for number, disk in enumerate(self._disks):
            path = directory / f"disk{number}"
            qemu.empty(path, disk.size)
            disks.append((path, disk))
        self.console = _new_console()
        return Machine(
            kernel,
            root,
            self.console,
            self._cpus,
            self._memory,
            self._cmdline,
            disks,
            self._share,
            self._icount,
        )

    def _install_debug_module(self) -> None:
        """DKMS has built the module for Debian's kernels; for this one it was built outside."""
        modules = f"/lib/modules/{self.release}"
        self.run(f"mkdir -p {modules}")
        self.put(debug.directory() / "lib/modules" / self.release / "kernel", modules)
        if not self._plain:
            self.run(f"mkdir -p {modules}/updates")
            self.put(debug.module(), f"{modules}/updates/ainka.ko")
        self.run("depmod")

    def _boot(self) -> None:
        machine = self._needs_machine()
        # A socket's path may have 108 bytes; a build directory can be deeper than that.
        directory = Path(tempfile.mkdtemp(prefix="ainka-guest."))
        self._directories.append(directory)
        errors = directory / "qemu.log"
        begin = time.monotonic()
        deadline = begin + self._boot_timeout
        offset = self.console.stat().st_size
        for attempt in range(5):
            port = qemu.free_port()
            self._process = qemu.launch(machine.command(port), errors)
            connection = self._connection = Connection(port, directory)
            if self._wait_until_ready(offset, deadline):
                break
            text = errors.read_text(errors="replace").strip()
            if machine.emulated() and attempt < 4 and self._emulator_fault_since(offset):
                # AINKA is not loaded at boot: nothing of ours can be hidden by this.
                print("guest: booting again after an emulator fault", file=sys.stderr)
                os.truncate(self.console, offset)
                continue
            if "host forwarding" not in text or attempt == 4:
                end = "\n".join(self.console_text().splitlines()[-30:])
                raise GuestError(
                    f"the guest ended while booting (console: {self.console}):\n{text}\n{end}"
                )
        connection.open(max(deadline - time.monotonic(), 10))
        self.boot_seconds = time.monotonic() - begin
        if self._share:
            self.run(
                "modprobe 9pnet_virtio && mkdir -p /share && "
                "mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 share /share"
            )

    def _emulator_fault_since(self, offset: int) -> bool:
        with self.console.open("rb") as console:
            console.seek(offset)
            log = console.read().decode(errors="replace")
        return any(map(reports.from_emulator, reports.find(log)))

    def _wait_until_ready(self, offset: int, deadline: float) -> bool:
        """Watch the console; False when QEMU ended."""
        assert self._process
        with self.console.open("rb") as console:
            console.seek(offset)
            seen = b""
            while time.monotonic() < deadline:
                ended = self._process.poll() is not None
                seen = seen[-200:] + console.read()
                if READY.encode() in seen:
                    return True
                if ended:
                    return False
                time.sleep(0.05)
        end = "\n".join(self.console_text().splitlines()[-30:])
        raise GuestTimeout(
            f"the guest did not boot in {self._boot_timeout:.0f} s "
            f"(console: {self.console}):\n{end}"
        )

    def _go_down(self, verb: str, seconds: float = 180) -> None:
        """QEMU ends at a reboot too: the next boot gets a fresh one, on the same disk."""
        assert self._process
        try:
            # The answer may be lost with the connection.
            self.popen(f"systemctl {verb}").communicate(timeout=seconds)
            self._process.wait(seconds)
        except subprocess.TimeoutExpired as expired:
            raise GuestTimeout(f"the guest did not go down in {seconds:.0f} s") from expired
        self._stop()

    def _stop(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _needs_machine(self) -> Machine:
        if not self._machine:
            raise GuestError("the guest is not started")
        return self._machine

    def _connected(self) -> Connection:
        if not self._connection:
            raise GuestError("the guest does not run")
        return self._connection

    def _must_live(self, text: str) -> None:
        """Tell a command that returned 255 from a guest that went away under it."""
        if self._process and self._process.poll() is None and self._connected().alive():
            return
        end = "\n".join(self.console_text().splitlines()[-30:])
        kind = EmulatorFault if self.emulator_fault() else GuestError
        raise kind(f"lost the guest (console: {self.console}): {text}\n{end}")


def _new_console() -> Path:
    """A fresh log for this guest, and console.log pointing at it; old ones go."""
    directory = paths.cache() / "consoles"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}-{next(_count)}.log"
    path.touch()
    link = paths.console().with_suffix(f".{os.getpid()}")
    link.unlink(missing_ok=True)
    link.symlink_to(path.relative_to(paths.cache()))
    link.rename(paths.console())
    for old in sorted(directory.glob("*.log"))[:-CONSOLES]:
        old.unlink(missing_ok=True)
    return path
