# SPDX-License-Identifier: Apache-2.0
"""The BPF programs of the daemon: loaded once, their maps handed to the module."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Final

from ainkad.bpf import BpfError, BpfObject
from ainkad.netlink.client import Client
from ainkad.netlink.spec_gen import MapRole

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
)
"""Object files beside it, with their roles and maps; one that does not load costs its signals."""


class Programs:
    """Everything that is loaded, for as long as the stack it was entered on."""

    def __init__(self, stack: contextlib.ExitStack, path: Path) -> None:
        """``path`` is that of sched.bpf.o. Raises BpfError when it does not load."""
        self.sched = stack.enter_context(BpfObject(path))
        self._maps = [(role, self.sched.map_fd(name)) for role, name in SCHED]
        self._attach(self.sched)
        for file, maps in OTHERS:
            try:
                other = stack.enter_context(BpfObject(path.with_name(file)))
            except BpfError as error:
                log.warning(
                    "event=not-loaded object=%s why=%r", path.with_name(file), error.message
                )
                continue
            self._attach(other)
            self._maps += [(role, other.map_fd(name)) for role, name in maps]

    @property
    def roles(self) -> int:
        """The roles of the maps there are, as a mask."""
        return sum(1 << role for role, _ in self._maps)

    def hand_over(self, client: Client) -> None:
        """Give the maps to the module, which keeps them until the lease ends."""
        for role, fd in self._maps:
            name = role.name.lower().replace("_", "-")
            client.request("map-attach", {"role": name, "fd": fd})

    def _attach(self, bpf: BpfObject) -> None:
        for program in bpf.attach_all():
            if program.attached:
                log.info("event=attached program=%s section=%s", program.name, program.section)
            else:
                log.warning("event=not-attached program=%s section=%s why=%r",
                            program.name, program.section, program.reason)  # fmt: skip
