# SPDX-License-Identifier: Apache-2.0
"""ainkactl undo, policy resume and tunable release: what an admin takes and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ainkad.errors import AinkaError
from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError

from ainkactl.connect import connect, held, wait_until
from ainkactl.render import count, emit_json, named, subject, value_names

# A slow restore (an I/O scheduler) takes up to some hundred milliseconds.
_PATIENCE_S = 10.0


def undo(number: int, json: bool) -> None:
    """Undo decision ``number`` and say what the tunable is now."""
    with connect() as client:
        try:
            row = client.request("decision-get", {"id": number})
            client.request("decision-undo", {"id": number})
        except KernelError as error:
            raise AinkaError(
                error.text or f"decision {number} cannot be undone",
                f"what is changed now: ainkactl tunables; why: ainkactl explain {number}",
            ) from None
        now = _settled(client, row)
        tunable = client.request("tunable-get", {"name": row["tunable"]})
    if json:
        emit_json({"decision": row, "now": now})
        return
    names = value_names(tunable.get("values"))
    if now:
        result = f"is {named(now.get('written'), names)}, by policy {now['policy']}"
    else:
        result = "has its baseline again"
        if "current" in tunable:
            result += f", {named(tunable['current'], names)}"
    print(f"undone: {row['tunable']} of {subject(row)} {result}")
    print(f"to let the policy set it again: ainkactl policy resume {row.get('policy')}")


def _entries(client: Client, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The journal entries of what decision ``row`` was about."""
    return [
        entry
        for entry in held(client)
        if entry.get("name") == row["tunable"]
        and entry.get("subject-id", 0) == row.get("subject-id", 0)
        and entry.get("pid", 0) == row.get("pid", 0)
    ]


def _settled(client: Client, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry another policy has of what ``row`` set, None when it is at its baseline."""

    def done() -> bool:
        return not any(
            entry.get("pending") or entry.get("policy") == row.get("policy")
            for entry in _entries(client, row)
        )

    if not wait_until(done, _PATIENCE_S):
        raise AinkaError(f"{row['tunable']} is not back yet", "look again: ainkactl tunables")
    return next(iter(_entries(client, row)), None)


def resume(name: str, json: bool) -> None:
    """Give policy ``name`` back what it has lost."""
    with connect() as client:
        try:
            reply = client.request("policy-resume", {"name": name})
        except KernelError as error:
            raise AinkaError(
                error.text or f"policy {name} cannot be resumed",
                "list the policies: ainkactl policy list",
            ) from None
    if json:
        emit_json({"name": name, **reply})
        return
    print(f"resumed {name}: {count(reply.get('parked', 0), 'tunable')}")


def release(name: str, pid: int | None, subject_id: int | None, json: bool) -> None:
    """Hand tunable ``name`` back, of every subject or of one."""
    request: dict[str, Any] = {"name": name}
    if pid is not None:
        request["pid"] = pid
    if subject_id is not None:
        request["subject-id"] = subject_id
    with connect() as client:
        try:
            reply = client.request("tunable-release", request)
        except KernelError as error:
            raise AinkaError(
                error.text or f"{name} cannot be released",
                "those with a foreign value: ainkactl tunables",
            ) from None
    if json:
        emit_json({"name": name, **reply})
        return
    subjects = count(reply.get("held", 0), "subject")
    print(f"released {name} of {subjects}; what it is now is its baseline")
