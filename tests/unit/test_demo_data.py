# SPDX-License-Identifier: Apache-2.0
"""What the demo reads: the load's file and the daemon's store, made here by the real programs."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import subprocess
from pathlib import Path

import pytest
from ainkad.telemetry.store import Store

from guest.demo_data import read_samples, read_telemetry
from guest.vm import paths


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """guest/load/periodic.c, compiled."""
    program = tmp_path_factory.mktemp("load") / "periodic"
    source = paths.GUEST / "load" / "periodic.c"
    flags = ["-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-o", str(program), str(source)], check=True)
    return program


def test_the_load_does_as_it_is_told(load: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    with subprocess.Popen(
        [str(load), str(samples), "5000", "100"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout

        def order(line: str) -> dict[str, object]:
            assert process.stdin and process.stdout
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer: dict[str, object] = json.loads(process.stdout.readline())
            return answer

        ready = json.loads(process.stdout.readline())
        one = order("hogs 1")
        assert isinstance(one["pids"], list) and len(one["pids"]) == 1
        assert order("hogs 0")["pids"] == []
        assert order("hogs -1") == {"event": "error"}
        assert order("bananas") == {"event": "error"}
        while True:
            mark = order("mark some-phase")
            assert isinstance(mark["wakeups"], int)
            if mark["wakeups"] >= 20:
                break
        assert mark["name"] == "some-phase"
        assert Path(f"/proc/{ready['pid']}/comm").read_text() == "interactive\n"
        process.stdin.write("quit\n")
    assert process.returncode == 0
    assert not Path(f"/proc/{ready['pid']}").exists()
    found = read_samples(samples)
    assert len(found) >= mark["wakeups"]
    due = [when for when, _ in found]
    assert due == sorted(set(due))
    assert all((b - a) % 5_000_000 == 0 for a, b in itertools.pairwise(due))


def test_wrong_usage_of_the_load(load: Path, tmp_path: Path) -> None:
    for arguments in ([], [str(tmp_path / "x"), "0"], [str(tmp_path / "x"), "5000", "5000"]):
        done = subprocess.run([str(load), *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert "usage" in done.stderr


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(bytes(100))
    with pytest.raises(ValueError, match="not written by the load"):
        read_samples(other)


def test_the_last_session_of_the_store_is_read(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.db"
    first = Store(path)
    first.add_event("tuner.x", "promoted", {"of": "the first session"})
    first.close()
    store = Store(path)
    store.add_event("tuner.x", "learned", {"treat": ["a > 1"]})
    store.add_window(tuner="x", attempt=1, stage="explore", started_ns=5, arm="idle", reward=2.0,
                     reward_count=7, guards={}, assignment=[{"pid": 1}])  # fmt: skip
    found = read_telemetry(path)
    store.close()
    assert found.event("promoted") is None
    learned = found.event("learned")
    assert learned is not None
    assert learned["detail"] == {"treat": ["a > 1"]}
    assert found.windows[0]["assignment"] == [{"pid": 1}]
    assert found.decisions == []


def test_the_watch_understands_the_status_page() -> None:
    spec = importlib.util.spec_from_file_location(
        "watch_return", paths.GUEST / "load" / "watch_return.py"
    )
    assert spec and spec.loader
    watch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(watch)
    source = (paths.GUEST.parent / "kmod" / "proc.c").read_text()
    line = re.search(r'"(away from baseline: [^"]*)\\n"', source)
    assert line, "kmod/proc.c does not print it any more"
    found = watch._HELD.search("x: 1\n" + line[1].replace("%u", "7") + "\ny: 2\n")
    assert found and found[1] == "7"
