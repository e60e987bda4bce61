# SPDX-License-Identifier: Apache-2.0
"""What a scenario is: data. catalogue/ has them, load/ has what runs in the guest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DEFAULTS, AINKA = "defaults", "AINKA"
#: Kinds of conditions, in the order of the report.
KINDS = (DEFAULTS, "static", "tuned", AINKA)
PROFILES = ("throughput-performance", "latency-performance", "virtual-guest")


@dataclass(frozen=True)
class Static:
    """A setting that an admin could make and leave alone: values by AINKA's names of tunables.

    ``on`` and ``off`` are shell lines for what is no tunable of the system or of the disk.
    """

    name: str
    settings: dict[str, str] = field(default_factory=dict)
    on: str = ""
    off: str = ""


@dataclass(frozen=True)
class Measure:
    """One row of the table: a figure that the load reports of itself in a phase.

    ``goal`` is the factor to reach against defaults, in the good direction, ``below`` what the
    median has to stay under; None: only reported. ``leads``: what is good for this figure is what
    is looked for, so regret is counted on it.
    """

    phase: str
    figure: str
    unit: str
    label: str
    lower_is_better: bool = False
    goal: float | None = None
    below: float | None = None
    leads: bool = True


@dataclass(frozen=True)
class Scenario:
    """A load, the machine it runs on, what may be set there, and what is measured."""

    name: str
    description: str
    #: Module of load/ and what its Load gets.
    load: str
    options: dict[str, Any]
    phases: tuple[str, ...]
    measures: tuple[Measure, ...]
    statics: tuple[Static, ...] = ()
    kernel: str = "6.1"
    memory: str = "2G"
    disks: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    #: Shipped tuners that may learn here, and policies (a TOML text) that are put in force.
    tuners: tuple[str, ...] = ()
    policies: str = ""
    #: Parameters that the module is loaded with.
    parameters: str = ""
    #: Phases of a control that is measured before anything else, for the floor.
    controls: tuple[str, ...] = ()
    #: Seconds of a measured window, what is dropped before it, and the most learning may take.
    window_s: float = 5.0
    settle_s: float = 2.0
    learn_s: float = 300.0
    #: Phases in turn while AINKA learns, if not each once.
    learn_phases: tuple[str, ...] = ()
    #: Seconds of a window while AINKA learns, and windows that a phase lasts then.
    learn_window_s: float = 12.0
    learn_repeat: int = 1
    #: Shell lines that stop the load and let it go on, for tuned's daemon to get a CPU at all.
    hold: str = ""
    go_on: str = ""
    #: Kinds of conditions in which the load starts its programs anew, and says so in the table.
    fresh: tuple[str, ...] = ()
    #: After learning the tuner does not measure again: that would be a switch within ours.
    pause: bool = True
    #: Keep how the windows of learning went on, to say how long each change of phase took.
    series: bool = False
    #: The goal is that nothing learned is in force in the end.
    nothing_left: bool = False
    #: Kinds of conditions that would tell nothing here.
    kinds_left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def kinds(self) -> tuple[str, ...]:
        """The kinds of conditions that there are."""
        with_ainka = bool(self.tuners or self.policies)
        return tuple(
            kind
            for kind in KINDS
            if kind not in self.kinds_left_out
            and (kind != "static" or self.statics)
            and (kind != AINKA or with_ainka)
        )


@dataclass(frozen=True)
class Condition:
    """One way to run the load."""

    name: str
    kind: str
    static: Static | None = None


def conditions(scenario: Scenario, kinds: tuple[str, ...]) -> list[Condition]:
    """Those of a scenario, of these kinds; defaults are always there, for all is against them."""
    found = [Condition(DEFAULTS, DEFAULTS)]
    there = [kind for kind in scenario.kinds() if kind in kinds]
    if "static" in there:
        found += [Condition(one.name, "static", one) for one in scenario.statics]
    if "tuned" in there:
        found += [Condition(f"tuned {name}", "tuned") for name in PROFILES]
    if AINKA in there:
        found.append(Condition(AINKA, AINKA))
    return found
