# SPDX-License-Identifier: Apache-2.0
"""One BPF object file: its programs and maps in the kernel, for as long as it is open."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ainkad.bpf.libbpf import BpfError, LinkOptions, Log, captured, error_of, library
from ainkad.bpf.stats import ProgramStats, program_stats
from ainkad.closing import Closing

FAILED: Final = re.compile(r"libbpf: prog '([^']+)'")


@dataclass(frozen=True)
class ProgramState:
    """One program of an object.

    `section` names its type and hook, as tp_btf/sched_switch; `reason` says why it
    is not attached and is empty when it is.
    """

    name: str
    section: str
    attached: bool
    reason: str = ""


class BpfObject(Closing):
    """Opens and loads the object file at `path`; close() or `with` takes it out of the kernel.

    A program that does not load (its hook is missing, the verifier refuses it) costs
    only itself: the others are loaded without it, and attach_all() says so. Raises
    BpfError when nothing is left, or when the fault is not one program's.

    ``shared`` are descriptors by the names of maps that are not the object's own: where
    the file has a map of that name, its programs use the shared one.

    Nothing is pinned: the kernel drops programs and maps when the process ends.
    """

    def __init__(self, path: str | Path, shared: Mapping[str, int] | None = None) -> None:
        self._path = str(path)
        self._shared = dict(shared or {})
        self._lib = library()
        self._object: int | None = None
        self._links: dict[str, int] = {}
        self._link_fds: dict[str, int] = {}
        self._refused: dict[str, str] = {}
        if not Path(self._path).is_file():
            raise BpfError(f"there is no BPF object {self._path}", 2)
        while not self._load():
            self.close()

    def _load(self) -> bool:
        """Open and load without the programs refused so far; False if one more was refused."""
        with captured() as log:
            self._object = self._lib.bpf_object__open_file(self._path.encode(), None)
            if not self._object:
                raise BpfError(f"cannot open {self._path}", error_of(None), log.text)
            self._share(log)
            names = set()
            for program in self._programs():
                name = self._name(program)
                names.add(name)
                if name in self._refused:
                    self._lib.bpf_program__set_autoload(program, False)
            result = self._lib.bpf_object__load(self._object)
            if result == 0:
                return True
            code = error_of(result)
            culprit = next((n for n in self._culprits(log.lines) if n in names), None)
            if culprit is None or len(self._refused) + 1 == len(names):
                self.close()
                raise BpfError(f"cannot load {self._path}", code, log.text)
            # What the verifier says stands between the lines that name the program.
            about = [n for n, line in enumerate(log.lines) if f"prog '{culprit}'" in line]
            self._refused[culprit] = "\n".join(log.lines[about[0] : about[-1] + 1])
        return False

    def _share(self, log: Log) -> None:
        for name, fd in self._shared.items():
            bpf_map = self._lib.bpf_object__find_map_by_name(self._opened(), name.encode())
            if bpf_map and (code := self._lib.bpf_map__reuse_fd(bpf_map, fd)):
                self.close()
                raise BpfError(f"{self._path} cannot use map {name}", error_of(code), log.text)

    def _culprits(self, lines: list[str]) -> Iterator[str]:
        """Programs that libbpf complained of and that were not refused before, last first."""
        for line in reversed(lines):
            if (match := FAILED.match(line)) and match[1] not in self._refused:
                yield match[1]

    def _programs(self) -> Iterator[int]:
        opened = self._opened()
        program = self._lib.bpf_object__next_program(opened, None)
        while program:
            yield program
            program = self._lib.bpf_object__next_program(opened, program)

    def _name(self, program: int) -> str:
        name: bytes = self._lib.bpf_program__name(program)
        return name.decode()

    def attach_all(self) -> list[ProgramState]:
        """Attach every program that is not attached yet; returns the state of each."""
        for program in self._programs():
            name = self._name(program)
            if name in self._links or (name in self._refused and self._fd(program) < 0):
                continue
            with captured() as log:
                link = self._lib.bpf_program__attach(program)
                if link:
                    self._links[name] = link
                    self._refused.pop(name, None)
                else:
                    self._refused[name] = str(BpfError("cannot attach", error_of(None), log.text))
        return self.programs()

    def attach_to(self, name: str, interface: int, kind: int, flags: int = 0) -> None:
        """Attach a program to a network interface, by its index, until close().

        ``kind`` is one of XDP, TCX_INGRESS and TCX_EGRESS. Raises BpfError.
        """
        program = next((p for p in self._programs() if self._name(p) == name), None)
        if program is None or self._fd(program) < 0:
            raise BpfError(self._refused.get(name, f"{self._path} has no program {name}"))
        options = LinkOptions(ctypes.sizeof(LinkOptions), flags, 0)
        with captured() as log:
            fd = self._lib.bpf_link_create(
                self._fd(program), interface, kind, ctypes.byref(options)
            )
        if fd < 0:
            error = BpfError("cannot attach", error_of(fd), log.text)
            self._refused[name] = error.message
            raise error
        self._link_fds[name] = fd

    def programs(self) -> list[ProgramState]:
        """The state of every program, in the order of the file."""
        states = []
        for program in self._programs():
            name = self._name(program)
            section: bytes = self._lib.bpf_program__section_name(program)
            attached = name in self._links or name in self._link_fds
            reason = "" if attached else self._refused.get(name, "loaded, not attached yet")
            states.append(ProgramState(name, section.decode(), attached, reason))
        return states

    def map_fd(self, name: str) -> int:
        """Descriptor of a map, valid until close(). Raises BpfError when there is none."""
        fd: int = self._lib.bpf_object__find_map_fd_by_name(self._opened(), name.encode())
        if fd < 0:
            raise BpfError(f"{self._path} has no map {name}", error_of(fd))
        return fd

    def stats(self) -> list[ProgramStats]:
        """Run counters of the loaded programs; they count while kernel.bpf_stats_enabled is 1."""
        fds = [self._fd(program) for program in self._programs()]
        return [program_stats(fd) for fd in fds if fd >= 0]

    def _fd(self, program: int) -> int:
        fd: int = self._lib.bpf_program__fd(program)
        return fd

    def _opened(self) -> int:
        if self._object is None:
            raise BpfError(f"{self._path} is closed")
        return self._object

    def close(self) -> None:
        """Detach and unload. May be called twice."""
        for link in self._links.values():
            self._lib.bpf_link__destroy(link)
        self._links.clear()
        for fd in self._link_fds.values():
            os.close(fd)
        self._link_fds.clear()
        if self._object:
            self._lib.bpf_object__close(self._object)
        self._object = None
