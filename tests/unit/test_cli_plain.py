# SPDX-License-Identifier: Apache-2.0
"""What ainkactl reads without typer, typer reads in the same way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ainkactl import full, plain
from ainkactl.declared import Function, Group, parameters
from ainkactl.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
Call = tuple[Function, dict[str, Any]]


def lists(arguments: dict[str, Any]) -> dict[str, Any]:
    """Many values are a tuple or a list."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in arguments.items()}


class Typer:
    """The commands as typer has them, which note what is called instead of doing it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._calls: list[Call] = []
        patch.setattr(full, "_command", self._noted)
        patch.setattr(full, "_alone", self._noted_alone)
        self._app = full.app(COMMANDS)

    def _noted(self, function: Function) -> Function:
        def call(**arguments: Any) -> None:
            self._calls.append((function, lists(arguments)))

        return full._signed(function, call)

    def _noted_alone(self, function: Function) -> Function:
        def call(context: typer.Context, **arguments: Any) -> None:
            if context.invoked_subcommand is None:
                self._calls.append((function, lists(arguments)))

        return full._signed(function, call, context=True)

    def calls(self, words: list[str]) -> tuple[int, list[Call]]:
        """Exit status and what is called."""
        self._calls.clear()
        status = CliRunner().invoke(self._app, words).exit_code
        return status, list(self._calls)


@pytest.fixture(scope="module")
def by_typer() -> Iterator[Typer]:
    with pytest.MonkeyPatch.context() as patch:
        yield Typer(patch)


def commands(
    group: Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Function]]:
    """Every command with the words that lead to it."""
    if group.alone is not None:
        yield path, group.alone
    for word, member in group.members.items():
        if isinstance(member, Group):
            yield from commands(member, (*path, word))
        else:
            yield (*path, word), member


def option_words(function: Function) -> list[str]:
    """How its options can be written, and some that it does not have."""
    words = ["--json", "--jso", "--nonsense", "--json=1", "-f", "-h", "--help", "--", "-"]
    for name, parameter in parameters(function).items():
        if parameter.is_option:
            names = parameter.names or (f"--{name}", f"--{name.replace('_', '-')}")
            words += [*names, f"--no-{name}", *(f"{word}=3" for word in names)]
    return words


VALUES = ["0", "1", "5", "-5", "2.5", ".", "1e3", "1_0", "²", " 1", "a", "a=1", "", "show", "push",
          "9" * 30, "/etc/passwd", "/nonexistent/x", str(ROOT)]  # fmt: skip
ALL = list(commands(COMMANDS))


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    path, function = draw(st.sampled_from(ALL))
    word = st.sampled_from(option_words(function)) | st.sampled_from(VALUES)
    return [*path, *draw(st.lists(word, max_size=5))]


@given(words=lines())
@settings(max_examples=400, deadline=None)
def test_what_is_plain_is_the_same_for_typer(by_typer: Typer, words: list[str]) -> None:
    call = plain.call(COMMANDS, words)
    if call is not None:
        assert by_typer.calls(words) == (0, [call])


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "status --json",
        "policy list",
        "policy show x --json",
        "policy add x --when a>1 --set t=1 --set u=base+5 --for 3s --priority 5 --replace",
        "policy add -f /nonexistent/p.toml",
        "signals",
        "signals --subject cgroup --json",
        "signals push a.b=5 c.d=6 --max-age=10s",
        "tunables sysctl.vm.swappiness",
        "tunable release task.nice --pid 5",
        "decisions --last 3",
        "explain 1 --json",
        "syscalls --seconds 2.5 --json",
        "interfaces",
        "state --json",
        "state set --enforce on",
        "top --interval 0.5",
        "replay /nonexistent/r --policy a --policy b",
        "model rollback cpu-hogs --to 3",
    ],
)
def test_usual_lines_are_plain(by_typer: Typer, line: str) -> None:
    call = plain.call(COMMANDS, line.split())
    assert call is not None
    assert by_typer.calls(line.split()) == (0, [call])


@pytest.mark.parametrize(
    "line",
    ["", "policy", "-h", "status -h", "explain", "explain 0", "explain x", "top --interval 0.1",
     "syscalls --seconds 61",
     "state asleep", "policy show", "policy show a b", "policy add --set",
     "signals --json push a=1"],
)  # fmt: skip
def test_what_needs_words_is_left_to_typer(line: str) -> None:
    assert plain.call(COMMANDS, line.split()) is None


def test_every_annotation_is_known(by_typer: Typer) -> None:
    for path, function in ALL:
        kinds = {function.__annotations__[name] for name in parameters(function)}
        assert kinds <= {"bool", *plain._KINDS}, path


def test_completion_is_left_to_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plain.COMPLETION, "bash_source")
    assert plain.call(COMMANDS, ["status"]) is None


def test_a_plain_line_imports_neither_typer_nor_numpy() -> None:
    program = (
        "import sys; sys.argv = ['ainkactl', *sys.argv[1:]]\n"
        "from ainkactl import main\n"
        "try: main.main()\n"
        "except SystemExit: pass\n"
        "print(*{'typer', 'click', 'numpy', 'tomllib', 'dataclasses'} & set(sys.modules))"
    )
    path = f"{ROOT / 'daemon'}:{ROOT / 'ainkactl'}"
    for line in ("status", "policy list", "policy remove x", "decisions", "tunables", "signals"):
        command = [sys.executable, "-c", program, *line.split()]
        result = subprocess.run(
            command, text=True, capture_output=True, check=True, env={"PYTHONPATH": path}
        )
        assert result.stdout.split() == [], line
