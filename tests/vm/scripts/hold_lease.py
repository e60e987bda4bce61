#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hold the lease, hand the BPF maps to the module, push one policy, then renew until killed.

Usage: hold_lease.py NAME WHEN TUNABLE=VALUE [ORIGIN] [--push SIGNAL=VALUE] [--hang]

Prints ``ready`` when the policy is in force. With ``--push`` it sets an external signal before that
and at every renewal; with ``--hang`` it stops renewing after that, but does not end.
"""

from __future__ import annotations

import argparse
import sys
import time

from ainkad.bpf import BpfObject
from ainkad.netlink.client import Client
from ainkad.ring import RingReader


def main() -> int:
    """Everything the daemon does for a policy of the learner, and nothing else."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("when")
    parser.add_argument("setting")
    parser.add_argument("origin", nargs="?", default="experiment")
    parser.add_argument("--push")
    parser.add_argument("--hang", action="store_true")
    args = parser.parse_args()
    tunable, value = args.setting.split("=")
    signal, _, number = (args.push or "").partition("=")
    with RingReader("/dev/ainka"), Client() as client, BpfObject("/usr/lib/ainka/sched.bpf.o") as o:
        client.request("lease-renew")
        missing = [state for state in o.attach_all() if not state.attached]
        if missing:
            print("not attached:", missing, file=sys.stderr)
            return 1
        client.request("map-attach", {"role": "sched-stats", "fd": o.map_fd("sched_stats")})
        client.request("map-attach", {"role": "tasks", "fd": o.map_fd("tasks")})
        if signal:
            client.request("signal-set", {"name": signal, "value": int(number)})
        policy = {
            "name": args.name,
            "subject": "task" if tunable.startswith("task.") else "system",
            "when": args.when,
            "origin": args.origin,
            "action": [{"tunable": tunable, "value": value}],
        }
        client.request("policy-add", policy)
        print("ready", flush=True)
        while True:
            time.sleep(0.3)
            if args.hang:
                continue
            client.request("lease-renew")
            if signal:
                client.request("signal-set", {"name": signal, "value": int(number)})


if __name__ == "__main__":
    sys.exit(main())
