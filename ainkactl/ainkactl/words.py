# SPDX-License-Identifier: Apache-2.0
"""Verdicts and reasons in whole sentences."""

from __future__ import annotations

VERDICTS = {
    "applied": "the value was written",
    "clamped": "a value limited by the hard bounds or the step was written",
    "observed": "nothing was written: the policy only observes",
    "advised": "nothing was written: the policy only advises",
    "refused": "nothing was written: the module refused",
    "restored": "the baseline was written back",
    "yielded": "nothing was written: someone else has set it, it is the admin's now",
}

REASONS = {
    "none": "no particular reason",
    "condition-on": "the condition became true",
    "condition-off": "the condition no longer holds",
    "policy-removed": "the policy was removed",
    "policy-replaced": "the policy was replaced by a new version",
    "lease-expired": "the daemon no longer vouches for it",
    "unload": "the module was unloaded",
    "reset": "an admin asked for a reset",
    "state-changed": "the state of the machine changed",
    "enforce-off": "enforcement was switched off",
    "overridden": "a policy of higher priority wants the same tunable",
    "foreign-value": "the value was not the one written last",
    "rate-limited": "the policy has used up its writes for now",
    "cool-down": "the policy is cooling down",
    "step-limit": "the change was larger than one step may be",
    "oscillation": "the tunable went to and fro too often",
    "subject-gone": "the task has ended, the cgroup or device is gone",
    "subject-protected": "it must never be changed",
    "absent": "it does not have this tunable (a cgroup: its parent does not enable the controller)",
    "write-error": "the write failed",
    "inherited": "a child of a changed task took the value over",
    "undone": "an administrator has undone the decision",
    "journal-full": "there is no room in the journal for one more baseline",
}


def sentence(verdict: object, reason: object) -> str:
    """Both in words; what this program does not know yet is shown as it came."""
    what = VERDICTS.get(str(verdict), str(verdict))
    why = REASONS.get(str(reason), str(reason))
    return what if reason in (None, "none") else f"{what}, because {why}"
