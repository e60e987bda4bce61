# SPDX-License-Identifier: Apache-2.0
"""A database read at random, in order, and backwards, through a mapping, on a throttled disk."""

from __future__ import annotations

from guest.vm import paths
from tests.bench.scenarios.scenario import Measure, Scenario, Static
from tests.bench.scenarios.settings import BOUND_BY_DISK, BOUND_NOTE, brute_force

TUNER = "read-ahead"
LISTED = tuple(Static(f"{kib} KiB", {"dev.read_ahead_kb": str(kib)}) for kib in (8, 32, 320))
CONTROL = Static("128 KiB", {"dev.read_ahead_kb": "128"})

SCENARIO = Scenario(
    name="read-ahead",
    description="db_bench (RocksDB) reads a mapped database of 1 GB in a guest of 512 MB",
    load="db_bench",
    options={"keys": 2_500_000},
    phases=("random", "sequential", "reverse"),
    measures=(
        Measure("random", "ops_per_s", "ops/s", "random reads", goal=2.3),
        Measure("sequential", "ops_per_s", "ops/s", "sequential reads", goal=0.98),
        Measure("reverse", "ops_per_s", "ops/s", "backward reads"),
        Measure("random", "steady_after_s", "s", "until steady, random", True, leads=False),
        Measure("sequential", "steady_after_s", "s", "until steady, sequential", True, leads=False),
    ),
    statics=brute_force(paths.ROOT / "policies" / "tuners" / f"{TUNER}.toml", LISTED, CONTROL),
    memory="512M",
    disks=("4G,iops-read=3000,bps-read=125000000",),
    packages=("rocksdb-tools", "tuned"),
    tuners=(TUNER,),
    parameters=BOUND_BY_DISK,
    window_s=4.0,
    settle_s=2.0,
    learn_s=480.0,
    learn_phases=("random", "sequential", "random", "reverse"),
    learn_repeat=2,
    fresh=("static", "tuned"),
    notes=(
        BOUND_NOTE,
        "The settings of an admin and of tuned do not reach files that are open already (an open "
        "file keeps the read-ahead it was opened with): for those conditions db_bench is started "
        "anew in each window. For defaults and AINKA the same three processes keep their files "
        "open from the beginning to the end. The static setting of 128 KiB is the default, "
        "with files opened anew: a control.",
        "`until steady`: from the change of phase until half a second has 90 % of the rate of the "
        "window.",
    ),
)
