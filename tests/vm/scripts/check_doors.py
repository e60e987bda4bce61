# SPDX-License-Identifier: Apache-2.0
"""Every door of the module, tried by whoever runs this; prints what was let in.

Run in the guest, as nobody, as root of a user namespace, and as root (who is let in: else the
check would show nothing). Arguments: the operations that are an administrator's, each as
``do:NAME`` or ``dump:NAME``. One line a door: ``DOOR: open`` or ``DOOR: ERRNO``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from ainkad.errors import AinkaError
from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError

PARAMETERS = Path("/sys/module/ainka/parameters")


def name(number: int) -> str:
    """EPERM for 1."""
    return errno.errorcode.get(number, str(number))


def try_path(path: Path, flags: int) -> str:
    """Open a file, and write nothing to it."""
    try:
        fd = os.open(path, flags)
    except OSError as error:
        return name(error.errno or 0)
    os.close(fd)
    return "open"


def try_command() -> str:
    """/proc/ainka may open: what counts is the command."""
    try:
        fd = os.open("/proc/ainka", os.O_WRONLY)
    except OSError as error:
        return name(error.errno or 0)
    try:
        os.write(fd, b"debug 0")
    except OSError as error:
        return name(error.errno or 0)
    finally:
        os.close(fd)
    return "open"


def main() -> None:
    """Try them all."""
    print("proc:", try_command())
    print("device:", try_path(Path("/dev/ainka"), os.O_RDWR))
    with contextlib.suppress(OSError):
        # who has it open may hold the lease; it stays open until we end
        os.open("/dev/ainka", os.O_RDWR)
    for parameter in sorted(PARAMETERS.iterdir()):
        if parameter.stat().st_mode & 0o222:
            print(f"parameter {parameter.name}:", try_path(parameter, os.O_WRONLY))
    try:
        client = Client()
    except (AinkaError, OSError) as error:
        print("netlink: no family,", str(error).splitlines()[0])
        print("doors: done")
        return
    for argument in sys.argv[1:]:
        how, _, operation = argument.partition(":")
        try:
            if how == "dump":
                list(client.dump(operation))
            else:
                client.request(operation, {})
        except KernelError as error:
            # an empty request is refused as such, once it is let in
            print(f"{argument}:", "EPERM" if error.errno == errno.EPERM else "open")
        else:
            print(f"{argument}:", "open")
    print("doors: done")


if __name__ == "__main__":
    main()
