# SPDX-License-Identifier: Apache-2.0
"""Which decisions follow from policies turning on and off: kmod/settle.c without a machine.

What only the machine knows is not here: values of tasks, cgroups and disks before AINKA, values
that somebody else has set, writes that fail, protected tasks, decisions that were undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ainkad import core
from ainkad.errors import AinkaError
from ainkad.frames import ENFORCE
from ainkad.netlink.spec_gen import FAMILY
from ainkad.replay.rerun import Change, Frame, Key, Rerun

BURST: Final = 64  # AINKA_RATE_BURST
RATE_DEFAULT: Final = 600
_ORIGINS: Final = FAMILY.enums["origin"]
STATES: Final = FAMILY.enums["state"]
_ALL_BUT_EMERGENCY: Final = (1 << STATES.index("emergency")) - 1
_PARK_WINDOW_NS: Final = 60_000_000_000
PARK_TURNS: Final = 10
_ANY: Final = core.Bounds(-(1 << 63), (1 << 63) - 1)


@dataclass(frozen=True)
class Decision:
    """One decision as the module would have journalled it.

    ``old`` and ``new`` are None where they depend on what only the machine knows; ``text`` is the
    value as the policy has it. ``begins`` marks what a policy that is on already sets in the first
    frame, or in the first one behind a gap: the module had decided that before.
    """

    time_ns: int
    policy: str
    subject: str
    key: Key
    tunable: str
    text: str
    old: int | None
    new: int | None
    verdict: str
    reason: str
    path: str = ""
    causes: tuple[tuple[int, int], ...] = ()
    begins: bool = False


@dataclass
class _On:
    """A policy that is on for a subject, and what it has been told and refused."""

    told: bool = False
    refused: set[int] = field(default_factory=set)


@dataclass
class _Held:
    """A tunable away from its baseline."""

    policy: int
    text: str
    wanted: int | None
    written: int | None


class _Parking:
    """Who has turned what back and forth too often: kmod/park.c."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._watched: dict[tuple[int, str, Key], _Watch] = {}

    def parked(self, number: int, tunable: str, key: Key) -> bool:
        """Has a policy lost this tunable of this subject?"""
        watch = self._watched.get((number, tunable, key))
        return watch is not None and watch.parked

    def moved(self, number: int, tunable: str, key: Key, up: bool, now_ns: int) -> None:
        """A policy has moved it."""
        watch = self._watched.setdefault((number, tunable, key), _Watch())
        if watch.parked:
            return
        if now_ns - watch.since_ns > _PARK_WINDOW_NS:
            watch.since_ns, watch.turns = now_ns, 0
        watch.turns += watch.up is not None and watch.up != up
        watch.up = up
        watch.parked = watch.turns > self._most


@dataclass
class _Watch:
    since_ns: int = 0
    turns: int = 0
    up: bool | None = None
    parked: bool = False


class _Tunable:
    """Bounds and baseline of a tunable, as far as the recording has them."""

    def __init__(self, row: Mapping[str, Any] | None) -> None:
        row = row or {}
        self.slow = row.get("lane") == "slow"
        self.known = "min" in row and "max" in row
        self.bounds = _ANY
        if self.known:
            self.bounds = core.Bounds(
                row["min"], row["max"], row.get("step") or 0, row.get("values"), row.get("unit")
            )
        # Held at the time of the recording, it has a baseline; otherwise it is at it.
        self.baseline: int | None = row.get("baseline", row.get("current"))


class Settler:
    """What the policies that are on come to, frame by frame."""

    def __init__(
        self,
        policies: Sequence[Rerun],
        tunables: Sequence[Mapping[str, Any]],
        park_turns: int = PARK_TURNS,
    ) -> None:
        """``policies`` in the order of the module's table, ``tunables`` rows of tunable-get.

        ``park_turns`` is the module's parameter. Raises AinkaError for a value that a tunable does
        not accept.
        """
        self._policies = policies
        self._parking = _Parking(park_turns)
        rows: dict[str, dict[str, Any]] = {}
        for row in tunables:
            rows.setdefault(str(row.get("name")), {}).update(row)
        self._on: list[dict[Key, _On]] = [{} for _ in policies]
        self._held: dict[tuple[str, Key], _Held] = {}
        self._tunables: dict[str, _Tunable] = {}
        self._values: dict[tuple[int, int], core.Value | None] = {}
        self._budgets = [
            core.Budget(int(p.request.get("rate-per-min") or RATE_DEFAULT), BURST) for p in policies
        ]
        for number, policy in enumerate(policies):
            for index, action in enumerate(policy.request["action"]):
                name = action["tunable"]
                tunable = self._tunables.setdefault(name, _Tunable(rows.get(name)))
                self._values[number, index] = self._parse(policy, tunable, action)

    def _parse(
        self, policy: Rerun, tunable: _Tunable, action: Mapping[str, str]
    ) -> core.Value | None:
        try:
            return core.parse_value(
                action["value"], tunable.bounds, policy.request.get("model") is not None
            )
        except core.ExpressionError as error:
            if not tunable.known:
                return None  # a value's name, and the recording does not say what it means
            raise AinkaError(
                f"policy {policy.name}: {action['tunable']}: {error.message}", error.hint
            ) from None

    # ---- who may, who wins ----

    def _allowed(self, number: int, frame: Frame) -> bool:
        request = self._policies[number].request
        origin = _ORIGINS.index(request.get("origin") or "admin")
        mask = int(request.get("states") or _ALL_BUT_EMERGENCY)
        return bool(frame.flags & ENFORCE) and core.state_allows(frame.state, origin, mask)

    def _enforces(self, number: int) -> bool:
        return (self._policies[number].request.get("mode") or "enforce") == "enforce"

    def _action(self, number: int, tunable: str) -> int | None:
        for index, action in enumerate(self._policies[number].request["action"]):
            if action["tunable"] == tunable:
                return index
        return None

    def _winner(self, tunable: str, subject: int, key: Key, frame: Frame) -> int | None:
        best: int | None = None
        for number, policy in enumerate(self._policies):
            if policy.subject != subject or key not in self._on[number]:
                continue
            if not self._enforces(number) or not self._allowed(number, frame):
                continue
            if self._action(number, tunable) is None or self._parking.parked(number, tunable, key):
                continue
            if best is None or self._priority(number) > self._priority(best):
                best = number
        return best

    def _priority(self, number: int) -> int:
        return int(self._policies[number].request.get("priority") or 0)

    # ---- values ----

    def _wanted(self, number: int, index: int, key: Key, frame: Frame) -> tuple[int | None, bool]:
        """The value asked for, where it can be told, and whether the bounds have limited it."""
        policy = self._policies[number]
        tunable = self._tunables[policy.request["action"][index]["tunable"]]
        value = self._values[number, index]
        if value is None:
            return None, False
        baseline = tunable.baseline if policy.subject == core.SYSTEM else None
        if baseline is None and value.op != core.Value.ABSOLUTE:
            if value.op != core.Value.MODEL:
                return None, False
            known = policy.model(frame, key)
            if known is None:
                return None, False  # the baseline, which only the machine knows
            baseline = known
        model = baseline
        if value.op == core.Value.MODEL:
            model = policy.model(frame, key)
        steady = replace(value, bounds=replace(value.bounds, step=0))
        base = baseline or 0
        return steady.resolve(base, base, base if model is None else model)

    def _towards(
        self, tunable: _Tunable, present: int | None, wanted: int | None
    ) -> tuple[int | None, bool]:
        """How far one write goes, and whether that is less than all the way."""
        if wanted is None or present is None or not tunable.bounds.step:
            return wanted, False
        value, _ = core.Value(core.Value.ABSOLUTE, wanted, tunable.bounds).resolve(
            tunable.baseline or present, present
        )
        return value, value != wanted

    # ---- frame by frame ----

    def step(
        self, frame: Frame, changes: Sequence[tuple[int, Sequence[Change]]], begins: bool
    ) -> list[Decision]:
        """The decisions of a frame, given what has changed for which policy (by number).

        Call it when something has changed and in frames that have walked.
        """
        for number, of_policy in changes:
            for change in of_policy:
                if change.on:
                    self._on[number][change.key] = _On()
                else:
                    self._on[number].pop(change.key, None)
        decisions: list[Decision] = []
        for (name, key), held in list(self._held.items()):
            decisions += self._settle_held(name, key, held, frame)
        for number, slots in enumerate(self._on):
            for key, slot in slots.items():
                if self._enforces(number) or not slot.told:
                    decisions += self._settle_slot(number, key, slot, frame)
                    slot.told = True
        return [replace(d, begins=True) for d in decisions] if begins else decisions

    @property
    def idle(self) -> bool:
        """Is no policy on, and everything at its baseline?"""
        return not self._held and not any(self._on)

    def _decision(self, number: int, key: Key, index: int, frame: Frame, verdict: str,
                  reason: str, old: int | None, new: int | None) -> Decision:  # fmt: skip
        policy = self._policies[number]
        action = policy.request["action"][index]
        on = reason != "condition-off"
        path, causes = policy.why(frame, key, on)
        return Decision(
            frame.time_ns, policy.name, FAMILY.enums["subject"][policy.subject], key,
            action["tunable"], action["value"] if on else "base", old, new, verdict, reason,
            path, tuple(causes),
        )  # fmt: skip

    def _settle_held(self, name: str, key: Key, held: _Held, frame: Frame) -> list[Decision]:
        tunable = self._tunables[name]
        subject = self._policies[held.policy].subject
        winner = self._winner(name, subject, key, frame)
        if winner is None:
            del self._held[name, key]
            index = self._action(held.policy, name)
            assert index is not None
            reason = "condition-off"
            if not frame.flags & ENFORCE:
                reason = "enforce-off"
            elif not self._allowed(held.policy, frame):
                reason = "state-changed"
            elif self._parking.parked(held.policy, name, key):
                reason = "oscillation"
            baseline = tunable.baseline if subject == core.SYSTEM else None
            restored = self._decision(
                held.policy, key, index, frame, "restored", reason, held.written, baseline
            )
            if reason == "condition-off":
                self._moved(held.policy, name, key, held.written, baseline, False, frame)
            # Who is gone takes along what was set of him.
            return [restored] if restored.path or subject == core.SYSTEM else []
        index = self._action(winner, name)
        assert index is not None
        wanted, clamped = self._wanted(winner, index, key, frame)
        same = winner == held.policy and wanted == held.wanted
        if same and held.written == wanted:
            return []
        value, stepped = self._towards(tunable, held.written, wanted)
        if same and value == held.written:
            return []
        if not self._budgets[winner].take(frame.time_ns):
            return []
        return [self._write(winner, index, key, frame, held.written, wanted, value,
                            clamped or stepped)]  # fmt: skip

    def _write(self, number: int, index: int, key: Key, frame: Frame, old: int | None,
               wanted: int | None, value: int | None, clamped: bool) -> Decision:  # fmt: skip
        action = self._policies[number].request["action"][index]
        self._held[action["tunable"], key] = _Held(number, action["value"], wanted, value)
        self._moved(number, action["tunable"], key, old, value, True, frame)
        verdict = "clamped" if clamped else "applied"
        return self._decision(number, key, index, frame, verdict, "condition-on", old, value)

    def _moved(
        self, number: int, name: str, key: Key, old: int | None, new: int | None, on: bool,
        frame: Frame,
    ) -> None:  # fmt: skip
        """Note a change of direction; without the values, on is one direction and off the other."""
        if self._policies[number].request.get("origin") == "experiment":
            return
        if old is None or new is None:
            self._parking.moved(number, name, key, on, frame.time_ns)
        elif old != new:
            self._parking.moved(number, name, key, new > old, frame.time_ns)

    def _settle_slot(self, number: int, key: Key, slot: _On, frame: Frame) -> list[Decision]:
        decisions = []
        for index, action in enumerate(self._policies[number].request["action"]):
            decision = self._settle_action(number, index, action["tunable"], key, slot, frame)
            if decision is not None:
                decisions.append(decision)
        return decisions

    def _settle_action(
        self, number: int, index: int, name: str, key: Key, slot: _On, frame: Frame
    ) -> Decision | None:
        held = self._held.get((name, key))
        if held is not None:
            if held.policy == number:
                return None
            return self._refuse(number, index, key, slot, frame, "overridden")
        tunable = self._tunables[name]
        subject = self._policies[number].subject
        present = tunable.baseline if subject == core.SYSTEM else None
        wanted, clamped = self._wanted(number, index, key, frame)
        if not self._enforces(number):
            verdict = "advised"
            if self._policies[number].request["mode"] == "observe":
                verdict = "observed"
            return self._decision(number, key, index, frame, verdict, "condition-on",
                                  present, wanted)  # fmt: skip
        reason = self._obstacle(number, name, subject, key, frame, tunable.slow)
        if reason:
            return self._refuse(number, index, key, slot, frame, reason)
        value, stepped = self._towards(tunable, present, wanted)
        return self._write(number, index, key, frame, present, wanted, value, clamped or stepped)

    def _obstacle(
        self, number: int, name: str, subject: int, key: Key, frame: Frame, slow: bool
    ) -> str:
        if not frame.flags & ENFORCE:
            return "enforce-off"
        if not self._allowed(number, frame):
            return "state-changed"
        if self._parking.parked(number, name, key):
            return "oscillation"
        if self._winner(name, subject, key, frame) != number:
            return "overridden"
        if not slow and not self._budgets[number].take(frame.time_ns):
            return "rate-limited"
        return ""

    def _refuse(
        self, number: int, index: int, key: Key, slot: _On, frame: Frame, reason: str
    ) -> Decision | None:
        if index in slot.refused:
            return None
        slot.refused.add(index)
        return self._decision(number, key, index, frame, "refused", reason, None, None)
