# SPDX-License-Identifier: Apache-2.0
"""How much of the time goes into trying things."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from ainkad.config import parse_config
from ainkad.core import evaluate_model
from ainkad.errors import AinkaError
from ainkad.learning.compile import full_evaluate
from ainkad.telemetry.store import Store
from ainkad.toml_file import parse_toml
from ainkad.tuner.run import TunerRun
from ainkad.tuner.turn import Turn

from tests.unit.simulation import FEATURES, Machine
from tests.unit.test_tuner_run import CPU_HOGS, InProcess

HOUR_NS = 3600 * 10**9


class Kept(Turn):
    """Keeps what was spent."""

    def __init__(self, share: float) -> None:
        super().__init__(share)
        self.times: list[tuple[int, int]] = []

    def spent(self, begin_ns: int, end_ns: int) -> None:
        super().spent(begin_ns, end_ns)
        self.times.append((begin_ns, end_ns))


def test_an_attempt_is_followed_by_a_rest() -> None:
    turn = Turn(0.25)
    assert turn.left_ns(0) == 0
    turn.spent(100, 140)
    assert turn.left_ns(140) == 120
    assert turn.left_ns(260) == 0
    free = Turn()
    free.spent(100, 140)
    assert free.left_ns(140) == 0


def an_hour(share: float, monkeypatch: pytest.MonkeyPatch) -> float:
    """Share of an hour that attempts take where nothing has an effect and the load changes."""
    machine, turn = Machine(1, effect=0), Kept(share)
    evaluate = full_evaluate(FEATURES, evaluate_model)
    run = TunerRun(CPU_HOGS, machine, Store(Path(":memory:")), InProcess(), evaluate, 1, turn)
    monkeypatch.setattr(run, "_has_changed", lambda drift: True)
    original = machine.sleep

    async def sleep(nanoseconds: int) -> None:
        await original(nanoseconds)
        if machine.now > HOUR_NS:
            raise TimeoutError

    monkeypatch.setattr(machine, "sleep", sleep)
    with contextlib.suppress(TimeoutError):
        asyncio.run(run.run())
    assert len(turn.times) > 2
    return sum(end - begin for begin, end in turn.times) / machine.now


def test_a_load_that_always_changes_is_not_always_tried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert an_hour(1.0, monkeypatch) > 0.8
    # One attempt may just have ended.
    assert 0.15 < an_hour(0.25, monkeypatch) < 0.35


def test_who_waited_for_another_attempt_comes_late_and_has_not_failed() -> None:
    machine, turn = Machine(1), Kept(0.25)
    evaluate = full_evaluate(FEATURES, evaluate_model)
    store = Store(Path(":memory:"))
    first, second = (
        TunerRun(CPU_HOGS, machine, store, InProcess(), evaluate, seed, turn) for seed in (1, 2)
    )

    async def both() -> None:
        await asyncio.gather(first.attempt(), second.attempt())

    asyncio.run(both())
    assert len(turn.times) == 1


def test_the_share_is_configured_in_percent() -> None:
    assert parse_config(parse_toml("c", "")).explore_percent == 25
    for wrong in ("0", "101", "'half'"):
        with pytest.raises(AinkaError, match=r"learning\.explore_percent"):
            parse_config(parse_toml("c", f"[learning]\nexplore_percent = {wrong}\n"))
