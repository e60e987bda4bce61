# SPDX-License-Identifier: Apache-2.0
"""The demo's plot: wake-up delay over time, phases shaded, decisions marked.

``python demo_plot.py DIR`` reads DIR/result.json and DIR/samples and writes DIR/latency.png. It
runs in build/venv, the only place where matplotlib is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from guest.demo_data import read_samples

mpl.use("Agg")
from matplotlib import pyplot as plt

SHADES = {
    "no hogs": "#dfe8f5",
    "observing": "#f8dcd6",
    "learning": "#fbf1cf",
    "enforcing": "#d9f0d8",
    "daemon killed": "#e6e6e6",
}
KINDS = (
    ("experiment: task treated", "#8a6d00"),
    ("learned policy: task treated", "#1b7a2f"),
    ("baseline restored", "#5a5a5a"),
)
LINE = "#12316b"


def bins(
    seconds: NDArray[np.float64], delays: NDArray[np.float64], width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Middle (b,), median (b,) and p99 (b,) of bins of ``width`` seconds that are not empty."""
    number = np.floor(seconds / width).astype(np.int64)
    middle, median, high = [], [], []
    for one in np.unique(number):
        inside = delays[number == one]
        middle.append((one + 0.5) * width)
        median.append(np.percentile(inside, 50))
        high.append(np.percentile(inside, 99))
    return np.array(middle), np.array(median), np.array(high)


def kind_of(decision: dict[str, Any]) -> int | None:
    """The row of KINDS that a decision belongs to."""
    if decision["verdict"] == "restored":
        return 2
    if decision["verdict"] not in ("applied", "clamped"):
        return None
    return 1 if str(decision["policy"]).startswith("learned.") else 0


def moments(found: dict[str, Any]) -> list[tuple[int, str]]:
    """What happened when, for the arrows."""
    result = [(found["hogs_started_ns"], f"{found['hogs']} hogs start")]
    result.append((found["promoted_ns"], "policy promoted"))
    result.append((found["new_hog"].get("started_ns"), "one more hog"))
    result.append((found["return"]["killed_ns"], "kill -9"))
    return [(time, text) for time, text in result if time]


def draw(found: dict[str, Any], samples: list[tuple[int, int]], to: Path) -> None:
    """Draw and save."""
    table = np.array(samples, dtype=np.float64)
    begin = found["phases"][0]["start_ns"]
    seconds = (table[:, 0] - begin) / 1e9
    delays = np.maximum(table[:, 1] / 1e6, 1e-3)
    seconds, delays = seconds[seconds >= 0], delays[seconds >= 0]
    end = (found["phases"][-1]["end_ns"] - begin) / 1e9
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(14, 8), sharex=True, height_ratios=[6, 1], layout="constrained"
    )
    low, high = 0.01, max(2000.0, float(delays.max()) * 3)
    top.set_yscale("log")
    top.set_ylim(low, high)
    top.set_xlim(0, end)
    top.scatter(seconds, delays, s=3, color="#4c72b0", alpha=0.45, linewidths=0, label="a wake-up")
    middle, median, p99 = bins(seconds, delays, 1.0)
    top.plot(middle, p99, color="#c23b22", linewidth=1.3, label="p99 of each second")
    top.plot(middle, median, color=LINE, linewidth=1.3, label="median of each second")
    for phase in found["phases"]:
        start, stop = ((phase[key] - begin) / 1e9 for key in ("start_ns", "end_ns"))
        for axis in (top, bottom):
            axis.axvspan(start, stop, color=SHADES.get(phase["name"], "#eeeeee"), zorder=-2)
        name = phase["name"] if stop - start > 0.1 * end else phase["name"].replace(" ", "\n")
        text = f"{name}\np50 {phase['p50_ms']:.1f}\np99 {phase['p99_ms']:.1f}"
        top.text((start + stop) / 2, high / 1.15, text, ha="center", va="top", fontsize=9)
    for number, (time, text) in enumerate(moments(found)):
        at = (time - begin) / 1e9
        for axis in (top, bottom):
            axis.axvline(at, color="black", linewidth=0.9, linestyle="--")
        box = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1}
        top.annotate(text, (at, low * 1.2 * 1.6 ** (number % 3)), (-4, 0), fontsize=9, ha="right",
                     textcoords="offset points", bbox=box)  # fmt: skip
    top.set_ylabel("wake-up delay of the interactive task [ms]")
    top.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    top.grid(axis="y", alpha=0.35)
    top.legend(loc="lower center", fontsize=9, framealpha=0.9, ncols=3, markerscale=3)
    top.set_title(
        f"AINKA on Linux {found['kernel']} ({found['accelerator']}, 2 CPUs): a task that wakes "
        f"every {found['period_us'] / 1000:g} ms, next to {found['hogs']} CPU hogs"
    )
    for row, (_, colour) in enumerate(KINDS):
        times = [(d["time_ns"] - begin) / 1e9 for d in found["decisions"] if kind_of(d) == row]
        bottom.vlines(times, -row - 0.38, -row + 0.38, color=colour, linewidth=1.0)
    bottom.set_yticks([0, -1, -2], [name for name, _ in KINDS], fontsize=9)
    bottom.set_ylim(-2.5, 0.5)
    bottom.set_xlabel("time [s]   (percentiles at the top in ms; each tick is a decision of AINKA)")
    figure.savefig(to, dpi=110)


def main() -> None:
    """Read, draw."""
    folder = Path(sys.argv[1])
    found = json.loads((folder / "result.json").read_text())
    draw(found, read_samples(folder / "samples"), folder / "latency.png")


if __name__ == "__main__":
    main()
