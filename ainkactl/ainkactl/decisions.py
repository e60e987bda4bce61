# SPDX-License-Identifier: Apache-2.0
"""ainkactl decisions: those the module remembers, and those it takes from now on."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

from ainkad.netlink.client import Client

from ainkactl.connect import connect
from ainkactl.render import clock_time, emit_json, emit_json_line, escape, named, subject, table
from ainkactl.render import value_names as names_of

_HEADERS = ("ID", "TIME", "POLICY", "FOR", "TUNABLE", "OLD", "NEW", "VERDICT", "REASON")
# Lines that follow one another cannot be aligned by what is yet to come.
_WIDTHS = (6, 12, 20, 20, 24, 8, 8, 9, 0)


def tunable_value_names(client: Client) -> dict[str, dict[int, str]]:
    """Names of the values of every tunable that has some."""
    rows = (row for row in client.dump("tunable-get") if row.get("values"))
    return {row["name"]: names_of(row["values"]) for row in rows}


def _line(row: dict[str, Any], names: dict[str, dict[int, str]]) -> tuple[object, ...]:
    values = names.get(row.get("tunable", ""), {})
    return (
        row.get("id"),
        clock_time(row.get("time-ns", 0)),
        row.get("policy"),
        subject(row),
        row.get("tunable"),
        named(row.get("old"), values),
        named(row.get("new"), values),
        row.get("verdict"),
        row.get("reason"),
    )


def show(follow: bool, last: int, json: bool) -> None:
    """List the last decisions; with ``follow`` go on until interrupted."""
    with connect() as client:
        # Subscribe first: what is decided during the dump arrives twice rather than not at all.
        events = client.subscribe("decisions") if follow else None
        rows = list(deque(client.dump("decision-get"), maxlen=last))
        names = {} if json else tunable_value_names(client)
        if events is None:
            if json:
                emit_json(rows)
            else:
                table(_HEADERS, (_line(row, names) for row in rows), "no decisions yet")
            return
        if not json:
            _print_line(_HEADERS)
        seen = 0
        for row in rows:
            seen = max(seen, row.get("id", 0))
            _print(row, names, json)
        lost = 0
        while True:
            for _, row in events.read():
                if row.get("id", 0) > seen:
                    seen = row["id"]
                    _print(row, names, json)
            if events.lost > lost:
                lost = events.lost
                print("some decisions are missing here: too many at once", file=sys.stderr)


def _print(row: dict[str, Any], names: dict[str, dict[int, str]], json: bool) -> None:
    if json:
        emit_json_line(row)
    else:
        _print_line(_line(row, names))


def _print_line(parts: tuple[object, ...]) -> None:
    texts = ("-" if part is None else escape(str(part)) for part in parts)
    joined = "  ".join(text.ljust(width) for text, width in zip(texts, _WIDTHS, strict=True))
    print(joined.rstrip(), flush=True)
