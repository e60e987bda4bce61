# SPDX-License-Identifier: Apache-2.0
"""External signals: those that are registered in the module while it runs."""

from __future__ import annotations

from ainkad.errors import AinkaError
from ainkad.netlink.client import Client
from ainkad.signals_gen import EXTERNAL_FIRST, N_EXTERNAL


def is_external(number: int) -> bool:
    """Is this the id of an external signal?"""
    return EXTERNAL_FIRST <= number < EXTERNAL_FIRST + N_EXTERNAL


def names(client: Client) -> dict[int, str]:
    """The external signals of the module by id. Raises KernelError without CAP_NET_ADMIN."""
    rows = client.dump("signal-get")
    return {row["id"]: row["name"] for row in rows if is_external(row["id"])}


def names_if_loaded() -> list[str]:
    """Their names; none where there is no module or the caller may not ask it."""
    try:
        with Client() as client:
            return list(names(client).values())
    except (AinkaError, OSError):
        return []
