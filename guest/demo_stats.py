# SPDX-License-Identifier: Apache-2.0
"""What the demo makes of its samples: figures of a phase, the table, the verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: What AINKA must achieve from the phase in which it only observes to the one it enforces in.
RUN_DELAY_FACTOR = 3.0
P99_FACTOR = 2.0
#: Above this, delays tell of the host.
BUSY_HOST_PERCENT = 10.0
#: Beyond the lease, in seconds.
RETURN_GRACE_S = 1.0


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of the values do not exceed (nearest rank)."""
    if not values:
        return math.nan
    ordered = sorted(values)
    rank = max(1, math.ceil(percent / 100 * len(ordered)))
    return ordered[rank - 1]


@dataclass(frozen=True)
class Mark:
    """The interactive task's counters at one moment, as the load prints them."""

    time_ns: int
    run_ns: int
    delay_ns: int
    wakeups: int
    missed: int


@dataclass(frozen=True)
class Phase:
    """A stretch of time and what the interactive task met in it; delays in milliseconds."""

    name: str
    start_ns: int
    end_ns: int
    wakeups: int
    missed: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    run_delay_ms: float
    decisions: int
    #: Time that the guest's virtual CPUs waited for one of the host's, of their time, in percent.
    host_wait_percent: float = 0.0

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ns - self.start_ns) / 1e9


def phase(
    name: str,
    start: Mark,
    end: Mark,
    samples: Sequence[tuple[int, int]],
    decision_times_ns: Sequence[int],
    host_wait_percent: float = 0.0,
) -> Phase:
    """The figures between two marks. ``samples`` are (due, delay) in ns, all of them in order."""
    wakeups = end.wakeups - start.wakeups
    delays = [delay / 1e6 for _, delay in samples[start.wakeups : end.wakeups]]
    run_delay_ns = end.delay_ns - start.delay_ns
    return Phase(
        name=name,
        start_ns=start.time_ns,
        end_ns=end.time_ns,
        wakeups=wakeups,
        missed=end.missed - start.missed,
        p50_ms=percentile(delays, 50),
        p90_ms=percentile(delays, 90),
        p99_ms=percentile(delays, 99),
        run_delay_ms=run_delay_ns / 1e6 / wakeups if wakeups else math.nan,
        decisions=sum(start.time_ns <= t < end.time_ns for t in decision_times_ns),
        host_wait_percent=host_wait_percent,
    )


@dataclass(frozen=True)
class Untreated:
    """What the interactive task meets beside the same hogs without AINKA, in milliseconds."""

    p99_ms: float
    run_delay_ms: float


def untreated(spans: Sequence[tuple[Mark, Mark]], samples: Sequence[tuple[int, int]]) -> Untreated:
    """The figures of several stretches taken together, before and after the treatment.

    One of them alone would also show how the machine was at that time: two virtual CPUs drift in
    and out of step for many seconds, and p99 drifts with them.
    """
    delays = [d / 1e6 for a, b in spans for _, d in samples[a.wakeups : b.wakeups]]
    waited_ns = sum(b.delay_ns - a.delay_ns for a, b in spans)
    return Untreated(
        p99_ms=percentile(delays, 99),
        run_delay_ms=waited_ns / 1e6 / len(delays) if delays else math.nan,
    )


def factor(before: float, after: float) -> float:
    """How many times smaller ``after`` is; nan when one of them is not known."""
    if math.isnan(before) or math.isnan(after):
        return math.nan
    return before / after if after > 0 else math.inf


HEADERS = ("phase", "time", "p50", "p90", "p99", "run delay", "missed", "host wait", "decisions")
UNITS = ("", "s", "ms", "ms", "ms", "ms/wake-up", "% periods", "% of time", "")


def table(phases: Sequence[Phase]) -> list[str]:
    """Lines of a table; the first column is text, the others are numbers."""
    rows: list[tuple[str, ...]] = [HEADERS, UNITS]
    for one in phases:
        periods = one.wakeups + one.missed
        missed = 100 * one.missed / periods if periods else math.nan
        rows.append(
            (
                one.name,
                f"{one.seconds:.0f}",
                f"{one.p50_ms:.2f}",
                f"{one.p90_ms:.2f}",
                f"{one.p99_ms:.2f}",
                f"{one.run_delay_ms:.2f}",
                f"{missed:.0f}",
                f"{one.host_wait_percent:.0f}",
                str(one.decisions),
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADERS))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(2, "  ".join("-" * width for width in widths))
    return lines


@dataclass(frozen=True)
class Loop:
    """Whether the loop closed by itself: what was promoted, and whether it acted."""

    promoted: bool
    origin: str
    applied: int

    @property
    def closed(self) -> bool:
        """A policy of the learner was promoted by the daemon, and applied."""
        return self.promoted and self.origin == "learner" and self.applied > 0


@dataclass(frozen=True)
class Return:
    """How the machine came back after the daemon was killed; None: it did not."""

    tasks_s: float | None
    module_s: float | None
    lease_s: float
    left_away: tuple[str, ...]

    @property
    def limit_s(self) -> float:
        """What it may take."""
        return self.lease_s + RETURN_GRACE_S

    @property
    def seconds(self) -> float | None:
        """Until the last of it was back."""
        if self.tasks_s is None or self.module_s is None or self.left_away:
            return None
        return max(self.tasks_s, self.module_s)


@dataclass(frozen=True)
class Check:
    """One thing the demo must show."""

    name: str
    ok: bool
    detail: str


def verdict(before: Untreated, enforcing: Phase | None, loop: Loop, back: Return) -> list[Check]:
    """The checks of the demo. ``enforcing`` is None when nothing was promoted."""
    if loop.closed:
        what = f"promoted by the daemon, origin {loop.origin}, applied {loop.applied} times"
    elif loop.promoted:
        what = f"promoted, but origin {loop.origin!r}, applied {loop.applied} times"
    else:
        what = "the daemon promoted nothing in the time it had"
    checks = [Check("the loop closed by itself", loop.closed, what)]
    for name, wanted, without, treated in (
        (
            "run delay per wake-up",
            RUN_DELAY_FACTOR,
            before.run_delay_ms,
            enforcing.run_delay_ms if enforcing else math.nan,
        ),
        (
            "p99 of the wake-up delay",
            P99_FACTOR,
            before.p99_ms,
            enforcing.p99_ms if enforcing else math.nan,
        ),
    ):
        got = factor(without, treated)
        detail = (
            "not measured: nothing was enforced"
            if math.isnan(got)
            else f"{without:.2f} ms to {treated:.2f} ms, {got:.1f} times less"
        )
        checks.append(Check(f"{name} fell at least {wanted:g} times", got >= wanted, detail))
    seconds = back.seconds
    ok = seconds is not None and seconds <= back.limit_s
    if seconds is not None:
        detail = f"{seconds:.2f} s after the kill (lease {back.lease_s:g} s)"
    else:
        detail = "still away: " + (", ".join(back.left_away) or "see away from baseline")
    name = f"everything back at its baseline within {back.limit_s:g} s"
    checks.append(Check(name, ok, detail))
    return checks


def host_text(phases: Sequence[Phase]) -> list[str]:
    """A warning when the host kept the guest waiting, for then the phases do not compare."""
    worst = max(phases, key=lambda one: one.host_wait_percent)
    if worst.host_wait_percent <= BUSY_HOST_PERCENT:
        return []
    return [
        f"The host is busy: in phase {worst.name!r} the guest's CPUs waited "
        f"{worst.host_wait_percent:.0f} % of the time for one of the host's.",
        "No scheduler in the guest can help that, and phases that differ in it do not compare.",
    ]


def floor_text(control: Phase, observing: Phase, enforcing: Phase | None, accel: str) -> str:
    """How much of p99 is there without any hog, and so beyond AINKA's reach."""
    last = enforcing or observing
    share = 100 * min(1.0, control.p99_ms / last.p99_ms) if last.p99_ms > 0 else math.nan
    why = "emulation (TCG) and this host" if accel == "tcg" else "this host"
    where = "with the learned policy" if enforcing else "with hogs"
    return (
        f"The floor: without any hog p99 is {control.p99_ms:.2f} ms already, "
        f"{share:.0f} % of the {last.p99_ms:.2f} ms {where}: {why}, not the scheduler."
    )
