# SPDX-License-Identifier: Apache-2.0
"""Record mode on a running machine: the switch of the module, the ring, and what is in force."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ainkad.errors import AinkaError
from ainkad.external import is_external
from ainkad.netlink.client import Client
from ainkad.replay.recording import Writer
from ainkad.ring import RingError, RingReader

SWITCH: Final = Path("/sys/module/ainka/parameters/record")
POLL_S: Final = 0.05
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

# (seconds so far, records, bytes, records lost)
Progress = Callable[[float, int, int, int], None]


@contextlib.contextmanager
def record_mode(switch: Path = SWITCH) -> Iterator[None]:
    """Record mode on, and as it was afterwards. Raises AinkaError when it cannot be switched."""
    try:
        before = switch.read_text().strip()
        switch.write_text("1")
    except OSError as error:
        hint = "run it as root" if error.errno in (errno.EACCES, errno.EPERM) else "modprobe ainka"
        raise AinkaError(f"{switch}: {error.strerror}", hint) from None
    try:
        yield
    finally:
        # The module may be gone by now, and record mode with it.
        with contextlib.suppress(OSError):
            switch.write_text(before)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def open_ring() -> RingReader:
    """The ring: as its consumer where no daemon is, else beside the daemon."""
    try:
        return RingReader()
    except RingError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno == errno.EBUSY:
            return RingReader(writable=False)
        raise


def in_force(client: Client) -> dict[str, Any]:
    """Policies, tunables, external signals and state of the module."""
    rows = client.dump("signal-get")
    external = {row["id"]: row["name"] for row in rows if is_external(row["id"])}
    return {
        "policies": list(client.dump("policy-get")),
        "tunables": list(client.dump("tunable-get")),
        "external": [external[number] for number in sorted(external)],
        "state": client.request("state-get", {"brief": True}),
    }


def record(
    path: Path,
    seconds: float | None,
    progress: Progress = lambda *_: None,
    switch: Path = SWITCH,
) -> dict[str, Any]:
    """Record until ``seconds`` are over or KeyboardInterrupt; returns what the tail says.

    Raises AinkaError when the module is not there, or the file cannot be written.
    """
    begun = time.monotonic()
    with Client() as client, open_ring() as ring:
        head = {
            **in_force(client),
            "park_turns": _number(switch.with_name("park_turns")),
            "boot_id": _BOOT_ID.read_text().strip(),
            "wall_minus_monotonic_ns": time.time_ns() - time.monotonic_ns(),
        }
        ring.read_batch()  # what was there before is not part of it
        drops, lapped = ring.drops, ring.lapped
        writer = Writer(path, head)
        try:
            with record_mode(switch), contextlib.suppress(KeyboardInterrupt):
                while seconds is None or time.monotonic() - begun < seconds:
                    time.sleep(POLL_S)
                    writer.add(ring.read_batch())
                    lost = ring.drops - drops + ring.lapped - lapped
                    progress(time.monotonic() - begun, writer.records, writer.bytes, lost)
            writer.add(ring.read_batch())
            tail = {
                **in_force(client),
                "seconds": round(time.monotonic() - begun, 3),
                "lost": ring.drops - drops + ring.lapped - lapped,
            }
            writer.finish(tail)
        except BaseException:
            writer.close()
            raise
    return {**tail, "records": writer.records, "bytes": writer.bytes}
