# SPDX-License-Identifier: Apache-2.0
"""ainkactl signals and tunables: what there is to decide on and to set."""

from __future__ import annotations

from typing import Any

from ainkad.errors import AinkaError
from ainkad.netlink.spec_gen import FAMILY
from ainkad.units import parse_duration

from ainkactl.connect import connect
from ainkactl.render import duration, emit_json, escape, fields, named, table, value_names


def signals(subject: str, json: bool) -> None:
    """List signals: those of the system, or those of the subjects of a kind last visited."""
    subjects = FAMILY.enums["subject"]
    if subject not in subjects:
        raise AinkaError(f"no subject {subject!r}", f"there are {', '.join(subjects)}")
    with connect() as client:
        rows = list(client.dump("signal-get", {"subject": subject}))
    if json:
        emit_json(rows)
    elif subject != "system":
        _subject_table(subject, rows)
    else:
        table(
            ("SIGNAL", "VALUE", "UNIT", "AGE", "SOURCE"),
            (
                (
                    row.get("name"),
                    "stale" if row.get("stale") else str(row.get("value", "-")),
                    row.get("unit"),
                    None if row.get("stale") else duration(row.get("age-ns")),
                    row.get("source"),
                )
                for row in rows
            ),
            "no signals",
        )


def push(values: list[str], max_age: str | None, json: bool) -> None:
    """Set external signals, in the order given; stops at the first that is refused."""
    requests = []
    for text in values:
        name, equals, value = text.partition("=")
        try:
            number = int(value, 0)
        except ValueError:
            number = None
        if not name or not equals or number is None or not -(1 << 63) <= number < 1 << 63:
            raise AinkaError(f"{text!r}: write NAME=VALUE", "a value is a whole number of 64 bits")
        requests.append({"name": name, "value": number})
    age = {} if max_age is None else {"max-age-ns": parse_duration(max_age)}
    rows = []
    with connect() as client:
        for request in requests:
            reply = client.request("signal-set", {**request, **age})
            rows.append({**request, **reply})
    if json:
        emit_json(rows)


def _subject_table(subject: str, rows: list[dict[str, Any]]) -> None:
    """One line a subject, one column a signal."""
    names: list[str] = []
    by_subject: dict[tuple[Any, Any], dict[str, Any]] = {}
    labels: dict[tuple[Any, Any], tuple[Any, ...]] = {}
    head = {"task": ("PID", "COMMAND"), "cgroup": ("CGROUP",)}.get(subject, ("NAME",))
    for row in rows:
        name = str(row.get("name", "")).partition(".")[2]
        key = (row.get("pid"), row.get("subject-id"))
        labels[key] = (row.get("pid"), row.get("label", ""))[-len(head) :]
        if name == "pid":
            continue
        if name not in names:
            names.append(name)
        by_subject.setdefault(key, {})[name] = None if row.get("stale") else row.get("value")
    table(
        (*head, *names),
        ([*labels[key], *(one.get(n) for n in names)] for key, one in by_subject.items()),
        "none visited: most signals of subjects come from the daemon's programs "
        "(systemctl start ainkad)",
    )


def tunables(name: str | None, json: bool) -> None:
    """List the tunables, or show one with its journal entries."""
    with connect() as client:
        rows = list(client.dump("tunable-get"))
    if name is not None:
        rows = [row for row in rows if row.get("name") == name]
        if not rows:
            raise AinkaError(f"no tunable {name!r}", "list them: ainkactl tunables")
    if json:
        emit_json(rows)
    elif name is None:
        _tunable_table(rows)
    else:
        _one_tunable(rows)


def _tunable_table(rows: list[dict[str, Any]]) -> None:
    lines = []
    for row in rows:
        if "kind" not in row:
            continue  # a journal entry: shown with its tunable's name
        names = value_names(row.get("values"))
        lines.append(
            (
                row.get("name"),
                named(row.get("current"), names),
                row.get("min"),
                row.get("max"),
                row.get("step") or None,
                row.get("unit"),
                row.get("lane"),
                row.get("held") or None,
                " ".join(names.values()) or row.get("absent"),
            )
        )
    table(
        ("TUNABLE", "CURRENT", "MIN", "MAX", "STEP", "UNIT", "LANE", "HELD", "VALUES"),
        lines,
        "no tunables",
    )
    entries = [row for row in rows if "baseline" in row]
    if entries:
        print()
        _entry_table(
            entries, {row["name"]: value_names(row["values"]) for row in rows if "values" in row}
        )


def _entry_table(entries: list[dict[str, Any]], names: dict[str, dict[int, str]]) -> None:
    def shown(row: dict[str, Any], key: str) -> str | None:
        return named(row.get(key), names.get(row["name"], {}))

    table(
        ("CHANGED", "PID", "ON", "BASELINE", "NOW", "POLICY", "STATE"),
        (
            (
                row["name"],
                row.get("pid"),
                row.get("label"),
                shown(row, "baseline"),
                shown(row, "written"),
                row.get("policy"),
                "the admin's"
                if row.get("foreign")
                else "pending"
                if row.get("pending")
                else "held",
            )
            for row in entries
        ),
        "at its baseline",
    )


def _one_tunable(rows: list[dict[str, Any]]) -> None:
    head = next((row for row in rows if "kind" in row), rows[0])
    names = value_names(head.get("values"))
    fields(
        (
            ("name", head.get("name")),
            ("kind", head.get("kind")),
            ("subject", head.get("subject")),
            ("unit", head.get("unit")),
            ("minimum", head.get("min")),
            ("maximum", head.get("max")),
            ("step", head.get("step") or None),
            ("lane", head.get("lane")),
            ("values", escape(" ".join(names.values())) or None),
            ("absent", head.get("absent")),
            ("note", head.get("note")),
            ("current", named(head.get("current"), names)),
        )
    )
    print()
    _entry_table([row for row in rows if "baseline" in row], {head["name"]: names})
