# SPDX-License-Identifier: Apache-2.0
"""The kernels a guest can boot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from guest.vm import base, debug
from guest.vm.errors import GuestError

DEFAULT = "6.1"

#: For the kernels of the base image, which has the module: see guest.vm.accel.options.
CMDLINE = "modules_load=removed_int3"


class Kernel(NamedTuple):
    """What QEMU needs to start one of them."""

    release: str
    image: Path
    initramfs: Path
    #: More words for its command line.
    cmdline: str = ""


def releases() -> list[str]:
    """Full names of the kernels in the base image, oldest first."""
    found = [path.name.removeprefix("vmlinuz-") for path in _boot().glob("vmlinuz-*")]
    return sorted(found, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])


def kernel(name: str = DEFAULT) -> Kernel:
    """Find a kernel by its release, or by the beginning of it (``6.1``, ``6.12``).

    ``debug`` is the debug kernel, which is built when it is asked for the first time.
    """
    if name == debug.NAME:
        debug.ensure()
        return Kernel(debug.release(), debug.image(), debug.initramfs(), debug.CMDLINE)
    matches = [release for release in releases() if _matches(name, release)]
    if not matches:
        known = ", ".join([*releases(), debug.NAME])
        raise GuestError(f"no kernel {name!r} in the guest; there are: {known}")
    release = matches[-1]
    return Kernel(release, _boot() / f"vmlinuz-{release}", _boot() / f"initrd-{release}", CMDLINE)


def _matches(name: str, release: str) -> bool:
    return release == name or bool(name and re.match(re.escape(name) + r"[.+-]", release))


def _boot() -> Path:
    return base.directory() / "boot"
