# SPDX-License-Identifier: Apache-2.0
"""Every setting that a condition may touch: read as text, and written back where it differs."""

from __future__ import annotations

from pathlib import Path

TREES = ("/proc/sys/vm", "/proc/sys/net/core", "/proc/sys/net/ipv4", "/sys/kernel/debug/sched")
PATTERNS = (
    "/proc/sys/kernel/sched_*",
    "/proc/sys/kernel/numa_*",
    "/proc/sys/kernel/timer_migration",
    "/sys/block/vd*/queue/read_ahead_kb",
    "/sys/block/vd*/queue/scheduler",
    "/sys/block/vd*/queue/nr_requests",
    "/sys/block/vd*/queue/rq_affinity",
    "/sys/block/vd*/queue/wbt_lat_usec",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/kernel/mm/transparent_hugepage/defrag",
    "/sys/kernel/mm/lru_gen/enabled",
    "/sys/module/zswap/parameters/enabled",
)
#: What changes by itself, or is no setting.
CHANGING = (
    "/proc/sys/vm/stat_refresh",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/vm/compact_memory",
    "/proc/sys/net/ipv4/tcp_fastopen_key",
    "/sys/kernel/debug/sched/debug",
    "/sys/kernel/debug/sched/domains",
)
#: Of each pair one is 0; writing the one that is not zeroes the other.
_DIRTY = ("dirty_bytes", "dirty_ratio", "dirty_background_bytes", "dirty_background_ratio")


def _files() -> list[Path]:
    found = [path for tree in TREES for path in sorted(Path(tree).rglob("*"))]
    for pattern in PATTERNS:
        found += sorted(Path("/").glob(pattern.lstrip("/")))
    return [path for path in found if not str(path).startswith(CHANGING)]


def value(text: str) -> str:
    """A setting as it is written: of ``always [madvise] never`` the one that holds."""
    words = text.split()
    chosen = [word[1:-1] for word in words if word.startswith("[") and word.endswith("]")]
    return chosen[0] if len(chosen) == 1 else text.strip()


def read() -> dict[str, str]:
    """All of them by file; a file that cannot be read is none."""
    found = {}
    for path in _files():
        try:
            if path.is_file() and path.stat().st_mode & 0o200:
                found[str(path)] = value(path.read_text())
        except (OSError, UnicodeDecodeError):
            continue
    return found


def restore(wanted: dict[str, str]) -> dict[str, str]:
    """Write what differs; returns what could not be brought back, with its present value."""
    now = read()
    for path, text in wanted.items():
        name = path.rsplit("/", 1)[-1]
        if now.get(path) == text or (name in _DIRTY and text == "0"):
            continue
        try:
            Path(path).write_text(text)
        except OSError:
            continue
    now = read()
    return {path: now.get(path, "gone") for path, text in wanted.items() if now.get(path) != text}
