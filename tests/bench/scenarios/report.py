# SPDX-License-Identifier: Apache-2.0
"""What is said of the results: the table of all scenarios, and a page for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.scenarios import figures
from tests.bench.scenarios.scenario import AINKA, DEFAULTS, Measure, Scenario

HEADERS = ("scenario", "defaults", "best static", "best of tuned", "AINKA",
           "AINKA against defaults", "goal", "")  # fmt: skip
CHANGE_HEADERS = ("change to", "after, s", "seconds to 95 % of the best static setting")
COST_HEADERS = ("learning", "windows", "until 95 % of best", "regret", "below 0.95 × defaults")


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def ratio_text(ratio: figures.Ratio | None) -> str:
    """A ratio and its interval."""
    if ratio is None:
        return "–"
    return f"{ratio.mean:.3g} × ({ratio.low:.3g} … {ratio.high:.3g})"


def goal_text(measure: Measure) -> str:
    """The goal in words; empty without one."""
    if measure.goal is not None:
        return f"≥ {measure.goal:g} ×"
    return f"< {measure.below:g} {measure.unit}" if measure.below is not None else ""


def verdict(result: dict[str, Any], measure: Measure) -> str:
    """Whether the goal is met by AINKA; empty without a goal, or where AINKA was not measured."""
    windows = result["windows"]
    if measure.below is not None:
        value = figures.median(windows, measure, AINKA)
        return "" if value is None else "met" if value < measure.below else "NOT met"
    ratio = figures.ratio(windows, measure, AINKA)
    if measure.goal is None or ratio is None:
        return ""
    return "met" if ratio.mean >= measure.goal else "NOT met"


def of_kind(result: dict[str, Any], kind: str) -> list[str]:
    """Names of the conditions of a kind."""
    return [one["name"] for one in result["conditions"] if one["kind"] == kind]


def _best_text(result: dict[str, Any], measure: Measure, kind: str) -> str:
    found = figures.best(result["windows"], measure, of_kind(result, kind))
    return "–" if found is None else f"{number(found[1])} ({found[0].removeprefix('tuned ')})"


def row(result: dict[str, Any], measure: Measure) -> tuple[str, ...]:
    """The cells of one measure."""
    windows = result["windows"]
    return (
        f"{result['scenario']}: {measure.label} [{measure.unit}]",
        number(figures.median(windows, measure, DEFAULTS)),
        _best_text(result, measure, "static"),
        _best_text(result, measure, "tuned"),
        number(figures.median(windows, measure, AINKA)),
        ratio_text(figures.ratio(windows, measure, AINKA)),
        goal_text(measure),
        verdict(result, measure),
    )


def left_row(result: dict[str, Any]) -> tuple[str, ...]:
    """The cells that say whether anything learned is in force in the end."""
    left = result.get("ainka", {}).get("in_force")
    name = f"{result['scenario']}: learned policies left in force"
    if left is None:
        return (name, "", "", "", "–", "", "none", "")
    return (name, "", "", "", ", ".join(left) or "none", "", "none", "NOT met" if left else "met")


def rows_of(scenario: Scenario, result: dict[str, Any]) -> list[tuple[str, ...]]:
    """All rows of a scenario."""
    rows = [row(result, measure) for measure in scenario.measures]
    return [*rows, left_row(result)] if scenario.nothing_left else rows


def cost_rows(result: dict[str, Any], scenario: Scenario) -> list[tuple[str, ...]]:
    """What learning has cost, for each measure that leads."""
    learned = result.get("ainka", {}).get("learning", {}).get("windows", [])
    found: list[tuple[str, ...]] = []
    for measure in scenario.measures:
        base = figures.median(result["windows"], measure, DEFAULTS)
        goal = figures.best(result["windows"], measure, of_kind(result, "static"))
        if not measure.leads or not learned or base is None or goal is None:
            continue
        cost = figures.learning(learned, measure, base, goal[1])
        until = "not found" if cost.until_found is None else str(cost.until_found)
        found.append((f"{result['scenario']}: {measure.label}", str(cost.windows), until,
                      f"{cost.regret:.1f}", str(cost.worse)))  # fmt: skip
    return found


def change_rows(result: dict[str, Any], scenario: Scenario) -> list[tuple[str, ...]]:
    """How long each change of phase took while AINKA learned, until 95 % of the best static arm."""
    learned = result.get("ainka", {}).get("learning", {}).get("windows", [])
    found: list[tuple[str, ...]] = []
    for measure in scenario.measures:
        goal = figures.best(result["windows"], measure, of_kind(result, "static"))
        if not measure.leads or goal is None:
            continue
        for one in learned:
            if one["phase"] == measure.phase and one.get("series"):
                after = figures.found_after(one["series"], goal[1])
                said = "not in it" if after is None else f"{after:.1f}"
                found.append((measure.label, f"{one['since_s']:.0f}", said))
    return found


def _shortlisted(result: dict[str, Any]) -> list[str]:
    """A line where not every condition went through all rounds."""
    went = Counter((one["condition"], one["phase"]) for one in result["windows"])
    if not went or min(went.values()) >= result["rounds"]:
        return []
    return ["- After two rounds only the static setting and the profile of tuned went on that were "
            "the best so far, for each measure that leads."]  # fmt: skip


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table for a terminal; the first row is its head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    return [lines[0], "  ".join("-" * w for w in widths), *lines[1:]]


def markdown(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table for a page; the first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]


def table(results: Sequence[tuple[Scenario, dict[str, Any]]]) -> list[str]:
    """What `make bench-scenarios` prints in the end."""
    rows: list[tuple[str, ...]] = [HEADERS]
    costs: list[tuple[str, ...]] = [COST_HEADERS]
    for scenario, result in results:
        rows += rows_of(scenario, result)
        costs += cost_rows(result, scenario)
    text = [*aligned(rows), ""]
    if len(costs) > 1:
        text += [*aligned(costs), "(regret: windows' worth of the best static setting)", ""]
    return text


def complete(scenario: Scenario, result: dict[str, Any], rounds: int) -> bool:
    """Whether it is a result to keep: enough rounds, and every kind of condition in them."""
    kinds = {one["kind"] for one in result.get("conditions", [])}
    return result.get("rounds", 0) >= rounds and set(scenario.kinds()) <= kinds


def _conditions(scenario: Scenario, result: dict[str, Any]) -> list[str]:
    text = []
    for measure in scenario.measures:
        better = "lower" if measure.lower_is_better else "higher"
        rows: list[tuple[str, ...]] = [
            (f"{measure.label} [{measure.unit}], {better} is better", "median",
             "against defaults (95 %)", "rounds")
        ]  # fmt: skip
        for one in result["conditions"]:
            value = figures.median(result["windows"], measure, one["name"])
            ratio = figures.ratio(result["windows"], measure, one["name"])
            known = figures.by_round(result["windows"], measure, one["name"])
            fresh = " (programs started anew)" if one["kind"] in scenario.fresh else ""
            against = "1" if one["kind"] == DEFAULTS else ratio_text(ratio)
            rows.append((one["name"] + fresh, number(value), against, str(len(known))))
        text += [*markdown(rows), ""]
    return text


def _bare(result: dict[str, Any]) -> list[str]:
    lines = []
    for one in result.get("bare", []):
        values = ", ".join(f"{key} {number(value)}" for key, value in one["figures"].items())
        lines.append(f"- {one['phase']}: {values or one.get('error', '')}")
    return ["Before AINKA was loaded:", "", *lines, ""] if lines else []


def _ainka(result: dict[str, Any]) -> list[str]:
    ainka = result.get("ainka")
    if not ainka:
        return ["AINKA was not measured.", ""]
    learning = ainka["learning"]
    text = [f"Learning took {learning.get('seconds', 0):.0f} s; in force afterwards: "
            f"{', '.join(ainka.get('promoted', [])) or 'nothing'}; in the end: "
            f"{', '.join(ainka.get('in_force', [])) or 'nothing'}."]  # fmt: skip
    if ainka.get("counts"):
        text.append("Decisions: " + ", ".join(f"{k} {v}" for k, v in ainka["counts"].items()) + ".")
    states = sorted({one["state"] for one in result["windows"] if one.get("state")})
    text += [f"State of the module in the measured windows: {', '.join(states) or 'unknown'}.", ""]
    seen = [set(one["learned"]) for one in result["windows"] if "learned" in one]
    gone = sum(not set(ainka.get("promoted", [])) <= one for one in seen)
    if gone:
        text += [f"**In {gone} of {len(seen)} measured windows what was promoted was in force no "
                 "longer.**", ""]  # fmt: skip
    if learning["events"]:
        text += ["| s | event | |", "| --- | --- | --- |"]
        text += [f"| {at:.0f} | {name} | {detail[:160].replace('|', ' ')} |"
                 for at, name, detail in learning["events"]]  # fmt: skip
        text.append("")
    return text


def page(scenario: Scenario, result: dict[str, Any]) -> str:
    """docs/results/NAME.md."""
    waits = [one["host_wait_percent"] for one in result["windows"]] or [0.0]
    shown = "; ".join(f"{key}: {value}" for key, value in {**result["options"],
                      **result["facts"]}.items())  # fmt: skip
    costs = cost_rows(result, scenario)
    changes = change_rows(result, scenario)
    text = [
        f"# {scenario.name}",
        "",
        f"{scenario.description[0].upper()}{scenario.description[1:]}.",
        "",
        f"    {result['command']}",
        "",
        f"{result['started']}, Linux {result['kernel']}, {result['accelerator']}, "
        f"{result['cpus']} CPUs, memory {result['memory']}, disks "
        f"{', '.join(result['disks']) or 'none'} (QEMU's throttling), {result['rounds']} rounds, "
        f"seed {result['seed']}, {result['seconds'] / 60:.1f} min. Windows of "
        f"{result['window_s']:g} s after {result['settle_s']:g} s that are dropped. "
        f"{shown}.",
        "",
        f"The host kept the guest's CPUs waiting {min(waits):.0f} to {max(waits):.0f} % of the "
        "time. Figures under emulation (tcg) compare with each other only.",
        "",
        *markdown([HEADERS, *rows_of(scenario, result)]),
        "",
        *(f"- {note}" for note in scenario.notes),
        "- With AINKA loaded, its switch `enforce` is off in all conditions but its own: what "
        "collecting costs is in all of them.",
        "- Ratios are geometric means over rounds, intervals Student's on logarithms; the number "
        "of rounds was fixed beforehand.",
        *_shortlisted(result),
        "",
        f"![{scenario.name}]({scenario.name}.png)",
        "",
        "## All conditions",
        "",
        *_conditions(scenario, result),
        *_bare(result),
        "## Learning",
        "",
        *_ainka(result),
        *(markdown([COST_HEADERS, *costs]) if costs else []),
        *(["", *markdown([CHANGE_HEADERS, *changes])] if changes else []),
    ]
    if result["errors"]:
        text += ["", "Windows without a figure:", "", *(f"- {one}" for one in result["errors"])]
    if result["not_back"]:
        text += ["", "Settings that did not go back by themselves (and were set back):", ""]
        text += [f"- {one}" for one in result["not_back"]]
    if result["faults"]:
        text += ["", "The kernel reported:", "", *(f"- {one}" for one in result["faults"])]
    return "\n".join(text).rstrip() + "\n"


def write_page(folder: Path, scenario: Scenario, result: dict[str, Any]) -> None:
    """Write it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{scenario.name}.md").write_text(page(scenario, result))
