# SPDX-License-Identifier: Apache-2.0
"""Telling systemd how we are: sd_notify(3) without its library."""

from __future__ import annotations

import os
import socket


def notify(state: str, address: str | None = None) -> bool:
    """Send ``READY=1``, ``STOPPING=1`` or ``STATUS=…``; False where nobody asked for it."""
    address = address or os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # the abstract namespace
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.sendto(state.encode(), address)
    except OSError:
        return False
    return True
