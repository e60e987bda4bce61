# SPDX-License-Identifier: Apache-2.0
"""The order of things in a scenario, with a guest that only notes what it is told.

The load's agent is the real one, in a process of this machine, with a load that sets nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import types
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from guest.vm import Guest, extra
from tests.bench.scenarios import machine, report, runner
from tests.bench.scenarios.runner import Plan, Run, Teller
from tests.bench.scenarios.scenario import AINKA, DEFAULTS, KINDS, Measure, Scenario, Static

STUB = """
import time
from pathlib import Path
from . import settings
settings.TREES, settings.PATTERNS = ({tree!r},), ()
KNOB = Path({tree!r}) / "knob"
class Load:
    def __init__(self, options): pass
    def window(self, phase, settle_s, seconds, *, fresh, reset):
        if phase == "bad": raise RuntimeError("no such phase")
        time.sleep(settle_s + seconds)
        return dict(ops=float(KNOB.read_text()), fresh=float(fresh), reset=float(reset))
    def series(self): return [(0.1, 3.0)]
    def facts(self): return dict(tree={tree!r})
    def close(self): pass
"""
TUNER = "cpu-hogs"
LEARNED = '[{"name": "learned.cpu-hogs", "origin": "learner"}, {"name": "mine", "origin": "admin"}]'


class Paper:
    """Takes commands of a guest and notes them; a knob stands for what they set."""

    release = "6.1.0-paper"
    qemu_pid = 0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.knob = folder / "tree" / "knob"
        self.knob.parent.mkdir()
        self.knob.write_text("100")
        self.knob.chmod(0o644)
        self.log: list[str] = []
        #: What tuned has set stays.
        self.sticky = False

    def run(
        self, command: str | Sequence[str], *, timeout: float = 0, input: str = ""
    ) -> subprocess.CompletedProcess[str]:
        line = command if isinstance(command, str) else " ".join(command)
        self.log.append(line)
        said = ""
        if line.startswith("set "):
            self.knob.write_text(line.split()[1])
        elif "switch_profile s virtual-guest" in line:
            self.knob.write_text("90")
        elif line == f"{machine.TUNED} disable" and not self.sticky:
            self.knob.write_text("100")
        elif line.endswith(f"> {machine.ENFORCE}"):
            self.knob.write_text("200" if line.startswith("echo 1") else "100")
        elif "policy list" in line:
            said = LEARNED
        elif "status --json" in line:
            said = '{"decisions": 7}'
        elif "state" in line:
            said = "state: optimizing for 3 s (promoted)"
        return subprocess.CompletedProcess(line, 0, said, "")

    def put(self, local: Path, remote: str) -> None:
        if local.is_dir():
            shutil.copytree(local, remote)
            stub = STUB.format(tree=str(self.knob.parent))
            (Path(remote) / "stub.py").write_text(stub)

    def get(self, remote: str, local: Path) -> None:
        local.write_text(remote)

    def popen(self, command: str) -> subprocess.Popen[str]:
        if "journalctl" in command:
            command = "echo 'tuner=cpu-hogs event=promoted mean=-0.5'; exec sleep 60"
        return subprocess.Popen(
            ["sh", "-c", command.replace("python3", sys.executable)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


EXAMPLE = Scenario(
    name="paper",
    description="a knob",
    load="stub",
    options={},
    phases=("one", "two"),
    measures=(Measure("one", "ops", "ops/s", "speed", goal=1.9), Measure("two", "ops", "1", "two")),
    statics=(Static("worse", on="set 50", off="true"),),
    tuners=(TUNER,),
    controls=("alone",),
    window_s=0.01,
    settle_s=0.0,
    learn_s=30.0,
    learn_window_s=0.01,
    fresh=("static",),
)


@pytest.fixture
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paper:
    (tmp_path / "scenario").mkdir()
    monkeypatch.setattr(machine, "FOLDER", str(tmp_path / "scenario"))
    monkeypatch.setattr(runner, "host_wait_ns", lambda guest: 0)
    monkeypatch.setattr(extra, "install", lambda guest, packages: None)
    monkeypatch.setattr(runner, "kernels", types.SimpleNamespace(kernel=lambda name: name))
    monkeypatch.setattr(runner, "accel", types.SimpleNamespace(accelerator=lambda kernel: "paper"))
    return Paper(tmp_path)


def go(scenario: Scenario, paper: Paper, kinds: tuple[str, ...] = KINDS) -> dict[str, Any]:
    kept: list[int] = []
    result: dict[str, Any] = {"scenario": scenario.name}
    plan = Plan(paper.folder, kinds, rounds=4, seed=5)
    Run(scenario, plan, cast(Guest, paper), Teller("paper"), lambda r: kept.append(r["rounds"]),
        result).go()  # fmt: skip
    assert kept == [1, 2, 3, 4]
    return result


def test_a_scenario_from_load_to_result(paper: Paper) -> None:
    result = go(EXAMPLE, paper)
    names = [c["name"] for c in result["conditions"]]
    assert names == [DEFAULTS, "worse", "tuned throughput-performance",
                     "tuned latency-performance", "tuned virtual-guest", AINKA]  # fmt: skip
    # After two rounds one of the three profiles goes on.
    rounds_of = Counter(w["condition"] for w in result["windows"] if w["phase"] == "one")
    assert sorted(rounds_of.values()) == [2, 2, 4, 4, 4, 4]
    assert rounds_of[DEFAULTS] == rounds_of["worse"] == rounds_of[AINKA] == 4
    speeds = {(w["condition"], w["figures"]["ops"]) for w in result["windows"]}
    assert {(DEFAULTS, 100.0), ("worse", 50.0), ("tuned virtual-guest", 90.0),
            (AINKA, 200.0)} <= speeds  # fmt: skip
    assert [w["phase"] for w in result["bare"]] == ["alone", "one", "two", "one", "two"]
    assert {w["figures"]["fresh"] for w in result["windows"] if w["kind"] == "static"} == {1.0}
    assert {w["figures"]["fresh"] for w in result["windows"] if w["kind"] != "static"} == {0.0}
    assert {w["figures"]["reset"] for w in result["windows"]} == {1.0}
    assert {w["state"] for w in result["windows"] if w["kind"] == AINKA} == {"optimizing"}
    assert {tuple(w["set"].values()) for w in result["windows"] if "set" in w} == {("200",)}
    learning = result["ainka"]["learning"]
    assert {w["figures"]["reset"] for w in learning["windows"]} == {0.0}
    assert learning["promoted_s"] is not None
    assert len(learning["windows"]) == 1 + 2 * len(EXAMPLE.phases) - 1
    assert result["ainka"]["in_force"] == ["learned.cpu-hogs"]
    assert (paper.folder / "paper.db").read_text() == "/tmp/telemetry.db"
    assert result["left"] == {}
    assert result["errors"] == []
    assert report.verdict(result, EXAMPLE.measures[0]) == "met"
    # AINKA is loaded when the floor has been measured, and paused when it has learned.
    landmarks = ("modprobe ainka", "tuner pause", machine.ENFORCE, machine.TUNED)
    order = [next(n for n, line in enumerate(paper.log) if what in line) for what in landmarks]
    assert order == sorted(order)


def test_what_tuned_leaves_behind_is_written_down_and_set_back(paper: Paper) -> None:
    paper.sticky = True
    result = go(EXAMPLE, paper, (DEFAULTS, "tuned"))
    assert [one["condition"] for one in result["not_back"]] == ["tuned virtual-guest"] * 2
    assert {tuple(one["settings"].values()) for one in result["not_back"]} == {("90",)}
    assert paper.knob.read_text() == "100"
    assert result["left"] == {}


def test_a_static_setting_is_undone_by_the_snapshot(paper: Paper) -> None:
    result = go(EXAMPLE, paper, (DEFAULTS, "static"))
    assert paper.knob.read_text() == "100"
    assert result["not_back"] == []
    assert "ainka" not in result
    assert not any("ainka" in line for line in paper.log)


def test_a_window_that_fails_costs_only_itself(paper: Paper) -> None:
    scenario = Scenario(**{**EXAMPLE.__dict__, "phases": ("one", "bad"), "controls": ()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "FAILURES", 100)
        result = go(scenario, paper, (DEFAULTS,))
    assert result["errors"] == ["bad: RuntimeError: no such phase"] * 6
    assert {w["figures"]["ops"] for w in result["windows"] if w["phase"] == "one"} == {100.0}


def test_a_load_that_keeps_failing_ends_the_scenario(paper: Paper) -> None:
    scenario = Scenario(**{**EXAMPLE.__dict__, "phases": ("bad",)})
    with pytest.raises(machine.WindowError, match="no such phase"):
        go(scenario, paper, (DEFAULTS, "static"))


def test_without_its_tuner_a_scenario_goes_without_ainka(
    paper: Paper, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = Scenario(**{**EXAMPLE.__dict__, "tuners": ("not-there",)})
    result = go(scenario, paper, (DEFAULTS, AINKA))
    assert [c["name"] for c in result["conditions"]] == [DEFAULTS]
    assert "no tuner of not-there" in capsys.readouterr().err
