# SPDX-License-Identifier: Apache-2.0
"""The tasks of a sequence: what they are told to do, and who is still there. See actor.c."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import Stuck

PROGRAM = Path(__file__).with_name("ainka-actor")
ANSWER_SECONDS = 60


@dataclass
class Actor:
    """One thread; ``tgid`` is its process, ``tids`` every number it has had, the last one now."""

    name: str
    tids: list[int]
    tgid: int

    @property
    def tid(self) -> int:
        """Its number now."""
        return self.tids[-1]


class Actors:
    """All descend from the first, ``a0``, and are ended together."""

    def __init__(self) -> None:
        self._serial = 0
        self._driver = f"ainka-driver-{os.getpid()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self._driver}")
        self._socket.settimeout(ANSWER_SECONDS)
        self._first: subprocess.Popen[bytes] | None = None
        self.alive: dict[str, Actor] = {}

    @staticmethod
    def compile() -> None:
        """Make the program; a C compiler is there, DKMS needs one."""
        source = Path(__file__).with_name("actor.c")
        command = ["gcc", "-O1", "-Wall", "-pthread", "-o", str(PROGRAM), str(source)]
        subprocess.run(command, check=True)

    def start(self) -> None:
        """Begin with one actor. Names of an earlier sequence cannot come up again."""
        self._serial += 1
        self._socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(256):
                pass
        self._socket.settimeout(ANSWER_SECONDS)
        command = [str(PROGRAM), self._full("a0"), self._driver]
        self._first = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
        tid = self._answer("a0")
        self.alive = {"a0": Actor("a0", [tid], tid)}

    def end(self) -> None:
        """Kill whoever is left."""
        if self._first:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._first.pid, signal.SIGKILL)
            self._first.wait()
        self._first = None
        self.alive.clear()

    def fork(self, name: str, new: str) -> None:
        """A child process."""
        self._order(name, f"fork {self._full(new)}")
        tid = self._answer(new)
        self.alive[new] = Actor(new, [tid], tid)

    def thread(self, name: str, new: str) -> None:
        """Another thread of the same process."""
        self._order(name, f"thread {self._full(new)}")
        self.alive[new] = Actor(new, [self._answer(new)], self.alive[name].tgid)

    def execute(self, name: str) -> None:
        """The program anew; other threads of the process end, and this one takes over its pid."""
        actor = self.alive[name]
        self._order(name, "exec")
        actor.tids.append(self._answer(name))
        self._forget([other for other in self._process(actor) if other != name])

    def do(self, name: str, order: str) -> None:
        """An order that is carried out and answered."""
        self._order(name, order)
        self._answer(name)

    def stop(self, name: str, how: str) -> None:
        """The process exits or is killed; or the thread leaves it."""
        actor = self.alive[name]
        if how == "kill":
            os.kill(actor.tgid, signal.SIGKILL)
        else:
            self._order(name, how)
        leaves = how == "leave" and len(self._process(actor)) > 1
        self._forget([name] if leaves else self._process(actor))

    def _process(self, actor: Actor) -> list[str]:
        return [other.name for other in self.alive.values() if other.tgid == actor.tgid]

    def _forget(self, names: list[str]) -> None:
        for name in names:
            del self.alive[name]

    def _full(self, name: str) -> str:
        return f"{os.getpid()}.{self._serial}.{name}"

    def _order(self, name: str, text: str) -> None:
        try:
            self._socket.sendto(text.encode(), f"\0{self._full(name)}")
        except ConnectionRefusedError:
            raise Stuck(f"actor {name} is gone, nobody told it to go") from None

    def _answer(self, name: str) -> int:
        """The thread id with which an actor says that it is done."""
        while True:
            try:
                text = self._socket.recv(256).decode()
            except TimeoutError:
                raise Stuck(f"actor {name} does not answer") from None
            full, tid = text.split()
            if full == self._full(name):
                return int(tid)
