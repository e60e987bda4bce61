# SPDX-License-Identifier: Apache-2.0
"""Random and sequential reads in turn, from the first moment of learning on."""

from __future__ import annotations

from dataclasses import replace

from tests.bench.scenarios.catalogue import read_ahead
from tests.bench.scenarios.scenario import Measure

SCENARIO = replace(
    read_ahead.SCENARIO,
    name="change-of-phase",
    description="random and sequential reads of the database in turn, 20 s each",
    phases=("random", "sequential"),
    measures=(
        Measure("random", "ops_per_s", "ops/s", "random reads"),
        Measure("sequential", "ops_per_s", "ops/s", "sequential reads"),
    ),
    packages=("rocksdb-tools",),
    kinds_left_out=("tuned",),
    learn_s=600.0,
    learn_phases=(),
    learn_repeat=1,
    learn_window_s=20.0,
    pause=False,
    series=True,
    notes=(
        *read_ahead.SCENARIO.notes[:2],
        "Below, each change of phase while AINKA learns: how long it took until a second went on "
        "at 95 % of what the best static setting for that phase reaches.",
    ),
)
