#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models and windows in the kernel: each turns a policy on, is explained, and goes again.

Prints a line a check and ends with ``core: done``; an exception tells what does not hold.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ainkad.layouts_gen import MODEL_MEAN, MODEL_VOTE, MODEL_WEIGH
from ainkad.learning.blob import Leaf, Split, Tree, forest, linear
from ainkad.netlink.client import Client
from ainkad.netlink.message import KernelError

SWAPPINESS = Path("/proc/sys/vm/swappiness")
UPTIME = "ainka.uptime_ms"


def wait(what: str, holds: Callable[[], bool]) -> None:
    """Poll until it holds."""
    for _ in range(300):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what}: not in 30 s")


def split(low: int, high: int) -> Tree:
    """A question that time answers: the high leaf comes after a moment."""
    return [Split(UPTIME, 10, 2), Leaf(low), Leaf(high)]


MODELS = {
    "tree": (forest(MODEL_MEAN, [split(11, 31)]), 31, f"{UPTIME} "),
    "mean": (
        forest(MODEL_MEAN, [split(1, 60), [Leaf(5)]], shift=0),
        33,
        "mean 33 of 2 trees; tree 0:",
    ),
    "vote": (
        forest(MODEL_VOTE, [split(0, 2), [Leaf(1)], split(0, 2)], classes=[20, 25, 35]),
        35,
        "votes 2 for 35, 1 for 25; tree 0:",
    ),
    "weigh": (
        forest(MODEL_WEIGH, [split(0, 1), [Leaf(0)]], classes=[20, 37], weights=[[3, 1], [0, 9]]),
        37,
        "permille 769 for 37, 230 for 20; tree 0:",
    ),
    "linear": (linear({}, bias=39 << 4, shift=4), 39, "score 39; bias +39"),
    "threshold": (linear({UPTIME: 1 << 8}, bias=-5, shift=8, threshold=True), 1, "score "),
}


def check_models(client: Client) -> None:
    """A model chooses the value and is the condition."""
    before = SWAPPINESS.read_text()
    for name, (blob, result, words) in MODELS.items():
        policy = {
            "name": name,
            "when": f"model == {result} and {UPTIME} > 10",
            "model": blob,
            "action": [{"tunable": "sysctl.vm.swappiness", "value": "model"}],
        }
        client.request("policy-add", policy)
        wait(name, lambda result=result: int(SWAPPINESS.read_text()) == result)  # type: ignore[misc]
        assert client.request("policy-get", {"name": name})["model"] == blob
        paths = [d["path"] for d in client.dump("decision-get") if d["policy"] == name]
        assert words in paths[0], (name, paths)
        client.request("policy-remove", {"name": name})
        assert SWAPPINESS.read_text() == before
        print("model", name, paths[0])


def refused(client: Client, policy: dict[str, Any], words: str) -> None:
    """The policy is not accepted, for a reason that has these words."""
    try:
        client.request("policy-add", policy)
    except KernelError as error:
        assert words in error.message, error.message
        print("refused:", error.message)
        return
    raise AssertionError(f"accepted, should have been refused: {words}")


def check_refusals(client: Client) -> None:
    """What does not verify or does not fit stays out, in words."""
    action = [{"tunable": "sysctl.vm.swappiness", "value": "5"}]
    blob = MODELS["vote"][0]
    policy = {"name": "bad", "when": "model > 0", "model": blob, "action": action}
    refused(client, {**policy, "model": blob[:-1]}, "the model's size is not that of its parts")
    refused(client, {**policy, "model": b"\0" * 64}, "magic")
    task = forest(MODEL_MEAN, [[Split("task.age_ms", 1, 2), Leaf(0), Leaf(1)]])
    refused(client, {**policy, "model": task}, "no such signal for this subject")
    windows = {"name": "bad", "when": f"rate({UPTIME}, 5) > 1", "action": action}
    refused(client, windows, "the length of a window is a time, such as 5s")
    wrong = {"name": "bad", "when": f"{UPTIME} > 20%", "action": action}
    refused(client, wrong, "20% does not fit ainka.uptime_ms, which takes ns us ms s min h")
    value = [{"tunable": "sysctl.vm.dirty_expire_centisecs", "value": "1500us"}]
    refused(client, {"name": "bad", "when": "1 > 0", "action": value}, "not a whole number of cs")
    assert not list(client.dump("policy-get"))


def check_windows(client: Client) -> None:
    """A window fills, turns a policy on and shows what it came to."""
    before = SWAPPINESS.read_text()
    policy = {
        "name": "window",
        "when": f"rate({UPTIME}, 2s) > 500 and max({UPTIME}, 2s) >= {UPTIME}",
        "until": f"delta({UPTIME}, 2s) < 10",
        "action": [{"tunable": "sysctl.vm.swappiness", "value": "base+3"}],
    }
    client.request("policy-add", policy)
    wait("window", lambda: int(SWAPPINESS.read_text()) == int(before) + 3)
    paths = [d["path"] for d in client.dump("decision-get") if d["policy"] == "window"]
    assert paths[0].startswith(f"rate({UPTIME}, 2s) "), paths
    assert "unknown" not in paths[0], paths
    client.request("policy-remove", {"name": "window"})
    assert SWAPPINESS.read_text() == before
    print("window", paths[0])


def check_memory(client: Client) -> None:
    """A table full of windows stays within its memory."""
    when = " or ".join(f"max(task.cpu_share_permille, {n}s) > 1001" for n in range(2, 10))
    policy = {
        "subject": "task",
        "when": when,
        "mode": "observe",
        "action": [{"tunable": "task.nice", "value": "1"}],
    }
    added = []
    for n in range(64):
        name = f"full{n}"
        try:
            client.request("policy-add", {"name": name, **policy})
        except KernelError as error:
            assert "no memory for its" in error.message, error.message
            print("refused:", error.message)
            break
        added.append(name)
    else:
        raise AssertionError("64 policies with 8 windows over tasks were accepted")
    assert len(added) >= 3
    used = client.request("state-get")["memory-bytes"]
    assert used < 1 << 20, used
    client.request("policy-add", {"name": added[0], "replace": True, **policy})
    for name in added:
        client.request("policy-remove", {"name": name})
    print("memory", len(added), "policies,", used, "bytes")


def main() -> int:
    """Run them all."""
    with Client() as client:
        check_models(client)
        check_refusals(client)
        check_windows(client)
        check_memory(client)
    print("core: done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
