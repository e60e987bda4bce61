# SPDX-License-Identifier: Apache-2.0
"""ainkactl unload: stop the daemon, wait until nobody holds the module, remove it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from ainkad.errors import AinkaError
from ainkad.netlink.client import not_loaded

from ainkactl.connect import connect, held, wait_until
from ainkactl.render import emit_json, named, subject, table, value_names

MODULE = Path("/sys/module/ainka")
SYSTEMD = Path("/run/systemd/system")
TIMEOUT_S = 15.0


def unload(json: bool) -> None:
    """Stop ainkad, remove the module, and say what went back to its baseline."""
    if not MODULE.exists():
        raise not_loaded()
    if os.geteuid() != 0:
        raise AinkaError("only root may remove a module", "run it as root: sudo ainkactl unload")
    with connect() as client:
        rows = list(client.dump("tunable-get"))
        entries = held(client)
    names = {row["name"]: value_names(row.get("values")) for row in rows if "kind" in row}
    stopped = _stop_daemon()
    if not wait_until(lambda: _users() == 0, TIMEOUT_S):
        raise AinkaError(
            f"the module is in use: {_holders()}", "end it, then try again: ainkactl unload"
        )
    result = subprocess.run(["modprobe", "-r", "ainka"], capture_output=True, text=True)
    if result.returncode != 0 and MODULE.exists():
        # A module loaded by insmod is not where modprobe looks.
        result = subprocess.run(["rmmod", "ainka"], capture_output=True, text=True)
    if result.returncode != 0:
        raise AinkaError(f"the module stays: {result.stderr.strip()}", "see dmesg")
    if json:
        emit_json({"daemon_stopped": stopped, "restored": entries})
        return
    print(("daemon stopped, " if stopped else "") + "module removed")
    _say_restored(entries, names)


def _say_restored(entries: list[dict[str, Any]], names: dict[str, dict[int, str]]) -> None:
    table(
        ("RESTORED", "FOR", "FROM", "TO"),
        (
            (
                row["name"],
                subject(row),
                named(row.get("written"), names.get(row["name"], {})),
                named(row.get("baseline"), names.get(row["name"], {})),
            )
            for row in entries
            if not row.get("foreign")
        ),
        "nothing was away from its baseline",
    )


def _stop_daemon() -> bool:
    """Stop the service where systemd runs it; True when it was running."""
    if not SYSTEMD.exists():
        return False
    active = subprocess.run(["systemctl", "--quiet", "is-active", "ainkad"], check=False)
    if active.returncode != 0:
        return False
    result = subprocess.run(["systemctl", "stop", "ainkad"], capture_output=True, text=True)
    if result.returncode != 0:
        words = result.stderr.strip()
        raise AinkaError(f"ainkad does not stop: {words}", "see: systemctl status ainkad")
    return True


def _users() -> int:
    try:
        return int((MODULE / "refcnt").read_text())
    except FileNotFoundError:
        return 0


def _holders() -> str:
    """Processes that have /dev/ainka open or mapped, as ``pid (comm)``."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            links = [str(fd.readlink()) for fd in (process / "fd").iterdir()]
            if "/dev/ainka" in links or "/dev/ainka" in (process / "maps").read_text():
                found.append(f"{process.name} ({(process / 'comm').read_text().strip()})")
        except OSError:
            continue  # it has ended meanwhile
    return ", ".join(found) or "a BPF program that calls its functions"
