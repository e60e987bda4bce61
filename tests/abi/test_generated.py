# SPDX-License-Identifier: Apache-2.0
"""Generated files are in step with their sources, and `generate` notices when they are not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("kmod/spec", "kmod/include", "ebpf", "daemon/ainkad")


def generate(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "kmod/spec/generate"), *args], capture_output=True, text=True
    )


@pytest.mark.parametrize("step", ["ynl", "tables", "signals", "layouts"])
def test_files_are_in_step(step: str) -> None:
    done = generate(ROOT, "--check", "--only", step)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for part in COPIED:
        shutil.copytree(ROOT / part, tmp_path / part)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "old", "new", "stale"),
    [
        ("kmod/spec/ainka.yaml", "oscillation", "swinging", "daemon/ainkad/netlink/spec_gen.py"),
        ("ebpf/ainka_events.h", "__u64 switches", "__u32 switches", "daemon/ainkad/layouts_gen.py"),
    ],
)
def test_check_names_what_is_stale_and_changes_nothing(
    tree: Path, source: str, old: str, new: str, stale: str
) -> None:
    before = (tree / stale).read_bytes()
    file = tree / source
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    done = generate(tree, "--check", "--only", "tables,layouts")
    assert done.returncode == 1 and stale in done.stderr
    assert (tree / stale).read_bytes() == before

    assert generate(tree, "--only", "tables,layouts").returncode == 0
    assert (tree / stale).read_bytes() != before
    assert generate(tree, "--check", "--only", "tables,layouts").returncode == 0


def test_a_generator_that_fails_writes_nothing(tree: Path) -> None:
    (tree / "ebpf/ainka_events.h").write_text("struct ainka_broken {\n")
    spec = tree / "kmod/spec/ainka.yaml"
    spec.write_text(spec.read_text().replace("oscillation", "swinging"))
    before = (tree / "daemon/ainkad/netlink/spec_gen.py").read_bytes()
    done = generate(tree, "--only", "tables,layouts")
    assert done.returncode == 2 and "generate:" in done.stderr
    assert (tree / "daemon/ainkad/netlink/spec_gen.py").read_bytes() == before


def test_unknown_generator_is_refused() -> None:
    assert generate(ROOT, "--only", "nonsense").returncode == 2
