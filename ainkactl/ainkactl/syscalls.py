# SPDX-License-Identifier: Apache-2.0
"""ainkactl syscalls: each system call, how often, how long."""

from __future__ import annotations

from typing import Any

from ainkad.event_socket import DaemonSocket

from ainkactl.render import duration, emit_json, table

_HEADERS = ("CALL", "COUNT", "RATE", "MEAN", "P50", "P99", "SLOW", "TIME")


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    mean, p50, p99, total = (
        duration(round(row[key] * 1000)) for key in ("mean-us", "p50-us", "p99-us", "total-us")
    )
    slow = "waits" if row["waits"] else str(row["slow"])
    return (row["call"], row["count"], f"{row['rate-hz']:.1f}/s", mean, p50, p99, slow, total)


def show(seconds: float, json: bool) -> None:
    """List the calls of the next ``seconds``, or with 0 those since the daemon times them."""
    with DaemonSocket({"want": "calls", "seconds": seconds}) as daemon:
        found: Any = next(daemon.frames(), {})
    if json:
        emit_json(found)
        return
    print(f"in {duration(round(found['seconds'] * 1e9))}:")
    table(_HEADERS, (_line(row) for row in found["calls"]), "no system calls")
