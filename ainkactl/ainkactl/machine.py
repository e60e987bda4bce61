# SPDX-License-Identifier: Apache-2.0
"""ainkactl status, state and reset: the machine as a whole."""

from __future__ import annotations

from typing import Any

from ainkad.netlink.attributes import entry_number
from ainkad.netlink.spec_gen import FAMILY

from ainkactl.connect import connect, held, wait_settled
from ainkactl.render import count, duration, emit_json, fields


def _state_text(row: dict[str, Any]) -> str:
    text = str(row.get("state"))
    if row.get("since-ns") is not None:
        text += f" for {duration(row['since-ns'])}"
    return f"{text} ({row['why']})" if row.get("why") else text


def _maps_text(mask: int) -> str:
    roles = FAMILY.enums["map-role"]
    return ", ".join(role for bit, role in enumerate(roles) if mask >> bit & 1) or "none"


def _events_text(row: dict[str, Any]) -> str:
    """What was posted, and what became of it."""
    text = f"{row.get('posts', 0)} posted"
    if row.get("posts-changed"):
        times = " / ".join(str(duration(row.get(f"post-{part}-ns", 0))) for part in ("p50", "p99"))
        text += f", {row['posts-changed']} changed something (after {times}, p50 / p99)"
    parts = {"limited": "above the rate", "no-room": "without room", "refused": "refused",
             "lost": "about a subject gone"}  # fmt: skip
    lost = [
        f"{row[f'posts-{key}']} {words}" for key, words in parts.items() if row.get(f"posts-{key}")
    ]
    return text + (f"; dropped {', '.join(lost)}" if lost else "")


def status(json: bool) -> None:
    """Show state and counters."""
    with connect() as client:
        row = client.request("state-get")
    if json:
        emit_json(row)
        return
    lease = row.get("lease-ms", 0)
    decisions = (
        f"{row.get('decisions', 0)} (applied {row.get('applied', 0)}, "
        f"restored {row.get('restored', 0)}, refused {row.get('refused', 0)})"
    )
    evaluation = None
    if row.get("ticks"):
        evaluation = " / ".join(
            str(duration(row.get(f"eval-{part}-ns", 0))) for part in ("min", "p50", "p99")
        )
        evaluation += f" (min / p50 / p99 of {row['ticks']})"
    fields(
        (
            ("state", _state_text(row)),
            ("enforcement", "on" if row.get("enforce") else "off"),
            ("learning", "on" if row.get("learning-mode") else "off"),
            ("daemon", f"lease of {duration(lease * 1_000_000)} left" if lease else "none"),
            ("policies", f"{row.get('policies', 0)} of {row.get('max-policies', 0)}"),
            ("away from baseline", row.get("held", 0)),
            ("the admin's", row.get("yielded") or None),
            ("parked", row.get("parked") or None),
            ("decisions", decisions),
            ("maps", _maps_text(row.get("maps", 0))),
            ("evaluation", evaluation),
            (
                "dropped",
                f"{row.get('ring-drops', 0)} records, {row.get('event-drops', 0)} events",
            ),
            ("events", _events_text(row)),
            (
                "BPF programs",
                f"cannot post events: {row['no-kfunc']}" if "no-kfunc" in row else None,
            ),
            ("emergency at", f"{row.get('emergency-threshold')} permille of full stall"),
            ("memory", f"{row.get('memory-bytes', 0) / 1024:.0f} KiB"),
            ("module", f"{row.get('version', '')}, up {duration(row.get('uptime-ns', 0))}"),
        )
    )


def show_state(json: bool) -> None:
    """Show the state alone."""
    with connect() as client:
        row = client.request("state-get", {"brief": True})
    if json:
        emit_json(row)
        return
    print(_state_text(row) + ("" if row.get("enforce") else ", enforcement off"))


def set_state(name: str | None, enforce: bool | None, why: str, json: bool) -> None:
    """Set the state, switch enforcement, or both."""
    request: dict[str, Any] = {"why": why[:63]}
    if name is not None:
        request["state"] = entry_number("state", name)
    if enforce is not None:
        request["enforce"] = int(enforce)
    with connect() as client:
        client.request("state-set", request)
    show_state(json)


def reset(json: bool) -> None:
    """Switch enforcement off and wait until everything is back."""
    with connect() as client:
        before = held(client)
        client.request("reset", {"why": "ainkactl reset"})
        wait_settled(client)
        left = held(client)
    if json:
        emit_json({"restored": before, "left": left})
        return
    back = len(before) - len(left)
    print(f"enforcement off; {count(back, 'tunable')} back at baseline")
    for row in left:
        print(f"left alone: {row['name']}, someone else has set it")
    print("switch it on again with: ainkactl state set --enforce on")
