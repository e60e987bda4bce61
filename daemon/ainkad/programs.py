# SPDX-License-Identifier: Apache-2.0
"""The BPF programs of the daemon: loaded once, their maps handed to the module."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any, Final

from ainkad.bpf import BpfError, BpfObject, SharedArray, write_number
from ainkad.call_times import CallTimes
from ainkad.layouts_gen import COUNTERS_DTYPE, TIMES_DTYPE, TIMES_MAX
from ainkad.netlink.client import Client
from ainkad.netlink.spec_gen import MapRole
from ainkad.ring import possible_cpus
from ainkad.signals_gen import COUNTERS, TIMES, Slot

log = logging.getLogger("ainkad")

SCHED: Final = (
    (MapRole.SCHED_STATS, "sched_stats"),
    (MapRole.TASKS, "tasks"),
    (MapRole.CGROUPS, "cgroups"),
)
"""Roles and maps of the object that the daemon cannot do without."""

OTHERS: Final = (
    ("block.bpf.o", ((MapRole.DEVICES, "devices"),)),
    ("proc.bpf.o", ()),
    ("mem.bpf.o", ()),
    ("net.bpf.o", ()),
    ("irq.bpf.o", ()),
    ("fs.bpf.o", ()),
)
"""Object files beside it, with their roles and maps; one that does not load costs its signals."""

SYSCALLS: Final = ("syscall.bpf.o", ())
"""The same, for those who ask for it."""

SHARED: Final = (
    (MapRole.COUNTERS, "counters", COUNTERS_DTYPE, 1, COUNTERS),
    (MapRole.TIMES, "times", TIMES_DTYPE, TIMES_MAX, TIMES),
)
"""Maps that the programs of all objects count in: role, name, layout, entries, slots."""


def slots_mask(slots: Iterable[Slot], attached: Set[tuple[str, str]]) -> int:
    """A bit for each slot all of whose programs are attached; these are (file, name)."""
    return sum(
        1 << slot.index
        for slot in slots
        if all((slot.file, program) in attached for program in slot.programs)
    )


class Programs:
    """Everything that is loaded, for as long as the stack it was entered on."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        path: Path,
        shared: Mapping[str, int],
        slow_call_ns: int | None = None,
    ) -> None:
        """``path`` is that of sched.bpf.o; ``shared`` are descriptors of maps that all objects may
        use, by name, besides those in SHARED. Raises BpfError when it does not load.

        With ``slow_call_ns``, system calls are timed too, and counted as slow from then on.
        """
        self._objects: dict[str, BpfObject | str] = {}
        self._attached: set[tuple[str, str]] = set()
        self.call_times: CallTimes | None = None
        self._shared = dict(shared) | {
            name: stack.enter_context(SharedArray(name, dtype, entries)).fd
            for _, name, dtype, entries, _ in SHARED
        }
        self.sched = self._load(stack, path)
        self._maps = [(role, self.sched.map_fd(name)) for role, name in SCHED]
        for file, maps in OTHERS if slow_call_ns is None else (*OTHERS, SYSCALLS):
            try:
                other = self._load(stack, path.with_name(file))
                if file == SYSCALLS[0]:
                    write_number(other.map_fd("slow_call"), slow_call_ns or 0)
                    self.call_times = CallTimes(other.map_fd("call_times"), possible_cpus())
            except BpfError as error:
                log.warning(
                    "event=not-loaded object=%s why=%r", path.with_name(file), error.message
                )
                self._objects[file] = error.message
                continue
            self._maps += [(role, other.map_fd(name)) for role, name in maps]
        self._maps += [(role, self._shared[name]) for role, name, _, _, _ in SHARED]
        self._slots = {role: slots_mask(slots, self._attached) for role, *_, slots in SHARED}

    @property
    def roles(self) -> int:
        """The roles of the maps there are, as a mask."""
        return sum(1 << role for role, _ in self._maps)

    def map_fd(self, role: MapRole) -> int | None:
        """The map of a role; None when its program is not loaded."""
        return dict(self._maps).get(role)

    def hand_over(self, client: Client) -> None:
        """Give the maps to the module, which keeps them until the lease ends."""
        for role, fd in self._maps:
            request = {"role": role.name.lower().replace("_", "-"), "fd": fd}
            if role in self._slots:
                request["slots"] = self._slots[role]
            client.request("map-attach", request)

    def states(self) -> list[dict[str, Any]]:
        """Each program: object, name, attach point, attached, and the reason where it is not.

        An object that is not loaded is one row without a program.
        """
        rows: list[dict[str, Any]] = []
        for file, loaded in self._objects.items():
            if isinstance(loaded, str):
                rows.append({"object": file, "attached": False, "reason": loaded})
                continue
            rows += [
                {
                    "object": file,
                    "program": program.name,
                    "attach-point": program.section,
                    "attached": program.attached,
                    "reason": program.reason,
                }
                for program in loaded.programs()
            ]
        return rows

    def _load(self, stack: contextlib.ExitStack, path: Path) -> BpfObject:
        bpf = stack.enter_context(BpfObject(path, self._shared))
        self._objects[path.name] = bpf
        for program in bpf.attach_all():
            if program.attached:
                self._attached.add((path.stem, program.name))
                log.info("event=attached program=%s section=%s", program.name, program.section)
            else:
                log.warning("event=not-attached program=%s section=%s why=%r",
                            program.name, program.section, program.reason)  # fmt: skip
        return bpf
