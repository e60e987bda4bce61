# SPDX-License-Identifier: Apache-2.0
"""ainkactl policy: add, list, show, remove."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from ainkad.errors import AinkaError
from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError
from ainkad.netlink.spec_gen import FAMILY

from ainkactl.connect import connect, held, wait_settled
from ainkactl.render import count, duration, emit_json, fields, settings, table

if TYPE_CHECKING:
    from pathlib import Path

    from ainkad.policy_file import Request


def add_options(data: dict[str, Any], replace: bool, json: bool) -> None:
    """Push the policy that the options describe."""
    from ainkad.policy_file import policy_from_options

    _push([policy_from_options(data)], replace, json)


def add_file(path: Path, replace: bool, json: bool) -> None:
    """Push the policies of a file: all of them, or none."""
    from ainkad.policy_file import read_policies

    _push(read_policies(path), replace, json)


def _push(requests: list[Request], replace: bool, json: bool) -> None:
    with connect() as client:
        before = {row["name"]: row for row in client.dump("policy-get")}
        added: list[dict[str, Any]] = []
        for request in requests:
            try:
                reply = client.request("policy-add", {**request, "replace": replace})
            except KernelError as error:
                _take_back(client, added, before)
                raise _explained(error, request) from None
            added.append({"name": request["name"], **reply})
    if json:
        emit_json(added)
        return
    for row in added:
        print(f"added {row['name']} (id {row.get('id')}, version {row.get('version')})")


def _take_back(client: Client, added: list[dict[str, Any]], before: dict[str, Any]) -> None:
    """Undo the first policies of a file whose later one was refused."""
    for row in added:
        old = before.get(row["name"])
        if old is None:
            client.request("policy-remove", {"name": row["name"]})
        else:
            config = FAMILY.sets["policy"].by_name
            kept = {k: v for k, v in old.items() if k in config and k not in _COUNTERS}
            client.request("policy-add", {**kept, "replace": True})


_COUNTERS = ("id", "version", "active", "turned-on", "applied", "refused", "age-ns")


def _explained(error: KernelError, request: Request) -> AinkaError:
    hints = {
        errno.EEXIST: f"replace it with --replace, or: ainkactl policy remove {request['name']}",
        errno.ENOSPC: "remove one: ainkactl policy list"
        + ("" if "memory" in error.message else ", or load the module with a larger max_policies"),
    }
    hint = hints.get(error.errno, error.hint)
    if not hint and error.attribute in ("when", "until"):
        hint = "the signals there are: ainkactl signals"
    message = error.message
    if error.attribute.startswith("action["):
        # The kernel points at the attribute; people want to know which tunable that is.
        number = int(error.attribute[7:].partition("]")[0])
        message = f"{request['action'][number - 1]['tunable']}: {error.text}"
        hint = hint or "the tunables, their bounds and values: ainkactl tunables"
    return AinkaError(f"policy {request['name']}: {message}", hint)


def show_all(json: bool) -> None:
    """List the policies."""
    with connect() as client:
        rows = list(client.dump("policy-get"))
    if json:
        emit_json(rows)
        return
    table(
        ("NAME", "MODE", "ORIGIN", "SUBJECT", "PRIO", "ON", "APPLIED", "REFUSED", "WHEN", "SET"),
        (
            (
                row.get("name"),
                row.get("mode"),
                row.get("origin"),
                row.get("subject"),
                row.get("priority", 0),
                row.get("active"),
                row.get("applied"),
                row.get("refused"),
                row.get("when"),
                settings(row),
            )
            for row in rows
        ),
        "no policies",
    )


def _get(client: Client, name: str) -> dict[str, Any]:
    try:
        return client.request("policy-get", {"name": name})
    except KernelError as error:
        raise _not_there(client, name, error) from None


def _not_there(client: Client, name: str, error: KernelError) -> AinkaError:
    if error.errno != errno.ENOENT:
        return error
    names = sorted(row["name"] for row in client.dump("policy-get"))
    return AinkaError(f"no policy {name!r}", "there are: " + (", ".join(names) or "none"))


def show(name: str, json: bool) -> None:
    """Show one policy."""
    with connect() as client:
        row = _get(client, name)
    if json:
        emit_json(row)
        return
    mask = row.get("states")
    states = FAMILY.enums["state"]
    allowed = [s for bit, s in enumerate(states) if mask is not None and mask >> bit & 1]
    fields(
        (
            ("name", row.get("name")),
            ("id", row.get("id")),
            ("version", row.get("version")),
            ("mode", row.get("mode")),
            ("origin", row.get("origin")),
            ("subject", row.get("subject")),
            ("priority", row.get("priority", 0)),
            ("when", row.get("when")),
            ("until", row.get("until")),
            ("for", duration(row.get("for-ns"))),
            ("hold", duration(row.get("hold-ns"))),
            ("cooldown", duration(row.get("cooldown-ns"))),
            ("writes a minute", row.get("rate-per-min") or None),
            ("states", ", ".join(allowed) or None),
            ("sets", settings(row)),
            ("model", f"{len(row['model'])} bytes" if row.get("model") else None),
            ("on for", count(row.get("active", 0), "subject")),
            ("turned on", count(row.get("turned-on", 0), "time")),
            ("applied", row.get("applied")),
            ("refused", row.get("refused")),
            ("parked", row.get("parked") or None),
            ("age", duration(row.get("age-ns"))),
        )
    )


def remove(name: str, json: bool) -> None:
    """Remove a policy, then wait until the module has restored what it changed."""
    with connect() as client:
        changed = [row for row in held(client) if row.get("policy") == name]
        try:
            reply = client.request("policy-remove", {"name": name})
        except KernelError as error:
            raise _not_there(client, name, error) from None
        wait_settled(client, name)
    if json:
        emit_json({"name": name, **reply, "restored": changed})
        return
    print(f"removed {name}; {count(len(changed), 'tunable')} let go")
