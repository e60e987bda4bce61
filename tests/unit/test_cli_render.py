# SPDX-License-Identifier: Apache-2.0
"""Tables, values and sentences of ainkactl."""

from __future__ import annotations

import pytest
from ainkad.netlink.spec_gen import FAMILY

from ainkactl import decisions, explain, inventory, machine, policy, render
from ainkactl.words import REASONS, VERDICTS, sentence


class Module:
    """Answers of a module, by operation."""

    def __init__(self, **answers: object) -> None:
        self.answers = answers
        self.requests: list[tuple[str, dict[str, object]]] = []

    def __enter__(self) -> Module:
        return self

    def __exit__(self, *_: object) -> None: ...

    def request(self, operation: str, values: dict[str, object] | None = None) -> object:
        self.requests.append((operation, values or {}))
        return self.answers.get(operation.replace("-", "_"), {})

    def dump(self, operation: str, values: dict[str, object] | None = None) -> object:
        self.requests.append((operation, values or {}))
        return iter(self.answers.get(operation.replace("-", "_") + "_dump", []))  # type: ignore[call-overload]


def test_numbers_are_right_aligned_and_the_last_column_is_not_padded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    render.table(("NAME", "N"), [("a", 5), ("long", 1000), ("b", None)], "none")
    assert capsys.readouterr().out == "NAME     N\na        5\nlong  1000\nb        -\n"


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    render.table(("A",), [], "nothing there")
    assert capsys.readouterr().out == "nothing there\n"


def test_control_characters_of_a_task_name_are_shown() -> None:
    assert render.cell("evil\x1b[2J") == "evil\\x1b[2J"


def test_values_have_names() -> None:
    names = render.value_names("other=0 batch=3 idle=5")
    assert render.named(5, names) == "idle"
    assert render.named(7, names) == "7"


def test_every_verdict_and_reason_has_words() -> None:
    assert set(VERDICTS) == set(FAMILY.enums["verdict"])
    assert set(REASONS) == set(FAMILY.enums["reason"])
    assert sentence("applied", "condition-on") == (
        "the value was written, because the condition became true"
    )
    assert sentence(99, 77) == "99, because 77"


def test_status_is_readable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"state": "learning", "enforce": 1, "policies": 2, "max-policies": 64, "maps": 3}
    monkeypatch.setattr(machine, "connect", lambda: Module(state_get=row))
    machine.status(False)
    out = capsys.readouterr().out
    assert "state               learning\n" in out
    assert "policies            2 of 64\n" in out
    assert "sched-stats, tasks" in out


def test_the_state_may_be_written_with_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(state_get={"state": "predictive-scaling"})
    monkeypatch.setattr(machine, "connect", lambda: module)
    machine.set_state("predictive_scaling", True, "because", False)
    assert module.requests[0] == ("state-set", {"why": "because", "state": 2, "enforce": 1})


def test_task_signals_make_one_line_a_task(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"name": "task.pid", "pid": 7, "label": "hog", "value": 7},
        {"name": "task.cpu_share_permille", "pid": 7, "label": "hog", "value": 990},
        {"name": "task.burst_mean_us", "pid": 7, "label": "hog", "stale": True},
    ]
    monkeypatch.setattr(inventory, "connect", lambda: Module(signal_get_dump=rows))
    inventory.signals("task", False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["PID", "COMMAND", "cpu_share_permille", "burst_mean_us"]
    assert lines[1].split() == ["7", "hog", "990", "-"]


def test_tunables_show_their_journal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"name": "task.policy", "kind": "task", "values": "other=0 idle=5", "held": 1},
        {"name": "task.policy", "pid": 7, "label": "hog", "baseline": 0, "written": 5},
    ]
    monkeypatch.setattr(inventory, "connect", lambda: Module(tunable_get_dump=rows))
    inventory.tunables(None, False)
    out = capsys.readouterr().out
    assert "other idle" in out
    assert out.splitlines()[-1].split() == ["task.policy", "7", "hog", "other", "idle", "-", "held"]


def test_decisions_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"id": n, "policy": "p", "tunable": "t", "old": 1, "new": 2, "verdict": "applied"}
        for n in (1, 2, 3)
    ]
    monkeypatch.setattr(decisions, "connect", lambda: Module(decision_get_dump=rows))
    decisions.show(False, 2, False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", "2", "3"]


def test_policies_list_shows_what_is_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"name": "calm", "when": "a > 1", "action": [{"tunable": "task.nice", "value": "5"}]}
    monkeypatch.setattr(policy, "connect", lambda: Module(policy_get_dump=[row]))
    policy.show_all(False)
    assert "a > 1  task.nice=5" in capsys.readouterr().out


def test_an_effect_is_told_as_a_ratio_with_its_interval() -> None:
    effect = {
        "reward": "run delay per wake-up",
        "mean": -0.693147,
        "low": -0.9,
        "high": -0.4,
        "alpha": 0.05,
        "pairs": 8,
    }
    assert explain.effect_text(effect) == (
        "run delay per wake-up -50 % (95 % interval -59 … -33 %, 8 pairs of windows)"
    )
    assert explain.effect_text(None) == "not measured"
