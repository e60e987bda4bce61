# SPDX-License-Identifier: Apache-2.0
"""What the admin asks of tuners: ainkactl writes it into the store, the daemon looks once a second.

Who may write the store may do so: it belongs to root.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from functools import partial

from ainkad.core import verify_model
from ainkad.errors import AinkaError
from ainkad.netlink.spec_gen import Subject
from ainkad.telemetry.background import Telemetry
from ainkad.telemetry.store import Store
from ainkad.tuner.learned import Learned
from ainkad.tuner.run import TunerRun

log = logging.getLogger("ainkad.control")

POLL_S = 1.0
ROLLBACK = "model-rollback"


class Control:
    """Pauses tuners, and lets models that were promoted before be in force again."""

    def __init__(self, store: Telemetry, runs: Sequence[TunerRun]) -> None:
        self._store = store
        self._runs = {run.tuner.name: run for run in runs}

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        """Once."""
        paused = await self._store.ask(Store.paused)
        if paused is not None:
            for name, run in self._runs.items():
                if run.paused != (name in paused):
                    run.paused = name in paused
                    log.info("event=%s tuner=%s", "paused" if run.paused else "resumed", name)
        for number, kind, name, argument in await self._store.ask(Store.requests) or ():
            fine, text = await self._answer(kind, name, argument)
            log.info("event=asked kind=%s name=%s fine=%s answer=%r", kind, name, fine, text)
            await self._store.ask(partial(Store.answer, request=number, fine=fine, text=text))

    async def _answer(self, kind: str, name: str, argument: str) -> tuple[bool, str]:
        if kind != ROLLBACK:
            return False, f"the daemon does not know {kind!r}"
        run = self._runs.get(name)
        if run is None:
            there = ", ".join(self._runs) or "none"
            return False, f"no tuner {name!r} runs; there are: {there}"
        try:
            learned = await self._model(run, argument)
        except AinkaError as error:
            return False, error.message
        run.choose(learned)
        return True, f"model {argument} is watched for a window, then takes over"

    async def _model(self, run: TunerRun, number: str) -> Learned:
        stored = None
        if number.isdecimal():
            stored = await self._store.ask(lambda store: store.promoted_model(int(number)))
        if stored is None or stored[0] != run.tuner.name:
            raise AinkaError(f"model {number} of {run.tuner.name} has never been promoted")
        _, arm_name, tree, report = stored
        arm = next((arm for arm in run.tuner.treated_arms if arm.name == arm_name), None)
        if arm is None:
            raise AinkaError(f"the tuner has no arm {arm_name!r} any more")
        verify_model(tree, int(Subject.TASK))
        return Learned(arm, tree, int(number), json.loads(report))
