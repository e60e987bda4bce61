# SPDX-License-Identifier: Apache-2.0
"""Interfaces that come and go; what is counted at them is checked in the guest."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ainkad import layouts_gen as layouts
from ainkad import traffic as module
from ainkad.bpf import BpfError
from ainkad.traffic import DIRECTIONS, PROTOCOLS, Traffic


class FakeWatched:
    """Programs at an interface; those with index 9 are refused."""

    open: ClassVar[set[int]] = set()
    tries = 0

    def __init__(self, path: Path, name: str, index: int) -> None:
        FakeWatched.tries += 1
        if index == 9:
            raise BpfError("cannot attach")
        self.index = index
        self.hooks = {"ingress": "xdp"}
        self.reason = "half"
        FakeWatched.open.add(index)

    def counts(self) -> list[dict[str, Any]]:
        return [{"direction": "ingress", "protocol": "tcp", "packets": 1, "bytes": 2}]

    def close(self) -> None:
        FakeWatched.open.discard(self.index)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Watched", FakeWatched)
    FakeWatched.open, FakeWatched.tries = set(), 0


def test_protocols_are_in_the_order_of_the_programs() -> None:
    for direction in DIRECTIONS:
        assert getattr(layouts, f"TRAFFIC_{direction.upper()}") == DIRECTIONS.index(direction)
    for protocol in PROTOCOLS:
        name = "TRAFFIC_" + protocol.removeprefix("other-").upper()
        assert getattr(layouts, name) == PROTOCOLS.index(protocol)
    assert len(PROTOCOLS) == layouts.TRAFFIC_PROTOCOLS


def test_they_come_and_go() -> None:
    there = {"a": 3}
    traffic = Traffic(Path("x"), ["a", "b"], lambda name: there.get(name, 0))
    traffic.look()
    a, b = traffic.report()
    assert a["watched"] and a["index"] == 3 and a["counts"][0]["packets"] == 1
    assert (b["watched"], b["reason"]) == (False, "there is no such interface")
    there.update(a=4, b=5)
    traffic.look()
    assert FakeWatched.open == {4, 5}, "another interface of the same name is another one"
    there.clear()
    assert [row["watched"] for row in traffic.report()] == [True, True]
    answer = asyncio.run(traffic.answer({}))
    assert [row["watched"] for row in answer["interfaces"]] == [False, False]
    assert not FakeWatched.open
    there.update(a=6)
    traffic.look()
    traffic.close()
    assert not FakeWatched.open


def test_what_cannot_be_attached_is_tried_once_and_named() -> None:
    there = {"a": 9}
    traffic = Traffic(Path("x"), ["a"], lambda name: there[name])
    traffic.look()
    traffic.look()
    assert FakeWatched.tries == 1
    assert traffic.report() == [{"interface": "a", "watched": False, "reason": "cannot attach"}]
    ingress, egress = traffic.states()
    assert not ingress["attached"] and ingress["reason"] == egress["reason"] == "cannot attach"
    there["a"] = 10
    traffic.look()
    ingress, egress = traffic.states()
    assert (ingress["program"], ingress["attached"]) == ("xdp_ingress", True)
    assert (egress["program"], egress["attached"], egress["reason"]) == ("tc_egress", False, "half")
