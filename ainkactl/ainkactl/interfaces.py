# SPDX-License-Identifier: Apache-2.0
"""ainkactl interfaces: packets and bytes of network interfaces by protocol."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from ainkad.event_socket import DaemonSocket

from ainkactl.render import duration, emit_json, table

_HEADERS = ("INTERFACE", "DIRECTION", "PROTOCOL", "PACKETS", "BYTES", "AT", "SINCE")


def _lines(rows: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        for one in row.get("counts", ()):
            ago = f"{duration(round(row['seconds'] * 1e9))} ago"
            yield (row["interface"], one["direction"], one["protocol"], one["packets"],
                   one["bytes"], row["hooks"][one["direction"]], ago)  # fmt: skip


def show(json: bool) -> None:
    """List what was counted since each interface appeared, or the daemon was started."""
    with DaemonSocket({"want": "interfaces"}) as daemon:
        found: Any = next(daemon.frames(), {})
    rows = found["interfaces"]
    if json:
        emit_json(found)
        return
    empty = "no traffic yet" if rows else "no interface is watched: [collect] interfaces"
    table(_HEADERS, _lines(rows), empty)
    for row in rows:
        if row["reason"]:
            print(f"{row['interface']}: {row['reason']}", file=sys.stderr)
