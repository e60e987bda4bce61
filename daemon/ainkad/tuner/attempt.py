# SPDX-License-Identifier: Apache-2.0
"""One attempt: explore, learn, compile, confirm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ainkad.errors import AinkaError
from ainkad.learning.compile import Evaluate, agreement, compile_tree, describe
from ainkad.learning.trainer import Trainer
from ainkad.tuner.confirm import Measurement
from ainkad.tuner.definition import Tuner
from ainkad.tuner.explore import (
    PATIENCE,
    Arms,
    Recorder,
    Usual,
    assignment,
    explore_window,
    recover,
    treatment,
    usual,
)
from ainkad.tuner.learned import Learned, Measuring, put_in_force
from ainkad.tuner.machine import Machine
from ainkad.tuner.notes import Notes
from ainkad.tuner.sequence import arm_alpha
from ainkad.tuner.stats import attempt_alpha

# Below this share of equal answers a compiled tree is not the tree that was learned.
MIN_AGREEMENT = 0.99
# How often exploring is prolonged by half when nobody is found whom to treat.
FURTHER = 2
PROGRESS_WINDOWS = 8


def fit_parameters(tuner: Tuner, seed: int) -> dict[str, Any]:
    """What a trainer has to know beside the data, see ``ainkad.learning.fit``."""
    learner = tuner.learner
    return {
        "arms": len(tuner.treated_arms),
        "context": tuner.in_context,
        "depth": learner.depth,
        "min_leaf": learner.min_leaf,
        "min_effect": learner.min_effect,
        "alpha": learner.alpha,
        "holdout": learner.holdout,
        "seed": seed,
    }


class Attempt:
    """From exploration to promotion. ``allowed`` says whether experiments may run."""

    def __init__(
        self,
        tuner: Tuner,
        machine: Machine,
        notes: Notes,
        measuring: Measuring,
        trainer: Trainer,
        evaluate: Evaluate,
        rng: np.random.Generator,
        seed: int,
        allowed: Callable[[], bool],
    ) -> None:
        self._tuner = tuner
        self._machine = machine
        self._notes = notes
        self._measuring = measuring
        self._trainer = trainer
        self._evaluate = evaluate
        self._rng = rng
        self._seed = seed
        self._allowed = allowed
        self._usual: Usual | None = None

    async def run(self) -> Learned | None:
        """The promoted model; None, and nothing changed, when it does not come to that.

        An error of the module (a dump that fails, a policy refused) ends the attempt like a lack
        of effect does.
        """
        learned: Learned | None = None
        try:
            learned = await self._try()
        except AinkaError as error:
            self._notes.tell("attempt-failed", error=error.message)
        finally:
            await self._trainer.stop()
            self._end_experiment()
        return learned

    async def _try(self) -> Learned | None:
        recorder = Recorder(self._tuner)
        wanted = self._tuner.windows.explore
        for further in range(FURTHER, -1, -1):
            # Beside CPU hogs it takes a minute to get ready. Where the machine is what is measured,
            # its time and its memory would be in the windows: there it begins after them.
            if not self._tuner.in_context:
                await self._trainer.start()
            if not await self._explore(recorder, wanted):
                return None
            learned = await self._learn(recorder, further)
            if learned is not None:
                measured = await self._confirm(learned, further)
                if measured is None:
                    return None
                if measured.pays:
                    # In force before the experiment ends, so that nothing is undone between.
                    put_in_force(self._machine, self._tuner, learned)
                    mean = measured.interval.mean
                    self._notes.activated(learned.model, "promoted", mean=mean)
                    return learned
            # What was explored stays true when a proposal turns out wrong: more of it makes a
            # better one. A proposal is not evidence, so looking for it longer costs none, and each
            # confirmation has windows of its own and a smaller chance to err than the one before.
            wanted = self._tuner.windows.explore // 2
        return None

    # ---- exploring ----

    async def _explore(self, recorder: Recorder, wanted: int) -> bool:
        """Add ``wanted`` windows to the recorder's; False when they cannot be had."""
        tuner, notes = self._tuner, self._notes
        notes.tell("explore", windows=wanted)
        if not recorder.outcome:
            self._usual = await usual(self._machine, tuner, notes.untreated)
        was, begun, harmed, told = self._usual, len(recorder.outcome), 0, 0
        settable = self._settable() if self._allowed() else []
        arms = None if was is None else Arms(tuner, was, settable)
        for _ in range(wanted * PATIENCE):
            if was is None or arms is None or not self._allowed():
                notes.tell("interrupted", stage="explore")
                return False
            if not arms.allowed:
                notes.tell("no-arm-left", stage="explore")
                return False
            arm, candidates, treated, outcome = await explore_window(
                self._machine, tuner, self._rng, arms.allowed
            )
            number = notes.window(
                "explore",
                tuner.treated_arms[arm].name,
                outcome,
                assignment(tuner, candidates, treated),
            )
            if treated.any() and (broken := arms.add(arm, outcome)):
                self._end_experiment()
                notes.tell("arm-stopped", arm=tuner.treated_arms[arm].name, broken=broken)
            judged = was.judge(tuner, outcome)
            if len(candidates) and judged is not None:
                after = self._machine.candidates(tuner) if tuner.in_context else None
                recorder.add(arm, candidates, treated, judged, number, after)
            done = len(recorder.outcome) - begun
            if done >= wanted:
                break
            if done % PROGRESS_WINDOWS == 0 and done != told:
                told = done
                notes.tell("exploring", done=done, wanted=wanted, harmed=harmed)
            if treated.any() and was.is_harmed(tuner, outcome):
                harmed += 1
                again = await recover(
                    self._machine,
                    tuner,
                    was,
                    tuner.treated_arms[arm],
                    candidates.ids[treated == 1].tolist(),
                    notes.untreated,
                )
                if not again:
                    notes.tell("interrupted", stage="explore", why="things are not as they were")
                    return False
        self._end_experiment()
        if len(recorder.outcome) - begun < wanted:
            notes.tell("too-little", windows=len(recorder.outcome), wanted=wanted)
            return False
        return True

    def _settable(self) -> list[int]:
        """The treated arms that this machine can set, by their index; one it cannot is told."""
        found = []
        for i, arm in enumerate(self._tuner.treated_arms):
            try:
                self._machine.push({**treatment(self._tuner, arm, [0]), "mode": "observe"})
            except AinkaError as error:
                self._notes.tell("arm-absent", arm=arm.name, why=error.message)
            else:
                found.append(i)
        self._machine.remove(self._tuner.experiment)
        return found

    # ---- learning ----

    async def _learn(self, recorder: Recorder, further: int) -> Learned | None:
        """Train and compile; ``further`` is how many more times exploring may be prolonged."""
        tuner, notes = self._tuner, self._notes
        data, parameters = recorder.dataset(), fit_parameters(tuner, self._seed)
        notes.tell("training", windows=len(data.outcome), samples=len(data.window))
        result = await self._trainer.train(data, parameters)
        if result["best"] is None:
            notes.tell("explore-further" if further else "nothing-learned", arms=result["arms"])
            return None
        arm, fitted = tuner.treated_arms[result["best"]], result["arms"][result["best"]]
        tree = compile_tree(fitted["nodes"], tuner.features, self._machine.now_ns())
        agreed = agreement(
            tree, data.features[result["holdout"]], result["classes"], self._evaluate
        )
        report: dict[str, Any] = {
            "treat": describe(fitted["nodes"], tuner.features),
            "agreement": agreed,
            "held_out": len(result["classes"]),
            "parameters": parameters,
            "arms": result["arms"],
        }
        model = notes.model(recorder.windows[0], recorder.windows[-1], arm.name, tree, report)
        notes.tell("learned", arm=arm.name, treat=report["treat"], agreement=agreed,
                   total=fitted["total"])  # fmt: skip
        if agreed < MIN_AGREEMENT:
            notes.tell("rejected", why="the compiled tree does not agree with the original")
            return None
        return Learned(arm, tree, model, report)

    # ---- confirming ----

    async def _confirm(self, learned: Learned, further: int) -> Measurement | None:
        tuner, notes = self._tuner, self._notes
        attempt = notes.attempts() + 1
        alpha = arm_alpha(attempt_alpha(tuner.learner.alpha, attempt), len(tuner.treated_arms))
        notes.tell("confirm", pairs=tuner.windows.confirm_pairs, attempt=attempt, alpha=alpha)
        measured = await self._measuring.confirm(learned, alpha, self._usual)
        if measured is None:
            notes.tell("too-little", stage="confirm")
        elif not measured.pays:
            notes.tell("explore-further" if further else "not-confirmed")
        return measured

    def _end_experiment(self) -> None:
        try:
            self._machine.remove(self._tuner.experiment)
        except AinkaError as error:
            self._notes.tell("experiment-left", error=error.message)
