# SPDX-License-Identifier: Apache-2.0
"""ainkactl events: what BPF programs told the daemon of, those kept and those that come."""

from __future__ import annotations

import mmap
import signal
import sys
from typing import Any

from ainkad.errors import AinkaError
from ainkad.event_maps import TYPES
from ainkad.event_records import Records
from ainkad.event_socket import DaemonSocket
from ainkad.layouts_gen import (
    EV_EXEC,
    EV_EXIT,
    EV_OOM_KILL,
    EV_SLOW_CALL,
    EV_THREAD_EXIT,
    EVENT_KTHREAD,
)
from ainkad.system_calls import call_name

from ainkactl.render import clock_time, duration, emit_json, emit_json_line, escape, table

_HEADERS = ("TIME", "TYPE", "PID", "PPID", "UID", "NAME", "WHAT")
# Lines that follow one another cannot be aligned by what is yet to come.
_WIDTHS = (12, 12, 7, 7, 5, 15, 0)
Row = dict[str, Any]


def rows_of(records: Records) -> list[Row]:
    """Records as dictionaries, with the names and units of JSON; what says nothing is left out."""
    return [_row(record) for record in records]


def _row(record: Any) -> Row:
    kind = int(record["type"])
    row: Row = {
        "time-ns": int(record["time_ns"]),
        "type": TYPES.get(kind, str(kind)),
        "cpu": int(record["cpu"]),
        "weight": int(record["weight"]),
        "pid": int(record["pid"]),
        "tgid": int(record["tgid"]),
        "ppid": int(record["ppid"]),
        "start-ns": int(record["start_ns"]),
        "uid": int(record["uid"]),
        "gid": int(record["gid"]),
        "cgroup": int(record["cgroup"]),
        "comm": record["comm"].decode(errors="replace"),
        "kernel-thread": bool(record["flags"] & EVENT_KTHREAD),
    }
    if kind == EV_EXEC and record["other_pid"] != record["pid"]:
        row["by-thread"] = int(record["other_pid"])
    if kind == EV_OOM_KILL:
        row["trigger-pid"] = int(record["other_pid"])
        row["trigger-comm"] = record["other_comm"].decode(errors="replace")
    if kind == EV_SLOW_CALL:
        row["call"] = call_name(int(record["code"]))
        row["latency-ns"] = int(record["duration_ns"])
    if kind in (EV_EXIT, EV_THREAD_EXIT):
        row["duration-ns"] = int(record["duration_ns"])
        row["cpu-ns"] = int(record["cpu_ns"])
    if kind == EV_EXIT:
        status = int(record["code"])
        if status & 0x7F:
            row["signal"] = status & 0x7F
            row["core-dumped"] = bool(status & 0x80)
        else:
            row["exit-status"] = status >> 8 & 0xFF
        row["peak-rss-bytes"] = int(record["rss_pages"]) * mmap.PAGESIZE
    return row


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time one


def what(row: Row) -> str:
    """The part of an event that its type is about, for people."""
    parts = []
    if "signal" in row:
        parts.append("killed by " + _signal_name(row["signal"]))
    elif "exit-status" in row:
        parts.append(f"status {row['exit-status']}")
    if "duration-ns" in row:
        parts.append(f"after {duration(row['duration-ns'])}, {duration(row['cpu-ns'])} of CPU")
    if "peak-rss-bytes" in row:
        parts.append(f"{row['peak-rss-bytes'] / (1 << 20):.1f} MiB")
    if "trigger-pid" in row:
        parts.append(f"when {row['trigger-comm']} ({row['trigger-pid']}) wanted memory")
    if "call" in row:
        parts.append(f"{row['call']} took {duration(row['latency-ns'])}")
    if "by-thread" in row:
        parts.append(f"by thread {row['by-thread']}")
    if row["type"].startswith("thread") or (row["pid"] != row["tgid"] and "call" in row):
        parts.append(f"of process {row['tgid']}")
    if row["kernel-thread"]:
        parts.append("of the kernel")
    if row["weight"] > 1:
        parts.append(f"one of {row['weight']}")
    return ", ".join(parts)


def _line(row: Row) -> tuple[object, ...]:
    name = row["comm"]
    return (clock_time(row["time-ns"]), row["type"], row["pid"], row["ppid"], row["uid"], name,
            what(row))  # fmt: skip


def _checked(types: list[str]) -> list[str]:
    names = list(TYPES.values())
    for name in types:
        if name not in names:
            raise AinkaError(f"there are no events of type {name!r}", f"types: {', '.join(names)}")
    return types


def show(follow: bool, types: list[str], last: int, json: bool) -> None:
    """List the last events; with ``follow`` go on until interrupted."""
    request = {"want": "events", "types": _checked(types), "last": last, "follow": follow}
    with DaemonSocket(request) as daemon:
        frames = daemon.frames()
        next(frames, None)  # the counts, which doctor shows
        if not follow:
            kept = next(frames, None)
            rows = [] if kept is None or isinstance(kept, dict) else rows_of(kept)
            if json:
                emit_json(rows)
            else:
                table(_HEADERS, (_line(row) for row in rows), "no events")
            return
        if not json:
            _print_line(_HEADERS)
        for frame in frames:
            if isinstance(frame, dict):
                _say(frame)
                continue
            for row in rows_of(frame):
                if json:
                    emit_json_line(row)
                else:
                    _print_line(_line(row))
    raise AinkaError("ainkad has ended", "start it: systemctl start ainkad")


def _say(notice: Row) -> None:
    """What the daemon says beside the events, on standard error."""
    kind = notice.get("notice")
    if kind == "sampling" and notice["one-in"] > 1:
        text = (
            f"{notice['type']}: too many on CPU {notice['cpu']}, one in {notice['one-in']} is sent"
        )
    elif kind == "sampling":
        text = f"{notice['type']}: all on CPU {notice['cpu']} are sent again"
    elif kind == "lost":
        text = f"{notice['type']}: {notice['events']} lost, the ring was full"
    elif kind == "missed":
        text = f"{notice['events']} events are missing here: too many at once"
    else:
        return
    print(text, file=sys.stderr, flush=True)


def _print_line(parts: tuple[object, ...]) -> None:
    texts = (escape(str(part)) for part in parts)
    joined = "  ".join(text.ljust(width) for text, width in zip(texts, _WIDTHS, strict=True))
    print(joined.rstrip(), flush=True)
