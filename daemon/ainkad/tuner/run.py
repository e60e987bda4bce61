# SPDX-License-Identifier: Apache-2.0
"""One tuner from end to end: wait, explore, learn, compile, confirm, promote, watch, withdraw."""

from __future__ import annotations

import contextlib
import json
import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ainkad.errors import AinkaError
from ainkad.learning.compile import Evaluate, agreement, compile_tree, describe
from ainkad.learning.trainer import Trainer
from ainkad.telemetry.guarded import GuardedStore
from ainkad.telemetry.store import Store
from ainkad.tuner.confirm import Measurement, measure_pairs, model_policy
from ainkad.tuner.definition import Arm, Tuner
from ainkad.tuner.drift import Drift, Observer
from ainkad.tuner.explore import (
    PATIENCE,
    Arms,
    Recorder,
    Usual,
    assignment,
    explore_window,
    recover,
    usual,
)
from ainkad.tuner.machine import Machine
from ainkad.tuner.sequence import always_valid, arm_alpha
from ainkad.tuner.stats import Interval, attempt_alpha
from ainkad.tuner.windows import Outcome, is_problem, measure

log = logging.getLogger("ainkad.tuner")

# Windows in a row that must show the problem before anything is tried.
PERSISTENT = 2
# Below this share of equal answers a compiled tree is not the tree that was learned.
MIN_AGREEMENT = 0.99
MAX_BACKOFF = 32
# How often exploring is prolonged by half when nobody is found whom to treat.
FURTHER = 2
PROGRESS_WINDOWS = 8
_NS_PER_S = 1_000_000_000
WATCH_NS = 5 * _NS_PER_S


@dataclass(frozen=True)
class Learned:
    """A compiled model and the arm it chooses tasks for."""

    arm: Arm
    tree: bytes
    model: int | None
    report: dict[str, Any]


class TunerRun:
    """A tuner at work. ``run`` never ends by itself; cancel it, then call ``leave``."""

    def __init__(
        self,
        tuner: Tuner,
        machine: Machine,
        store: Store | GuardedStore,
        trainer: Trainer,
        evaluate: Evaluate,
        seed: int,
    ) -> None:
        self.tuner = tuner
        self._machine = machine
        self._store = store
        self._trainer = trainer
        self._evaluate = evaluate
        self._rng = np.random.default_rng(seed)
        self._seed = seed
        self._failures = 0
        self._usual: Usual | None = None
        self._observer = Observer(machine, tuner)
        self._since_promotion: list[float] = []
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
                if self._chosen:
                    continue
                learned = await self.attempt()
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

    async def _take_over(self) -> Learned | None:
        """First in shadow, to see how many it would treat; then in one step.

        If that fails the present one stays; None if there is none.
        """
        tuner, learned = self.tuner, self._chosen.pop()

        def request(name: str, mode: str) -> dict[str, Any]:
            return model_policy(tuner, learned.arm, learned.tree, name, "learner", mode)

        try:
            self._machine.push(request(tuner.shadow, "observe"))
            await self._machine.sleep(tuner.windows.settle_ns + tuner.windows.length_ns)
            would, does = (
                (self._machine.policy(name) or {}).get("active", 0)
                for name in (tuner.shadow, tuner.learned)
            )
            self._in_force(request(tuner.learned, "enforce"))
        except AinkaError as error:
            self._tell("rollback-failed", model=learned.model, error=error.message)
            return self._present
        finally:
            with contextlib.suppress(AinkaError):
                self._machine.remove(tuner.shadow)
        self._activated(learned.model, "rolled-back", shadow_active=would, active_before=does)
        return learned

    def _activated(self, model: int | None, why: str, **detail: Any) -> None:
        self._tell(why, policy=self.tuner.learned, **detail)
        self._store.add_activation(self.tuner.name, self.tuner.learned, model, why, detail)

    def leave(self) -> None:
        """Take what is ours out of force, as far as that is possible."""
        for name in (self.tuner.experiment, self.tuner.shadow, self.tuner.learned):
            try:
                self._machine.remove(name)
            except AinkaError as error:
                log.warning("tuner=%s event=left-behind policy=%s error=%r",
                            self.tuner.name, name, error.message)  # fmt: skip

    async def attempt(self) -> Learned | None:
        """From exploration to promotion; None, and nothing changed, when it does not come to that.

        An error of the module (a dump that fails, a policy refused) ends the attempt like a lack
        of effect does.
        """
        learned: Learned | None = None
        try:
            learned = await self._try()
        except AinkaError as error:
            self._tell("attempt-failed", error=error.message)
        finally:
            await self._trainer.stop()
            self._end_experiment()
        return learned

    async def _try(self) -> Learned | None:
        recorder = Recorder(self.tuner)
        wanted = self.tuner.windows.explore
        for further in range(FURTHER, -1, -1):
            await self._trainer.start()
            if not await self._explore(recorder, wanted):
                return None
            learned = await self._learn(recorder, further)
            if learned is not None:
                measured = await self._confirm(learned, further)
                if measured is None:
                    return None
                if measured.pays:
                    self._promote(learned, measured)
                    return learned
            # What was explored stays true when a proposal turns out wrong: more of it makes a
            # better one. A proposal is not evidence, so looking for it longer costs none, and each
            # confirmation has windows of its own and a smaller chance to err than the one before.
            wanted = self.tuner.windows.explore // 2
        return None

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
                log.warning("tuner=%s event=waiting error=%r", self.tuner.name, error.message)
                seen = 0
                await self._machine.sleep(self.tuner.windows.length_ns)
        self._tell("problem-seen", reward=outcome.reward)

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
            log.warning("tuner=%s event=look-failed error=%r", self.tuner.name, error.message)
            self._observer.restart()
            return False
        changed = None if seen is None else drift.add(seen)
        if changed is not None:
            self._tell("load-changed", what=self._observer.names[changed])
        return changed is not None

    # ---- exploring ----

    async def _explore(self, recorder: Recorder, wanted: int) -> bool:
        """Add ``wanted`` windows to the recorder's; False when they cannot be had."""
        tuner = self.tuner
        self._tell("explore", windows=wanted)
        if not recorder.outcome:
            self._usual = await usual(self._machine, tuner, self._untreated)
        was, begun, harmed = self._usual, len(recorder.outcome), 0
        arms = None if was is None else Arms(tuner, was)
        for _ in range(wanted * PATIENCE):
            if was is None or arms is None or not self._may_experiment():
                self._tell("interrupted", stage="explore")
                return False
            if not arms.allowed:
                self._tell("no-arm-left", stage="explore")
                return False
            arm, candidates, treated, outcome = await explore_window(
                self._machine, tuner, self._rng, arms.allowed
            )
            number = self._window(
                "explore",
                tuner.treated_arms[arm].name,
                outcome,
                assignment(tuner, candidates, treated),
            )
            if treated.any() and (broken := arms.add(arm, outcome)):
                self._end_experiment()
                self._tell("arm-stopped", arm=tuner.treated_arms[arm].name, broken=broken)
            if len(candidates):
                recorder.add(arm, candidates, treated, was.judge(tuner, outcome), number)
            done = len(recorder.outcome) - begun
            if done >= wanted:
                break
            if done % PROGRESS_WINDOWS == 0:
                self._tell("exploring", done=done, wanted=wanted, harmed=harmed)
            if treated.any() and was.is_harmed(tuner, outcome):
                harmed += 1
                again = await recover(
                    self._machine,
                    tuner,
                    was,
                    tuner.treated_arms[arm],
                    candidates.pids[treated == 1].tolist(),
                    self._untreated,
                )
                if not again:
                    self._tell("interrupted", stage="explore", why="things are not as they were")
                    return False
        self._end_experiment()
        if len(recorder.outcome) - begun < wanted:
            self._tell("too-little", windows=len(recorder.outcome), wanted=wanted)
            return False
        return True

    # ---- learning ----

    async def _learn(self, recorder: Recorder, further: int) -> Learned | None:
        """Train and compile; ``further`` is how many more times exploring may be prolonged."""
        tuner, learner = self.tuner, self.tuner.learner
        data = recorder.dataset()
        parameters = {
            "arms": len(tuner.treated_arms),
            "depth": learner.depth,
            "min_leaf": learner.min_leaf,
            "min_effect": learner.min_effect,
            "alpha": learner.alpha,
            "holdout": learner.holdout,
            "seed": self._seed,
        }
        self._tell("training", windows=len(data.outcome), samples=len(data.window))
        result = await self._trainer.train(data, parameters)
        if result["best"] is None:
            self._tell("explore-further" if further else "nothing-learned", arms=result["arms"])
            return None
        arm, fitted = tuner.treated_arms[result["best"]], result["arms"][result["best"]]
        tree = compile_tree(fitted["nodes"], tuner.features, self._machine.now_ns())
        agreed = agreement(
            tree, data.features[result["holdout"]], result["classes"], self._evaluate
        )
        report = {
            "treat": describe(fitted["nodes"], tuner.features),
            "agreement": agreed,
            "held_out": len(result["classes"]),
            "parameters": parameters,
            "arms": result["arms"],
        }
        model = self._store.add_model(
            tuner=tuner.name,
            first_window=recorder.windows[0],
            last_window=recorder.windows[-1],
            arm=arm.name,
            tree=tree,
            report=report,
        )
        self._tell("learned", arm=arm.name, treat=report["treat"], agreement=agreed,
                   total=fitted["total"])  # fmt: skip
        if agreed < MIN_AGREEMENT:
            self._tell("rejected", why="the compiled tree does not agree with the original")
            return None
        return Learned(arm, tree, model, report)

    # ---- confirming and promoting ----

    async def _confirm(self, learned: Learned, further: int) -> Measurement | None:
        tuner = self.tuner
        attempt = self._store.attempts(tuner.name) + 1
        alpha = arm_alpha(attempt_alpha(tuner.learner.alpha, attempt), len(tuner.treated_arms))
        self._tell("confirm", pairs=tuner.windows.confirm_pairs, attempt=attempt, alpha=alpha)
        measured = await self._pairs(
            learned, "confirm", tuner.experiment, "experiment", tuner.windows.confirm_pairs, alpha
        )
        if measured is None:
            self._tell("too-little", stage="confirm")
        elif not measured.pays:
            self._tell("explore-further" if further else "not-confirmed")
        return measured

    async def _pairs(
        self, learned: Learned, stage: str, name: str, origin: str, pairs: int, alpha: float
    ) -> Measurement | None:
        def request(mode: str) -> dict[str, Any]:
            if not self._may_experiment():
                raise AinkaError("experiments may not run any more")
            return model_policy(self.tuner, learned.arm, learned.tree, name, origin, mode)

        def on_window(mode: str, outcome: Outcome) -> None:
            arm = learned.arm.name if mode == "enforce" else self.tuner.arms[0].name
            self._window(stage, arm, outcome, [])

        measured = await measure_pairs(
            self._machine,
            self.tuner,
            request,
            pairs,
            alpha,
            self._rng,
            on_window,
            self._usual if stage == "confirm" else None,
            self.tuner.windows.sequential and stage == "confirm",
        )
        if measured is not None:
            interval = measured.interval
            pays = stage == "confirm" and measured.pays
            valid = self._valid(stage, measured, alpha)
            self._store.add_effect(
                tuner=self.tuner.name,
                policy=self.tuner.learned,
                model=learned.model,
                stage=stage,
                reward=self.tuner.reward.name,
                mean=interval.mean,
                low=interval.low,
                high=interval.high,
                alpha=interval.alpha,
                pairs=interval.n,
                promoted=int(pays),
                valid_low=valid.low if math.isfinite(valid.low) else None,
                valid_high=valid.high if math.isfinite(valid.high) else None,
                decided_by="sequential" if measured.sequential else "fixed",
                arms=len(self.tuner.treated_arms),
                broken=json.dumps(measured.broken),
            )
            self._tell(f"{stage}ed" if stage == "confirm" else "remeasured", mean=interval.mean,
                       low=interval.low, high=interval.high, broken=list(measured.broken),
                       pays=pays)  # fmt: skip
        return measured

    def _valid(self, stage: str, measured: Measurement, alpha: float) -> Interval:
        """The interval over all pairs since the promotion: it is looked at again and again.

        Confirmations have pairs of their own.
        """
        if stage == "confirm":
            self._since_promotion = []
            return always_valid(measured.differences, alpha)
        self._since_promotion += measured.differences
        return always_valid(self._since_promotion, alpha)

    def _promote(self, learned: Learned, measured: Measurement) -> None:
        """Put the learned policy in force before the experiment ends, so that nothing is undone."""
        tuner = self.tuner
        self._in_force(
            model_policy(tuner, learned.arm, learned.tree, tuner.learned, "learner", "enforce")
        )
        self._activated(learned.model, "promoted", mean=measured.interval.mean)

    def _in_force(self, request: dict[str, Any]) -> None:
        """Push a learned policy, and let the state be one in which it may act."""
        tuner = self.tuner
        self._machine.push(request)
        try:
            if self._machine.status().get("state") == "learning":
                self._machine.set_state("optimizing", f"{tuner.learned} has been promoted")
        except AinkaError:
            self._machine.remove(tuner.learned)
            raise

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
                    self._activated(None, "gone")
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
                self._tell("watch-failed", error=error.message)
                self._enforce_again(learned)
            due = self._machine.now_ns() + self.tuner.windows.remeasure_every_ns
            self._observer.restart()

    def _enforce_again(self, learned: Learned) -> None:
        """After an error in the middle of a pair: the mode must not be left at observe."""
        tuner = self.tuner
        try:
            if self._machine.policy(tuner.learned) is not None:
                self._machine.push(model_policy(tuner, learned.arm, learned.tree, tuner.learned,
                                                "learner", "enforce"))  # fmt: skip
        except AinkaError as error:
            log.warning("tuner=%s event=watch-failed error=%r", tuner.name, error.message)

    async def _still_pays(self, learned: Learned) -> bool:
        tuner = self.tuner
        measured = await self._pairs(
            learned,
            "remeasure",
            tuner.learned,
            "learner",
            tuner.windows.remeasure_pairs,
            tuner.learner.alpha,
        )
        if measured is None or (
            measured.interval.mean < -tuner.learner.min_effect and not measured.broken
        ):
            self._machine.push(
                model_policy(tuner, learned.arm, learned.tree, tuner.learned, "learner", "enforce")
            )
            return True
        self._machine.remove(tuner.learned)
        self._present = None
        self._activated(None, "withdrawn", mean=measured.interval.mean)
        if self._machine.status().get("state") == "optimizing":
            self._machine.set_state("learning", f"{tuner.learned} no longer pays")
        return False

    # ---- writing it down ----

    def _end_experiment(self) -> None:
        try:
            self._machine.remove(self.tuner.experiment)
        except AinkaError as error:
            self._tell("experiment-left", error=error.message)

    def _window(self, stage: str, arm: str, outcome: Outcome, who: list[Any]) -> int:
        return self._store.add_window(
            tuner=self.tuner.name,
            attempt=self._failures + 1,
            stage=stage,
            started_ns=outcome.started_ns,
            arm=arm,
            reward=outcome.reward,
            reward_count=outcome.count,
            guards=outcome.guards,
            assignment=who,
        )

    def _untreated(self, stage: str, outcome: Outcome) -> None:
        self._window(stage, self.tuner.arms[0].name, outcome, [])

    def _tell(self, event: str, **detail: Any) -> None:
        """One line of the log and one row of the store."""
        words = " ".join(f"{key}={value!r}" for key, value in detail.items() if key != "arms")
        log.info("tuner=%s event=%s %s", self.tuner.name, event, words)
        self._store.add_event(f"tuner.{self.tuner.name}", event, detail)
