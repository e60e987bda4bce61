# SPDX-License-Identifier: Apache-2.0
"""ainkactl in its own process, without a module: parsing, exit codes, what goes where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ainkad.event_socket import SOCKET_PATH

ROOT = Path(__file__).resolve().parents[2]


def ainkactl(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{ROOT / 'ainkactl'}:{ROOT / 'daemon'}"
    return subprocess.run(
        [sys.executable, "-m", "ainkactl.main", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


COMMANDS = [
    ["status"],
    ["policy", "list"],
    ["policy", "show", "x"],
    ["policy", "remove", "x"],
    ["policy", "add", "x", "--when", "sched.switch_rate_hz > 1", "--set", "task.nice=1"],
    ["signals"],
    ["signals", "--tasks"],
    ["signals", "push", "load.queue_count=5"],
    ["tunables"],
    ["decisions"],
    ["decisions", "--follow"],
    ["explain", "1"],
    ["top"],
    ["top", "--json"],
    ["state"],
    ["state", "show"],
    ["state", "set", "learning"],
    ["reset"],
    ["unload"],
    ["record", "/nonexistent/recording"],
]


@pytest.mark.skipif(Path("/sys/module/ainka").exists(), reason="the module is loaded here")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_module_every_command_says_how_to_load_it(command: list[str]) -> None:
    result = ainkactl(*command)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        "error: the ainka module is not loaded\nhint: load it: modprobe ainka\n"
    )


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["nonsense"], "nonsense"),
        (["status", "--colour"], "--colour"),
        (["policy", "add"], "NAME"),
        (["policy", "add", "x", "--when", "a > 1"], "--set"),
        (["policy", "add", "x", "--when", "a > 1", "--set", "nothing"], "TUNABLE=VALUE"),
        (["policy", "add", "x", "--when", "a > 1", "--set", "t=1", "--set", "t=2"], "twice"),
        (["policy", "add", "x", "-f", "y.toml"], "either"),
        (["policy", "show"], "NAME"),
        (["explain", "x"], "x"),
        (["explain", "0"], "0"),
        (["decisions", "--last", "-1"], "-1"),
        (["events", "--last", "-1"], "-1"),
        (["top", "--interval", "0"], "0"),
        (["signals", "push"], "NAME=VALUE"),
        (["state", "set"], "STATE"),
        (["state", "set", "--enforce", "maybe"], "maybe"),
    ],
)
def test_usage_errors_exit_with_2(command: list[str], words: str) -> None:
    result = ainkactl(*command)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mode", "often"], ["mode", "often", "observe, advise, enforce"]),
        (["--subject", "planet"], ["subject", "planet", "system, task"]),
        (["--for", "3x"], ["for", "3x", "ms"]),
        (["--priority", "5000"], ["priority", "5000", "1000"]),
        (["--states", "learning,asleep"], ["states", "asleep", "optimizing"]),
        (["--set", "t=" + "9" * 40], ["set", "too long", "31"]),
        (["--until", "x" * 600], ["until", "600", "511"]),
    ],
)
def test_bad_values_are_named_with_what_is_allowed(options: list[str], words: list[str]) -> None:
    result = ainkactl(
        "policy", "add", "x", "--when", "sched.switch_rate_hz > 1", "--set", "a=1", *options
    )
    assert result.returncode == 1
    for word in words:
        assert word in result.stderr
    assert result.stderr.startswith("error: ")
    assert "hint: " in result.stderr


@pytest.mark.parametrize("name", ["", "with blank", "x" * 32, "../etc", "naïve"])
def test_a_bad_policy_name_is_refused(name: str) -> None:
    result = ainkactl("policy", "add", name, "--when", "a > 1", "--set", "t=1")
    assert result.returncode == 1
    assert "letters, digits" in result.stderr


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('[[policy]]\nname = "x"\nwhen = \n')
    result = ainkactl("policy", "add", "-f", str(path))
    assert result.returncode == 1
    assert f"{path}:3" in result.stderr


@pytest.mark.skipif(SOCKET_PATH.exists(), reason="ainkad runs here")
def test_events_without_a_daemon_say_how_to_start_it() -> None:
    result = ainkactl("events")
    assert result.returncode == 1
    assert "ainkad does not answer" in result.stderr
    assert "hint: start it: systemctl start ainkad" in result.stderr


@pytest.mark.skipif(Path("/sys/module/ainka").exists(), reason="the module is loaded here")
def test_doctor_works_without_anything() -> None:
    result = ainkactl("doctor", "--json")
    assert result.returncode == 0, result.stderr
    found = {row["what"]: row for row in json.loads(result.stdout)["findings"]}
    assert found["module"]["state"] == "missing"
    assert "modprobe ainka" in found["module"]["reason"]
    assert found["module"]["costs"] == "everything"
    assert "module" in ainkactl("doctor").stdout


def test_a_closed_pipe_is_silent() -> None:
    shell = subprocess.run(
        f"(sleep 0.3; {sys.executable} -m ainkactl.main --help) | true",
        shell=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'ainkactl'}:{ROOT / 'daemon'}"},
    )
    assert shell.stderr == ""


def test_help_names_every_command() -> None:
    text = ainkactl("--help").stdout
    for name in ("status", "policy", "signals", "tunables", "decisions", "explain", "state",
                 "events", "doctor", "top"):  # fmt: skip
        assert name in text
