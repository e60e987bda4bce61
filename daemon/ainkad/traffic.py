# SPDX-License-Identifier: Apache-2.0
"""Packets and bytes of network interfaces by protocol, counted by ebpf/traffic.bpf.c."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ainkad.bpf import (
    TCX_EGRESS,
    TCX_INGRESS,
    XDP,
    XDP_GENERIC,
    BpfError,
    BpfObject,
    PerCpuArray,
)
from ainkad.layouts_gen import TRAFFIC_DTYPE, TRAFFIC_PROTOCOLS
from ainkad.ring import possible_cpus

log = logging.getLogger("ainkad")

FILE: Final = "traffic.bpf.o"
DIRECTIONS: Final = ("ingress", "egress")
PROTOCOLS: Final = (
    "tcp", "udp", "icmp", "icmpv6", "arp", "other-ipv4", "other-ipv6", "other",
)  # fmt: skip
"""By AINKA_TRAFFIC_INGRESS … and AINKA_TRAFFIC_TCP …"""

LOOK_S: Final = 5.0
NO_EGRESS: Final = "what is sent is not seen: the kernel has no links at tc (from 6.6 on)"


def index_of(name: str) -> int:
    """The index of an interface, 0 if there is none of that name."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


class Watched:
    """The programs at one interface, from its appearance to close()."""

    def __init__(self, path: Path, name: str, index: int) -> None:
        """Raises BpfError when nothing can be attached."""
        self.index = index
        self.hooks: dict[str, str] = {}
        self.reason = ""
        self._bpf = BpfObject(path)
        try:
            self._attach()
            self._map = PerCpuArray(self._bpf.map_fd("traffic"), TRAFFIC_DTYPE, possible_cpus())
        except BpfError:
            self._bpf.close()
            raise
        log.info("event=interface name=%s index=%d hooks=%s", name, index, self.hooks)

    def _attach(self) -> None:
        try:
            self._bpf.attach_to("tc_ingress", self.index, TCX_INGRESS)
            self._bpf.attach_to("tc_egress", self.index, TCX_EGRESS)
            self.hooks = dict.fromkeys(DIRECTIONS, "tcx")
        except BpfError:
            if self._bpf_attached("tc_ingress"):
                raise
            # the driver's own mode would set up its queues anew
            self._bpf.attach_to("xdp_ingress", self.index, XDP, XDP_GENERIC)
            self.hooks = {"ingress": "xdp"}
            self.reason = NO_EGRESS

    def _bpf_attached(self, name: str) -> bool:
        return any(p.attached for p in self._bpf.programs() if p.name == name)

    def counts(self) -> list[dict[str, Any]]:
        """Packets and bytes since it was attached, of what there was. Raises BpfError."""
        rows = []
        for i, direction in enumerate(DIRECTIONS):
            if direction not in self.hooks:
                continue
            for j, protocol in enumerate(PROTOCOLS):
                cpus = self._map.read(i * TRAFFIC_PROTOCOLS + j)
                packets, size = (int(cpus[field].sum()) for field in ("packets", "bytes"))
                if packets:
                    rows.append({"direction": direction, "protocol": protocol,
                                 "packets": packets, "bytes": size})  # fmt: skip
        return rows

    def close(self) -> None:
        """Take the programs away."""
        self._bpf.close()


class Traffic:
    """The interfaces that the configuration names, as they come and go."""

    def __init__(
        self, path: Path, names: Sequence[str], index: Callable[[str], int] = index_of
    ) -> None:
        """``path`` is that of the object file; ``index`` finds an interface."""
        self._path = path
        self._index = index
        self._watched: dict[str, Watched | None] = dict.fromkeys(names)
        self._since: dict[str, float] = {}
        self._failed: dict[str, tuple[int, str]] = {}

    def look(self) -> None:
        """Attach to those that have appeared, let go of those that have gone."""
        for name, watched in self._watched.items():
            index = self._index(name)
            if watched is not None and watched.index != index:
                watched.close()
                self._watched[name] = watched = None
                log.info("event=interface-gone name=%s", name)
            if not index or watched is not None or self._failed.get(name, (0,))[0] == index:
                continue
            try:
                self._watched[name] = Watched(self._path, name, index)
                self._since[name] = time.monotonic()
                self._failed.pop(name, None)
            except BpfError as error:
                self._failed[name] = (index, error.message)
                log.warning("event=interface-not-watched name=%s why=%r", name, error.message)

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def report(self) -> list[dict[str, Any]]:
        """Each interface: name, and if it is watched index, hooks, seconds and counts."""
        found = []
        for name, watched in self._watched.items():
            row: dict[str, Any] = {"interface": name, "watched": watched is not None}
            if watched is not None:
                row |= {"index": watched.index, "hooks": watched.hooks,
                        "seconds": round(time.monotonic() - self._since[name], 3),
                        "counts": watched.counts()}  # fmt: skip
            row["reason"] = self._reason(name)
            found.append(row)
        return found

    def _reason(self, name: str) -> str:
        """What is missing of it, "" if nothing."""
        watched = self._watched[name]
        if watched is not None:
            return watched.reason
        return self._failed[name][1] if name in self._failed else "there is no such interface"

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """For those who ask the daemon."""
        self.look()
        return {"interfaces": self.report()}

    def states(self) -> list[dict[str, Any]]:
        """The programs, as Programs.states() has them."""
        rows = []
        for name, watched in self._watched.items():
            for direction in DIRECTIONS:
                hook = watched.hooks.get(direction) if watched is not None else None
                rows.append({
                    "object": FILE,
                    "program": f"{'xdp' if hook == 'xdp' else 'tc'}_{direction}",
                    "attach-point": f"{hook or 'tcx'}/{name}/{direction}",
                    "attached": hook is not None,
                    "reason": "" if hook else self._reason(name),
                })  # fmt: skip
        return rows

    def close(self) -> None:
        """Let go of all of them."""
        for name, watched in self._watched.items():
            if watched is not None:
                watched.close()
            self._watched[name] = None
