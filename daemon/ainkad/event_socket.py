# SPDX-License-Identifier: Apache-2.0
"""What is spoken on the daemon's socket, and the side that asks.

A client sends one line of JSON: ``{"want": …}`` with what :data:`WANTS` allows. The answer is
frames: eight bytes (kind and length, 32 bits each, of this machine's byte order), then the payload,
JSON or event records of one size, which are passed on as they came from the kernel. An answer that
has an end ends with the connection.

Who asks for documents alone does not pay for importing numpy.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ainkad.closing import Closing
from ainkad.errors import AinkaError

if TYPE_CHECKING:
    from ainkad.event_records import Records

SOCKET_PATH: Final = Path("/run/ainka/ainkad.sock")
FRAME: Final = struct.Struct("=II")
JSON, RECORDS = 1, 2
MAX_REQUEST: Final = 4096
MAX_FRAME: Final = 64 << 20
MAX_SECONDS: Final = 60

WANTS: Final = ("events", "processes", "programs", "calls", "interfaces")
"""``events`` (``types``: names; ``last``: how many of those kept; ``follow``), ``processes`` that
run, state of the ``programs``, system ``calls`` (``seconds``: how long to look, 0 for since they
are timed), traffic of ``interfaces``."""


def json_frame(value: object) -> bytes:
    """A frame with a JSON document."""
    text = json.dumps(value, ensure_ascii=False).encode()
    return FRAME.pack(JSON, len(text)) + text


def records_frame(records: Records) -> bytes:
    """A frame with records of dtype SLOT."""
    from ainkad.event_records import to_bytes

    data = to_bytes(records)
    return FRAME.pack(RECORDS, len(data)) + data


class DaemonSocket(Closing):
    """A connection to the daemon with one request. Raises AinkaError when nobody answers."""

    def __init__(self, request: Mapping[str, object], path: Path = SOCKET_PATH) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._sock.connect(str(path))
            self._sock.sendall(json.dumps(request).encode() + b"\n")
        except PermissionError as error:
            self._sock.close()
            raise AinkaError("only root may ask the daemon", "run it as root") from error
        except OSError as error:
            self._sock.close()
            raise AinkaError(
                f"ainkad does not answer at {path}: {error.strerror}",
                "start it: systemctl start ainkad",
            ) from error

    def frames(self) -> Iterator[dict[str, Any] | Records]:
        """What the daemon says: documents, and records of dtype SLOT.

        Ends when the daemon closes. Raises AinkaError for a request that it refuses.
        """
        while (head := self._take(FRAME.size)) is not None:
            kind, length = FRAME.unpack(head)
            payload = self._take(length) if length <= MAX_FRAME else None
            if kind not in (JSON, RECORDS) or payload is None:
                raise AinkaError(
                    "the daemon's answer makes no sense",
                    "ainkactl and ainkad are of different versions: restart ainkad",
                )
            if kind == RECORDS:
                from ainkad.event_records import from_bytes

                yield from_bytes(payload)
                continue
            document: dict[str, Any] = json.loads(payload)
            if "error" in document:
                raise AinkaError(document["error"], document.get("hint", ""))
            yield document

    def _take(self, length: int) -> bytes | None:
        """Exactly so many bytes, None when the daemon has closed."""
        parts, left = [], length
        while left:
            part = self._sock.recv(min(left, 1 << 20))
            if not part:
                return None
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Hang up. May be called twice."""
        self._sock.close()
