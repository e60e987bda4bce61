# SPDX-License-Identifier: Apache-2.0
"""Files of record mode: what was in force, then the records of the ring as they came.

Eight bytes of magic and the version, then blocks, each with its kind, its sizes and a CRC-32 of
what is stored: ``HEAD`` (JSON), ``RECS`` (records of 512 bytes, deflated) and in the end ``TAIL``
(JSON). A file without ``TAIL`` was cut off: what is there is used, and that is told.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import numpy as np
from numpy.typing import NDArray

from ainkad.errors import AinkaError
from ainkad.layouts_gen import RECORD_DTYPE
from ainkad.signals_gen import SIGNALS

MAGIC: Final = b"AINKAREC"
VERSION: Final = 1
_START: Final = struct.Struct("<8sI")
_BLOCK: Final = struct.Struct("<4sIII")  # kind, bytes, bytes as stored, CRC-32 of those
BLOCK_MAX: Final = 1 << 26
"""No block is larger: a damaged size must not make a reader fill the memory."""

Records = NDArray[np.void]


def table_of_signals() -> str:
    """What tells this version's signals, and so the meaning of a frame, from those of others."""
    text = ",".join(f"{signal.id}={signal.name}" for signal in SIGNALS)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(type(value).__name__)


def _bytes(value: dict[str, Any]) -> Any:
    if value.keys() == {"base64"}:
        return base64.b64decode(value["base64"], validate=True)
    return value


class Writer:
    """Writes a recording. Raises AinkaError when the file cannot be written."""

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        """``head`` is what was in force: policies, tunables and external signals, see Recording."""
        self._path = path
        self.records = 0
        self.bytes = 0
        with self._told():
            self._file: BinaryIO = path.open("wb")
            self._put(_START.pack(MAGIC, VERSION))
        self._json(b"HEAD", {**head, "signals": table_of_signals()})

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            hint = "is there room, and may you write there?"
            raise AinkaError(f"{self._path}: {error.strerror}", hint) from None

    def _put(self, data: bytes) -> None:
        self.bytes += len(data)
        self._file.write(data)

    def _block(self, kind: bytes, data: bytes) -> None:
        stored = zlib.compress(data, 1)
        with self._told():
            self._put(_BLOCK.pack(kind, len(data), len(stored), zlib.crc32(stored)))
            self._put(stored)
            self._file.flush()

    def _json(self, kind: bytes, value: Mapping[str, Any]) -> None:
        self._block(kind, json.dumps(value, default=_plain).encode())

    def add(self, records: Records) -> None:
        """Write a batch (n,) of RECORD_DTYPE; it is in the file when this returns."""
        if len(records):
            self.records += len(records)
            self._block(b"RECS", records.tobytes())

    def finish(self, tail: Mapping[str, Any]) -> None:
        """Write the end and close. ``tail`` is what was in force then, and what was lost."""
        self._json(b"TAIL", {**tail, "records": self.records})
        self.close()

    def close(self) -> None:
        """Close without an end, as a recorder that was interrupted would."""
        with self._told():
            self._file.close()


@dataclass
class Recording:
    """A recording opened for reading; ``blocks()`` may be gone through once.

    ``head`` holds ``policies`` (rows of policy-get), ``tunables`` (rows of tunable-get),
    ``external`` (names by index), ``wall_minus_monotonic_ns``; ``tail`` the same of the end, None
    as long as that has not been read. ``cut_off`` says in words where a file without an end stops.
    """

    path: Path
    head: dict[str, Any]
    size: int
    _file: BinaryIO
    tail: dict[str, Any] | None = None
    cut_off: str = ""
    at: int = field(default=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def _damaged(self, at: int, why: str) -> AinkaError:
        return AinkaError(
            f"{self.path}: damaged at byte {at}: {why}",
            "the file is not as it was written; what lies before can be had by cutting it there: "
            f"truncate -s {at} on a copy",
        )

    def next_block(self) -> tuple[bytes, bytes] | None:
        """The next kind and content; None at the end, or where the file is cut off."""
        at = self._file.tell()
        head = self._file.read(_BLOCK.size)
        if len(head) < _BLOCK.size:
            if self.tail is None:
                self.cut_off = f"it stops at byte {self.size} without an end"
            elif head:
                raise self._damaged(at, "there is something behind the end")
            return None
        kind, plain, stored, crc = _BLOCK.unpack(head)
        if kind not in (b"HEAD", b"RECS", b"TAIL") or max(plain, stored) > BLOCK_MAX:
            raise self._damaged(at, "no block begins here")
        if self.tail is not None:
            raise self._damaged(at, "there is a block behind the end")
        data = self._file.read(stored)
        if len(data) < stored:
            self.cut_off = f"it stops at byte {self.size}, within a block"
            return None
        if zlib.crc32(data) != crc:
            raise self._damaged(at, "the checksum of the block is wrong")
        try:
            inflate = zlib.decompressobj()
            content = inflate.decompress(data, plain + 1)
        except zlib.error as error:
            raise self._damaged(at, str(error)) from None
        if len(content) != plain or not inflate.eof:
            raise self._damaged(at, "the block has another size than it says")
        self.at = self._file.tell()
        return kind, content

    def json(self, content: bytes) -> dict[str, Any]:
        """The object in a block; raises AinkaError when it is none."""
        try:
            value = json.loads(content, object_hook=_bytes)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self._damaged(self.at, "what describes the recording cannot be read")
        return value

    def blocks(self) -> Iterator[Records]:
        """Batches (n,) of RECORD_DTYPE in the order in which they were written."""
        while (block := self.next_block()) is not None:
            kind, content = block
            if kind == b"TAIL":
                self.tail = self.json(content)
            elif kind == b"HEAD" or len(content) % RECORD_DTYPE.itemsize:
                raise self._damaged(self.at, "a block that does not belong there")
            else:
                yield np.frombuffer(content, RECORD_DTYPE)


_LISTS: Final = ("policies", "tunables", "external")


def open_recording(path: Path) -> Recording:
    """Open a file and read its head.

    Raises AinkaError when it cannot be read, is no recording, or one of another version.
    """
    try:
        file = path.open("rb")
        size = path.stat().st_size
    except OSError as error:
        raise AinkaError(f"{path}: {error.strerror}", "give the path of a recording") from None
    try:
        start = file.read(_START.size)
        if len(start) < _START.size or not start.startswith(MAGIC):
            raise AinkaError(f"{path}: not a recording", "they are made by: ainkactl record FILE")
        version = _START.unpack(start)[1]
        if version != VERSION:
            raise AinkaError(
                f"{path}: a recording of version {version}, this program knows {VERSION}",
                "use the ainkactl that made it",
            )
        recording = Recording(path, {}, size, file)
        block = recording.next_block()
        if block is None or block[0] != b"HEAD":
            raise AinkaError(f"{path}: it has no head", "the recorder did not get that far")
        recording.head = recording.json(block[1])
        _check_head(recording)
    except BaseException:
        file.close()
        raise
    return recording


def _check_head(recording: Recording) -> None:
    head = recording.head
    rows: Sequence[Any]
    for key in _LISTS:
        rows = head.get(key)  # type: ignore[assignment]
        kind = str if key == "external" else dict
        if not isinstance(rows, list) or not all(isinstance(row, kind) for row in rows):
            raise AinkaError(f"{recording.path}: its head lacks {key}", "it is damaged")
    if head.get("signals") != table_of_signals():
        raise AinkaError(
            f"{recording.path}: it was recorded with another table of signals",
            "use the version of AINKA that made it",
        )
