#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Derive everything that lists signals from kmod/spec/signals.yaml.

``outputs(root)`` gives the texts by path; run as a script, it writes them, or with
``--check`` says which of them are out of step and fails.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import yaml
from signals_spec import EXTERNAL_FIRST, N_EXTERNAL, SUBJECTS, UNITS, Signal, Spec, SpecError, load

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
C_NOTE: Final = (
    "/* Generated from kmod/spec/signals.yaml by kmod/spec/gen_signals.py: do not edit. */"
)
C_SPDX: Final = "SPDX-License-Identifier: GPL-2.0 OR Apache-2.0"


def _counts(signals: list[Signal]) -> dict[str, int]:
    return {subject: sum(s.subject == subject for s in signals) for subject in SUBJECTS}


def header(spec: Spec) -> str:
    """kmod/core/signals_gen.h: the ids; no includes, so that BPF can use it."""
    signals = spec.signals
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
    lines += ["};", *_slot_enums(spec), "", "#endif", ""]
    return "\n".join(lines)


def _slot_enums(spec: Spec) -> list[str]:
    """Where things are counted: BPF programs' counters, behind them the kernel's; and times."""
    counted = sum(s.origin is not None for s in spec.signals)
    counters = spec.of("counters") + spec.of("kernel_counters")
    times = spec.of("times")
    return [
        "",
        "/* enum ainka_counter - what BPF programs count, then what the kernel does by itself */",
        "enum ainka_counter {",
        *(f"\t{slot.constant} = {i}," for i, slot in enumerate(counters)),
        "};",
        "",
        "/* enum ainka_times_slot - what BPF programs measure the time of */",
        "enum ainka_times_slot {",
        *(f"\t{slot.constant} = {slot.index}," for slot in times),
        "};",
        "",
        f"#define AINKA_N_BPF_COUNTERS\t{len(spec.of('counters'))}",
        f"#define AINKA_N_COUNTERS\t{len(counters)}",
        f"#define AINKA_N_TIMES\t\t{len(times)}",
        "/* signals that come of these */",
        f"#define AINKA_N_COUNTED\t\t{counted}",
    ]


def table(spec: Spec) -> str:
    """kmod/core/signals_gen.c: the tables, sorted by id."""
    signals = spec.signals
    lines = [
        f"// {C_SPDX}",
        C_NOTE,
        '#include "ainka_core.h"',
        '#include "counted.h"',
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
    lines += ["};", "", "const struct ainka_counted_def ainka_counted[AINKA_N_COUNTED] = {"]
    for s in signals:
        if s.origin:
            words = [s.constant, s.origin.slot.constant, s.origin.constant]
            words += [s.origin.per.constant if s.origin.per else "0"]
            lines.append(f"\t{{ {', '.join(words)} }},")
    lines += ["};", ""]
    return "\n".join(lines)


def _python_slots(spec: Spec) -> list[str]:
    lines = [
        "",
        "@dataclass(frozen=True)",
        "class Slot:",
        '    """Counted or timed by BPF programs: ``programs`` of ``file``, all of them."""',
        "",
        "    index: int",
        "    name: str",
        "    file: str",
        "    programs: tuple[str, ...]",
        "",
        "",
    ]
    for kind in ("counters", "times"):
        lines.append(f"{kind.upper()}: Final[tuple[Slot, ...]] = (")
        for slot in spec.of(kind):
            names = ", ".join(f'"{p}"' for p in slot.programs)
            comma = "," if len(slot.programs) == 1 else ""
            lines += [
                "    Slot(",
                f"        index={slot.index},",
                f'        name="{slot.name}",',
                f'        file="{slot.file}",',
                f"        programs=({names}{comma}),",
                "    ),",
            ]
        lines += [")", ""]
    return lines


def python(spec: Spec) -> str:
    """daemon/ainkad/signals_gen.py: the typed tables."""
    signals = spec.signals
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
        f"N_COUNTERS: Final = {len(spec.of('counters') + spec.of('kernel_counters'))}",
        f"N_COUNTED: Final = {sum(s.origin is not None for s in signals)}",
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
        "TOTALS: Final = (",
        *(
            f'    "{s.name}",'
            for s in spec.signals
            if s.origin and s.origin.what in ("total", "time")
        ),
        ")",
        '"""Signals of the system that only grow: sums since a beginning."""',
        "",
    ]
    lines += _python_slots(spec)
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
    spec = load(root / "kmod/spec/signals.yaml")
    return {
        root / "kmod/core/signals_gen.h": header(spec),
        root / "kmod/core/signals_gen.c": table(spec),
        root / "daemon/ainkad/signals_gen.py": python(spec),
        root / "docs/reference/signals.md": page(spec.signals),
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
