# SPDX-License-Identifier: Apache-2.0
"""Commands about what the eBPF programs count beside the signals."""

from __future__ import annotations

from ainkactl.declared import JSON, option


def syscalls(
    seconds: float = option(
        0.0, "--seconds", min=0.0, max=60.0, help="Those of so long from now on; 0: all so far."
    ),
    json: bool = JSON,
) -> None:
    """List the system calls: how many, how long they took, how many were slow."""
    from ainkactl import syscalls as listing

    listing.show(seconds, json)


def interfaces(json: bool = JSON) -> None:
    """List packets and bytes of the interfaces that [collect] interfaces names, by protocol."""
    from ainkactl import interfaces as listing

    listing.show(json)
