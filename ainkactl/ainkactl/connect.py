# SPDX-License-Identifier: Apache-2.0
"""The connection to the module, and waiting until it has done what it was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ainkad.errors import AinkaError
from ainkad.netlink.client import Client

POLL_S = 0.05


def connect() -> Client:
    """A client. Raises AinkaError with a hint when the module is not loaded."""
    return Client()


def wait_until(done: Callable[[], bool], timeout_s: float) -> bool:
    """Poll ``done``; False when it is still not true after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def pending(client: Client, policy: str | None = None) -> list[dict[str, Any]]:
    """Journal entries with a write or restore under way, of one policy or of all."""
    return [
        row
        for row in client.dump("tunable-get")
        if row.get("pending") and (policy is None or row.get("policy") == policy)
    ]


def wait_settled(client: Client, policy: str | None = None, timeout_s: float = 10.0) -> None:
    """Wait until nothing is pending; raises AinkaError naming what still is."""
    if wait_until(lambda: not pending(client, policy), timeout_s):
        return
    names = sorted({str(row.get("name")) for row in pending(client, policy)})
    if names:
        raise AinkaError(
            f"still being restored after {timeout_s:g} s: {', '.join(names)}",
            "look again later: ainkactl tunables",
        )


def held(client: Client) -> list[dict[str, Any]]:
    """The journal: every tunable away from its baseline, one row a subject."""
    return [row for row in client.dump("tunable-get") if "baseline" in row]
