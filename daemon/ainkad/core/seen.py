# SPDX-License-Identifier: Apache-2.0
"""What an evaluation of the core sees: signals, and the past that windows look at."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, Final

from ainkad.core import library
from ainkad.errors import AinkaError
from ainkad.signals_gen import BANKS, BY_NAME

SYSTEM: Final = 0
"""Subject of a policy that is evaluated once."""

PLACES: Final = 64
"""Subjects whose past the module keeps for one policy."""

Values = Mapping[str, int | None]
"""Signals by name; one that is None or not there is stale."""


class _Bank:
    """Values and freshness of the signals of one subject, as C arrays."""

    def __init__(self, subject: int, values: Values | None) -> None:
        self.values = (ctypes.c_int64 * max(1, len(BANKS[subject])))()
        self.fresh = (ctypes.c_uint8 * max(1, len(BANKS[subject])))()
        for name, value in (values or {}).items():
            signal = BY_NAME.get(name)
            if signal is None or signal.subject != subject:
                raise AinkaError(
                    f"{name} is not a signal of subject {subject}",
                    "ainkactl signal list shows the names",
                )
            if value is not None:
                self.values[signal.index] = value
                self.fresh[signal.index] = 1


class Windows:
    """The windows of a policy, which the conditions compiled with them share."""

    def __init__(self, blob: bytes | None = None) -> None:
        size = library.size(library.WINDOWS)
        if blob is not None and len(blob) != size:
            raise AinkaError(f"windows of {len(blob)} bytes", f"they have {size}")
        self.memory = (ctypes.c_uint64 * ((size + 7) // 8))()
        if blob is not None:
            ctypes.memmove(self.memory, blob, size)

    def __bytes__(self) -> bytes:
        return bytes(self.memory)[: library.size(library.WINDOWS)]


class Past:
    """What the signals were, for the windows of a policy of ``subject`` (enum ainka_subject)."""

    def __init__(self, windows: Windows, subject: int, places: int = PLACES) -> None:
        places = places if subject != SYSTEM else 0
        core = library.load()
        size = core.ainka_flat_history_bytes(windows.memory, places)
        self._memory = (ctypes.c_uint64 * ((size + 7) // 8))()
        core.ainka_flat_history_init(self._memory, windows.memory, places)
        self.subject = subject
        self.now_ns = 0
        self.number = 0
        self.identity = 0
        self._walk = 0

    @property
    def address(self) -> int:
        """Where it is, for the library; valid while this object lives."""
        return ctypes.addressof(self._memory)

    def feed(
        self,
        now_ns: int,
        system: Values,
        subject: Values | None = None,
        number: int = 0,
        identity: int = 0,
    ) -> None:
        """Take in what the signals are at ``now_ns``, of the system and of one subject.

        ``number`` and ``identity`` tell subjects apart, ``number`` is not 0. Subjects that are fed
        at one time belong to one walk. Evaluations that are given this past see that moment.
        """
        self._walk += now_ns != self.now_ns
        self.now_ns, self.number, self.identity = now_ns, number, identity
        seen = Seen(self.subject, system, subject, past=self)
        library.load().ainka_flat_history_feed(self._memory, self.subject, seen.memory, self._walk)


class Seen:
    """struct ainka_flat_seen: addresses and numbers of 64 bits."""

    def __init__(
        self,
        subject: int,
        system: Values,
        values: Values | None,
        model: int | None = None,
        past: Past | None = None,
        windows: Windows | None = None,
    ) -> None:
        first, second = _Bank(SYSTEM, system), _Bank(subject, values if subject else None)
        parts: list[Any] = [first.values, first.fresh, second.values, second.fresh]
        self._kept = (parts, past, windows)
        numbers = [ctypes.addressof(part) for part in parts]
        numbers += [
            model or 0,
            past.address if past else 0,
            ctypes.addressof(windows.memory) if windows else 0,
        ]
        numbers += [past.number, past.identity, past.now_ns] if past else [0, 0, 0]
        self.memory = (ctypes.c_uint64 * len(numbers))(*numbers)
