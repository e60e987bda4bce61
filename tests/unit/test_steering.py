# SPDX-License-Identifier: Apache-2.0
"""Tuners paused and resumed, models listed and gone back to; against the simulated machine."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ainkad.control import Control
from ainkad.core import evaluate_model
from ainkad.errors import AinkaError
from ainkad.learning.compile import full_evaluate
from ainkad.telemetry import lookup, steer
from ainkad.telemetry.guarded import GuardedStore
from ainkad.telemetry.store import Store
from ainkad.tuner.learned import Learned
from ainkad.tuner.run import TunerRun

from tests.unit.simulation import FEATURES, Machine
from tests.unit.test_tuner_run import CPU_HOGS, InProcess

ROOT = Path(__file__).resolve().parents[2]


class Limit(BaseException):
    """Enough simulated time has passed."""


class World:
    """A tuner with a real store, run for so many simulated seconds at a time."""

    def __init__(self, path: Path, seed: int = 3) -> None:
        self.path = path
        self.machine = Machine(seed)
        self.store = GuardedStore(path)
        evaluate = full_evaluate(FEATURES, evaluate_model)
        self.run = TunerRun(CPU_HOGS, self.machine, self.store, InProcess(), evaluate, seed)
        self.control = Control(self.store, [self.run])
        self.sleep = self.machine.sleep

    def go(self, seconds: float, what: Callable[[], Any] | None = None) -> None:
        """Run the tuner; requests are looked at all the while."""
        end = self.machine.now + seconds * 1e9

        async def sleep(nanoseconds: int) -> None:
            await self.sleep(nanoseconds)
            await self.control.look()
            if self.machine.now > end:
                raise Limit

        self.machine.sleep = sleep  # type: ignore[method-assign]
        with pytest.raises(Limit):
            asyncio.run((what or self.run.run)())

    async def carry_on(self) -> None:
        """Watch over what is in force, as the run that was interrupted would."""
        if self.run._present is not None:
            await self.run.watch(self.run._present)
        await self.run.run()

    def activations(self) -> list[tuple[Any, ...]]:
        sql = "SELECT model, why FROM activations ORDER BY id"
        return sqlite3.connect(self.path).execute(sql).fetchall()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "t.db")


def test_a_promoted_model_is_in_force_and_withdrawn_ones_are_not(world: World) -> None:
    world.go(600)
    (row,) = lookup.models(world.path)
    assert row["state"] == "in force"
    assert world.activations() == [(row["id"], "promoted")]
    world.machine.effect = -0.5
    world.go(2000, world.carry_on)
    assert world.activations()[1] == (None, "withdrawn")
    assert lookup.models(world.path)[0]["state"] == "once"


def test_a_paused_tuner_tries_nothing_and_keeps_what_it_has(world: World) -> None:
    steer.set_paused(world.path, "cpu-hogs", True)
    world.go(600)
    assert world.machine.pushed == []
    steer.set_paused(world.path, "cpu-hogs", False)
    world.go(600)
    assert "learned.cpu-hogs" in world.machine.policies
    steer.set_paused(world.path, "cpu-hogs", True)
    pushed = len(world.machine.pushed)
    world.machine.effect = -0.5
    world.go(4000, world.carry_on)
    assert len(world.machine.pushed) == pushed, "it is not measured"
    assert world.machine.policies["learned.cpu-hogs"]["mode"] == "enforce"
    assert lookup.tuners(world.path)["cpu-hogs"]["paused"] == 1


def in_background(
    path: Path, kind: str, name: str, argument: str
) -> tuple[threading.Thread, list[str]]:
    answers: list[str] = []

    def ask() -> None:
        try:
            answers.append(steer.ask(path, kind, name, argument, 20))
        except AinkaError as error:
            answers.append(f"refused: {error.message}")

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answers


def second_model(world: World) -> int:
    """Another promoted version, as a later attempt would leave it."""
    (first,) = (
        sqlite3.connect(world.path).execute("SELECT arm, tree, report FROM models").fetchall()
    )
    number = world.store.add_model(
        tuner="cpu-hogs", first_window=1, last_window=2, arm=first[0], tree=first[1],
        report=json.loads(first[2]),
    )  # fmt: skip
    assert number is not None
    world.store.add_effect(
        tuner="cpu-hogs", policy="learned.cpu-hogs", model=number, stage="confirm", reward="r",
        mean=-1.0, low=-2.0, high=-0.5, alpha=0.05, pairs=10, promoted=1,
    )  # fmt: skip
    return number


def until_asked(world: World) -> None:
    db = sqlite3.connect(world.path)
    while not db.execute("SELECT count(*) FROM requests WHERE done_wall_ns IS NULL").fetchone()[0]:
        pass


def test_going_back_is_watched_in_shadow_and_takes_over_in_one_step(world: World) -> None:
    world.go(600)
    other = second_model(world)
    thread, answers = in_background(world.path, "model-rollback", "cpu-hogs", str(other))
    until_asked(world)
    before = len(world.machine.pushed)
    world.go(60, world.carry_on)
    thread.join()
    assert answers == [f"model {other} is watched for a window, then takes over"]
    pushed = [(p["name"], p["mode"]) for p in world.machine.pushed[before:]]
    assert pushed[:2] == [("shadow.cpu-hogs", "observe"), ("learned.cpu-hogs", "enforce")]
    assert set(world.machine.policies) == {"learned.cpu-hogs"}
    assert world.activations()[-1] == (other, "rolled-back")
    states = {row["id"]: row["state"] for row in lookup.models(world.path)}
    assert states == {1: "once", other: "in force"}


def test_a_rollback_that_fails_leaves_the_present_model(world: World) -> None:
    world.go(600)
    other = second_model(world)
    world.run.choose(Learned(CPU_HOGS.treated_arms[0], b"", other, {}))
    original = world.machine.push

    def push(request: Any) -> None:
        if request["name"].startswith("shadow"):
            raise AinkaError("the module refuses")
        original(request)

    world.machine.push = push  # type: ignore[method-assign]
    world.go(100, world.carry_on)
    assert world.machine.policies["learned.cpu-hogs"]["model"]
    assert world.activations()[-1][1] == "promoted"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (("model-rollback", "cpu-hogs", "99"), "never been promoted"),
        (("model-rollback", "cpu-hogs", "-1; DROP TABLE models"), "never been promoted"),
        (("model-rollback", "gardening", "1"), "there are: cpu-hogs"),
        (("make-coffee", "cpu-hogs", "1"), "does not know"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    world: World, request_: tuple[str, str, str], words: str
) -> None:
    thread, answers = in_background(world.path, *request_)
    until_asked(world)
    asyncio.run(world.control.look())
    thread.join()
    assert words in answers[0]
    assert answers[0].startswith("refused: ")


def test_without_an_answer_the_request_is_taken_back(world: World) -> None:
    with pytest.raises(AinkaError, match="has not answered"):
        steer.ask(world.path, "model-rollback", "cpu-hogs", "1", timeout_s=0.3)
    store = Store(world.path)
    assert store.requests() == []


def test_the_commands(world: World, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    world.go(600)
    script = (
        "from pathlib import Path; from ainkad.telemetry import lookup\n"
        "from ainkactl import learned; from ainkad.config import Config\n"
        f"lookup.store_path = lambda: Path({str(world.path)!r})\n"
        f"learned._config = lambda: Config(tuners_dir=Path({str(ROOT / 'policies/tuners')!r}))\n"
        "from ainkactl.main import main; main()"
    )
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'daemon'}:{ROOT / 'ainkactl'}"}

    def ainkactl(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", script, *arguments], env=env, text=True,
                              capture_output=True, check=False)  # fmt: skip

    (row,) = (r for r in json.loads(ainkactl("tuner", "list", "--json").stdout)
              if r["name"] == "cpu-hogs")  # fmt: skip
    assert (row["promotions"], row["model"], row["state"]) == (1, 1, "enabled")
    shown = ainkactl("tuner", "show", "cpu-hogs")
    assert "promoted" in shown.stdout
    assert "run delay per wake-up" in shown.stdout
    assert "100.0 %" in ainkactl("model", "list").stdout
    one = ainkactl("model", "show", "1").stdout
    assert "in force" in one
    assert "however often one looks" in one
    drawn = ainkactl("tuner", "show", "cpu-hogs", "--plot", str(tmp_path / "e.png"))
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "e.png").read_bytes().startswith(b"\x89PNG")
    assert ainkactl("tuner", "pause", "cpu-hogs").returncode == 0
    assert "paused" in ainkactl("tuner", "list").stdout
    assert ainkactl("tuner", "resume", "cpu-hogs").returncode == 0
    for wrong, words in (
        (("tuner", "show", "gardening"), "there are: cpu-hogs"),
        (("tuner", "pause", "../x"), "no tuner '../x'"),
        (("model", "show", "7"), "there are: 1"),
        (("model", "rollback", "cpu-hogs"), "no older model"),
        (("model", "rollback", "cpu-hogs", "--to", "1"), "in force already"),
    ):
        done = ainkactl(*wrong)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
