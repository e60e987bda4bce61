# SPDX-License-Identifier: Apache-2.0
"""Netlink messages: headers, acknowledgements and the kernel's extended error text."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from ainkad.errors import AinkaError
from ainkad.netlink.attributes import align, name_at, walk
from ainkad.netlink.spec_gen import SETS

NLMSG_HDR = struct.Struct("=IHHII")  # length, type, flags, sequence, port
GENL_HDR = struct.Struct("=BBH")  # command, version, reserved
PAYLOAD_AT = NLMSG_HDR.size + GENL_HDR.size

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x01
NLM_F_MULTI = 0x02
NLM_F_ACK = 0x04
NLM_F_DUMP = 0x300
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200

_ERROR = struct.Struct("=i")
_U32 = struct.Struct("=I")
_ERR_ATTR_MSG = 1
_ERR_ATTR_OFFS = 2
_ERR_ATTR_MISS_TYPE = 5

_HINTS = {
    errno.EPERM: "this needs CAP_NET_ADMIN in the initial namespace: run it as root",
    errno.EACCES: "this needs CAP_NET_ADMIN in the initial namespace: run it as root",
    errno.EOPNOTSUPP: "the loaded module is older than this program: reload it (ainkactl unload)",
}


class KernelError(AinkaError):
    """The module refused a request.

    ``errno`` is positive, ``text`` the kernel's own words (may be empty), ``attribute`` the spec
    name of the attribute it complained of (may be empty).
    """

    def __init__(self, number: int, text: str, attribute: str, operation: str) -> None:
        self.errno = number
        self.text = text
        self.attribute = attribute
        what = text or os.strerror(number)
        if attribute and not what.startswith(f"{attribute}:"):
            what = f"{attribute}: {what}"
        message = what if text else f"{operation}: {what}"
        # Where the kernel says what is wrong, a guess from the number alone could only mislead.
        super().__init__(message, "" if text else _HINTS.get(number, ""))


class Message(NamedTuple):
    """One received message; ``payload`` follows the netlink header."""

    type: int
    flags: int
    sequence: int
    payload: memoryview

    @property
    def command(self) -> int:
        """Command of a generic netlink message; -1 when it is too short to have one."""
        return self.payload[0] if len(self.payload) >= GENL_HDR.size else -1

    @property
    def attributes(self) -> memoryview:
        """The attributes of a generic netlink message."""
        return self.payload[GENL_HDR.size :]


def build(
    message_type: int, flags: int, sequence: int, command: int, version: int, attributes: bytes
) -> bytes:
    """A generic netlink request as it goes on the wire."""
    length = PAYLOAD_AT + len(attributes)
    header = NLMSG_HDR.pack(length, message_type, flags, sequence, 0)
    return header + GENL_HDR.pack(command, version, 0) + attributes


def split(datagram: bytes | memoryview) -> Iterator[Message]:
    """Yield the messages of one datagram; stops at a malformed header."""
    view = memoryview(datagram)
    offset = 0
    while offset + NLMSG_HDR.size <= len(view):
        length, kind, flags, sequence, _ = NLMSG_HDR.unpack_from(view, offset)
        if length < NLMSG_HDR.size or offset + length > len(view):
            return
        yield Message(kind, flags, sequence, view[offset + NLMSG_HDR.size : offset + length])
        offset += align(length)


def check(message: Message, request: bytes, operation: str, attribute_set: str) -> None:
    """Raise KernelError when an NLMSG_ERROR or NLMSG_DONE message carries an error.

    ``request`` is what was sent: the kernel names the offending attribute by its offset in it.
    """
    payload = message.payload
    if len(payload) < _ERROR.size:
        return
    number = -_ERROR.unpack_from(payload)[0]
    if number <= 0:
        return
    text, attribute = "", ""
    if message.flags & NLM_F_ACK_TLVS:
        start = _ERROR.size
        if message.type == NLMSG_ERROR:
            # The request's header comes back, and all of it unless the answer is capped.
            echoed = _U32.unpack_from(payload, start)[0]
            capped = message.flags & NLM_F_CAPPED
            start += NLMSG_HDR.size if capped else align(echoed)
        for kind, value, _ in walk(payload[start:]):
            if kind == _ERR_ATTR_MSG:
                text = bytes(value).split(b"\0", 1)[0].decode("utf-8", "replace")
            elif kind == _ERR_ATTR_OFFS and len(value) >= _U32.size:
                offset = _U32.unpack_from(value)[0] - PAYLOAD_AT
                attribute = name_at(attribute_set, request[PAYLOAD_AT:], offset)
            elif kind == _ERR_ATTR_MISS_TYPE and len(value) >= _U32.size:
                missing = SETS[attribute_set].by_number.get(_U32.unpack_from(value)[0])
                if missing is not None:
                    attribute, text = missing.name, text or "is missing"
    raise KernelError(number, text, attribute, operation)
