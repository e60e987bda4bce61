# SPDX-License-Identifier: Apache-2.0
"""kmod/btf/embed: from a kernel's image to a module that BPF programs can call."""

from __future__ import annotations

import bz2
import gzip
import importlib.machinery
import importlib.util
import lzma
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "kmod/btf/embed"
PROTOTYPE = "int bpf_ainka_event(u32 signal, u32 pid, u64 start_ns, s64 value)"


@pytest.fixture(scope="module")
def embed() -> ModuleType:
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("btf_embed", str(SCRIPT))
    spec = importlib.util.spec_from_loader("btf_embed", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["btf_embed"] = module
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A BTF of many kinds of types, by pahole; its size is that of a small kernel part."""
    folder = tmp_path_factory.mktemp("base")
    source = """
        enum e { A, B = -5 }; enum big { C = 1ULL << 40 };
        typedef unsigned long ul; struct fwd; union u { int i; char c[7]; };
        struct s { const volatile ul *p; enum e e; unsigned bits : 3; union u u; struct fwd *f; };
        extern int f(struct s *s, enum big b, ...); int g(float x) { return x; }
        int f(struct s *s, enum big b, ...) { return s->e + b; } struct s variable; double d;
    """
    (folder / "a.c").write_text(source)
    subprocess.run(["gcc", "-g", "-c", "a.c", "-o", "a.o"], cwd=folder, check=True)
    subprocess.run(
        ["pahole", "--btf_gen_floats", "--btf_encode_detached=a.btf", "a.o"], cwd=folder, check=True
    )
    return (folder / "a.btf").read_bytes()


MODULE = f"""
.section .modinfo,"a"
.asciz "license=GPL"
.asciz "kfunc={PROTOTYPE}"
.asciz "kfunc=s32 second(void)"
.section .BTF_ids,"a"
.balign 4
.long 77
.local kfunc_ids
kfunc_ids:
.local __BTF_ID__set8__ids
__BTF_ID__set8__ids:
.zero 4
.long 1
.local __BTF_ID__func__second__12
__BTF_ID__func__second__12:
.zero 4
.long 2
.local __BTF_ID__func__bpf_ainka_event__4
__BTF_ID__func__bpf_ainka_event__4:
.zero 4
.long 3
.size __BTF_ID__set8__ids, .-__BTF_ID__set8__ids
.section .rodata
.quad kfunc_ids
.quad .BTF_ids
"""


def assemble(folder: Path, source: str = MODULE) -> Path:
    path = folder / "test.ko"
    subprocess.run(["as", "-", "-o", str(path)], input=source, text=True, check=True)
    return path


def run(module: Path, *arguments: str, path: str | None = None) -> str:
    environment = {} if path is None else {"PATH": path}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(module), "0.0.0-none", *arguments],
        capture_output=True, text=True, env=environment or None,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def section(module: Path, name: str, folder: Path) -> bytes:
    out = folder / "section"
    subprocess.run(
        ["objcopy", "-O", "binary", "--set-section-flags", f"{name}=alloc", "-j", name,
         str(module), str(out)],
        check=True,
    )  # fmt: skip
    return out.read_bytes()


def test_a_module_gets_what_bpftool_reads(tmp_path: Path, base: bytes, embed: ModuleType) -> None:
    (tmp_path / "base").write_bytes(base)
    module = assemble(tmp_path)
    told = run(module, "--base", str(tmp_path / "base"))
    assert told.startswith("test.ko has BTF of bpf_ainka_event, second")
    (tmp_path / "btf").write_bytes(section(module, ".BTF", tmp_path))
    dump = subprocess.run(
        ["bpftool", "-B", str(tmp_path / "base"), "btf", "dump", "file", str(tmp_path / "btf")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    functions = {}
    for line in dump.splitlines():
        if " FUNC '" in line:
            functions[line.split("'")[1]] = int(line[1 : line.index("]")])
    assert set(functions) == {"bpf_ainka_event", "second"}
    assert "'start_ns' type_id=" in dump and "vlen=4" in dump
    assert embed.count_types(base, "<") + 1 == int(dump[1 : dump.index("]")])

    # a set is sorted by id, and each id keeps its flags
    ids = struct.unpack("<7I", section(module, ".BTF_ids", tmp_path))
    pairs = sorted([(functions["second"], 2), (functions["bpf_ainka_event"], 3)])
    assert ids == (77, 2, 1, *pairs[0], *pairs[1])

    before = module.read_bytes()
    assert "the kernel's build gave it" in run(module)
    assert module.read_bytes() == before


@pytest.mark.parametrize(
    "pack",
    [bytes, lzma.compress, gzip.compress, bz2.compress],
    ids=["plain", "xz", "gzip", "bzip2"],
)
def test_the_btf_of_an_image_is_found(base: bytes, embed: ModuleType, pack: object) -> None:
    assert callable(pack)
    decoy = struct.pack("<HBBI4I", 0xEB9F, 1, 0, 24, 0, 8, 8, 1) + b"\0" * 9
    kernel = b"\x7fELF" + b"text" * 1000 + decoy + b"x" * 777 + base + b"more" * 500
    image = b"MZ boot code \x1f\x8b\x08 and so on \xfd7zXZ\0 " + pack(kernel) + b"trailer" * 9
    assert embed.kernel_btf(image) == base


def test_what_cannot_be_done_is_said_and_leaves_the_module_alone(
    tmp_path: Path, base: bytes
) -> None:
    module = assemble(tmp_path)
    before = module.read_bytes()
    (tmp_path / "base").write_bytes(base)
    (tmp_path / "zstd").write_bytes(b"boot" + b"\x28\xb5\x2f\xfd" + b"\0" * 100)
    (tmp_path / "cut").write_bytes(base[: len(base) // 2])
    cases = [
        (("--base", str(tmp_path / "nothing")), None, "no image of the kernel"),
        (("--base", str(tmp_path)), None, "Is a directory"),
        (("--base", str(tmp_path / "cut")), None, "there is no BTF in it"),
        (("--base", str(tmp_path / "zstd")), "/nowhere", "install zstd"),
        (("--base", str(tmp_path / "base")), "/nowhere", "install binutils"),
        ((), None, "no image of the kernel: none of /lib/modules/0.0.0-none/build/vmlinux"),
    ]
    for arguments, path, words in cases:
        told = run(module, *arguments, path=path)
        assert told.startswith("test.ko stays without BTF") and words in told
        assert module.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base", "cut", "test.ko", "zstd"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (MODULE.replace("u32 pid", "struct task_struct *task"), "not one of plain integers"),
        (MODULE.replace("u32 pid", "u32"), "not one of plain integers"),
        (MODULE.replace("kfunc=s32 second(void)", "other"), "states no prototype of it"),
        (MODULE.replace("__BTF_ID__func__second", "__BTF_ID__struct__second"), "unknown sort"),
        (MODULE.replace("kfunc=", "other="), "no functions for BPF programs"),
        (MODULE[: MODULE.index(".section .BTF_ids")], "CONFIG_DEBUG_INFO_BTF_MODULES"),
    ],
    ids=["pointer", "no name", "not stated", "unknown sort", "none", "no ids"],
)
def test_a_module_that_is_not_understood(
    tmp_path: Path, base: bytes, source: str, words: str
) -> None:
    (tmp_path / "base").write_bytes(base)
    module = assemble(tmp_path, source)
    before = module.read_bytes()
    assert words in run(module, "--base", str(tmp_path / "base"))
    assert module.read_bytes() == before


def test_not_a_module(tmp_path: Path) -> None:
    (tmp_path / "test.ko").write_bytes(b"\x7fELF\x01 not")
    assert "not a 64-bit module" in run(tmp_path / "test.ko")
