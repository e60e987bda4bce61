# SPDX-License-Identifier: Apache-2.0
"""C tables of the netlink family, made by the kernel's own YNL generator from ainka.yaml.

The generator is not vendored: its few files come from Debian's linux-source-6.12,
which is fetched once, and are kept under build/ynl.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO

PACKAGE = "linux-source-6.12"
CACHE = Path(__file__).resolve().parents[2] / "build" / "ynl"
SPEC = "kmod/spec/ainka.yaml"
OUTPUTS = {
    "kmod/include/uapi/linux/ainka.h": ("uapi", "--header"),
    "kmod/genl_gen.h": ("kernel", "--header"),
    "kmod/genl_gen.c": ("kernel", "--source"),
}
WANTED = ("tools/net/ynl/ynl-gen-c.py", "tools/net/ynl/lib/", "Documentation/netlink/")
TIMEOUT_S = 60
"""The generator loops for ever when it does not like where its input stands."""


def extract(stream: IO[bytes], target: Path) -> int:
    """Unpack the generator's files from the kernel's tar stream; returns how many."""
    count = 0
    with tarfile.open(fileobj=stream, mode="r|xz") as tar:
        for member in tar:
            _, _, name = member.name.partition("/")
            if not member.isfile() or not name.endswith((".py", ".yaml")):
                continue
            if not name.startswith(WANTED) or name.startswith("Documentation/netlink/specs/"):
                continue
            content = tar.extractfile(member)
            assert content is not None
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
            count += 1
    return count


def fetch() -> None:
    """Fill the cache from the Debian package."""
    print(f"fetching {PACKAGE} for the YNL generator …", file=sys.stderr)
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent, prefix="ynl-") as tmp:
        # apt-get's sandbox user may not enter a directory of ours; it then fetches as root.
        command = ["apt-get", "-q", "download", PACKAGE]
        got = subprocess.run(command, cwd=tmp, capture_output=True, text=True)
        if got.returncode:
            raise RuntimeError(f"cannot fetch {PACKAGE} (try apt-get update):\n{got.stderr}")
        deb = next(Path(tmp).glob("*.deb"))
        tarball = f"./usr/src/{PACKAGE}.tar.xz"
        unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
        assert unpack.stdout is not None
        count = 0
        with tarfile.open(fileobj=unpack.stdout, mode="r|") as outer:
            for member in outer:
                if member.name == tarball:
                    inner = outer.extractfile(member)
                    assert inner is not None
                    count = extract(inner, Path(tmp) / "tree")
        if unpack.wait() or not count:
            raise RuntimeError(f"{deb.name} does not hold the YNL generator")
        # The generator walks up from the spec until it meets this file.
        (Path(tmp) / "tree" / "MAINTAINERS").touch()
        shutil.rmtree(CACHE, ignore_errors=True)
        (Path(tmp) / "tree").rename(CACHE)


def main(root: Path) -> None:
    """Write the C tables of the tree at `root` from its ainka.yaml."""
    if not (CACHE / "MAINTAINERS").exists():
        fetch()
    with tempfile.TemporaryDirectory() as tmp:
        tree = Path(tmp).resolve() / "tree"
        shutil.copytree(CACHE, tree)
        spec = tree / "Documentation/netlink/specs/ainka.yaml"
        spec.parent.mkdir(exist_ok=True)
        shutil.copyfile(root / SPEC, spec)
        for name, (mode, part) in OUTPUTS.items():
            out = tree / "out" / Path(name).name
            out.parent.mkdir(exist_ok=True)
            command = [sys.executable, str(tree / "tools/net/ynl/ynl-gen-c.py")]
            command += ["--spec", str(spec), "--mode", mode, part, "-o", str(out)]
            try:
                ran = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired as error:
                raise RuntimeError(f"the YNL generator did not end in {TIMEOUT_S} s") from error
            if ran.returncode:
                raise RuntimeError(f"the YNL generator refused ainka.yaml:\n{ran.stderr}")
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(out, root / name)
