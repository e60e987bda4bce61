# SPDX-License-Identifier: Apache-2.0
"""ainkactl doctor: what collects, what does not, why, and what that costs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ainkad.capabilities import NEEDED
from ainkad.errors import AinkaError
from ainkad.event_socket import SOCKET_PATH, DaemonSocket
from ainkad.netlink.client import Client
from ainkad.netlink.spec_gen import FAMILY
from ainkad.signals_gen import SIGNALS

from ainkactl.render import emit_json, table

#: What the programs of an object file are for: the sources of their signals, if these are not
#: called as the file is, and what else.
OBJECTS: dict[str, tuple[tuple[str, ...], str]] = {
    "sched.bpf.o": (("sched-stats", "tasks", "cgroups"), "learning"),
    "block.bpf.o": (("devices",), ""),
    "proc.bpf.o": (("event",), "events of processes"),
    "syscall.bpf.o": (("syscall.bpf",), "ainkactl syscalls"),
    "traffic.bpf.o": ((), "ainkactl interfaces"),
}
CAPABILITY_COSTS = {
    "CAP_BPF": "no BPF program is loaded",
    "CAP_PERFMON": "no BPF program is loaded",
    "CAP_NET_ADMIN": "the module takes neither lease nor policies from the daemon",
    "CAP_SYS_ADMIN": "programs that call the module's functions are not loaded",
}
PRESSURE = Path("/proc/pressure/cpu")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: ``costs`` is empty when nothing is missing."""

    what: str
    state: str
    reason: str = ""
    costs: str = ""

    def row(self) -> dict[str, str]:
        """For JSON."""
        return {
            "what": self.what,
            "state": self.state,
            "reason": self.reason,
            "costs": self.costs,
        }


def signals_of(*sources: str) -> str:
    """The signals of some sources, shortened to their families."""
    names = [signal.name for signal in SIGNALS if signal.source in sources]
    if len(names) <= 3:
        return ", ".join(names)
    families = sorted({name.partition(".")[0] + ".*" for name in names})
    return f"{len(names)} signals ({', '.join(families)})"


def _exists(path: str) -> bool:
    return Path(path).exists()


def _psi() -> str:
    """Why there is no pressure information, empty if there is."""
    try:
        PRESSURE.read_text()
    except FileNotFoundError:
        return "the kernel has no CONFIG_PSI"
    except OSError as error:
        return f"{error.strerror}; boot with psi=1"
    return ""


#: Kernel features: name, why it is missing (empty if it is there), what that costs.
FEATURES: tuple[tuple[str, Callable[[], str], str], ...] = (
    (
        "BTF of the kernel",
        lambda: "" if _exists("/sys/kernel/btf/vmlinux") else "no CONFIG_DEBUG_INFO_BTF",
        "every BPF program: all signals but those of the module and of PSI, and all events",
    ),
    (
        "run delay of tasks",
        lambda: "" if _exists("/proc/self/schedstat") else "no CONFIG_SCHED_INFO",
        signals_of("sched-stats", "tasks"),
    ),
    ("pressure (PSI)", _psi, signals_of("psi")),
    (
        "cgroups, version 2",
        lambda: ""
        if _exists("/sys/fs/cgroup/cgroup.controllers")
        else "not mounted at /sys/fs/cgroup",
        signals_of("cgroups", "cgroup files"),
    ),
)


def features() -> list[Finding]:
    """What the running kernel has."""
    found = []
    for what, missing, costs in FEATURES:
        why = missing()
        found.append(Finding(what, "missing", why, costs) if why else Finding(what, "there"))
    return found


def module(findings: list[Finding]) -> None:
    """The module, its function for BPF programs, the maps that it has got."""
    try:
        with Client() as client:
            row = client.request("state-get")
    except AinkaError as error:
        findings.append(
            Finding("module", "missing", f"{error.message}; {error.hint}", "everything")
        )
        return
    findings.append(Finding("module", "there", row.get("version", "")))
    if "no-kfunc" in row:
        findings.append(
            Finding("function for BPF programs", "missing", row["no-kfunc"],
                    "signals that BPF programs post; the module counts forks itself")
        )  # fmt: skip
    else:
        findings.append(Finding("function for BPF programs", "there"))
    roles = FAMILY.enums["map-role"]
    absent = [role for bit, role in enumerate(roles) if not row.get("maps", 0) >> bit & 1]
    if absent:
        why = "ainkad has not handed over: " + ", ".join(absent)
        findings.append(Finding("maps in the module", "missing", why, signals_of(*absent)))
    else:
        findings.append(Finding("maps in the module", "there"))


def program_costs(row: dict[str, Any]) -> str:
    """What a program that is not attached costs."""
    sources, more = OBJECTS.get(row["object"], ((row["object"].removesuffix(".o"),), ""))
    signals = signals_of(*sources)
    costs = "; ".join(part for part in (signals, more) if part) or "its signals"
    return costs if "program" not in row else f"part of {costs}"


def programs(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The daemon's programs, each with what it costs when it is not attached."""
    rows = []
    for row in report["programs"]:
        state = "attached" if row["attached"] else "missing"
        costs = "" if row["attached"] else program_costs(row)
        rows.append({**row, "state": state, "costs": costs})
    return rows


def examine() -> dict[str, Any]:
    """Everything that can be found out, as one document."""
    findings = features()
    module(findings)
    report: dict[str, Any] = {}
    if os.geteuid() != 0:
        findings.append(Finding("daemon", "unknown", "only root may ask it", ""))
    else:
        try:
            with DaemonSocket({"want": "programs"}) as daemon:
                report = next((f for f in daemon.frames() if isinstance(f, dict)), {})
        except AinkaError as error:
            why = f"{error.message}; {error.hint}"
            findings.append(Finding("daemon", "missing", why, "every BPF program, and learning"))
    if report:
        findings.append(Finding("daemon", "there", f"pid {report['pid']}"))
        findings += [
            Finding(name, "missing", "ainkad was started without it", CAPABILITY_COSTS[name])
            for name in NEEDED
            if name not in report["capabilities"]
        ]
    return {
        "findings": [finding.row() for finding in findings],
        "programs": programs(report) if report else [],
        "events": report.get("events", []),
    }


def _short(text: str) -> str:
    """A reason in one line, for a table: what the verifier said last, or else libbpf first. JSON
    has all of it.
    """
    lines = text.splitlines() or [""]
    verifier = [line for line in lines if not line.startswith(("libbpf:", "processed "))]
    return verifier[-1] if verifier else lines[0]


def _event_state(row: dict[str, Any]) -> str:
    if not row["on"]:
        return "off"
    return "sampled" if row["one-in"] > 1 else "all"


def doctor(json: bool) -> None:
    """Show it."""
    found = examine()
    if json:
        emit_json(found)
        return
    table(
        ("WHAT", "STATE", "REASON", "COSTS"),
        (
            (row["what"], row["state"], row["reason"] or None, row["costs"] or None)
            for row in found["findings"]
        ),
        "",
    )
    print()
    table(
        ("OBJECT", "PROGRAM", "ATTACH POINT", "STATE", "COSTS", "REASON"),
        (
            (
                row["object"],
                row.get("program"),
                row.get("attach-point"),
                row["state"],
                row["costs"] or None,
                _short(row["reason"]) or None,
            )
            for row in found["programs"]
        ),
        f"no programs are known: nobody answers at {SOCKET_PATH}",
    )
    if found["events"]:
        print()
        events(found["events"])


def events(rows: list[dict[str, Any]]) -> None:
    """What became of the events of each type."""
    table(
        ("EVENTS", "TAKEN", "SEEN", "SENT", "SAMPLED OUT", "LOST", "LOST ON CPU"),
        (
            (
                row["type"],
                _event_state(row) + (f" 1 in {row['one-in']}" if row["one-in"] > 1 else ""),
                row["seen"],
                row["sent"],
                row["skipped"],
                row["lost"],
                " ".join(f"{cpu}:{lost}" for cpu, lost in enumerate(row["lost-by-cpu"]) if lost)
                or None,
            )
            for row in rows
        ),
        "no events",
    )
