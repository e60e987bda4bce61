# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in the harness itself, as opposed to in what runs in the guest."""

from __future__ import annotations

import subprocess


class GuestError(Exception):
    """The harness could not do its part; the text is meant for a person."""


class GuestTimeout(GuestError):
    """A boot, a reboot or a command did not finish in time."""


class EmulatorFault(GuestError):
    """The guest's kernel fell over something that QEMU's multi-threaded emulation does to it."""


class CommandFailed(subprocess.CalledProcessError):
    """A command in the guest returned another status than 0; says what it printed."""

    def __str__(self) -> str:
        text = f"{super().__str__()}"
        for name, output in (("stdout", self.stdout), ("stderr", self.stderr)):
            if output:
                text += f"\n--- {name}\n{output.rstrip()}"
        return text
