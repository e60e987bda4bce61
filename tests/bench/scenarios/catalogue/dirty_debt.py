# SPDX-License-Identifier: Apache-2.0
"""A program that calls fsync beside one that fills the page cache with what is to be written."""

from __future__ import annotations

from guest.vm import paths
from tests.bench.scenarios.scenario import Measure, Scenario, Static
from tests.bench.scenarios.settings import BOUND_BY_DISK, BOUND_NOTE, brute_force

TUNER = "dirty-debt"
LISTED = tuple(
    Static(f"dirty {mib}M", {"sysctl.vm.dirty_bytes": f"{mib}MiB"}) for mib in (4, 16, 64)
)

SCENARIO = Scenario(
    name="dirty-debt",
    description="4 KiB appended and fsynced every 100 ms (open loop) beside a buffered bulk writer",
    load="dirty_debt",
    options={"period_ms": 100, "bulk_mib": 512},
    phases=("writing",),
    measures=(
        Measure("writing", "fsync_p99_ms", "ms", "fsync p99, from when it was due", True, 10.0),
        Measure("writing", "fsync_p50_ms", "ms", "fsync p50", True, leads=False),
        Measure("writing", "bulk_mb_per_s", "MB/s", "bulk writer, into memory", leads=False),
    ),
    statics=brute_force(paths.ROOT / "policies" / "tuners" / f"{TUNER}.toml", LISTED),
    memory="768M",
    disks=("2G,bps-total=20000000",),
    packages=("tuned",),
    tuners=(TUNER,),
    parameters=BOUND_BY_DISK,
    window_s=6.0,
    settle_s=7.0,
    learn_s=480.0,
    notes=(
        BOUND_NOTE,
        "Before each measured window the bulk writer truncates its file, so that no window pays "
        "the debt of the one before. While AINKA learns that is not done. What is dropped then is "
        "long enough for a limit that comes when somebody waits already, as a policy's does, to be "
        "paid for.",
        "Writing into memory is fast until the limit is reached: the bulk writer's figure is what "
        "it got rid of, not what reached the disk.",
    ),
)
