# SPDX-License-Identifier: Apache-2.0
"""The Python tables against what a C compiler makes of the headers.

The tables come from clang's BTF and from the spec; here gcc says the same by another way.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ainkad import layouts_gen
from ainkad.netlink import spec_gen
from ainkad.system_calls import NAMES

ROOT = Path(__file__).resolve().parents[2]
INCLUDES = ("kmod/include", "kmod/include/uapi", "kmod/core", "ebpf")
HEADERS = (
    "stddef.h",
    "stdio.h",
    "sys/syscall.h",
    "linux/bpf.h",
    "linux/ainka.h",
    "linux/ainka_abi.h",
)
PARTIAL = ("bpf_prog_info", "bpf_map_info")


def compiled(tmp_path: Path, statements: list[str]) -> dict[str, int]:
    """Run a C program of printf statements; its lines are a name and a number."""
    lines = [f"#include <{h}>" for h in HEADERS]
    lines += ['#include "ainka_events.h"', "int main(void) {", *statements, "}"]
    source = tmp_path / "probe.c"
    source.write_text("\n".join(lines))
    flags = [f"-I{ROOT / path}" for path in INCLUDES]
    program = tmp_path / "probe"
    subprocess.run(["gcc", "-Wall", *flags, str(source), "-o", str(program)], check=True)
    out = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in (line.split() for line in out.splitlines())}


def say(name: str, expression: str) -> str:
    return f'printf("{name} %llu\\n", (unsigned long long)({expression}));'


def layouts() -> Iterator[tuple[str, np.dtype[np.void]]]:
    for name, value in vars(layouts_gen).items():
        if name.endswith("_DTYPE"):
            struct = name.removesuffix("_DTYPE").lower()
            yield struct if struct in PARTIAL else f"ainka_{struct}", value


def test_offsets_and_sizes(tmp_path: Path) -> None:
    expected: dict[str, int] = {}
    statements = []
    for struct, layout in layouts():
        if struct not in PARTIAL:
            expected[f"{struct}.size"] = layout.itemsize
            statements.append(say(f"{struct}.size", f"sizeof(struct {struct})"))
        for field, (kind, offset, *_) in (layout.fields or {}).items():
            expected[f"{struct}.{field}"] = offset
            statements.append(say(f"{struct}.{field}", f"offsetof(struct {struct}, {field})"))
            expected[f"{struct}.{field}.size"] = kind.itemsize
            member = f"sizeof(((struct {struct} *)0)->{field})"
            statements.append(say(f"{struct}.{field}.size", member))
    assert len(expected) > 150
    assert compiled(tmp_path, statements) == expected


def test_constants(tmp_path: Path) -> None:
    expected = {n: v for n, v in vars(layouts_gen).items() if n.isupper() and isinstance(v, int)}
    assert {"RING_MAGIC", "HIST_BUCKETS", "TASKS_MAX", "MODEL_LEAF"} <= expected.keys()
    assert compiled(tmp_path, [say(n, f"AINKA_{n}") for n in expected]) == expected


def test_layouts_have_no_implicit_padding() -> None:
    for struct, layout in layouts():
        if struct in PARTIAL:
            continue
        end = 0
        for kind, offset, *_ in (layout.fields or {}).values():
            assert offset == end, f"hole in {struct} at {end}"
            end = offset + kind.itemsize
        assert end == layout.itemsize, f"padding behind {struct}"


def test_netlink_numbers(tmp_path: Path) -> None:
    """Commands, attributes and enums as the C header of the family has them."""
    expected: dict[str, int] = {}
    for op in spec_gen.OPERATIONS.values():
        expected[f"AINKA_CMD_{op.name}"] = op.command
    for group in spec_gen.SETS.values():
        for attr in group.by_name.values():
            expected[f"AINKA_A_{group.name}_{attr.name}"] = attr.number
    for enum, entries in spec_gen.FAMILY.enums.items():
        for number, entry in enumerate(entries):
            expected[f"AINKA_{enum}_{entry}"] = number
    for name in ("NAME_LEN", "EXPR_LEN", "TUNABLE_LEN", "VALUE_LEN", "MODEL_LEN", "MAX_ACTIONS"):
        expected[f"AINKA_{name}"] = getattr(spec_gen, name)
    expected["AINKA_FAMILY_VERSION"] = spec_gen.FAMILY.version
    upper = {name.upper().replace("-", "_"): number for name, number in expected.items()}
    assert len(upper) == len(expected)
    assert compiled(tmp_path, [say(name, name) for name in upper]) == upper


@pytest.mark.parametrize("enum", ["Mode", "State", "Verdict", "Reason", "MapRole"])
def test_enum_classes_equal_the_family(enum: str) -> None:
    kind = getattr(spec_gen, enum)
    name = {"MapRole": "map-role"}.get(enum, enum.lower())
    entries = spec_gen.FAMILY.enums[name]
    assert [e.name.lower().replace("_", "-") for e in kind] == list(entries)
    assert [int(e) for e in kind] == list(range(len(entries)))


def test_names_of_system_calls(tmp_path: Path) -> None:
    """Those that this machine's headers know have the number that is in the table."""
    asked = [f"#ifdef SYS_{name}\n{say(name, f'SYS_{name}')}\n#endif" for name in NAMES.values()]
    found = compiled(tmp_path, asked)
    assert len(found) > 300 or not NAMES
    assert found.items() <= {name: number for number, name in NAMES.items()}.items()
