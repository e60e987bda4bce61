# SPDX-License-Identifier: Apache-2.0
"""The lease is renewed, and a machine that stands still at any moment costs only time."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

import pytest
from ainkad.lease import Lease
from ainkad.netlink.message import KernelError

ROLES = 0b1011


class Module:
    """The module's side: a lease that runs out, and maps that go with it."""

    def __init__(self) -> None:
        self.left = 0
        self.maps = 0
        self.ours = True
        #: Number of the request in front of which the machine stands still, from 1 on.
        self.still_before = 0
        self._requests = 0

    def request(self, operation: str, values: Mapping[str, Any] | None = None) -> dict[str, int]:
        self._stand_still()
        if not self.ours:
            raise KernelError(errno.EPERM, "the device is not yours", "", operation)
        if operation == "lease-renew":
            self.left = int((values or {})["duration-ms"])
        return {"maps": self.maps}

    def hand_over(self) -> None:
        self._stand_still()
        if not self.left:
            raise KernelError(errno.EPERM, "maps need a lease", "", "map-attach")
        self.maps = ROLES

    def _stand_still(self) -> None:
        self._requests += 1
        if self._requests == self.still_before:
            self.left = self.maps = 0

    def looked_at(self, lease: Lease) -> None:
        lease.look(ROLES, self.hand_over)


def test_a_lease_that_holds_is_only_renewed() -> None:
    module = Module()
    module.maps = ROLES
    module.looked_at(Lease(module, 2000))
    assert (module.left, module.maps) == (2000, ROLES)


@pytest.mark.parametrize("before", range(1, 5))
def test_wherever_the_machine_stands_still_the_maps_are_handed_over(before: int) -> None:
    module = Module()
    module.still_before = before
    lease = Lease(module, 2000)
    for _ in range(2):
        module.looked_at(lease)
    assert (module.left, module.maps) == (2000, ROLES)


def test_it_ends_when_the_device_is_no_longer_ours() -> None:
    module = Module()
    module.ours = False
    with pytest.raises(KernelError):
        module.looked_at(Lease(module, 2000))
