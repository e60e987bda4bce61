# SPDX-License-Identifier: Apache-2.0
"""Anomaly detection on GENERATED series with labelled faults, and what the daemon makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainkad.anomaly.detector import LEARNING, Detector
from ainkad.anomaly.episodes import LONGEST, Episodes
from ainkad.anomaly.part import MACHINE, SIGNALS, AnomalyPart
from ainkad.errors import AinkaError
from ainkad.pusher import Pusher
from ainkad.telemetry.guarded import GuardedStore

from tests.unit.faults import KINDS, healthy, judge, simulate
from tests.unit.faults import SIGNALS as KNOWN

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def strong() -> Any:
    return [judge(simulate(seed, "strong")) for seed in (501, 502)]


def test_strong_faults_are_found_soon_and_little_else(strong: Any) -> None:
    faults, found = sum(r.faults for r in strong), sum(r.found for r in strong)
    alarms, false = sum(r.alarms for r in strong), sum(r.false for r in strong)
    assert found / faults >= 0.9
    assert false / alarms <= 0.15
    assert np.median([d for r in strong for d in r.delays]) <= 5


def test_what_no_signal_shows_by_itself_is_seen_in_all_together() -> None:
    """Two signals that go together, each within its range, but apart from each other."""
    rng = np.random.default_rng(6)
    load = np.cumsum(rng.normal(0, 0.05, 1500))
    load -= np.linspace(load[0], load[-1], 1500)
    a = np.exp(6 + load + rng.normal(0, 0.05, 1500))
    b = np.exp(5 + load + rng.normal(0, 0.05, 1500))
    names = ["x.a_us", "x.b_hz", "x.c_us"]
    c = np.exp(4 + rng.normal(0, 0.3, 1500))
    # Apart by as much as the load itself goes up and down, which by itself is nothing unusual.
    apart = 3.0 * load[300:1200].std()
    b[1300:] = np.exp(5 + load[1300:] - apart * np.sign(load[1300:]))
    detector = Detector(names)
    own, together = [], []
    for i in range(1500):
        scores = detector.step(
            {names[0]: a[i], names[1]: b[i], names[2]: c[i]}, 0.02 if i >= 1300 else 1.0
        )
        own.append(float(np.nanmax(np.nan_to_num(scores.score / scores.threshold))))
        together.append(scores.together / scores.together_threshold)
    assert max(own[1300:]) < 1
    assert np.median(together[1300:]) > 1
    assert np.mean(np.array(together[600:1300]) > 1) < 0.01


def test_it_judges_nothing_before_it_has_learned() -> None:
    detector = Detector(["a_us"])
    episodes = Episodes(detector)
    rng = np.random.default_rng(1)
    for i in range(LEARNING):
        value = 1e9 if i % 50 == 49 else float(rng.normal(100, 5))
        scores = detector.step({"a_us": value}, episodes.weight)
        assert episodes.step(scores, float(i)) is None


def test_stale_signals_are_neither_usual_nor_unusual() -> None:
    detector = Detector(["a_us", "b_us"])
    rng = np.random.default_rng(1)
    for _ in range(600):
        detector.step({"a_us": float(rng.normal(100, 5)), "b_us": float(rng.normal(100, 5))})
    for _ in range(100):
        scores = detector.step({"a_us": float(rng.normal(100, 5)), "b_us": None})
        assert np.isnan(scores.score[1])
        assert scores.ratio < 1.5
    assert detector.step({}).ratio == 0.0
    assert detector.step({"a_us": 1e9}).ratio > 1


def test_what_stays_unusual_is_learned_in_the_end() -> None:
    detector = Detector(["a_us"])
    episodes = Episodes(detector)
    rng = np.random.default_rng(2)
    changes = []
    for i in range(6000):
        level = 100 if i < 1000 else 400
        scores = detector.step({"a_us": float(rng.normal(level, 5))}, episodes.weight)
        change = episodes.step(scores, float(i))
        if change is not None:
            changes.append((i, change.ended is not None))
    assert 1000 <= changes[0][0] <= 1005
    assert changes[1][0] >= 1000 + LONGEST - 5
    assert episodes.open is None, "it has become usual"
    assert scores.ratio < 1


def test_an_anomaly_is_not_learned_while_it_lasts() -> None:
    detector = Detector(["a_us"])
    episodes = Episodes(detector)
    rng = np.random.default_rng(3)
    alarms = []
    for i in range(2500):
        bad = i > 800 and i % 200 < 30
        value = float(rng.normal(900 if bad else 100, 5))
        scores = detector.step({"a_us": value}, episodes.weight)
        change = episodes.step(scores, float(i))
        if change is not None and change.ended is None:
            alarms.append(i)
    assert len(alarms) == len(range(1000, 2500, 200)) + 1


# ---- kept over restarts ----


def learned() -> Detector:
    detector = Detector(SIGNALS)
    values = healthy(np.random.default_rng(8)).values
    for i in range(700):
        detector.step({name: float(values[name][i]) for name in KNOWN})
    return detector


def test_what_was_learned_is_the_same_after_a_restart() -> None:
    first = learned()
    second = Detector.from_bytes(first.to_bytes(), SIGNALS)
    values = healthy(np.random.default_rng(9)).values
    for i in range(200):
        step = {name: float(values[name][i]) for name in KNOWN}
        a, b = first.step(step), second.step(step)
        np.testing.assert_array_equal(a.score, b.score)
        assert (a.ratio, a.ready) == (b.ratio, True)


def test_a_stored_model_that_is_none_is_refused() -> None:
    data = learned().to_bytes()
    for bad in (b"", b"junk", data[: len(data) // 2], data[:-1], b"PK\x03\x04" + data[4:-50]):
        with pytest.raises(AinkaError):
            Detector.from_bytes(bad, SIGNALS)
    with pytest.raises(AinkaError, match="other signals"):
        Detector.from_bytes(data, SIGNALS[1:])


class Module:
    def __init__(self) -> None:
        self.pushed: list[tuple[str, int]] = []

    def push(self, name: str, value: int, max_age_ns: int) -> None:
        self.pushed.append((name, value))


def test_at_work_it_pushes_writes_and_remembers(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    store, module = GuardedStore(path), Module()
    part = AnomalyPart(Pusher(module.push), store)
    values = healthy(np.random.default_rng(8)).values
    rows = [{name: float(values[name][i]) for name in KNOWN} for i in range(760)]
    for row in rows[700:730]:
        row["sched.run_delay_p99_us"] *= 50.0
    for i, row in enumerate(rows):
        part.step(row, float(i))
    names = {name for name, _ in module.pushed}
    assert names >= {MACHINE, "anomaly.sched.run_delay_p99_us_permille"}
    assert len(names) <= 4
    during = [v for n, v in module.pushed if n == MACHINE][700 - LEARNING : 730 - LEARNING]
    assert min(during) > 1000
    part.leave()
    again = AnomalyPart(Pusher(module.push), store)
    assert again._detector._steps == 760
    store.call(lambda s: s.put_state("anomaly", 2**62, b"from the future"))
    assert AnomalyPart(Pusher(module.push), store)._detector._steps == 0

    script = (
        "from pathlib import Path; from ainkad.telemetry import lookup\n"
        f"lookup.store_path = lambda: Path({str(path)!r})\n"
        "from ainkactl.main import main; main()"
    )
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'daemon'}:{ROOT / 'ainkactl'}"}

    def ainkactl(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", script, *arguments], env=env, text=True,
                              capture_output=True, check=False)  # fmt: skip

    shown = ainkactl("anomalies")
    assert shown.returncode == 0, shown.stderr
    assert "sched.run_delay_p99_us" in shown.stdout
    (shown_row,) = json.loads(ainkactl("anomalies", "--json").stdout)
    assert shown_row["ended_wall_ns"] is not None
    assert shown_row["peak"] > 1
    path.unlink()
    missing = ainkactl("anomalies")
    assert missing.returncode == 1
    assert "there is no telemetry store" in missing.stderr


def test_the_kinds_of_faults_all_change_something() -> None:
    for seed, kind in enumerate(KINDS):
        rng = np.random.default_rng(seed)
        before = healthy(rng)
        after = healthy(np.random.default_rng(seed))
        from tests.unit.faults import harm

        harm(after, kind, 100, 140, 4.0)
        changed = [
            n for n in before.values if not np.array_equal(before.values[n], after.values[n])
        ]
        assert changed
        assert all(np.array_equal(before.values[n][140:], after.values[n][140:]) for n in changed)
