# SPDX-License-Identifier: Apache-2.0
"""The telemetry store and what surrounds the loop."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainkad.config import Config
from ainkad.errors import AinkaError
from ainkad.layouts_gen import RECORD_DTYPE
from ainkad.service import read_tuners
from ainkad.signals_gen import EXTERNAL_FIRST
from ainkad.systemd import notify
from ainkad.telemetry import lookup
from ainkad.telemetry.schema import MIGRATIONS
from ainkad.telemetry.store import Store

ROOT = Path(__file__).resolve().parents[2]


def records(n: int, first: int = 1) -> np.ndarray[Any, Any]:
    rows = np.zeros(n, RECORD_DTYPE)
    rows["id"] = np.arange(first, first + n)
    rows["time_ns"] = 5_000_000_000
    rows["policy"] = b"learned.cpu-hogs"
    rows["tunable"] = b"task.policy"
    rows["label"] = b"h\xffg"
    rows["path"] = b"task.cpu_share_permille 990 > 50"
    rows["old_value"], rows["new_value"] = -3, 5
    rows["verdict"], rows["reason"] = 0, 1
    rows["n_causes"] = 2
    rows["cause_signal"][:, :2] = (0x0101, 0x0001)
    rows["cause_value"][:, :2] = (990, -7)
    return rows


def test_a_batch_comes_back_in_the_words_of_the_spec(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "t.db"
    store = Store(path)
    store.add_decisions(records(3))
    store.add_decisions(records(0))
    row = lookup.decision(path, 2)
    assert row is not None
    assert (row["id"], row["old"], row["new"]) == (2, -3, 5)
    assert (row["verdict"], row["reason"]) == ("applied", "condition-on")
    assert row["label"] == "h\ufffdg"
    assert row["policy-version"] == 0
    assert row["cause"] == [
        {"signal": "task.cpu_share_permille", "value": 990},
        {"signal": "sched.run_delay_p50_us", "value": -7},
    ]
    assert lookup.decision(path, 4) is None


def test_external_signals_are_named_as_the_session_knew_them(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    for name in ("old.load_permille", "new.load_permille"):
        store = Store(path)
        rows = records(1)
        rows["cause_signal"][:, 1] = EXTERNAL_FIRST
        store.add_decisions(rows)
        store.add_external({EXTERNAL_FIRST: name, EXTERNAL_FIRST + 1: "x.y_count"})
        store.add_external({EXTERNAL_FIRST: name})
        row = lookup.decision(path, int(rows["id"][0]))
        assert row is not None
        assert [c["signal"] for c in row["cause"]] == ["task.cpu_share_permille", name]
        store.close()


def test_a_number_means_the_latest_session(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    for policy in (b"old", b"new"):
        store = Store(path)
        rows = records(1)
        rows["policy"] = policy
        store.add_decisions(rows)
        store.close()
    row = lookup.decision(path, 1)
    assert row is not None
    assert row["policy"] == "new"


def add_effect(store: Store, mean: float) -> None:
    store.add_effect(
        tuner="cpu-hogs", policy="learned.cpu-hogs", model=None, stage="confirm", reward="delay",
        mean=mean, low=mean - 0.1, high=mean + 0.1, alpha=0.025, pairs=10, promoted=1,
    )  # fmt: skip


def test_the_latest_effect_counts(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    store = Store(path)
    assert lookup.effect(path, "learned.cpu-hogs") is None
    assert store.attempts("cpu-hogs") == 0
    add_effect(store, -1.0)
    add_effect(store, -0.5)
    effect = lookup.effect(path, "learned.cpu-hogs")
    assert effect is not None
    assert (effect["mean"], effect["pairs"]) == (-0.5, 10)
    assert store.attempts("cpu-hogs") == 2


def test_without_a_store_nothing_is_known(tmp_path: Path) -> None:
    assert lookup.effect(tmp_path / "none", "p") is None
    (tmp_path / "junk").write_bytes(b"this is no database" * 100)
    assert lookup.decision(tmp_path / "junk", 1) is None


def test_pruning_keeps_the_newest(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db")
    store.add_decisions(records(100))
    rows = records(10, first=101)
    rows["time_ns"] = 2**62  # far in the future, so not old
    store.add_decisions(rows)
    assert store.prune(10_000, 50) == 60
    assert lookup.decision(tmp_path / "t.db", 60) is None
    assert lookup.decision(tmp_path / "t.db", 61) is not None


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(AinkaError, match=f"schema {len(MIGRATIONS) + 1}"):
        Store(path)


def test_a_store_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AinkaError, match="file/t.db"):
        Store(tmp_path / "file" / "t.db")


def test_systemd_is_told() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        address = f"@ainkad-test-{os.getpid()}"
        sock.bind("\0" + address[1:])
        assert notify("READY=1", address)
        assert sock.recv(100) == b"READY=1"
    assert not notify("READY=1", address)


def test_a_missing_tuner_is_named_with_those_there_are() -> None:
    config = Config(tuners=("gardening",), tuners_dir=ROOT / "policies" / "tuners")
    with pytest.raises(AinkaError) as caught:
        read_tuners(config)
    assert "gardening" in caught.value.message
    assert "cpu-hogs" in caught.value.hint


def ainkad(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ainkad.main", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "daemon")},
    )


def config_file(tmp_path: Path, extra: str = "") -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        f"[daemon]\npolicies = '{tmp_path}/policies.d'\n"
        f"[learning]\ntuners_dir = '{ROOT}/policies/tuners'\n{extra}"
    )
    return path


def test_check_config(tmp_path: Path) -> None:
    result = ainkad("--check-config", "--config", str(config_file(tmp_path)))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("config.toml: ok\n")


def test_check_config_looks_at_policies_too(tmp_path: Path) -> None:
    (tmp_path / "policies.d").mkdir()
    (tmp_path / "policies.d" / "a.toml").write_text("[[policy]]\nname = 'a'\n")
    result = ainkad("--check-config", "--config", str(config_file(tmp_path)))
    assert result.returncode == 1
    assert "policies.d/a.toml:1" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_configuration_ends_with_1(tmp_path: Path) -> None:
    result = ainkad("--config", str(config_file(tmp_path, "seed = 'x'\n")))
    assert result.returncode == 1
    assert "learning.seed" in result.stderr


def test_wrong_usage_ends_with_2() -> None:
    assert ainkad("--loud").returncode == 2


@pytest.mark.skipif(Path("/dev/ainka").exists(), reason="the module is loaded here")
def test_without_a_module_it_says_so(tmp_path: Path) -> None:
    result = ainkad("--config", str(config_file(tmp_path, "enabled = false\n")))
    assert result.returncode == 1
    assert "modprobe ainka" in result.stderr
    assert "Traceback" not in result.stderr
