# SPDX-License-Identifier: Apache-2.0
"""Three loads for which the defaults are best: nothing may be lost, and nothing stay in force."""

from __future__ import annotations

from tests.bench.scenarios.catalogue.lossy_path import CLEAN, CONTROL
from tests.bench.scenarios.scenario import Measure, Scenario, Static
from tests.bench.scenarios.settings import BOUND_BY_DISK, BOUND_NOTE

SCENARIO = Scenario(
    name="nothing-to-gain",
    description="a file read in order, a connection without loss, plain CPU work",
    load="steady",
    options={"netem": {"clean": CLEAN}, "back": "delay 25ms limit 1000", "file_mib": 1500},
    phases=("read", "net", "cpu"),
    measures=(
        Measure("read", "read_mb_per_s", "MB/s", "sequential read (fio)", goal=0.98),
        Measure("net", "goodput_mbit_per_s", "Mbit/s", "iperf3, no loss", goal=0.98),
        Measure("cpu", "bogo_ops_per_s", "ops/s", "stress-ng --cpu", goal=0.98),
    ),
    statics=(
        Static("read-ahead 8 KiB", {"dev.read_ahead_kb": "8"}),
        Static("bbr", {CONTROL: "bbr"}),
        Static("dirty 4M, swappiness 180", {"sysctl.vm.dirty_bytes": "4MiB",
                                            "sysctl.vm.swappiness": "180"}),
    ),
    disks=("3G,iops-read=3000,bps-read=125000000",),
    packages=("fio", "iperf3", "ethtool", "tuned"),
    tuners=("cpu-hogs", "read-ahead", "dirty-debt", "lossy-path", "memory-pressure"),
    parameters=BOUND_BY_DISK,
    window_s=4.0,
    settle_s=1.0,
    learn_s=300.0,
    learn_repeat=2,
    pause=False,
    nothing_left=True,
    notes=(
        BOUND_NOTE,
        "All tuners that are shipped go on looking for something while AINKA is measured.",
           "The static settings are those that the other scenarios reward."),
)  # fmt: skip
