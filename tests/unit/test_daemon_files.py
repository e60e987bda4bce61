# SPDX-License-Identifier: Apache-2.0
"""What people write: durations, configuration, policies, tuners; faults are named with lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from ainkad.config import Config, parse_config, read_config
from ainkad.core import Windows, compile_expression
from ainkad.errors import AinkaError
from ainkad.netlink.spec_gen import Subject
from ainkad.policy_file import read_policies
from ainkad.toml_file import parse_toml
from ainkad.tuner.confirm import model_policy
from ainkad.tuner.definition import read_tuner
from ainkad.units import format_duration, parse_duration

ROOT = Path(__file__).resolve().parents[2]
TUNER = ROOT / "policies" / "tuners" / "cpu-hogs.toml"


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("0", 0), ("500ms", 500_000_000), ("1.5s", 1_500_000_000), ("2min", 120_000_000_000),
     ("10 us", 10_000), ("3µs", 3_000), ("1h", 3_600_000_000_000), ("0.001ns", 0)],
)  # fmt: skip
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "ms", "-1s", "1 week", "1e3s", "1s2ms", "9999999999d"])
def test_bad_durations_say_what_is_allowed(text: str) -> None:
    with pytest.raises(AinkaError) as caught:
        parse_duration(text)
    assert repr(text) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0"), (999, "999 ns"), (1_500_000, "1.5 ms"), (12_340_000_000, "12.3 s"),
     (600_000_000_000, "10 min")],
)  # fmt: skip
def test_durations_for_people(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


def test_the_shipped_configuration_is_the_default() -> None:
    assert read_config(ROOT / "daemon" / "config.toml") == Config()


def test_interfaces_are_names() -> None:
    text = "[collect]\ninterfaces = ['eth0', 'wlp0s20f3']\n"
    assert parse_config(parse_toml("c", text)).interfaces == ("eth0", "wlp0s20f3")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[daemon]\nlaese = '5s'\n", ["c:2", "daemon.laese", "unknown key", "lease"]),
        ("[demon]\n", ["c:1", "demon", "unknown key", "daemon"]),
        ("[daemon]\nlease = 5\n", ["c:2", "daemon.lease", "whole number", "500ms"]),
        ("[daemon]\nlease = '5'\n", ["c:2", "daemon.lease", "'5'", "ms"]),
        ("[daemon]\nlease = '1ms'\n", ["daemon.lease", "too short", "500ms"]),
        ("[daemon]\nlease = '1h'\n", ["daemon.lease", "too long", "60s"]),
        ("[daemon]\nbpf = 'x.o'\n", ["daemon.bpf", "absolute"]),
        ("[daemon]\nlog_level = 'loud'\n", ["log_level", "loud", "warning"]),
        ("[store]\nkeep_days = true\n", ["store.keep_days", "true or false"]),
        ("[store]\nkeep_days = -1\n", ["store.keep_days", "-1", "bounds"]),
        ("[collect]\nsyscalls = 1\n", ["c:2", "collect.syscalls", "true or false"]),
        ("[collect]\nslow_call = '0'\n", ["collect.slow_call", "too short", "0.001ms"]),
        ("[collect]\ninterfaces = 'eth0'\n", ["c:2", "collect.interfaces", "list"]),
        ("[collect]\ninterfaces = ['eth 0']\n", ["collect.interfaces", "'eth 0'", "15 bytes"]),
        ("[collect]\ninterfaces = ['sixteen_letters_']\n", ["collect.interfaces", "15 bytes"]),
        ("[collect]\ninterfaces = ['']\n", ["collect.interfaces", "15 bytes"]),
        ("[collect]\ninterfaces = ['a', 'a']\n", ["collect.interfaces", "twice"]),
        (f"[collect]\ninterfaces = {[f'e{i}' for i in range(17)]}\n", ["17 names", "most 16"]),
        ("[learning]\ntuners = 'cpu-hogs'\n", ["learning.tuners", "list"]),
        ("[learning]\ntuners = [1]\n", ["learning.tuners", "whole number"]),
        ("[learning]\nenabled = 'yes'\n", ["learning.enabled", "text", "true or false"]),
        ("learning = 3\n", ["learning", "whole number", "table"]),
        ("[daemon\n", ["c:1"]),
        ("a = 1\na = 2\n", ["c:2"]),
    ],
)
def test_a_wrong_configuration_is_refused(text: str, words: list[str]) -> None:
    with pytest.raises(AinkaError) as caught:
        parse_config(parse_toml("c", text))
    for word in words:
        assert word in str(caught.value)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "p.toml"
    path.write_text(text)
    return path


GOOD = """
[[policy]]
name = "calm"
when = "sched.run_delay_p99_us > 5000"
until = "sched.run_delay_p99_us < 1000"
for = "500ms"
hold = "2s"
mode = "observe"
priority = 3
states = ["learning", "predictive_scaling"]
rate_per_min = 30
set = { "sysctl.vm.swappiness" = 10 }

[[policy]]
name = "other"
subject = "task"
when = "task.cpu_share_permille > 900"
[policy.set]
task.nice = 19
"""


def test_a_policy_file_becomes_requests(tmp_path: Path) -> None:
    first, second = read_policies(write(tmp_path, GOOD))
    assert first == {
        "name": "calm",
        "when": "sched.run_delay_p99_us > 5000",
        "until": "sched.run_delay_p99_us < 1000",
        "for-ns": 500_000_000,
        "hold-ns": 2_000_000_000,
        "mode": "observe",
        "priority": 3,
        "states": 0b101,
        "rate-per-min": 30,
        "action": [{"tunable": "sysctl.vm.swappiness", "value": "10"}],
    }
    assert second["action"] == [{"tunable": "task.nice", "value": "19"}]


def test_a_single_policy_needs_no_double_brackets(tmp_path: Path) -> None:
    text = '[policy]\nname = "a"\nwhen = "sched.switch_rate_hz > 1"\nset = { t = "base+5" }\n'
    assert read_policies(write(tmp_path, text))[0]["action"] == [
        {"tunable": "t", "value": "base+5"}
    ]


BASE = '[[policy]]\nname = "a"\nwhen = "sched.switch_rate_hz > 1"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["holds no policy"]),
        ("x = 1\n", ["x", "unknown key", "policy"]),
        ("policy = 3\n", ["policy", "[[policy]]"]),
        ("[[policy]]\nname = 'a'\n", [":1:", "policy[1].when", "missing"]),
        (BASE, ["policy[1].set", "missing"]),
        (BASE + "set = {}\n", [":4:", "policy[1].set", "0 tunables", "8"]),
        (BASE + "set = { a = 1.5 }\n", ["set", "a is a number"]),
        (BASE + "set = { a = true }\n", ["set", "true or false"]),
        (BASE + "wen = 'x'\nset = { a = 1 }\n", [":4:", "policy[1].wen", "when"]),
        (BASE + "for = '1 parsec'\nset = { a = 1 }\n", [":4:", "policy[1].for", "parsec"]),
        (BASE + "mode = 'often'\nset = { a = 1 }\n", [":4:", "mode", "enforce"]),
        (BASE + "set = { a = 1 }\n" + BASE + "set = { a = 1 }\n", [":6:", "'a'", "twice"]),
        (BASE.replace("tch", "ch") + "set = { a = 1 }\n", [":3:", "sched.swich", "^"]),
        (BASE.replace("> 1", ">") + "set = { a = 1 }\n", [":3:", "when", "^"]),
        ("[[policy]]\nname = 'a b'\n", [":2:", "'a b'", "letters"]),
        ("[[policy]]\nname = \"\n", [":2"]),
    ],
)  # fmt: skip
def test_a_wrong_policy_file_is_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(AinkaError) as caught:
        read_policies(write(tmp_path, text))
    for word in words:
        assert word in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"\n')
    for path, words in ((tmp_path, "directory"), (tmp_path / "none", "No such file"),
                        (tmp_path / "latin.toml", ":1: not UTF-8")):  # fmt: skip
        with pytest.raises(AinkaError, match=words):
            read_policies(path)


@pytest.mark.parametrize("path", sorted(TUNER.parent.glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_tuners_are_understood(path: Path) -> None:
    tuner = read_tuner(path)
    assert tuner.arms[0].settings == ()
    assert len(tuner.experiment) < 32
    assert tuner.in_context == (tuner.subject != "task")
    for arm in tuner.treated_arms:
        policy = model_policy(tuner, arm, b"", tuner.learned, "learner", "enforce")
        windows = Windows()
        for key in ("when", "until"):
            number = Subject[tuner.subject.upper()]
            assert len(policy[key]) < 512
            compile_expression(policy[key], number, True, windows)


def test_the_tuner_of_tasks() -> None:
    tuner = read_tuner(TUNER)
    assert tuner.arms[0].settings == ()
    assert [arm.name for arm in tuner.treated_arms] == ["idle"]
    assert tuner.treated_arms[0].settings == (("task.policy", "idle"),)
    assert tuner.learned == "learned.cpu-hogs"
    assert len(tuner.experiment) < 32


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('subject = "task"', 'subject = "cgroup"', ["subject", "task", "device"]),
        ('"task.burst_mean_us"', '"task.pid"', ["features", "task.pid", "cannot be learned"]),
        ('"task.burst_mean_us"', '"task.colour"', ["features", "task.colour"]),
        ('"task.burst_mean_us"', '"sched.switch_rate_hz"', ["features", "sched"]),
        ("set = {}", 'set = { "task.nice" = 1 }', ["arms[1].set", "baseline"]),
        ('set = { "task.policy" = "idle" }', "set = {}", ["arms[2].set", "baseline"]),
        ('name = "idle"', 'name = "baseline"', ["arms[2].name", "twice"]),
        ("most = 14", "most = 15", ["candidates.most", "15", "14"]),
        ("keep = 1\n", "keep = 60\n", ["candidates.keep", "60", "20"]),
        ('numerator = "wake-delay-ns"', 'numerator = "joy"', ["reward.numerator", "joy", "delays"]),
        (
            'denominator = "wake-delays"',
            'denominator = "sched.switch_rate_hz"',
            ["reward.denominator", "does not count", "time", "mem.oom_kills"],
        ),
        ("priority = 0", 'priority = 0\nwhen = "task.joy > 1"', ["policy.when", "task.joy"]),
        (
            "priority = 0",
            'priority = 0\nwhen = "avg(psi.cpu_some_permille, 5s) > 1"',
            ["policy.when", "avg() looks back", "until"],
        ),
        ('signal = "sched.cpu_busy_permille"', 'signal = "x"', ["guards[1].signal", "psi"]),
        ("confirm_pairs = 10", "confirm_pairs = 1", ["windows.confirm_pairs", "3"]),
        ("alpha = 0.05", "alpha = 0.9", ["learner.alpha", "0.9"]),
        ("depth = 1", "depht = 1", ["learner.depth", "missing"]),
        ("priority = 0", "priorty = 0", ["policy.priorty", "unknown key", "hold"]),
    ],
)
def test_a_wrong_tuner_is_refused(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    text = TUNER.read_text()
    assert old in text
    path = tmp_path / "x.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(AinkaError) as caught:
        read_tuner(path)
    for word in words:
        assert word in str(caught.value)
