# SPDX-License-Identifier: Apache-2.0
"""ainkactl explain: one decision, from its causes to the command that undoes it."""

from __future__ import annotations

import errno
import math
import os
from typing import Any

from ainkad.errors import AinkaError
from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError
from ainkad.telemetry import lookup

from ainkactl.connect import connect
from ainkactl.render import (
    clock_time,
    emit_json,
    fields,
    named,
    subject,
    value_names,
    wall_minus_monotonic,
)
from ainkactl.words import sentence


def explain(number: int, json: bool) -> None:
    """Explain decision ``number``: from the module while it remembers it, then from the store."""
    store = lookup.store_path()
    names: dict[int, str] = {}
    try:
        with connect() as client:
            row = _from_module(client, number) or lookup.decision(store, number)
            if row is not None and not json:
                names = _value_names(client, row)
    except AinkaError:
        row = lookup.decision(store, number)  # the module may be gone, its decisions are not
        if row is None:
            raise
    if row is None:
        raise AinkaError(f"no decision {number}", "list those there are: ainkactl decisions")
    effect = lookup.effect(store, str(row.get("policy", "")), _wall_ns(row))
    undo = f"ainkactl undo {number}" if row.get("verdict") in ("applied", "clamped") else None
    if json:
        emit_json({"decision": row, "effect": effect, "undo": undo})
        return
    _print(number, row, names, effect, undo)


def _wall_ns(row: dict[str, Any]) -> int | None:
    """When it was taken; the store knows the clock of its session, the module's is this boot's."""
    if "time-ns" not in row:
        return None
    offset = row.get("wall-minus-monotonic-ns")
    return int(row["time-ns"]) + (wall_minus_monotonic() if offset is None else int(offset))


def _from_module(client: Client, number: int) -> dict[str, Any] | None:
    try:
        return client.request("decision-get", {"id": number})
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def _value_names(client: Client, row: dict[str, Any]) -> dict[int, str]:
    try:
        tunable = client.request("tunable-get", {"name": row.get("tunable", "")})
    except KernelError:
        return {}
    return value_names(tunable.get("values"))


def _print(
    number: int,
    row: dict[str, Any],
    names: dict[int, str],
    effect: dict[str, Any] | None,
    undo: str | None,
) -> None:
    old, new = named(row.get("old"), names), named(row.get("new"), names)
    policy = None
    if row.get("policy"):
        policy = f"{row['policy']}, version {row.get('policy-version', '?')}"
    error = row.get("error")
    print(f"decision {number}: {row.get('tunable')} {old} → {new}")
    fields(
        (
            ("when", clock_time(row["time-ns"]) if "time-ns" in row else None),
            ("policy", policy),
            ("for", subject(row)),
            ("verdict", sentence(row.get("verdict"), row.get("reason"))),
            ("error", os.strerror(-error) if error else None),
            ("path", row.get("path") or None),
        )
    )
    causes = row.get("cause") or []
    if causes:
        print("because")
        fields((f"  {cause.get('signal')}", cause.get("value")) for cause in causes)
    print(f"effect   {effect_text(effect)}")
    if undo:
        print(f"undo     {undo}")


def effect_text(effect: dict[str, Any] | None) -> str:
    """A measured effect in words: the ratio of the reward with and without, and its interval."""
    if effect is None:
        return "not measured"
    percent = [_percent(effect[key]) for key in ("mean", "low", "high")]
    text = (
        f"{effect['reward']} {percent[0]} % ({100 * (1 - effect['alpha']):g} % interval "
        f"{percent[1]} … {percent[2]} %, {effect['pairs']} pairs of windows)"
    )
    low, high = effect.get("valid_low"), effect.get("valid_high")
    if low is None or high is None:
        return text
    return f"{text}; however often one looks: {_percent(low)} … {_percent(high)} %"


def _percent(log_ratio: float) -> str:
    return f"{100 * (math.exp(min(log_ratio, 50.0)) - 1):+.0f}"
