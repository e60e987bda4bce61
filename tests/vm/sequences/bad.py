# SPDX-License-Identifier: Apache-2.0
"""Requests that have to be refused, whatever the state."""

from __future__ import annotations

from typing import Any

from .operations import ALWAYS

#: Operation and values of each.
BAD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("policy-add", {"name": "bad", "when": "no.such > 1",
                    "action": [{"tunable": "sysctl.vm.swappiness", "value": "1"}]}),
    ("policy-add", {"name": "bad", "when": "ainka.uptime_ms >",
                    "action": [{"tunable": "sysctl.vm.swappiness", "value": "1"}]}),
    ("policy-add", {"name": "bad", "when": ALWAYS,
                    "action": [{"tunable": "sysctl.vm.swappiness", "value": "999"}]}),
    ("policy-add", {"name": "bad", "when": ALWAYS,
                    "action": [{"tunable": "sysctl.no.such", "value": "1"}]}),
    ("policy-add", {"name": "bad", "when": ALWAYS,
                    "action": [{"tunable": "task.nice", "value": "1"}]}),
    ("policy-add", {"name": "b a d", "when": ALWAYS,
                    "action": [{"tunable": "sysctl.vm.swappiness", "value": "1"}]}),
    ("policy-add", {"name": "bad", "when": "model > 1", "model": b"\0" * 64,
                    "action": [{"tunable": "sysctl.vm.swappiness", "value": "1"}]}),
    ("policy-add", {"name": "bad", "when": ALWAYS, "origin": "learner",
                    "action": [{"tunable": "sysctl.vm.swappiness", "value": "1"}]}),
    ("policy-add", {"name": "bad", "when": ALWAYS, "action": []}),
    ("policy-remove", {"name": "bad"}),
    ("state-set", {}),
    ("lease-renew", {}),
    ("tunable-get", {"name": "no.such"}),
)  # fmt: skip
