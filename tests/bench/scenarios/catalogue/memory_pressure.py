# SPDX-License-Identifier: Apache-2.0
"""Memory that is seldom used and a file that is read all the time, together more than there is."""

from __future__ import annotations

from guest.vm import paths
from tests.bench.scenarios.scenario import Measure, Scenario, Static
from tests.bench.scenarios.settings import BOUND_BY_DISK, BOUND_NOTE, brute_force

TUNER = "memory-pressure"
LISTED = tuple(
    Static(f"swappiness {n}", {"sysctl.vm.swappiness": str(n)}) for n in (10, 100, 150, 180)
)

SCENARIO = Scenario(
    name="memory-pressure",
    description="120 MB of cold memory and 160 MB of a file read at random, with room for 205 MB",
    load="memory",
    options={"algorithm": "lzo-rle", "zram_mib": 512, "mglru": 0, "anon_mib": 120,
             "file_mib": 160, "threads": 4, "cold_s": 60, "room_mib": 205},
    phases=("random",),
    measures=(Measure("random", "ops_per_s", "ops/s", "random reads of 4 KiB", goal=3.0),
              Measure("random", "swapped_mib", "MiB", "swapped out", leads=False)),
    statics=brute_force(paths.ROOT / "policies" / "tuners" / f"{TUNER}.toml", LISTED),
    memory="768M",
    disks=("1G,iops-total=4000",),
    packages=("tuned",),
    tuners=(TUNER,),
    parameters=BOUND_BY_DISK,
    window_s=5.0,
    settle_s=15.0,
    learn_s=900.0,
    learn_window_s=10.0,
    notes=(
        BOUND_NOTE,
        "MGLRU is off (with it swappiness shows no effect here), vm.page-cluster is 0.",
        "Before each measured window the program goes through all of its memory once: else what "
        "one setting has swapped out would help the next one. Besides it goes through its memory "
        "all the time, once in 60 s. Pages still moved 8 s after a setting was made: 15 s "
        "are dropped.",
        "What is read is summed up, as databases do: a program that looks at nothing it reads does "
        "no work in user mode, and that is the tuner's reward.",
        "All other memory is locked. The sets are small because 4 000 reads a second of 4 KiB "
        "are 16 MB, and no more than that is swapped out for them: of 300 MB of memory beside 450 "
        "of a file hardly anything had been when a window ended.",
    ),
)  # fmt: skip
