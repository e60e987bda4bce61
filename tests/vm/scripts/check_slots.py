#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest, module loaded: which slots and maps the module takes, and which it refuses."""

from __future__ import annotations

import errno
from typing import Any

import numpy as np
from ainkad.bpf import SharedArray
from ainkad.layouts_gen import COUNTERS_DTYPE, TIMES_DTYPE, TIMES_MAX
from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError
from ainkad.ring import RingReader
from ainkad.signals_gen import COUNTERS, TIMES
from counting import check


def refused(client: Client, words: str, **request: Any) -> None:
    try:
        client.request("map-attach", request)
    except KernelError as error:
        print(f"{request}: {error.message}")
        check(error.errno == errno.EINVAL, f"errno {error.errno}")
        check(words in error.message, f"the message lacks {words!r}")
        return
    check(False, f"{request} was accepted")


def main() -> None:
    with (
        RingReader("/dev/ainka"),
        Client() as client,
        SharedArray("counters", COUNTERS_DTYPE, 1) as counters,
        SharedArray("times", TIMES_DTYPE, TIMES_MAX) as times,
        SharedArray("other", np.dtype("u8"), 1) as other,
    ):
        client.request("lease-renew")
        for role, fd, n in (
            ("counters", counters.fd, len(COUNTERS)),
            ("times", times.fd, len(TIMES)),
        ):
            refused(client, "no slot", role=role, fd=fd, slots=1 << n)
            refused(client, "no slot", role=role, fd=fd, slots=1 << 63)
            refused(client, f"role {role} takes", role=role, fd=other.fd, slots=1)
        refused(client, "for the roles", role="tasks", fd=counters.fd, slots=1)
        check(client.request("state-get").get("maps") == 0, "a refused map was kept")
        everything = (1 << len(COUNTERS)) - 1
        client.request("map-attach", {"role": "counters", "fd": counters.fd, "slots": everything})
        client.request("map-attach", {"role": "times", "fd": times.fd})
        check(client.request("state-get").get("maps") == 0b110000, "the maps were not taken")
    print("all right")


if __name__ == "__main__":
    main()
