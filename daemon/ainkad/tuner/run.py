# SPDX-License-Identifier: Apache-2.0
"""One tuner from end to end: wait, attempt, watch over what was promoted, withdraw."""

from __future__ import annotations

import contextlib

import numpy as np

from ainkad.errors import AinkaError
from ainkad.learning.compile import Evaluate
from ainkad.learning.trainer import Trainer
from ainkad.tuner.attempt import Attempt
from ainkad.tuner.definition import Tuner
from ainkad.tuner.drift import Drift, Observer
from ainkad.tuner.learned import Learned, Measuring, put_in_force
from ainkad.tuner.machine import Machine
from ainkad.tuner.notes import Ledger, Notes
from ainkad.tuner.turn import Turn
from ainkad.tuner.windows import is_problem, measure

# Windows in a row that must show the problem before anything is tried.
PERSISTENT = 2
MAX_BACKOFF = 32
_NS_PER_S = 1_000_000_000
WATCH_NS = 5 * _NS_PER_S


class TunerRun:
    """A tuner at work. ``run`` never ends by itself; cancel it, then call ``leave``.

    ``turn`` is shared with the other tuners.
    """

    def __init__(
        self,
        tuner: Tuner,
        machine: Machine,
        store: Ledger,
        trainer: Trainer,
        evaluate: Evaluate,
        seed: int,
        turn: Turn | None = None,
    ) -> None:
        self.tuner = tuner
        self._machine = machine
        self._trainer = trainer
        self._evaluate = evaluate
        self._rng = np.random.default_rng(seed)
        self._seed = seed
        self._turn = turn or Turn()
        self._notes = Notes(tuner, store)
        self._measuring = Measuring(
            tuner, machine, self._notes, self._rng, self._may_experiment, evaluate
        )
        self._failures = 0
        self._came_late = False
        self._observer = Observer(machine, tuner)
        self._chosen: list[Learned] = []
        self._present: Learned | None = None
        self.paused = False

    async def run(self) -> None:
        """Try until something can be promoted, watch over it, begin anew when it is gone."""
        while True:
            if self._chosen:
                learned = await self._take_over()
            else:
                await self.wait_for_problem()
                if self._chosen or await self._rested():
                    continue
                learned = await self.attempt()
                if learned is None and self._came_late:
                    continue
            if learned is None:
                await self._back_off()
                continue
            self._failures = 0
            self._present = learned
            await self.watch(learned)
            await self._back_off()

    def choose(self, learned: Learned) -> None:
        """Let a model that was promoted before be in force instead of the present one, soon."""
        self._chosen = [learned]

    async def attempt(self) -> Learned | None:
        """Explore, learn, confirm, promote; None, and nothing changed, if it comes to nothing."""
        self._notes.attempt = self._failures + 1
        async with self._turn.lock:
            begin_ns = self._machine.now_ns()
            # Another tuner had its attempt while this one waited for the lock.
            self._came_late = self._turn.left_ns(begin_ns) > 0
            if self._came_late:
                return None
            attempt = Attempt(
                self.tuner,
                self._machine,
                self._notes,
                self._measuring,
                self._trainer,
                self._evaluate,
                self._rng,
                self._seed,
                self._may_experiment,
            )
            try:
                return await attempt.run()
            finally:
                self._turn.spent(begin_ns, self._machine.now_ns())

    async def _rested(self) -> bool:
        """Wait until an attempt may begin; was there anything to wait for?"""
        left_ns = self._turn.left_ns(self._machine.now_ns())
        if not left_ns:
            return False
        self._notes.tell("rests", seconds=round(left_ns / _NS_PER_S))
        while (left_ns := self._turn.left_ns(self._machine.now_ns())) and not self._chosen:
            await self._machine.sleep(min(WATCH_NS, left_ns))
        return True

    async def _take_over(self) -> Learned | None:
        """First in shadow, to see how many it would treat; then in one step.

        If that fails the present one stays; None if there is none.
        """
        tuner, learned = self.tuner, self._chosen.pop()
        try:
            self._machine.push(learned.watched(tuner))
            await self._machine.sleep(tuner.windows.settle_ns + tuner.windows.length_ns)
            would, does = (
                (self._machine.policy(name) or {}).get("active", 0)
                for name in (tuner.shadow, tuner.learned)
            )
            put_in_force(self._machine, tuner, learned)
        except AinkaError as error:
            self._notes.tell("rollback-failed", model=learned.model, error=error.message)
            return self._present
        finally:
            with contextlib.suppress(AinkaError):
                self._machine.remove(tuner.shadow)
        self._notes.activated(learned.model, "rolled-back", shadow_active=would, active_before=does)
        return learned

    def leave(self) -> None:
        """Take what is ours out of force, as far as that is possible."""
        for name in (self.tuner.experiment, self.tuner.shadow, self.tuner.learned):
            try:
                self._machine.remove(name)
            except AinkaError as error:
                self._notes.warn("left-behind", policy=name, error=error.message)

    # ---- waiting ----

    async def wait_for_problem(self) -> None:
        """Return when there is something to improve and something to improve it with."""
        seen = 0
        while seen < PERSISTENT:
            if self._chosen:
                return
            try:
                outcome = await measure(self._machine, self.tuner, settle=False)
                problem = is_problem(self.tuner, outcome) and self._may_experiment()
                seen = seen + 1 if problem and len(self._machine.candidates(self.tuner)) else 0
            except AinkaError as error:
                self._notes.warn("waiting", error=error.message)
                seen = 0
                await self._machine.sleep(self.tuner.windows.length_ns)
        self._notes.tell("problem-seen", reward=outcome.reward)

    def _may_experiment(self) -> bool:
        """Experiments may run in these states only, and only while the admin lets them."""
        if self.paused or self._chosen:
            return False
        status = self._machine.status()
        return (
            status.get("state") in ("learning", "optimizing")
            and bool(status.get("enforce", 1))
            and bool(status.get("learning-mode", 1))
        )

    async def _back_off(self) -> None:
        """Wait longer after each failure, but no longer than the load stays what it is."""
        factor = min(2**self._failures, MAX_BACKOFF)
        self._failures += 1
        until = self._machine.now_ns() + self.tuner.windows.retry_after_ns * factor
        drift = Drift()
        self._observer.restart()
        while (left := until - self._machine.now_ns()) > 0:
            if self._chosen:
                return
            await self._machine.sleep(min(WATCH_NS, left))
            if self._has_changed(drift):
                self._failures = 0
                return

    def _has_changed(self, drift: Drift) -> bool:
        """Look at the load; is it another one than before?"""
        try:
            seen = self._observer.look()
        except AinkaError as error:
            self._notes.warn("look-failed", error=error.message)
            self._observer.restart()
            return False
        changed = None if seen is None else drift.add(seen)
        if changed is not None:
            self._notes.tell("load-changed", what=self._observer.names[changed])
        return changed is not None

    # ---- watching ----

    async def watch(self, learned: Learned) -> None:
        """Measure again from time to time; returns when the policy is gone or withdrawn."""
        due = self._machine.now_ns() + self.tuner.windows.remeasure_every_ns
        drift = Drift()
        self._observer.restart()
        while True:
            await self._machine.sleep(min(WATCH_NS, self.tuner.windows.remeasure_every_ns))
            try:
                policy = self._machine.policy(self.tuner.learned)
                if policy is None:
                    self._notes.activated(None, "gone")
                    self._present = None
                    return
                if self._chosen:
                    return
                if self.paused:
                    continue
                # Another load may not need it, or may need something else.
                if not self._has_changed(drift) and self._machine.now_ns() < due:
                    continue
                # Nobody is treated at present, so there is nothing to measure.
                if policy.get("active") and not await self._still_pays(learned):
                    return
            except AinkaError as error:
                self._notes.tell("watch-failed", error=error.message)
                self._enforce_again(learned)
            due = self._machine.now_ns() + self.tuner.windows.remeasure_every_ns
            self._observer.restart()

    def _enforce_again(self, learned: Learned) -> None:
        """After an error in the middle of a pair: the mode must not be left at observe."""
        try:
            if self._machine.policy(self.tuner.learned) is not None:
                self._machine.push(learned.promoted(self.tuner))
        except AinkaError as error:
            self._notes.warn("watch-failed", error=error.message)

    async def _still_pays(self, learned: Learned) -> bool:
        tuner = self.tuner
        async with self._turn.lock:
            measured = await self._measuring.again(learned)
        if measured is None or (
            measured.interval.mean < -tuner.learner.min_effect and not measured.broken
        ):
            self._machine.push(learned.promoted(tuner))
            return True
        self._machine.remove(tuner.learned)
        self._present = None
        self._notes.activated(None, "withdrawn", mean=measured.interval.mean)
        # What others have learned stays in force.
        if not self._machine.learned() and self._machine.status().get("state") == "optimizing":
            self._machine.set_state("learning", f"{tuner.learned} no longer pays")
        return False
