# SPDX-License-Identifier: Apache-2.0
"""ainkactl top: the machine, the state and the decisions, again and again."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ainkad.errors import AinkaError
from ainkad.event_socket import DaemonSocket
from ainkad.netlink.client import Client

from ainkactl.connect import connect
from ainkactl.render import clock_time, duration, emit_json, escape, subject

View = dict[str, Any]

DECISIONS = 10
SUBJECTS = 10

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"

#: What a subject is ranked by, and the columns that are shown of it.
_RANKED = {
    "task": ("cpu_share_permille", ("cpu_share_permille", "run_delay_mean_us", "wakeup_rate_hz")),
    "cgroup": ("cpu_share_permille", ("cpu_share_permille", "run_delay_p99_us", "tasks")),
    "device": ("io_rate_hz", ("io_rate_hz", "read_lat_p99_us", "write_lat_p99_us", "in_flight")),
}


def ranked(kind: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The busiest subjects of a kind, one dictionary each, from the rows of signal-get."""
    by_key: dict[tuple[Any, Any], dict[str, Any]] = {}
    for row in rows:
        key = (row.get("pid"), row.get("subject-id"))
        one = by_key.setdefault(key, {k: row[k] for k in ("pid", "label") if k in row})
        if not row.get("stale"):
            one[str(row.get("name", "")).partition(".")[2]] = row.get("value")
    rank, _ = _RANKED[kind]
    busiest = sorted(by_key.values(), key=lambda one: one.get(rank) or 0, reverse=True)
    return busiest[:SUBJECTS]


def daemon_report() -> dict[str, Any] | None:
    """What the daemon says of its collection; None when it does not answer us."""
    if os.geteuid() != 0:
        return None
    with suppress(AinkaError), DaemonSocket({"want": "programs"}) as daemon:
        for frame in daemon.frames():
            return frame if isinstance(frame, dict) else None
    return None


def look(client: Client) -> View:
    """One view of everything."""
    signals = {
        row["name"]: None if row.get("stale") else row.get("value")
        for row in client.dump("signal-get", {"subject": "system"})
    }
    view: View = {
        "time-ns": time.monotonic_ns(),
        "state": client.request("state-get"),
        "load": list(os.getloadavg()),
        "signals": signals,
    }
    for kind in _RANKED:
        try:
            view[f"{kind}s"] = ranked(kind, list(client.dump("signal-get", {"subject": kind})))
        except AinkaError:
            view[f"{kind}s"] = []  # those of tasks are for root
    rows = list(client.dump("tunable-get"))
    view["changed"] = [row for row in rows if "baseline" in row]
    view["policies"] = list(client.dump("policy-get"))
    view["decisions"] = list(client.dump("decision-get"))[-DECISIONS:]
    report = daemon_report()
    view["events"] = None if report is None else report["events"]
    view["processes"] = None if report is None else report["processes"]
    view["subtrees"] = [] if report is None else report["subtrees"]
    return view


def _value(view: View, name: str) -> str:
    value = view["signals"].get(name)
    return "-" if value is None else str(value)


def _percent(view: View, name: str) -> str:
    value = view["signals"].get(name)
    return "-" if value is None else f"{value / 10:.0f} %"


def _micros(view: View, name: str) -> str:
    value = view["signals"].get(name)
    return "-" if value is None else str(duration(value * 1000))


def _event_rates(view: View, before: View | None) -> str:
    """Events a second of each type since the view before."""
    if view["events"] is None:
        return "ainkad does not answer" if os.geteuid() == 0 else "for root only"
    if before is None or before["events"] is None:
        return "…"
    seconds = (view["time-ns"] - before["time-ns"]) / 1e9
    old = {row["type"]: row for row in before["events"]}
    parts = []
    for row in view["events"]:
        was = old.get(row["type"], row)
        rate = max(0, row["seen"] - was["seen"]) / seconds
        text = f"{row['type']} {rate:.0f}/s"
        if row["one-in"] > 1:
            text += f" (1 in {row['one-in']})"
        if lost := row["lost"] - was["lost"]:
            text += f" ({lost} lost)"
        parts.append(text)
    return ", ".join(parts)


def _head(view: View, before: View | None) -> Iterator[str]:
    state = view["state"]
    lease = state.get("lease-ms", 0)
    enforcement = "" if state.get("enforce") else ", enforcement off"
    yield (
        f"AINKA {state.get('version', '')}  {state.get('state')} for "
        f"{duration(state.get('since-ns', 0))}{enforcement}, "
        + (f"daemon with {lease / 1000:.1f} s of lease" if lease else "no daemon")
    )
    load = " ".join(f"{value:.2f}" for value in view["load"])
    yield (
        f"cpu {_percent(view, 'sched.cpu_busy_permille')} busy, load {load}, "
        f"run delay {_micros(view, 'sched.run_delay_p50_us')} / "
        f"{_micros(view, 'sched.run_delay_p99_us')} (p50 / p99), "
        f"{_value(view, 'sched.switch_rate_hz')} switches/s"
    )
    yield (
        f"stalled: cpu {_percent(view, 'psi.cpu_some_permille')}, "
        f"memory {_percent(view, 'psi.memory_some_permille')} "
        f"(all {_percent(view, 'psi.memory_full_permille')}), "
        f"I/O {_percent(view, 'psi.io_some_permille')} "
        f"(all {_percent(view, 'psi.io_full_permille')})"
    )
    processes = "-" if view["processes"] is None else view["processes"]
    yield f"processes {processes}; events: {_event_rates(view, before)}"
    storms = [
        f"{row['pid']} {escape(row['comm'])} {row['fork-rate-hz']:g} / {row['exec-rate-hz']:g}"
        for row in view["subtrees"][:3]
        if row["fork-rate-hz"] + row["exec-rate-hz"] >= 1
    ]
    if storms:
        yield f"forks / execs a second below: {', '.join(storms)}"
    on = [row.get("name", "") for row in view["policies"] if row.get("active")]
    yield (
        f"policies {len(view['policies'])}"
        + (f", on: {', '.join(on)}" if on else "")
        + f"; {len(view['changed'])} tunables away from their baseline"
    )


def _subjects(view: View, kind: str, most: int) -> Iterator[str]:
    _, names = _RANKED[kind]
    rows = view[f"{kind}s"][:most]
    if not rows:
        return
    yield _BOLD + f"{kind.upper():24}" + "".join(f"{name:>22}" for name in names)
    for row in rows:
        who = f"{row['pid']} {row.get('label', '')}" if "pid" in row else row.get("label", "")
        cells = ("-" if row.get(name) is None else str(row[name]) for name in names)
        yield f"{escape(str(who))[:24]:24}" + "".join(f"{cell:>22}" for cell in cells)


def _decisions(view: View, most: int) -> Iterator[str]:
    yield _BOLD + "DECISIONS"
    rows = view["decisions"][-most:] if most > 0 else []
    if not view["decisions"]:
        yield "none yet"
    for row in rows:
        change = f"{row.get('old', '-')} → {row.get('new', '-')}"
        parts = (
            f"{row.get('id')}", clock_time(row.get("time-ns", 0)), str(row.get("policy", "-")),
            subject(row), str(row.get("tunable", "-")), change, str(row.get("verdict", "")),
        )  # fmt: skip
        yield escape("  ".join(parts))


def lines(view: View, before: View | None, height: int) -> list[str]:
    """The view for a screen of so many lines; a line that begins with the code for bold is a
    heading.
    """
    shown = list(_head(view, before))
    for kind, share in (("task", 0.4), ("cgroup", 0.5), ("device", 0.5)):
        left = height - len(shown) - 4  # the decisions keep a few
        part = list(_subjects(view, kind, max(0, int(left * share) - 2)))
        if part and left > 3:
            shown += ["", *part]
    left = height - len(shown) - 2
    if left > 1:
        shown += ["", *_decisions(view, left - 1)]
    return shown[:height]


def fitted(line: str, width: int) -> str:
    """A line cut to the width of the screen; bold is no part of it."""
    if line.startswith(_BOLD):
        return _BOLD + line[len(_BOLD) :][:width] + _PLAIN
    return line[:width]


@contextmanager
def _screen() -> Iterator[None]:
    """The terminal's other screen, which leaves what was there."""
    sys.stdout.write(_ENTER)
    try:
        yield
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()


def _draw(view: View, before: View | None) -> None:
    size = shutil.get_terminal_size()
    text = "".join(
        fitted(line, size.columns) + _CLEAR_LINE + "\r\n"
        for line in lines(view, before, size.lines - 1)
    )
    sys.stdout.write(_HOME + text + _CLEAR_REST)
    sys.stdout.flush()


def top(interval_s: float, once: bool, json: bool) -> None:
    """Show views until interrupted; one without a terminal, with ``once`` or as JSON."""
    with connect() as client:
        view = look(client)
        if json:
            emit_json(view)
            return
        if once or not sys.stdout.isatty():
            for line in lines(view, None, 60):
                print(line.removeprefix(_BOLD))
            return
        before: View | None = None
        with _screen():
            while True:
                _draw(view, before)
                time.sleep(interval_s)
                before, view = view, look(client)
