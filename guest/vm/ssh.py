# SPDX-License-Identifier: Apache-2.0
"""One ssh connection to the guest, shared by every command: a command then costs one round trip."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from guest.vm import paths
from guest.vm.errors import GuestError

#: What ssh returns for its own failures; a command may return it too.
SSH_FAILED = 255

_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "60",
    "GlobalKnownHostsFile": "/dev/null",
    "IdentitiesOnly": "yes",
    # The guest is on the loopback interface and its host key was made with it.
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
    "LogLevel": "ERROR",
    # The cheapest exchange on an emulated processor.
    "KexAlgorithms": "curve25519-sha256",
    "ServerAliveInterval": "60",
    "ServerAliveCountMax": "10",
}


def shell_line(command: str | Sequence[str]) -> str:
    """A command as the guest's shell reads it.

    A string, or a sequence of one, is a shell line already; several words are an argument vector.
    """
    if isinstance(command, str):
        return command
    if len(command) == 1:
        return command[0]
    return shlex.join(command)


class Connection:
    """The master connection; commands go through its socket."""

    def __init__(self, port: int, directory: Path) -> None:
        self._socket = directory / "ssh"
        self._errors = directory / "ssh.log"
        # Port and key as -o options, which ssh and scp spell alike.
        options = {**_OPTIONS, "Port": str(port), "IdentityFile": f'"{paths.key()}"'}
        self._options = ["-F", "/dev/null"]
        for name, value in options.items():
            self._options += ["-o", f"{name}={value}"]
        self._base = ["ssh", *self._options]
        self._master: subprocess.Popen[bytes] | None = None

    def open(self, seconds: float) -> None:
        """Connect; the guest has said that sshd runs."""
        deadline = time.monotonic() + seconds
        while True:
            self.close()
            with self._errors.open("wb") as errors:
                self._master = subprocess.Popen(
                    [*self._base, "-M", "-S", str(self._socket), "-N", "root@127.0.0.1"],
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    start_new_session=True,
                )
            while self._master.poll() is None and time.monotonic() < deadline:
                if self._socket.exists():
                    return
                time.sleep(0.02)
            if time.monotonic() >= deadline:
                text = self._errors.read_text(errors="replace").strip()
                self.close()
                raise GuestError(f"no ssh connection to the guest: {text or 'no answer'}")
            time.sleep(0.2)

    def command(self, command: str | Sequence[str], *, terminal: bool = False) -> list[str]:
        """The host command that runs ``command`` in the guest."""
        through = [*self._base, "-S", str(self._socket), *(["-tt"] if terminal else ["-T"])]
        return [*through, "root@127.0.0.1", shell_line(command)]

    def copy(self, source: str, target: str) -> None:
        """scp; the guest's side is written ``guest:PATH``."""
        scp = ["scp", "-q", "-r", "-p", *self._options, "-o", f"ControlPath={self._socket}"]
        remote = [text.replace("guest:", "root@127.0.0.1:", 1) for text in (source, target)]
        done = subprocess.run([*scp, *remote], capture_output=True, text=True)
        if done.returncode:
            raise GuestError(f"copying {source} to {target}: {done.stderr.strip()}")

    def alive(self) -> bool:
        """Whether the connection still stands."""
        check = [*self._base, "-S", str(self._socket), "-O", "check", "root@127.0.0.1"]
        return subprocess.run(check, capture_output=True).returncode == 0

    def close(self) -> None:
        """Drop the connection and whatever runs through it."""
        if self._master:
            self._master.kill()
            self._master.wait()
            self._master = None
        self._socket.unlink(missing_ok=True)
