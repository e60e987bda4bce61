# SPDX-License-Identifier: Apache-2.0
"""A daemon that only holds the lease: forked, so that it starts in milliseconds, and killed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
from typing import Any, NoReturn

from ainkad.errors import AinkaError
from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError

from .errors import Stuck

RENEW_SECONDS = 0.3


class Daemon:
    """A process with /dev/ainka open, the maps handed over, and the lease renewed.

    ``maps`` are the descriptors of the BPF maps by role; the programs that fill them are the
    driver's and survive the daemon.
    """

    def __init__(self, maps: dict[str, int]) -> None:
        self.hanging = False
        self._maps = maps
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.settimeout(60)
        self.pid = os.fork()
        if self.pid == 0:
            self._ours.close()
            _serve(theirs, maps)
        theirs.close()
        self.error = self._answer()
        if self.error:
            self._end()

    def request(self, operation: str, values: dict[str, Any]) -> int:
        """Let it do an operation; returns the errno."""
        self._ours.send(json.dumps([operation, values]).encode())
        return self._answer()

    def kill(self) -> None:
        """As the out-of-memory killer does."""
        os.kill(self.pid, signal.SIGKILL)
        self._end()

    def stop(self) -> None:
        """In an orderly way; what it pushed is left to the lease."""
        self._ours.send(json.dumps(["stop", {}]).encode())
        self._end()

    def hang(self) -> None:
        """It lives and does nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        self.hanging = True

    def resume(self) -> int:
        """It finds its lease gone, perhaps, and hands over its maps again, as ainkad does."""
        os.kill(self.pid, signal.SIGCONT)
        self.hanging = False
        return self.request("attach", {})

    def _answer(self) -> int:
        try:
            answer = self._ours.recv(64)
        except TimeoutError:
            raise Stuck("the daemon of the test does not answer") from None
        if not answer:
            raise Stuck("the daemon of the test has died")
        return int(answer)

    def _end(self) -> None:
        os.waitpid(self.pid, 0)
        self._ours.close()


def _attach(client: Client, maps: dict[str, int]) -> None:
    client.request("lease-renew")
    for role, fd in maps.items():
        client.request("map-attach", {"role": role, "fd": fd})


def _serve(door: socket.socket, maps: dict[str, int]) -> NoReturn:
    """The child: until it is told to stop, or its parent is gone."""
    status = 1
    with contextlib.suppress(BaseException):
        try:
            device = os.open("/dev/ainka", os.O_RDWR | os.O_CLOEXEC)
            client = Client()
            _attach(client, maps)
        except (OSError, AinkaError) as error:
            door.send(str(getattr(error, "errno", 0) or errno.EIO).encode())
            os._exit(1)
        door.send(b"0")
        while _once(door, client, maps):
            pass
        os.close(device)
        status = 0
    os._exit(status)


def _once(door: socket.socket, client: Client, maps: dict[str, int]) -> bool:
    ready, _, _ = select.select([door], [], [], RENEW_SECONDS)
    if not ready:
        with contextlib.suppress(KernelError):
            client.request("lease-renew")
        return True
    order = door.recv(1 << 18)
    if not order:
        return False
    operation, values = json.loads(order)
    if operation == "stop":
        return False
    code = 0
    try:
        if operation == "attach":
            _attach(client, maps)
        else:
            if "model" in values:
                values["model"] = bytes.fromhex(values["model"])
            client.request(operation, values)
    except KernelError as error:
        code = error.errno
    door.send(str(code).encode())
    return True
