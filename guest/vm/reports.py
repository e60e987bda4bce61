# SPDX-License-Identifier: Apache-2.0
"""Finds in a kernel log what no test run may contain."""

from __future__ import annotations

import re

_STAMP = r"\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? *"

#: The kernel's own ways of saying that something is wrong with it.
PATTERNS = [
    r"WARNING: ",
    r"BUG: ",
    r"BUG .* \(.*\): ",  # SLUB: "BUG kmalloc-64 (Tainted: G): Poison overwritten"
    r"kernel BUG at ",
    r"Oops: ",
    r"Oops\b",
    r"Kernel panic",
    r"general protection fault",
    r"stack segment: ",
    r"divide error: ",
    r"invalid opcode: ",
    r"double fault: ",
    r"int3: ",
    r"Unable to handle kernel ",
    r"watchdog: BUG: ",
    r"possible circular locking dependency",
    r"possible recursive locking",
    r"inconsistent lock state",
    r"possible irq lock inversion",
    r"suspicious RCU usage",
    r"INFO: trying to register non-static key",
    r"DEBUG_LOCKS_WARN_ON",
    r"bad unlock balance",
    r"sleeping function called from invalid context",
    r"scheduling while atomic",
    r"INFO: task .* blocked for more than",
    r"rcu: INFO: .* detected (?:expedited )?stalls?",
    r"rcu: INFO: .* self-detected stall",
    r"kmemleak: \d+ new suspected memory leaks",
    r"UBSAN: ",
    r"KASAN: ",
    r"KCSAN: ",
    r"ODEBUG: ",
    r"refcount_t: ",
    r"list_(?:add|del) corruption",
    r"unregister_netdevice: waiting for",
    r"kobject_add_internal failed for \S+ (?!\(error: -12 )",  # not for want of memory
    r"sysfs: cannot create duplicate filename",
    r"Out of memory and no killable processes",
]

# A report starts right after the time stamp, where only the kernel and /dev/kmsg can write; lockdep
# puts its sentence after one of its own "WARNING:" or "=====" lines.
_REPORT = re.compile(
    rf"{_STAMP}(?:traps: |[\w.-]+: )?(?P<what>{'|'.join(PATTERNS)}).*", re.MULTILINE
)


def find(log: str) -> list[str]:
    """The lines of a kernel log that report a fault of the kernel itself, in order, once each."""
    seen: dict[str, None] = {}
    for match in _REPORT.finditer(log.replace("\r", "")):
        seen.setdefault(match[0].rstrip(), None)
    return list(seen)


def from_emulator(report: str) -> bool:
    """Whether a report is what multi-threaded emulation does to a kernel that patches its code."""
    return "int3: 0000" in report


def excerpt(log: str, line: str, after: int = 25) -> str:
    """A report with what follows it: registers, stack, the other half of a deadlock."""
    lines = log.replace("\r", "").splitlines()
    for number, text in enumerate(lines):
        if line in text:
            return "\n".join(lines[number : number + after])
    return line
