# SPDX-License-Identifier: Apache-2.0
"""What kmod/spec/signals.yaml says: the signals, and the slots that some of them come from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

SUBJECTS: Final = ("system", "task", "cgroup", "device")
"""Subjects that have signals; the position is the bank, as in enum ainka_subject."""

NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
UNITS: Final = ("us", "ms", "hz", "permille", "count", "bytes")
PREFIX: Final = {"task": "task", "cgroup": "cgroup", "device": "dev"}
"""The first part of the names of a subject's signals."""
EXTERNAL_FIRST: Final = 192
N_EXTERNAL: Final = 64
"""Signals that are registered at run time have the last indices of the system's bank."""
MAX_PER_BANK: Final = {"system": EXTERNAL_FIRST, "task": 256, "cgroup": 256, "device": 256}

SLOTS: Final = ("counters", "kernel_counters", "times")
"""What signals are derived from: counters and times are BPF programs', the others the kernel's."""
SLOT_NAME: Final = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
MAX_SLOTS: Final = {"counters": 64, "kernel_counters": 16, "times": 16}
"""AINKA_COUNTERS_MAX and AINKA_TIMES_MAX of ebpf/ainka_events.h."""
FROM_UNITS: Final = {
    "rate": ("hz", "bytes"),
    "total": ("count", "bytes"),
    "time": ("us",),
    "share": ("permille",),
    "ratio": ("permille",),
    "age": ("ms",),
    "mean": ("us",),
    "p50": ("us",),
    "p99": ("us",),
}
"""What can be made of a slot, and the unit that it then has."""
FROM_KINDS: Final = {
    "counter": ("rate", "total", "share", "time", "ratio", "age"),
    "kernel": ("rate", "total", "share", "time", "ratio"),
    "times": ("rate", "share", "mean", "p50", "p99", "total", "time"),
}


class SpecError(Exception):
    """signals.yaml says something that cannot be generated from."""


@dataclass(frozen=True)
class Slot:
    """Something that is counted, and the BPF programs that must be attached for that."""

    kind: str
    index: int
    name: str
    file: str
    programs: tuple[str, ...]

    @property
    def constant(self) -> str:
        """Name of its C enumerator."""
        prefix = {"times": "AINKA_TIMES_", "kernel_counters": "AINKA_COUNTER_KERNEL_"}
        name = re.sub(r"[^A-Z0-9]", "_", self.name.upper())
        return prefix.get(self.kind, "AINKA_COUNTER_") + name


@dataclass(frozen=True)
class From:
    """How a signal follows from a slot: one of the FROM_KINDS; a ratio is one to ``per``."""

    slot: Slot
    what: str
    per: Slot | None = None

    @property
    def constant(self) -> str:
        """Name of the C enumerator of the way."""
        kind = "TIMES" if self.slot.kind == "times" else "COUNTER"
        return f"AINKA_FROM_{kind}_{self.what.upper()}"


@dataclass(frozen=True)
class Signal:
    """One entry of signals.yaml with the id its position gives it."""

    id: int
    subject: str
    name: str
    unit: str
    source: str
    max_age_ms: int
    event: bool
    doc: str
    origin: From | None = None

    @property
    def constant(self) -> str:
        """Name of its C enumerator."""
        return "AINKA_SIG_" + re.sub(r"[^A-Z0-9]", "_", self.name.upper())


@dataclass(frozen=True)
class Spec:
    """All of signals.yaml; signals are sorted by id, slots by kind and position."""

    signals: list[Signal]
    slots: list[Slot]

    def of(self, kind: str) -> list[Slot]:
        """The slots of one kind."""
        return [slot for slot in self.slots if slot.kind == kind]


def load(path: Path) -> Spec:
    """Read and check signals.yaml."""
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = set(spec) - {*SUBJECTS, *SLOTS}
    if unknown:
        allowed = ", ".join((*SUBJECTS, *SLOTS))
        raise SpecError(f"unknown key {', '.join(sorted(unknown))}; allowed: {allowed}")
    slots = [slot for kind in SLOTS for slot in _slots(kind, spec.get(kind, []))]
    signals: list[Signal] = []
    for bank, subject in enumerate(SUBJECTS):
        entries = spec.get(subject, [])
        if len(entries) > MAX_PER_BANK[subject]:
            raise SpecError(f"{subject}: {len(entries)} signals, at most {MAX_PER_BANK[subject]}")
        for index, entry in enumerate(entries):
            signals.append(_signal(bank, index, subject, entry, slots))
    for attribute in ("name", "constant"):
        _unique(attribute, [getattr(s, attribute) for s in signals])
    _unique("constant", [s.constant for s in slots])
    used = {s.origin.slot for s in signals if s.origin}
    if idle := [s.name for s in slots if s not in used]:
        raise SpecError(f"counted, but no signal comes of it: {', '.join(idle)}")
    return Spec(signals, slots)


def _unique(what: str, values: list[str]) -> None:
    double = {v for v in values if values.count(v) > 1}
    if double:
        raise SpecError(f"{what} used twice: {', '.join(sorted(double))}")


def _slots(kind: str, entries: list[dict[str, str]]) -> list[Slot]:
    if len(entries) > MAX_SLOTS[kind]:
        raise SpecError(f"{kind}: {len(entries)} entries, at most {MAX_SLOTS[kind]}")
    slots = []
    for index, entry in enumerate(entries):
        name, programs = str(entry["name"]), tuple(str(entry.get("programs", "")).split())
        if not SLOT_NAME.fullmatch(name):
            raise SpecError(f"{name}: not a name of something that is counted")
        if (kind == "kernel_counters") == bool(programs):
            raise SpecError(f"{name}: BPF programs count, or else the kernel does")
        slots.append(Slot(kind, index, name, str(entry.get("file", "")), programs))
        if programs and not slots[-1].file:
            raise SpecError(f"{name}: in which file are its programs?")
    return slots


def _origin(name: str, unit: str, entry: object, slots: list[Slot]) -> From:
    if not isinstance(entry, dict) or "as" not in entry:
        raise SpecError(f"{name}: from needs a slot and 'as'")
    what = str(entry["as"])
    kinds = [key for key in entry if key not in ("as", "per")]
    if len(kinds) != 1 or ("per" in entry) != (what == "ratio"):
        raise SpecError(f"{name}: from needs one slot and 'as', and a ratio needs 'per'")
    kind = kinds[0]
    if what not in FROM_KINDS.get(kind, ()):
        raise SpecError(f"{name}: there is no {what} of a {kind}; there are {FROM_KINDS}")
    if unit not in FROM_UNITS[what]:
        raise SpecError(f"{name}: a {what} is in {' or '.join(FROM_UNITS[what])}")
    wanted = {"counter": "counters", "kernel": "kernel_counters"}.get(kind, kind)
    slot = next((s for s in slots if (s.kind, s.name) == (wanted, entry[kind])), None)
    if slot is None:
        raise SpecError(f"{name}: {wanted} has no {entry[kind]}")
    if what != "ratio":
        return From(slot, what)
    counters = [s for s in slots if s.kind != "times"]
    per = next((s for s in counters if s.name == entry["per"]), None)
    if per is None:
        raise SpecError(f"{name}: there is no counter {entry['per']}")
    return From(slot, what, per)


def _signal(
    bank: int, index: int, subject: str, entry: dict[str, object], slots: list[Slot]
) -> Signal:
    name, unit, age = str(entry["name"]), str(entry["unit"]), entry["max_age_ms"]
    first = name.partition(".")[0]
    fits = first == PREFIX[subject] if subject in PREFIX else first not in PREFIX.values()
    if not NAME.fullmatch(name) or not fits:
        raise SpecError(f"{name}: not a name of a signal of subject {subject}")
    # task.pid is a number without a unit in its name.
    if unit not in UNITS or (unit != "count" and not name.endswith("_" + unit)):
        raise SpecError(f"{name}: unit {unit} is unknown or not the last part of the name")
    if not isinstance(age, int) or age <= 0:
        raise SpecError(f"{name}: max_age_ms must be a positive number")
    origin = _origin(name, unit, entry["from"], slots) if "from" in entry else None
    if origin and (subject != "system" or "source" in entry):
        raise SpecError(f"{name}: 'from' is for the system, and says what the source is")
    return Signal(
        id=bank << 8 | index,
        subject=subject,
        name=name,
        unit=unit,
        source=(origin.slot.file or "kernel") if origin else str(entry["source"]),
        max_age_ms=age,
        event=bool(entry.get("event", False)),
        doc=str(entry["doc"]),
        origin=origin,
    )
