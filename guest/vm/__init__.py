# SPDX-License-Identifier: Apache-2.0
"""A Debian guest with AINKA installed, as a Python object: see :class:`guest.vm.guest.Guest`."""

from guest.vm.errors import CommandFailed, EmulatorFault, GuestError, GuestTimeout
from guest.vm.guest import Guest
from guest.vm.image import ensure_image
from guest.vm.kernels import releases

__all__ = [
    "CommandFailed",
    "EmulatorFault",
    "Guest",
    "GuestError",
    "GuestTimeout",
    "ensure_image",
    "releases",
]
