# SPDX-License-Identifier: Apache-2.0
"""A picture of a scenario: every window of every condition, and how learning went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from tests.bench.scenarios import figures
from tests.bench.scenarios.scenario import AINKA, DEFAULTS, Measure, Scenario

mpl.use("Agg")
from matplotlib import pyplot as plt

COLOURS = {DEFAULTS: "#5a5a5a", "static": "#4c72b0", "tuned": "#8a6d00", AINKA: "#1b7a2f"}


def draw(scenario: Scenario, result: dict[str, Any], to: Path) -> None:
    """A row for each measure that leads: left the rounds, right the windows of learning."""
    measures = [one for one in scenario.measures if one.leads]
    widths = [3, 2] if _learned(result) else [3]
    figure, axes = plt.subplots(
        len(measures),
        len(widths),
        figsize=(2.6 * sum(widths), 1.2 + 3 * len(measures)),
        squeeze=False,
        width_ratios=widths,
        layout="constrained",
    )
    for row, measure in zip(axes, measures, strict=True):
        _rounds(row[0], measure, result)
        if len(row) > 1:
            _learning(row[1], measure, result)
    figure.suptitle(
        f"{scenario.name}: {scenario.description}\nLinux {result['kernel']}, "
        f"{result['accelerator']}, {result['rounds']} rounds",
        fontsize=11,
    )
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    plt.close(figure)


def _rounds(axis: Any, measure: Measure, result: dict[str, Any]) -> None:
    names = [one["name"] for one in result["conditions"]]
    for place, one in enumerate(result["conditions"]):
        values = list(figures.by_round(result["windows"], measure, one["name"]).values())
        colour = COLOURS[one["kind"]]
        axis.scatter([place] * len(values), values, s=22, color=colour, alpha=0.7, linewidths=0)
        middle = figures.median(result["windows"], measure, one["name"])
        if middle is not None:
            axis.hlines(middle, place - 0.3, place + 0.3, color=colour, linewidth=2)
    base = figures.median(result["windows"], measure, DEFAULTS)
    if base is not None:
        axis.axhline(base, color=COLOURS[DEFAULTS], linewidth=0.8, linestyle=":")
    axis.set_xticks(range(len(names)), names, rotation=25, ha="right", fontsize=8)
    _common(axis, measure)


def _learned(result: dict[str, Any]) -> bool:
    """Whether there are windows of learning; not where policies were written by hand."""
    return bool(result.get("ainka", {}).get("learning", {}).get("windows"))


def _learning(axis: Any, measure: Measure, result: dict[str, Any]) -> None:
    learning = result["ainka"]["learning"]
    rows = [
        (one["since_s"], one["figures"][measure.figure])
        for one in learning["windows"]
        if one["phase"] == measure.phase and measure.figure in one["figures"]
    ]
    if not rows:
        axis.set_axis_off()
        return
    axis.plot(*zip(*rows, strict=True), marker="o", markersize=4, color=COLOURS[AINKA])
    for at, name, _ in learning["events"]:
        if name in ("promoted", "withdrawn", "explore", "confirm"):
            axis.axvline(at, color="black", linewidth=0.8, linestyle="--")
            axis.annotate(name, (at, 0.98), xycoords=("data", "axes fraction"), rotation=90,
                          fontsize=8, va="top", ha="right")  # fmt: skip
    base = figures.median(result["windows"], measure, DEFAULTS)
    names = [one["name"] for one in result["conditions"] if one["kind"] == "static"]
    best = figures.best(result["windows"], measure, names)
    for value, colour in ((base, COLOURS[DEFAULTS]), (best and best[1], COLOURS["static"])):
        if value is not None:
            axis.axhline(value, color=colour, linewidth=0.9, linestyle=":")
    axis.set_xlabel("AINKA learns [s]; dotted: defaults, best static", fontsize=8)
    _common(axis, measure)


def _common(axis: Any, measure: Measure) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    arrow = "lower" if measure.lower_is_better else "higher"
    axis.set_ylabel(f"{measure.label}\n[{measure.unit}], {arrow} is better", fontsize=8)
    axis.grid(axis="y", alpha=0.3)
