# SPDX-License-Identifier: Apache-2.0
"""What tuners ask of the module by netlink."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError


class Wire:
    """See ``ainkad.tuner.machine.Module``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def signal(self, name: str) -> int | None:
        """A system signal, None while stale."""
        row = self._client.request("signal-get", {"name": name})
        return None if row.get("stale") else row.get("value")

    def push(self, request: Mapping[str, Any]) -> None:
        """Put a policy in force, in place of one of the same name if there is one."""
        self._client.request("policy-add", {**request, "replace": True})

    def remove(self, name: str) -> None:
        """Take it out of force if it is there."""
        try:
            self._client.request("policy-remove", {"name": name})
        except KernelError as error:
            if error.errno != errno.ENOENT:
                raise

    def policy(self, name: str) -> Mapping[str, Any] | None:
        """A policy and its counters, None when there is none of this name."""
        try:
            return self._client.request("policy-get", {"name": name})
        except KernelError as error:
            if error.errno == errno.ENOENT:
                return None
            raise

    def learned(self) -> list[str]:
        """Names of the learner's policies that are in force."""
        rows = self._client.dump("policy-get")
        return [row["name"] for row in rows if row.get("origin") == "learner"]

    def status(self) -> Mapping[str, Any]:
        """State and switches."""
        return self._client.request("state-get", {"brief": True})

    def set_state(self, state: str, why: str) -> None:
        """Ask for a state."""
        self._client.request("state-set", {"state": state, "why": why[:63]})
