# SPDX-License-Identifier: Apache-2.0
"""The state machine on the real machine: who may write in which state, and what brings it there.

Run in the guest with the name of a check; policy_tools.py lies beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from ainkad.netlink.client import Client
from policy_tools import add, check, decisions, held, loaded, programs, remove, until, until_is

STATES = ("learning", "optimizing", "predictive-scaling", "anomaly-detection", "emergency")

#: A policy of each kind: its tunable, and the states in which it has its way (docs/policies.md).
KINDS = {
    "admin": ("vm/swappiness", set(STATES) - {"emergency"}),
    "learner": ("vm/vfs_cache_pressure", {"optimizing", "predictive-scaling"}),
    "experiment": ("vm/dirty_expire_centisecs", {"learning", "optimizing"}),
    "emergency": ("vm/page-cluster", {"emergency"}),
}
VALUE = {"admin": "33", "learner": "155", "experiment": "2800", "emergency": "2"}


def read(path: str) -> str:
    return (Path("/proc/sys") / path).read_text().strip()


def state() -> str:
    with Client() as client:
        return str(client.request("state-get")["state"])


def enter(to: str, door: str) -> None:
    """Change the state by one of the doors."""
    if door == "proc":
        Path("/proc/ainka").write_text(f"state {to}")
    elif door == "cli":
        subprocess.run(["ainkactl", "state", "set", to], check=True, capture_output=True)
    else:
        with Client() as client:
            client.request("state-set", {"state": to, "why": "a test"})


def page_state() -> str:
    """What /proc/ainka says."""
    for line in Path("/proc/ainka").read_text().splitlines():
        if line.startswith("state: "):
            return line.split()[1]
    return ""


def everybody() -> None:
    """One policy of each kind, all of them on."""
    for kind, (path, _) in KINDS.items():
        more: dict[str, object] = {}
        if kind in ("learner", "experiment"):
            more["origin"] = kind
        if kind == "emergency":
            more["states"] = 1 << STATES.index("emergency")
        tunable = "sysctl." + path.replace("/", ".")
        add(kind, "system", "ainka.uptime_ms > 0", {tunable: VALUE[kind]}, **more)


def transitions() -> None:
    """From every state to every other one, by every door: each kind of policy obeys."""
    before = {kind: read(path) for kind, (path, _) in KINDS.items()}
    with loaded(), programs() as client:
        everybody()
        for i, first in enumerate(STATES):
            for j, then in enumerate(STATES):
                for to in (first, then):
                    # the command takes a second or two of an emulated machine
                    enter(to, "cli" if (i, to) == (j, first) else ("netlink", "proc")[(i + j) % 2])
                    client.request("lease-renew", {"duration-ms": 30_000})
                    check(state() == to, f"the state is {state()}, not {to}")
                    check(page_state() == to.replace("-", "_"), f"/proc says {page_state()}")
                    for kind, (path, states) in KINDS.items():
                        wanted = VALUE[kind] if to in states else before[kind]
                        until_is(partial(read, path), wanted, f"{path} in {to} ({kind})")
        enter("emergency", "netlink")
        until(lambda: len(held()) == 1, "more than the emergency's policy is in force")
        reasons = {d["reason"] for d in decisions() if d["verdict"] == "restored"}
        check("state-changed" in reasons, f"restored because of {reasons}")
    for kind, (path, _) in KINDS.items():
        check(read(path) == before[kind], f"{path} is {read(path)} after unloading")


def learner_gone() -> None:
    """When the learner goes, so does what it learned, and the state is learning again."""
    before = read("vm/vfs_cache_pressure")
    with loaded():
        with programs() as client:
            client.request("lease-renew", {"duration-ms": 30_000})
            everybody()
            enter("optimizing", "netlink")
            until(lambda: read("vm/vfs_cache_pressure") == "155", "the learned policy is not on")
        # the lease ends with the descriptor of its holder
        until(lambda: state() == "learning", f"the state is {state()} without a learner")
        until(lambda: read("vm/vfs_cache_pressure") == before, "what was learned is in force")
        check(read("vm/swappiness") == "33", "the admin's policy went with the learner's")


def stall() -> None:
    """A stall above the threshold is an emergency, and its end ends it; an admin's stays."""
    before = read("vm/swappiness")
    with loaded("emergency_threshold=20"):
        add("admin", "system", "ainka.uptime_ms > 0", {"sysctl.vm.swappiness": "33"})
        until(lambda: read("vm/swappiness") == "33", "the policy is not on")
        writer = subprocess.Popen(
            "while :; do dd if=/dev/zero of=/root/stall bs=64k count=64 oflag=direct,dsync; done",
            shell=True, stderr=subprocess.DEVNULL, process_group=0,
        )  # fmt: skip
        try:
            until(lambda: state() == "emergency", "a stall is no emergency", 120)
            until(lambda: read("vm/swappiness") == before, "the policy stays on in the emergency")
        finally:
            os.killpg(writer.pid, 9)
            writer.wait()
            Path("/root/stall").unlink(missing_ok=True)
        # calm is what the machine is without the writer; on a slow one even that may stall
        Path("/sys/module/ainka/parameters/emergency_threshold").write_text("900")
        until(lambda: state() == "learning", "the emergency does not end", 120)
        until(lambda: read("vm/swappiness") == "33", "the policy does not come back")
        enter("emergency", "cli")
        remove("admin")
        check(state() == "emergency", "an emergency that was declared has ended by itself")


CHECKS = {check.__name__: check for check in (transitions, learner_gone, stall)}

if __name__ == "__main__":
    CHECKS[sys.argv[1]]()
    print(f"{sys.argv[1]}: passed")
