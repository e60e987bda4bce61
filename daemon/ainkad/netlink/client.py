# SPDX-License-Identifier: Apache-2.0
"""Requests, dumps and events of the ainka family."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, Protocol

from ainkad.closing import Closing
from ainkad.errors import AinkaError
from ainkad.netlink.attributes import Attributes, decode, encode, pack, walk
from ainkad.netlink.message import (
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    KernelError,
    Message,
    build,
    check,
    split,
)
from ainkad.netlink.spec import Operation
from ainkad.netlink.spec_gen import FAMILY, OPERATIONS, SETS

GENL_ID_CTRL = 0x10
_CTRL_CMD_GETFAMILY = 3
_CTRL_ATTR_FAMILY_ID = 1
_CTRL_ATTR_FAMILY_NAME = 2
_CTRL_ATTR_MCAST_GROUPS = 7
_CTRL_ATTR_MCAST_GRP_NAME = 1
_CTRL_ATTR_MCAST_GRP_ID = 2

_NETLINK_GENERIC = 16
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11

_BUFFER = 256 * 1024
_EVENT_BUFFER = 1 << 20
_U16 = struct.Struct("=H")
_U32 = struct.Struct("=I")


def not_loaded() -> AinkaError:
    """The error of every door when there is no module."""
    return AinkaError("the ainka module is not loaded", "load it: modprobe ainka")


class Transport(Protocol):
    """What the client needs of a socket; tests put bytes in its place."""

    def send(self, data: bytes, /) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


def open_socket(timeout_s: float | None = 5.0) -> socket.socket:
    """A bound generic netlink socket with extended acknowledgements.

    ``timeout_s`` bounds every receive: the module answers without waiting for its slow lane, so
    silence means that something is wrong.
    """
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC)
    try:
        sock.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        sock.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        sock.bind((0, 0))
        sock.connect((0, 0))  # only the kernel's messages are received
        sock.settimeout(timeout_s)
    except OSError:
        sock.close()
        raise
    return sock


class Events:
    """A subscription to one multicast group; ``fileno()`` can be polled."""

    def __init__(self, family_id: int, sock: socket.socket) -> None:
        self._family_id = family_id
        self._sock = sock
        self.lost = 0

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self) -> list[tuple[str, Attributes]]:
        """The events of one datagram as (operation, attributes).

        Blocks unless the descriptor was polled. ``lost`` counts the times the kernel had to drop
        events because we read too slowly; such a read returns an empty list.
        """
        try:
            datagram = self._sock.recv(_BUFFER)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self.lost += 1
            return []
        events = []
        for message in split(datagram):
            if message.type != self._family_id:
                continue
            operation = FAMILY.operation_of(message.command)
            if operation is not None:
                values = decode(operation.attribute_set, message.attributes)
                events.append((operation.name, values))
        return events

    def close(self) -> None:
        self._sock.close()


class Client(Closing):
    """A connection to the module.

    Requests and answers are dictionaries by the spec's names; enumerations are names, nests are
    dictionaries, repeated attributes lists, flags True. Every method raises KernelError with the
    kernel's own words when the module refuses, and AinkaError when there is no module.
    """

    def __init__(self, open_transport: Callable[[], Transport] = open_socket) -> None:
        self._sequence = 0
        self._transport = open_transport()
        try:
            self._family_id, self._groups = self._discover()
        except BaseException:
            self._transport.close()
            raise

    def close(self) -> None:
        """Close the socket."""
        self._transport.close()

    def request(self, operation: str, values: Mapping[str, Any] | None = None) -> Attributes:
        """Do ``operation`` and wait for its acknowledgement; returns the reply, {} without one."""
        answers = self._answers(OPERATIONS[operation], values or {}, NLM_F_REQUEST | NLM_F_ACK)
        replies = list(answers)
        return replies[0] if replies else {}

    def dump(
        self,
        operation: str,
        values: Mapping[str, Any] | None = None,
        only: Container[str] | None = None,
    ) -> list[Attributes]:
        """Every object of a dump; ``only``: names of attributes wanted.

        All of it is read first: a request made between two objects would take the end of the dump
        for something left over.
        """
        op = OPERATIONS[operation]
        return list(self._answers(op, values or {}, NLM_F_REQUEST | NLM_F_DUMP, only))

    def subscribe(self, group: str) -> Events:
        """Join a multicast group on a socket of its own. Needs CAP_NET_ADMIN."""
        number = self._groups.get(group)
        if number is None:
            known = ", ".join(sorted(self._groups)) or "none"
            raise AinkaError(f"the module has no event group {group!r}", f"it has: {known}")
        sock = open_socket(None)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _EVENT_BUFFER)
            sock.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, number)
        except OSError as error:
            sock.close()
            raise KernelError(error.errno or errno.EIO, "", "", f"group {group}") from None
        return Events(self._family_id, sock)

    def _answers(
        self,
        op: Operation,
        values: Mapping[str, Any],
        flags: int,
        only: Container[str] | None = None,
    ) -> Iterator[Attributes]:
        payload = encode(op.attribute_set, values)
        request = self._build(self._family_id, flags, op.command, FAMILY.version, payload)
        names = SETS[op.attribute_set].by_name.values()
        wanted = None if only is None else {one.number for one in names if one.name in only}
        for message in self._exchange(request, op.name, op.attribute_set):
            if message.type == self._family_id:
                yield decode(op.attribute_set, message.attributes, wanted)

    def _build(self, kind: int, flags: int, command: int, version: int, payload: bytes) -> bytes:
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return build(kind, flags, self._sequence, command, version, payload)

    def _exchange(self, request: bytes, operation: str, attribute_set: str) -> Iterator[Message]:
        """Send ``request`` and yield its answers up to the acknowledgement or the end of a dump."""
        sequence = self._sequence
        try:
            self._transport.send(request)
            while True:
                for message in split(self._transport.recv(_BUFFER)):
                    if message.sequence != sequence:
                        continue  # left over from a dump that nobody read to its end
                    if message.type in (NLMSG_ERROR, NLMSG_DONE):
                        check(message, request, operation, attribute_set)
                        return
                    yield message
        except TimeoutError:
            raise AinkaError(
                f"{operation}: the module did not answer within the time limit",
                "see the kernel's log: dmesg",
            ) from None
        except OSError as error:
            raise KernelError(error.errno or errno.EIO, "", "", operation) from None

    def _discover(self) -> tuple[int, dict[str, int]]:
        name = pack(_CTRL_ATTR_FAMILY_NAME, FAMILY.name.encode() + b"\0")
        flags = NLM_F_REQUEST | NLM_F_ACK
        request = self._build(GENL_ID_CTRL, flags, _CTRL_CMD_GETFAMILY, 2, name)
        family_id, groups = 0, {}
        try:
            for message in self._exchange(request, "find the ainka family", "policy"):
                for number, payload, _ in walk(message.attributes):
                    if number == _CTRL_ATTR_FAMILY_ID:
                        family_id = _U16.unpack_from(payload)[0]
                    elif number == _CTRL_ATTR_MCAST_GROUPS:
                        groups = dict(_group(entry) for _, entry, _ in walk(payload))
        except KernelError as error:
            if error.errno == errno.ENOENT:
                raise not_loaded() from None
            raise
        return family_id, groups


def _group(entry: memoryview) -> tuple[str, int]:
    name, number = "", 0
    for kind, payload, _ in walk(entry):
        if kind == _CTRL_ATTR_MCAST_GRP_NAME:
            name = bytes(payload).split(b"\0", 1)[0].decode()
        elif kind == _CTRL_ATTR_MCAST_GRP_ID:
            number = _U32.unpack_from(payload)[0]
    return name, number
