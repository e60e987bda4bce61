#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Derive everything that lists signals from kmod/spec/signals.yaml.

``outputs(root)`` gives the texts by path; run as a script, it writes them, or with
``--check`` says which of them are out of step and fails.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

SUBJECTS: Final = ("system", "task", "cgroup", "device")
"""Subjects that have signals; the position is the bank, as in enum ainka_subject."""

NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
UNITS: Final = ("us", "ms", "hz", "permille", "count", "bytes")
UNIT_DOC: Final = {
    "us": "microseconds",
    "ms": "milliseconds",
    "hz": "events per second",
    "permille": "thousandths",
    "count": "a plain number",
    "bytes": "bytes",
}
TITLES: Final = {
    "system": "Signals of the system",
    "task": "Signals of a task",
    "cgroup": "Signals of a cgroup",
    "device": "Signals of a block device",
}
PREFIX: Final = {"task": "task", "cgroup": "cgroup", "device": "dev"}
"""The first part of the names of a subject's signals."""
EXTERNAL_FIRST: Final = 192
N_EXTERNAL: Final = 64
"""Signals that are registered at run time have the last indices of the system's bank."""
MAX_PER_BANK: Final = {"system": EXTERNAL_FIRST, "task": 256, "cgroup": 256, "device": 256}

C_NOTE: Final = (
    "/* Generated from kmod/spec/signals.yaml by kmod/spec/gen_signals.py: do not edit. */"
)
C_SPDX: Final = "SPDX-License-Identifier: GPL-2.0 OR Apache-2.0"


class SpecError(Exception):
    """signals.yaml says something that cannot be generated from."""


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

    @property
    def constant(self) -> str:
        """Name of its C enumerator."""
        return "AINKA_SIG_" + re.sub(r"[^A-Z0-9]", "_", self.name.upper())


def load(path: Path) -> list[Signal]:
    """Read and check signals.yaml; the result is sorted by id."""
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = set(spec) - set(SUBJECTS)
    if unknown:
        raise SpecError(f"unknown subject {', '.join(sorted(unknown))}; allowed: {SUBJECTS}")
    signals: list[Signal] = []
    for bank, subject in enumerate(SUBJECTS):
        entries = spec.get(subject, [])
        if len(entries) > MAX_PER_BANK[subject]:
            raise SpecError(f"{subject}: {len(entries)} signals, at most {MAX_PER_BANK[subject]}")
        for index, entry in enumerate(entries):
            signals.append(_signal(bank, index, subject, entry))
    for attribute in ("name", "constant"):
        values = [getattr(s, attribute) for s in signals]
        double = {v for v in values if values.count(v) > 1}
        if double:
            raise SpecError(f"{attribute} used twice: {', '.join(sorted(double))}")
    return signals


def _signal(bank: int, index: int, subject: str, entry: dict[str, object]) -> Signal:
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
    return Signal(
        id=bank << 8 | index,
        subject=subject,
        name=name,
        unit=unit,
        source=str(entry["source"]),
        max_age_ms=age,
        event=bool(entry.get("event", False)),
        doc=str(entry["doc"]),
    )


def _counts(signals: list[Signal]) -> dict[str, int]:
    return {subject: sum(s.subject == subject for s in signals) for subject in SUBJECTS}


def header(signals: list[Signal]) -> str:
    """kmod/core/signals_gen.h: the ids; no includes, so that BPF can use it."""
    lines = [
        f"/* {C_SPDX} */",
        C_NOTE,
        "#ifndef AINKA_SIGNALS_GEN_H",
        "#define AINKA_SIGNALS_GEN_H",
        "",
    ]
    for subject, n in _counts(signals).items():
        lines.append(f"#define AINKA_N_{subject.upper()}_SIGNALS\t{n}")
    lines.append(f"#define AINKA_N_SIGNALS\t\t{len(signals)}")
    largest = max(n for subject, n in _counts(signals).items() if subject != "system")
    lines += [
        "/* the largest bank of a subject other than the system */",
        f"#define AINKA_SNAP_SIGNALS\t{largest}",
    ]
    lines += [
        "",
        "/* Signals registered while the machine runs have the last indices of bank 0. */",
        f"#define AINKA_EXTERNAL_FIRST\t{EXTERNAL_FIRST}",
        f"#define AINKA_N_EXTERNAL\t{N_EXTERNAL}",
    ]
    lines += [
        "",
        "/* enum ainka_signal - ids: the bank in the high byte, the index in the low */",
        "enum ainka_signal {",
    ]
    lines += [f"\t{s.constant} = {s.id:#06x}," for s in signals]
    lines += ["};", "", "#endif", ""]
    return "\n".join(lines)


def table(signals: list[Signal]) -> str:
    """kmod/core/signals_gen.c: the table, sorted by id."""
    lines = [
        f"// {C_SPDX}",
        C_NOTE,
        '#include "ainka_core.h"',
        "",
        "const struct ainka_signal_def ainka_signals[AINKA_N_SIGNALS] = {",
    ]
    for s in signals:
        lines += [
            "\t{",
            f"\t\t.name = {_c_string(s.name)},",
            f"\t\t.unit = {_c_string(s.unit)},",
            f"\t\t.source = {_c_string(s.source)},",
            f"\t\t.max_age_ns = {s.max_age_ms}000000ULL,",
            f"\t\t.id = {s.constant},",
            *(["\t\t.event = true,"] if s.event else []),
            "\t},",
        ]
    lines += ["};", ""]
    return "\n".join(lines)


def python(signals: list[Signal]) -> str:
    """daemon/ainkad/signals_gen.py: the typed table."""
    lines = [
        "# SPDX-License-Identifier: Apache-2.0",
        "# Generated from kmod/spec/signals.yaml by kmod/spec/gen_signals.py: do not edit.",
        '"""The signals: names, units and ids, as the kernel knows them."""',
        "",
        "from __future__ import annotations",
        "",
        "from dataclasses import dataclass",
        "from typing import Final",
        "",
        "",
        "@dataclass(frozen=True)",
        "class SignalDef:",
        '    """One signal; ``id`` has the bank (the subject) in its high byte."""',
        "",
        "    id: int",
        "    name: str",
        "    subject: int",
        "    index: int",
        "    unit: str",
        "    source: str",
        "    max_age_ns: int",
        "    event: bool",
        "    doc: str",
        "",
        "",
    ]
    for subject, n in _counts(signals).items():
        lines.append(f"N_{subject.upper()}_SIGNALS: Final = {n}")
    lines += [
        f"N_SIGNALS: Final = {len(signals)}",
        f"EXTERNAL_FIRST: Final = {EXTERNAL_FIRST}",
        f"N_EXTERNAL: Final = {N_EXTERNAL}",
        "",
    ]
    lines.append("SIGNALS: Final[tuple[SignalDef, ...]] = (")
    for s in signals:
        lines += [
            "    SignalDef(",
            f"        id=0x{s.id:04X},",
            f'        name="{s.name}",',
            f"        subject={s.id >> 8},",
            f"        index={s.id & 0xFF},",
            f'        unit="{s.unit}",',
            f'        source="{s.source}",',
            f"        max_age_ns={s.max_age_ms * 1_000_000:_},",
            f"        event={s.event},",
            f"        doc={_py_string(s.doc)},",
            "    ),",
        ]
    lines += [
        ")",
        '"""All signals, sorted by id."""',
        "",
        "BANKS: Final[tuple[tuple[SignalDef, ...], ...]] = tuple(",
        "    tuple(s for s in SIGNALS if s.subject == subject)"
        f" for subject in range({len(SUBJECTS)})",
        ")",
        '"""The signals of each subject, by enum ainka_subject."""',
        "",
        f"{', '.join(subject.upper() + '_SIGNALS' for subject in SUBJECTS)} = BANKS",
        "BY_NAME: Final = {s.name: s for s in SIGNALS}",
        "BY_ID: Final = {s.id: s for s in SIGNALS}",
        "",
    ]
    return "\n".join(lines)


def page(signals: list[Signal]) -> str:
    """docs/reference/signals.md."""
    lines = [
        "<!-- Generated from kmod/spec/signals.yaml by kmod/spec/gen_signals.py: do not edit. -->",
        "",
        "# Signals",
        "",
        "A signal is a 64-bit integer that a condition can read; its unit is the last part of its",
        "name. When its source is gone, or its value is older than the maximum age, it is *stale*:",
        "every comparison with it is unknown, which never turns a policy on.",
        "",
    ]
    used = [u for u in UNITS if any(s.unit == u for s in signals)]
    lines.append("Units: " + ", ".join(f"`{u}` {UNIT_DOC[u]}" for u in used) + ".")
    for subject in SUBJECTS:
        if not any(s.subject == subject for s in signals):
            continue
        lines += [
            "",
            f"## {TITLES[subject]}",
            "",
            "| signal | unit | source | maximum age | meaning |",
            "| --- | --- | --- | --- | --- |",
        ]
        for s in signals:
            if s.subject == subject:
                age = f"{s.max_age_ms / 1000:g} s"
                event = " BPF programs may post it." if s.event else ""
                lines.append(f"| `{s.name}` | {s.unit} | {s.source} | {age} | {s.doc}{event} |")
    lines.append("")
    return "\n".join(lines)


def _c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _py_string(text: str) -> str:
    if len(text) > 85:
        cut = text.rindex(" ", 0, 80) + 1
        lines = ["(", f"    {_c_string(text[:cut])}", f"    {_c_string(text[cut:])}", ")"]
        return "\n        ".join(lines)
    return _c_string(text)


def outputs(root: Path) -> dict[Path, str]:
    """The texts to be written, by path below ``root``."""
    signals = load(root / "kmod/spec/signals.yaml")
    return {
        root / "kmod/core/signals_gen.h": header(signals),
        root / "kmod/core/signals_gen.c": table(signals),
        root / "daemon/ainkad/signals_gen.py": python(signals),
        root / "docs/reference/signals.md": page(signals),
    }


def main() -> int:
    """Write or check the outputs; 1 when something is out of step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    args = parser.parse_args()
    try:
        texts = outputs(args.root)
    except (SpecError, KeyError, yaml.YAMLError) as error:
        print(f"signals.yaml: {error}", file=sys.stderr)
        return 1
    stale = [p for p, text in texts.items() if not p.exists() or p.read_text("utf-8") != text]
    for path in stale:
        if args.check:
            print(f"{path.relative_to(args.root)}: out of step, run make generate", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
    return 1 if args.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
