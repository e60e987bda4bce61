# SPDX-License-Identifier: Apache-2.0
"""Forecasts and capacities on generated series: they say something of the method, no machine."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ainkad.analysis import RETRY_S, Analysis
from ainkad.errors import AinkaError
from ainkad.forecast.capacity import STEP_S, Room, Supply, _file_systems, measure
from ainkad.forecast.panel import Forecast, Panel
from ainkad.forecast.part import ForecastPart
from ainkad.pusher import Pusher
from ainkad.telemetry.guarded import GuardedStore
from ainkad.telemetry.store import Store

ROOT = Path(__file__).resolve().parents[2]
LENGTH = 3000
HORIZON = 30
Array = np.ndarray[Any, Any]


def autoregressive(rng: np.random.Generator, phi: float, deviation: float) -> Array:
    values = np.zeros(LENGTH)
    for i in range(1, LENGTH):
        values[i] = phi * values[i - 1] + rng.normal(0, deviation)
    return values


def generated(seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    t = np.arange(LENGTH)
    return {
        "noise_us": np.exp(6 + rng.normal(0, 0.5, LENGTH)),
        "reverting_us": np.exp(6 + autoregressive(rng, 0.9, 0.3)),
        "walk_us": np.exp(8 + np.cumsum(rng.normal(0, 0.03, LENGTH))),
        "sine_permille": 500 + 300 * np.sin(2 * np.pi * t / 120) + rng.normal(0, 30, LENGTH),
        "square_permille": np.where((t // 60) % 2, 800, 100) + rng.normal(0, 20, LENGTH),
        "ramp_bytes": 1e6 * (1 + t / 500) + rng.normal(0, 1e4, LENGTH),
        "constant_hz": np.full(LENGTH, 50.0),
        "zero_permille": np.zeros(LENGTH),
        "gaps_permille": np.where(
            rng.random(LENGTH) < 0.3, np.nan, 500 + 200 * np.sin(2 * np.pi * t / 90)
        ),
    }


def forecasts_of(series: Mapping[str, Array]) -> dict[str, list[tuple[int, Forecast]]]:
    """All forecasts that were used and whose outcome is known, by signal."""
    panel = Panel(list(series), HORIZON)
    made: dict[str, list[tuple[int, Forecast]]] = {name: [] for name in series}
    for i in range(LENGTH):
        panel.step({k: None if math.isnan(v[i]) else float(v[i]) for k, v in series.items()})
        if i % 7:
            continue
        for one in panel.forecasts():
            end = i + HORIZON
            if one.model and end < LENGTH and not math.isnan(series[one.signal][end]):
                made[one.signal].append((i, one))
    return made


PREDICTABLE = ("noise_us", "reverting_us", "sine_permille", "square_permille", "ramp_bytes",
               "gaps_permille")  # fmt: skip


@pytest.fixture(scope="module", params=[1, 2])
def run(request: pytest.FixtureRequest) -> Any:
    series = generated(request.param)
    return series, forecasts_of(series)


def test_what_is_used_beats_the_naive_one(run: Any) -> None:
    series, made = run
    for name in PREDICTABLE:
        assert len(made[name]) > 50, f"{name}: nothing was used"
        error = [abs(f.value - series[name][i + HORIZON]) for i, f in made[name]]
        naive = [abs(f.now - series[name][i + HORIZON]) for i, f in made[name]]
        assert np.mean(error) < 0.95 * np.mean(naive), name
        assert all(f.error < f.naive_error for _, f in made[name])


def test_what_cannot_be_forecast_is_not(run: Any) -> None:
    _, made = run
    for name in ("walk_us", "constant_hz", "zero_permille"):
        assert (
            len(made[name]) < 0.02 * LENGTH / 7
        ), f"{name}: {Counter(f.model for _, f in made[name])}"


def test_the_interval_holds_as_often_as_it_says(run: Any) -> None:
    series, made = run
    inside = [f.low <= series[name][i + HORIZON] <= f.high for name in PREDICTABLE
              for i, f in made[name]]  # fmt: skip
    assert 0.84 < np.mean(inside) < 0.96


def test_a_period_is_found_and_the_peak_is_known_beforehand(run: Any) -> None:
    series, made = run
    square = series["square_permille"]
    before_peaks = [f for i, f in made["square_permille"]
                    if i > 1000 and square[i] < 200 and square[i + HORIZON] > 700]  # fmt: skip
    assert len(before_peaks) > 20
    assert np.mean([f.value > 600 for f in before_peaks]) > 0.9
    assert np.mean([f.now < 200 for f in before_peaks]) == 1


def test_a_load_that_becomes_a_random_walk_loses_its_model() -> None:
    rng = np.random.default_rng(4)
    sine = 500 + 300 * np.sin(2 * np.pi * np.arange(1200) / 120)
    walk = np.clip(500 + np.cumsum(rng.normal(0, 12, 1800)), 0, 1000)
    panel = Panel(["x_permille"], HORIZON)
    used = []
    for value in np.concatenate([sine, walk]):
        panel.step({"x_permille": float(value)})
        used.append(bool(panel.forecasts()[0].model))
    assert np.mean(used[900:1200]) > 0.95
    assert np.mean(used[2400:]) < 0.2


def test_stale_is_not_zero() -> None:
    panel = Panel(["a_us", "b_us"], HORIZON)
    for i in range(300):
        panel.step({"a_us": None if i % 2 else 100.0})
    assert [f.signal for f in panel.forecasts()] == []
    panel.step({"a_us": 100.0})
    (only,) = panel.forecasts()
    assert (only.signal, only.now) == ("a_us", 100.0)


# ---- capacity ----


def runs_out(seed: int, rate: float, noise: float, free: float, known: int) -> tuple[Any, float]:
    """The word after ``known`` steps, and when it really ran out (seconds from then)."""
    rng = np.random.default_rng(seed)
    supply, left, word, step = Supply("disk /"), free, None, 0
    while left > 0 and step < (100_000 if rate else known + 1):
        if step <= known:
            supply.add(Room(left, free * 2))
            word = supply.capacity() if step == known else None
        left -= rate + rng.normal(0, noise)
        step += 1
    return word, (step - known) * STEP_S


@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_the_interval_holds_when_something_runs_out(noise: float) -> None:
    held, told = [], 0
    for seed in range(300):
        word, truth = runs_out(seed, 1.0, noise, 400.0, 120)
        if word.seconds is None:
            continue
        told += 1
        held.append(word.low <= truth and (word.high is None or truth <= word.high))
    assert told > 290
    assert 0.85 < np.mean(held) <= 0.97


def test_what_does_not_become_less_is_not_said_to() -> None:
    wrong = 0
    for seed in range(200):
        word, _ = runs_out(seed, 0.0, 1.0, 1e5, 200)
        wrong += word.seconds is not None
    assert wrong <= 20, "5 % by chance"


def test_what_was_given_back_begins_anew() -> None:
    supply = Supply("disk /")
    for left in range(1000, 900, -1):
        supply.add(Room(float(left), 2000.0))
    assert supply.capacity().seconds == pytest.approx(901 * STEP_S, rel=0.01)
    supply.add(Room(1500.0, 2000.0))
    word = supply.capacity()
    assert (word.steps, word.seconds, word.free) == (0, None, 1500.0)
    supply.add(Room(1499.0, 4000.0))
    assert supply.capacity().steps == 0, "another disk"


def test_this_machine_can_be_measured() -> None:
    rooms = measure()
    assert {"memory", "files"} <= rooms.keys()
    for name, room in rooms.items():
        assert 0 <= room.free <= room.total, name


def test_only_real_file_systems_that_may_be_written_count() -> None:
    mounts = (
        "/dev/vda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/vda1 /srv/bind ext4 rw 0 0\n"
        "/dev/sr0 /media iso9660 ro 0 0\n/dev/vdb /mnt\\040a xfs rw 0 0\n/dev/vdc /ro xfs ro 0 0\n"
    )
    assert sorted(_file_systems(mounts).values()) == ["/", "/mnt a"]


# ---- at work ----


class Module:
    def __init__(self, refuse: str = "") -> None:
        self.values: dict[str, int] = {}
        self.refuse, self.calls = refuse, 0

    def push(self, name: str, value: int, max_age_ns: int) -> None:
        self.calls += 1
        if name == self.refuse:
            raise AinkaError("the table of external signals is full")
        self.values[name] = value


def part(module: Module, path: Path, rooms: Any = dict) -> ForecastPart:
    signals = ("psi.io_some_permille", "psi.cpu_some_permille")
    return ForecastPart(Pusher(module.push), GuardedStore(path), HORIZON, signals, rooms)


def test_only_what_is_used_is_pushed_and_all_is_written_down(tmp_path: Path) -> None:
    module, path = Module(), tmp_path / "t.db"
    rng = np.random.default_rng(1)
    left = 10_000.0

    def rooms() -> dict[str, Room]:
        nonlocal left
        left -= 10 + rng.normal()
        return {"memory": Room(left, 20_000.0), "files": Room(5.0, 10.0)}

    forecasts = part(module, path, rooms)
    walk = 500.0
    for i in range(900):
        walk += rng.normal(0, 8)
        forecasts.step({"psi.io_some_permille": 500 + 400 * math.sin(i / 20),
                        "psi.cpu_some_permille": walk}, float(i))  # fmt: skip
    assert set(module.values) == {"forecast_30s.psi.io_some_permille", "capacity.memory_left_ms"}
    assert 0 <= module.values["forecast_30s.psi.io_some_permille"] <= 1100
    minutes = module.values["capacity.memory_left_ms"] / 60_000
    assert minutes == pytest.approx(left / 10, rel=0.2)
    forecasts.ask("psi.cpu_some_permille")
    forecasts.ask("web.queue_count")
    assert forecasts.signals[-1] == "web.queue_count"
    assert len(forecasts.signals) == 3
    forecasts.restart()
    forecasts.step({"psi.io_some_permille": 1.0}, 901.0)
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'daemon'}:{ROOT / 'ainkactl'}"}
    script = (
        "import sys; from pathlib import Path; from ainkad.telemetry import lookup\n"
        f"lookup.store_path = lambda: Path({str(path)!r})\n"
        "from ainkactl.main import main; main()"
    )

    def ainkactl(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", script, *arguments], env=env, text=True,
                              capture_output=True, check=False)  # fmt: skip

    shown = ainkactl("forecast")
    assert shown.returncode == 0, shown.stderr
    assert "psi.io_some_permille" in shown.stdout
    assert "none beats naive" in shown.stdout
    assert "memory" in shown.stdout
    document = json.loads(ainkactl("forecast", "--json").stdout)
    assert {row["resource"] for row in document["capacities"]} == {"memory", "files"}
    pytest.importorskip("matplotlib")
    drawn = ainkactl("forecast", "--plot", str(tmp_path / "f.png"))
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    for leaf in tmp_path.glob("t.db*"):
        leaf.unlink()
    path.write_bytes(b"junk" * 1000)
    bad = ainkactl("forecast")
    assert bad.returncode == 1
    assert str(path) in bad.stderr
    assert "move it away" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_a_signal_that_is_refused_costs_itself_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module = Module(refuse="a")
    pusher = Pusher(module.push)
    for _ in range(3):
        pusher.push("a", 1)
        pusher.push("b", 2.4)
    pusher.push("c", math.nan)
    assert module.values == {"b": 2}
    assert caplog.text.count("push-refused") == 1


class Fragile:
    def __init__(self) -> None:
        self.fail, self.steps, self.restarts = False, 0, 0

    def step(self, values: Mapping[str, float | None], now_s: float) -> None:
        self.steps += 1
        if self.fail:
            raise ZeroDivisionError("a mistake")

    def restart(self) -> None:
        self.restarts += 1


def test_a_part_that_fails_is_disabled_and_the_rest_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad, good, clock = Fragile(), Fragile(), [0.0]
    analysis = Analysis({"bad": bad, "good": good}, dict, lambda: clock[0])
    bad.fail = True
    for _ in range(10):
        analysis.step()
        clock[0] += 1
    assert (bad.steps, good.steps) == (1, 10)
    assert analysis.disabled == ["bad"]
    assert "event=part-disabled part=bad" in caplog.text
    bad.fail = False
    for _ in range(int(RETRY_S) + 5):
        analysis.step()
        clock[0] += 1
    assert analysis.disabled == []
    assert bad.restarts == 1
    assert bad.steps > 1


def test_a_clock_that_jumps_begins_anew() -> None:
    one, clock = Fragile(), [0.0]
    analysis = Analysis({"one": one}, dict, lambda: clock[0])
    for jump in (1.0, 1.0, 3600.0, 1.0, -50.0, 1.0):
        analysis.step()
        clock[0] += jump
    analysis.step()
    assert one.restarts == 2
    assert one.steps == 7


def test_a_module_that_does_not_answer_ends_nothing() -> None:
    def read() -> Mapping[str, float | None]:
        raise AinkaError("gone")

    one = Fragile()
    analysis = Analysis({"one": one}, read)
    analysis.step()
    assert one.steps == 0


def test_forecasts_go_when_they_are_old(tmp_path: Path) -> None:
    store = Store(tmp_path / "t.db")
    one = Forecast("a_us", 1.0, "", math.nan, math.nan, math.nan, 0.1, 0.1, 5, "log")
    store.add_forecasts(1, 30, [one])
    store.add_forecasts(time.time_ns(), 30, [one, one])
    store.prune(1, 10**6)
    assert store._db.execute("SELECT count(*), max(value) FROM forecasts").fetchone() == (2, None)
