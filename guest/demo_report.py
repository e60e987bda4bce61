# SPDX-License-Identifier: Apache-2.0
"""What the demo says in the end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from guest.demo_run import checks_of, phases_of
from guest.demo_stats import Check, floor_text, host_text, table


def print_report(found: dict[str, Any], output: Path) -> list[Check]:
    """Print it all; returns the checks."""
    for line in lines(found, output):
        print(line)
    return checks_of(found)


def lines(found: dict[str, Any], output: Path) -> list[str]:
    """The report."""
    phases = phases_of(found)
    text = [
        "",
        f"AINKA on Linux {found['kernel']} ({found['accelerator']}, 2 CPUs): a task that wakes "
        f"every {found['period_us'] / 1000:g} ms,",
        f"with {found['work_us'] / 1000:g} ms of work each time, and {found['hogs']} hogs in its "
        "session. Wake-up delay of that task:",
        "",
        *table(list(phases.values())),
        "",
        floor_text(
            phases["no hogs"], phases["observing"], phases.get("enforcing"), found["accelerator"]
        ),
        *host_text(list(phases.values())),
        "",
        *_learned(found),
        *_new_hog(found),
        *_return(found),
    ]
    if found["explanation"]:
        number = found["new_hog"].get("decision", "ID")
        text += ["", f"$ ainkactl explain {number}", *found["explanation"].splitlines()]
    text += ["", f"plot    {output / 'latency.png'}", f"figures {output / 'result.json'}", ""]
    checks = checks_of(found)
    text += [f"{'ok    ' if c.ok else 'FAILED'}  {c.name}: {c.detail}" for c in checks]
    failed = sum(not check.ok for check in checks)
    end = "AINKA demo: passed" if not failed else f"AINKA demo: {failed} of {len(checks)} FAILED"
    text += ["", f"=== {end}, in {found['seconds']:.0f} s ==="]
    return text


def _learned(found: dict[str, Any]) -> list[str]:
    learned = found["learned"]
    if not learned:
        return ["Learned: nothing."]
    ways = " or ".join(f"({way})" for way in learned["treat"]) or "nobody"
    text = [
        f"Learned from {learned['windows']} windows of random treatment: arm "
        f"{learned['arm']!r} for tasks with",
        f"  {ways}",
    ]
    confirmed = [effect for effect in found["effects"] if effect["stage"] == "confirm"]
    if confirmed:
        effect = confirmed[-1]
        mean, low, high = (100 * (math.exp(effect[key]) - 1) for key in ("mean", "low", "high"))
        text.append(
            f"Confirmed in {effect['pairs']} pairs of windows: {effect['reward']} {mean:+.0f} % "
            f"({100 * (1 - effect['alpha']):g} % interval {low:+.0f} … {high:+.0f} %), "
            + ("promoted." if effect["promoted"] else "not promoted.")
        )
    status = found["status"]
    text.append(
        f"Decisions before the kill: {status['decisions']}, of which {status['applied']} applied, "
        f"{status['restored']} restored, {status['refused']} refused."
    )
    return text


def _new_hog(found: dict[str, Any]) -> list[str]:
    hog = found["new_hog"]
    if not hog:
        return []
    if hog["seconds"] is None:
        return ["One more hog was started and NOT demoted."]
    return [
        f"One more hog was demoted {hog['seconds']:.2f} s after its start (the tuner leaves tasks "
        f"alone that are younger than {found['min_age']})."
    ]


def _return(found: dict[str, Any]) -> list[str]:
    back = found["return"]
    was = f"{back['away_before']} tasks away from their baseline before"
    if back["seconds"] is None:
        return [f"kill -9 of the daemon ({was}): NOT everything came back."]
    return [
        f"kill -9 of the daemon ({was}): everything back after {back['seconds']:.2f} s "
        f"(allowed: lease {back['lease_s']:g} s + 1 s)."
    ]
