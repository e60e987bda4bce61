# SPDX-License-Identifier: Apache-2.0
"""Static settings as an admin makes them: by sysctl and sysfs, without AINKA.

A tunable of AINKA's becomes lines for the guest's shell. Values carry the units of policies.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.bench.scenarios.scenario import Static

DISK = "vdb"
#: Where all that a machine does is wait for its disk, nearly all of the time is a full stall, which
#: the module takes for an emergency: nothing is learned then. An admin of such a machine says so.
BOUND_BY_DISK = "emergency_threshold=1001"
BOUND_NOTE = (
    "The module is loaded with emergency_threshold=1001: nothing else runs in this guest, so "
    "nearly all of the time is a full stall on the disk, which is an emergency by default."
)
_BYTES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "": 1}
_SYSFS = {
    "dev.read_ahead_kb": f"/sys/block/{DISK}/queue/read_ahead_kb",
    "dev.scheduler": f"/sys/block/{DISK}/queue/scheduler",
    "lru_gen.enabled": "/sys/kernel/mm/lru_gen/enabled",
    "thp.enabled": "/sys/kernel/mm/transparent_hugepage/enabled",
    "thp.defrag": "/sys/kernel/mm/transparent_hugepage/defrag",
}


def path_of(tunable: str) -> str:
    """The file of a tunable of the system or of the disk. Raises ValueError for another one."""
    if tunable.startswith("sysctl."):
        return "/proc/sys/" + tunable.removeprefix("sysctl.").replace(".", "/")
    if tunable in _SYSFS:
        return _SYSFS[tunable]
    raise ValueError(f"{tunable!r} has no file; give the arm as shell lines (on, off)")


def plain(value: str) -> str:
    """A value without its unit of size."""
    match = re.fullmatch(r"(\d+)(KiB|MiB|GiB)", value)
    return str(int(match[1]) * _BYTES[match[2]]) if match else value


def lines(static: Static) -> str:
    """Shell lines that make the setting. What it was before is written back from a snapshot."""
    text = []
    for tunable, value in static.settings.items():
        path, number = path_of(tunable), plain(value)
        text.append(f"echo {number} > {path}")
        if tunable == "sysctl.vm.dirty_bytes":
            # As AINKA's tunable of that name does.
            text.append(f"echo {int(number) // 2} > /proc/sys/vm/dirty_background_bytes")
    return "; ".join([*text, *([static.on] if static.on else [])])


def from_tuner(path: Path) -> tuple[Static, ...]:
    """The arms of a shipped tuner that files can set, without the baseline; none without the file.

    A value relative to the baseline (``base+20%``) is none that an admin writes, and is left out.
    """
    if not path.exists():
        return ()
    found = []
    for arm in tomllib.loads(path.read_text()).get("arms", []):
        settings = {key: str(value) for key, value in arm["set"].items()}
        by_file = all(key in _SYSFS or key.startswith("sysctl.") for key in settings)
        if settings and by_file and not any(v.startswith("base") for v in settings.values()):
            found.append(Static(arm["name"], settings))
    return tuple(found)


def brute_force(path: Path, listed: tuple[Static, ...], *more: Static) -> tuple[Static, ...]:
    """All arms of a tuner, or those listed where there is none; and more of them."""
    return (*(from_tuner(path) or listed), *more)
