# SPDX-License-Identifier: Apache-2.0
"""BpfObject against a libbpf of our own; nothing is loaded into this machine's kernel."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from ainkad.bpf import libbpf
from ainkad.bpf import object as object_module
from ainkad.bpf.libbpf import TCX_INGRESS, XDP, XDP_GENERIC, BpfError
from ainkad.bpf.object import BpfObject

NAMES = ["good", "other", "bad"]


class FakeLib:
    """Programs are numbered from 1; `broken` do not load, `unhooked` do not attach."""

    def __init__(self, broken: set[str], unhooked: set[str], global_fault: str = "") -> None:
        self.broken, self.unhooked, self.global_fault = broken, unhooked, global_fault
        self.off: set[str] = set()
        self.loads = self.closed = 0
        self.links: set[int] = set()
        self.reused: list[tuple[int, int]] = []
        self.made: list[tuple[int, ...]] = []
        self.made_fd = -1

    def bpf_object__open_file(self, path: bytes, opts: None) -> int:
        self.off = set()
        return 1000

    def bpf_object__next_program(self, obj: int, program: int | None) -> int | None:
        number = (program or 0) + 1
        return number if number <= len(NAMES) else None

    def bpf_program__name(self, program: int) -> bytes:
        return NAMES[program - 1].encode()

    def bpf_program__section_name(self, program: int) -> bytes:
        return b"tp_btf/" + self.bpf_program__name(program)

    def bpf_program__set_autoload(self, program: int, on: bool) -> int:
        assert not on
        self.off.add(NAMES[program - 1])
        return 0

    def bpf_program__fd(self, program: int) -> int:
        return -1 if NAMES[program - 1] in self.off else 10 + program

    def bpf_object__load(self, obj: int) -> int:
        self.loads += 1
        if self.global_fault:
            libbpf._log.append(self.global_fault)
            return -errno.EPERM
        for name in NAMES:
            if name in self.broken - self.off:
                libbpf._log.append(f"libbpf: prog '{name}': BPF program load failed: EINVAL")
                return -errno.EINVAL
        return 0

    def bpf_program__attach(self, program: int) -> int | None:
        name = NAMES[program - 1]
        assert name not in self.off
        if name in self.unhooked:
            libbpf._log.append(f"libbpf: prog '{name}': failed to attach: ENOENT")
            return None
        self.links.add(program)
        return program

    def bpf_link_create(self, fd: int, interface: int, kind: int, options: Any) -> int:
        if kind == TCX_INGRESS:
            return -errno.EINVAL
        self.made.append((fd, interface, kind, options._obj.sz, options._obj.flags))
        self.made_fd = os.open("/dev/null", os.O_RDONLY)
        return self.made_fd

    def bpf_link__destroy(self, link: int) -> int:
        self.links.remove(link)
        return 0

    def bpf_object__close(self, obj: int) -> None:
        assert not self.links, "links go before their programs"
        self.closed += 1

    def bpf_object__find_map_by_name(self, obj: int, name: bytes) -> int | None:
        return {b"tasks": 7, b"times": 8}.get(name)

    def bpf_map__reuse_fd(self, bpf_map: int, fd: int) -> int:
        if bpf_map == 8:
            return -errno.EBADF
        self.reused.append((bpf_map, fd))
        return 0

    def bpf_object__find_map_fd_by_name(self, obj: int, name: bytes) -> int:
        return 42 if name == b"tasks" else -errno.ENOENT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.bpf.o"
    file.touch()
    return file


def install(monkeypatch: pytest.MonkeyPatch, *args: Any, **options: Any) -> FakeLib:
    lib = FakeLib(*args, **options)
    monkeypatch.setattr(object_module, "library", lambda: lib)
    return lib


def test_attaches_everything_and_cleans_up(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    lib = install(monkeypatch, set(), set())
    with BpfObject(path) as bpf:
        assert not any(state.attached for state in bpf.programs())
        states = bpf.attach_all()
        assert [s.name for s in states] == NAMES and all(s.attached for s in states)
        assert states[0].section == "tp_btf/good" and states[0].reason == ""
        assert bpf.attach_all() == states, "attaching twice is once"
        assert bpf.map_fd("tasks") == 42
        with pytest.raises(BpfError, match="no map none"):
            bpf.map_fd("none")
    assert not lib.links and lib.closed == 1
    bpf.close()
    assert lib.closed == 1
    with pytest.raises(BpfError, match="is closed"):
        bpf.map_fd("tasks")
    with pytest.raises(BpfError, match="is closed"):
        bpf.programs()


def test_a_link_at_an_interface_ends_with_the_object(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    lib = install(monkeypatch, {"bad"}, set())
    with BpfObject(path) as bpf:
        bpf.attach_to("good", 3, XDP, XDP_GENERIC)
        assert lib.made == [(11, 3, XDP, 16, XDP_GENERIC)]
        assert [s.attached for s in bpf.programs()] == [True, False, False]
        with pytest.raises(BpfError, match="Invalid argument"):
            bpf.attach_to("other", 3, TCX_INGRESS)
        with pytest.raises(BpfError, match="load failed"):
            bpf.attach_to("bad", 3, XDP)
        with pytest.raises(BpfError, match="no program nobody"):
            bpf.attach_to("nobody", 3, XDP)
        fd = lib.made_fd
        os.fstat(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_program_that_does_not_load_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    lib = install(monkeypatch, {"bad", "good"}, set())
    with BpfObject(path) as bpf:
        states = {s.name: s for s in bpf.attach_all()}
    assert states["other"].attached
    assert not states["bad"].attached and "load failed" in states["bad"].reason
    assert not states["good"].attached and "prog 'good'" in states["good"].reason
    assert lib.loads == 3 and lib.closed == 3


def test_a_program_that_does_not_attach_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    install(monkeypatch, set(), {"other"})
    with BpfObject(path) as bpf:
        states = {s.name: s for s in bpf.attach_all()}
    assert states["good"].attached and states["bad"].attached
    assert "failed to attach" in states["other"].reason


def test_maps_are_shared_where_the_file_has_them(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    lib = install(monkeypatch, {"bad"}, set())
    with BpfObject(path, {"tasks": 31, "elsewhere": 32}):
        assert lib.reused == [(7, 31)] * 2, "once for each time it is loaded"
    with pytest.raises(BpfError, match="cannot use map times"):
        BpfObject(path, {"times": 33})
    assert lib.closed == 3


def test_nothing_left_is_an_error(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    lib = install(monkeypatch, set(NAMES), set())
    with pytest.raises(BpfError, match="cannot load") as caught:
        BpfObject(path)
    assert "load failed" in caught.value.log
    assert lib.closed == lib.loads == 3


def test_a_fault_of_no_program_is_an_error_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    lib = install(monkeypatch, set(), set(), global_fault="libbpf: Error in bpf_object__probe")
    with pytest.raises(BpfError, match="Operation not permitted") as caught:
        BpfObject(path)
    assert "CAP_BPF" in caught.value.hint
    assert "bpf_object__probe" in caught.value.message
    assert lib.loads == 1 and lib.closed == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BpfError, match=r"none\.bpf\.o"):
        BpfObject(tmp_path / "none.bpf.o")


def test_a_file_that_is_no_object_says_what_libbpf_says(tmp_path: Path) -> None:
    """With the real libbpf, which fails long before it asks the kernel for anything."""
    file = tmp_path / "text.bpf.o"
    file.write_text("not an ELF file")
    with pytest.raises(BpfError, match="cannot open") as caught:
        BpfObject(file)
    assert "libbpf:" in caught.value.log
