#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hold the lease, hand the BPF maps to the module, push one policy, then renew until killed.

Usage: hold_lease.py NAME WHEN TUNABLE=VALUE [ORIGIN]. Prints ``ready`` when the policy is in force.
With ``--hang`` as the last argument it stops renewing after that, but does not end.
"""

from __future__ import annotations

import sys
import time

from ainkad.bpf import BpfObject
from ainkad.netlink.client import Client
from ainkad.ring import RingReader


def main() -> int:
    """Everything the daemon does for a policy of the learner, and nothing else."""
    hang = sys.argv[-1] == "--hang"
    name, when, setting, *rest = sys.argv[1 : -1 if hang else None]
    tunable, value = setting.split("=")
    with RingReader("/dev/ainka"), Client() as client, BpfObject("/usr/lib/ainka/sched.bpf.o") as o:
        client.request("lease-renew")
        missing = [state for state in o.attach_all() if not state.attached]
        if missing:
            print("not attached:", missing, file=sys.stderr)
            return 1
        client.request("map-attach", {"role": "sched-stats", "fd": o.map_fd("sched_stats")})
        client.request("map-attach", {"role": "tasks", "fd": o.map_fd("tasks")})
        policy = {
            "name": name,
            "subject": "task" if tunable.startswith("task.") else "system",
            "when": when,
            "origin": rest[0] if rest else "experiment",
            "action": [{"tunable": tunable, "value": value}],
        }
        client.request("policy-add", policy)
        print("ready", flush=True)
        while True:
            time.sleep(0.3)
            if not hang:
                client.request("lease-renew")


if __name__ == "__main__":
    sys.exit(main())
