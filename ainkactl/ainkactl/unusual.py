# SPDX-License-Identifier: Apache-2.0
"""ainkactl anomalies: the times that were unusual."""

from __future__ import annotations

import time
from typing import Any

from ainkad.telemetry import lookup
from ainkad.units import format_duration

from ainkactl.render import emit_json, table


def show(last: int, json: bool) -> None:
    """List the last anomalies."""
    rows = lookup.anomalies(lookup.store_path(), last)
    if json:
        emit_json(rows)
        return
    table(
        ("BEGAN", "LASTED", "PEAK", "SEEN IN", "LEADING (DEVIATIONS)"),
        (_line(row) for row in rows),
        "nothing unusual so far (the first five minutes are for learning)",
    )


def _line(row: dict[str, Any]) -> tuple[object, ...]:
    began = time.localtime(row["began_wall_ns"] // 1_000_000_000)
    lasted = "unknown: the daemon ended"
    if row["ended_wall_ns"] is not None:
        lasted = format_duration(row["ended_wall_ns"] - row["began_wall_ns"])
    elif row["ongoing"]:
        lasted = "goes on"
    leading = sorted(row["leading"].items(), key=lambda pair: -pair[1])[:3]
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", began),
        lasted,
        f"{row['peak']:.1f} x usual",
        "all together" if row["together"] else "one signal",
        ", ".join(f"{name} {score:g}" for name, score in leading) or None,
    )
