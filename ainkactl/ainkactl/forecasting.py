# SPDX-License-Identifier: Apache-2.0
"""ainkactl forecast: what signals are about to become, and when something runs out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ainkad.errors import AinkaError
from ainkad.telemetry import lookup
from ainkad.units import format_duration

from ainkactl.render import emit_json, table

# What is older than this is no forecast any more.
_FRESH_NS = 120_000_000_000
_PLOTTED_NS = 3600 * 1_000_000_000
_SIZES = (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10))


def show(plot: Path | None, json: bool) -> None:
    """List the latest forecasts and capacities; with ``plot`` draw those of the last hour."""
    store = lookup.store_path()
    now_ns = time.time_ns()
    signals = [r for r in lookup.forecasts(store) if now_ns - r["wall_ns"] < _FRESH_NS]
    rooms = [r for r in lookup.capacities(store) if now_ns - r["wall_ns"] < _FRESH_NS]
    if plot is not None:
        _draw(plot, lookup.forecast_history(store, now_ns - _PLOTTED_NS))
    if json:
        emit_json({"forecasts": signals, "capacities": rooms})
        return
    table(
        ("SIGNAL", "NOW", "IN", "EXPECTED", "FROM", "TO", "MODEL", "ERROR", "NAIVE", "SCORED"),
        (_signal(row) for row in signals),
        "no forecasts: is the daemon running? (systemctl status ainkad)",
    )
    if rooms:
        print()
        table(
            ("RESOURCE", "LEFT", "OF", "USED PER HOUR", "RUNS OUT IN", "FROM", "TO"),
            (_room(row) for row in rooms),
            "",
        )
    if plot is not None:
        print(f"\n{plot}")


def _signal(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        row["signal"],
        round(row["now"]),
        format_duration(row["horizon_ms"] * 1_000_000),
        *(None if row[key] is None else round(row[key]) for key in ("value", "low", "high")),
        row["model"] or "none beats naive",
        _error(row["error"] if row["model"] else None, row["scale"]),
        _error(row["naive_error"], row["scale"]),
        row["scored"],
    )


def _error(error: float | None, scale: str) -> str | None:
    if error is None:
        return None
    return f"{error:.1f} %" if scale == "percent" else f"×{2.718281828**error:.2f}"


def _amount(value: float, resource: str) -> str:
    if not resource.startswith(("disk", "memory")):
        return f"{value:.0f}"
    for unit, shift in _SIZES:
        if abs(value) >= 1 << shift:
            return f"{value / (1 << shift):.1f} {unit}"
    return f"{value:.0f} B"


def _room(row: dict[str, Any]) -> tuple[object, ...]:
    resource, gone = row["resource"], row["seconds"] is not None
    return (
        resource,
        _amount(row["free"], resource),
        _amount(row["total"], resource),
        _amount(row["rate"] * 3600, resource),
        _time(row["seconds"]) if gone else "not clearly",
        _time(row["low"]) if gone else None,
        (_time(row["high"]) if row["high"] is not None else "never") if gone else None,
    )


def _time(seconds: float) -> str:
    return format_duration(round(seconds * 1e9))


def _draw(path: Path, rows: list[dict[str, Any]]) -> None:
    from ainkactl import plots

    names = sorted({row["signal"] for row in rows})
    if not names:
        raise AinkaError("there is nothing to plot: no forecasts of the last hour",
                         "let the daemon run for a while")  # fmt: skip
    drawn, axes = plots.figure(len(names))
    newest = max(row["wall_ns"] for row in rows)
    for axis, name in zip(axes, names, strict=True):
        own = [row for row in rows if row["signal"] == name]
        axis.plot([_minutes(r["wall_ns"], newest) for r in own], [r["now"] for r in own],
                  color=plots.LINE, linewidth=1, label="seen")  # fmt: skip
        used = [row for row in own if row["model"]]
        at = [_minutes(r["wall_ns"] + r["horizon_ms"] * 1_000_000, newest) for r in used]
        axis.plot(at, [r["value"] for r in used], ".", color=plots.OTHER, markersize=2,
                  label="expected")  # fmt: skip
        axis.vlines(at, [r["low"] for r in used], [r["high"] for r in used], color=plots.BAND,
                    linewidth=1, alpha=0.6, label="90 %" if used else "")  # fmt: skip
        axis.set_title(name, fontsize=9, loc="left")
        axis.tick_params(labelsize=8)
    axes[0].legend(fontsize=8, ncols=3, loc="upper right")
    axes[-1].set_xlabel("minutes", fontsize=8)
    plots.save(drawn, path)


def _minutes(wall_ns: int, newest: int) -> float:
    return (wall_ns - newest) / 60e9
