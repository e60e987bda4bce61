# SPDX-License-Identifier: Apache-2.0
"""Connections over a path that is long, and loses packets or does not."""

from __future__ import annotations

from guest.vm import paths
from tests.bench.scenarios.scenario import Measure, Scenario, Static
from tests.bench.scenarios.settings import brute_force

TUNER = "lossy-path"
CONTROL = "sysctl.net.ipv4.tcp_congestion_control"
LISTED = tuple(Static(name, {CONTROL: name}) for name in ("reno", "bbr"))
CLEAN = "delay 25ms rate 30mbit limit 1000"

SCENARIO = Scenario(
    name="lossy-path",
    description="iperf3 over veth, 30 Mbit/s, 50 ms there and back, with 1 % loss and without",
    load="lossy_path",
    options={"netem": {"lossy": f"{CLEAN} loss 1%", "clean": CLEAN},
             "back": "delay 25ms limit 1000"},
    phases=("lossy", "clean"),
    measures=(
        Measure("lossy", "goodput_mbit_per_s", "Mbit/s", "goodput, 1 % loss", goal=6.0),
        Measure("clean", "goodput_mbit_per_s", "Mbit/s", "goodput, no loss", goal=0.98),
        *(Measure(phase, "with_bbr", "1", f"connections with bbr, {phase}", leads=False)
          for phase in ("lossy", "clean")),
    ),
    statics=brute_force(paths.ROOT / "policies" / "tuners" / f"{TUNER}.toml", LISTED),
    packages=("iperf3", "ethtool", "tuned"),
    tuners=(TUNER,),
    window_s=4.0,
    settle_s=8.0,
    learn_s=560.0,
    learn_window_s=3.0,
    learn_repeat=20,
    notes=(
        "Every window is a new connection: an established one keeps its congestion control. What "
        "is dropped before it is a connection of its own, longer than the 5 s over which the part "
        "that is sent again is known; then the kernel forgets what it keeps of connections for the "
        "next ones to an address (tcp_metrics). The module tcp_bbr is loaded beforehand, "
        "as an admin would, since no policy loads modules.",
        "The sender is in the machine's own network namespace, behind a queue of fq; path and "
        "receiver are in two others. Segmentation offloads are off.",
    ),
)  # fmt: skip
