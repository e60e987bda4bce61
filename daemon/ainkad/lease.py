# SPDX-License-Identifier: Apache-2.0
"""The daemon's lease: while it is renewed, what was pushed may stay in force."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from ainkad.netlink.message import KernelError

log = logging.getLogger("ainkad")

RENEWALS: Final = 3
"""In the time that a lease lasts."""


class Asker(Protocol):
    """What this needs of netlink.client.Client."""

    def request(self, operation: str, values: Mapping[str, Any] | None = None) -> Any:
        """Do it; raises KernelError."""


class Lease:
    """Of a process that holds /dev/ainka open."""

    def __init__(self, client: Asker, lease_ms: int) -> None:
        self._client = client
        self._lease_ms = lease_ms

    def renew(self) -> None:
        """For as long as the configuration says. Raises KernelError."""
        self._client.request("lease-renew", {"duration-ms": self._lease_ms})

    def look(self, roles: int, hand_over: Callable[[], None]) -> None:
        """Renew it; if it had run out (the machine stood still), hand over the maps again.

        ``roles`` are those of the maps that the module should have. What was learned went with the
        old lease; its tuner notices that and begins anew. The machine may stand still at any point
        in here, so that a lease just renewed has run out again: then the next look does it. Raises
        KernelError when the device is no longer ours.
        """
        try:
            self.renew()
        except KernelError as error:
            if error.errno in (errno.EPERM, errno.ENODEV, errno.ENOENT):
                raise
            log.warning("event=lease-not-renewed error=%r", error.message)
            return
        try:
            if self._client.request("state-get").get("maps") == roles:
                return
            log.warning("event=lease-lapsed lease_ms=%d", self._lease_ms)
            self.renew()
            hand_over()
        except KernelError as error:
            if error.errno in (errno.ENODEV, errno.ENOENT):
                raise
            log.warning("event=maps-not-handed-over error=%r", error.message)

    async def keep(self, roles: int, hand_over: Callable[[], None]) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(self._lease_ms / 1000 / RENEWALS)
            self.look(roles, hand_over)
