# SPDX-License-Identifier: Apache-2.0
"""Command lines that need no explanation, read without typer.

What is accepted here is accepted by typer, with the same result; tests hold the two against each
other. Whatever is not plain (a word that is no option, a number out of range, something missing)
is nobody's error yet: typer reads the line again and says what it has to say.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ainkactl.declared import Function, Group, Misuse, Parameter, parameters

if TYPE_CHECKING:
    from pathlib import Path

#: The variable by which shells ask click for completions.
COMPLETION = "_AINKACTL_COMPLETE"


class _NotPlain(Exception):
    """For typer to read."""


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _NotPlain
    return int(text)


def _real(text: str) -> float:
    if not (text.isascii() and text.replace(".", "", 1).isdigit()):
        raise _NotPlain
    return float(text)


def _path(text: str) -> Path:
    from pathlib import Path

    if os.path.exists(text) and not os.access(text, os.R_OK):  # noqa: PTH110
        raise _NotPlain
    return Path(text)


#: By annotation, as it is written: how a word becomes a value, and whether there may be many.
_KINDS: dict[str, tuple[Callable[[str], Any], bool]] = {
    "str": (str, False),
    "Text": (str, False),
    "int": (_integer, False),
    "Optional[int]": (_integer, False),
    "float": (_real, False),
    "Path": (_path, False),
    "Optional[Path]": (_path, False),
    "list[str]": (str, True),
    "list[Path]": (_path, True),
}


class _Reader:
    """The words behind a command."""

    def __init__(self, function: Function) -> None:
        self._annotations = function.__annotations__
        self._parameters = parameters(function)
        self._flags: dict[str, tuple[str, bool]] = {}
        self._options: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        for name, parameter in self._parameters.items():
            if parameter.is_option:
                self._declare(name, parameter)

    def _declare(self, name: str, parameter: Parameter) -> None:
        words = parameter.names or (f"--{name.replace('_', '-')}",)
        if self._annotations[name] != "bool":
            self._options.update(dict.fromkeys(words, name))
            return
        self._flags.update(dict.fromkeys(words, (name, True)))
        if not parameter.names:
            self._flags[f"--no{words[0][1:]}"] = (name, False)

    def read(self, words: Iterable[str]) -> dict[str, Any]:
        """Values for all parameters of the function; raises _NotPlain."""
        rest = iter(words)
        alone = []
        for word in rest:
            if word in self._flags:
                name, value = self._flags[word]
                self.values[name] = value
            elif word.startswith("-"):
                self._option(word, rest)
            else:
                alone.append(word)
        self._arguments(alone)
        for name, parameter in self._parameters.items():
            if name not in self.values:
                if parameter.default is ...:
                    raise _NotPlain
                default = parameter.default
                self.values[name] = list(default) if isinstance(default, list) else default
        return self.values

    def _option(self, word: str, rest: Iterator[str]) -> None:
        option, equals, value = word.partition("=")
        name = self._options.get(option)
        if name is None or (equals and not option.startswith("--")):
            raise _NotPlain
        # Without a word that follows, "-" is as little plain.
        text = value if equals else next(rest, "-")
        if text.startswith("-"):
            raise _NotPlain
        self._store(name, text)

    def _arguments(self, words: list[str]) -> None:
        for name, parameter in self._parameters.items():
            if parameter.is_option or not words:
                continue
            if self._annotations[name] in _KINDS and _KINDS[self._annotations[name]][1]:
                while words:
                    self._store(name, words.pop(0))
            else:
                self._store(name, words.pop(0))
        if words:
            raise _NotPlain

    def _store(self, name: str, text: str) -> None:
        kind = _KINDS.get(self._annotations[name])
        if kind is None:
            raise _NotPlain
        convert, many = kind
        value = convert(text)
        more = self._parameters[name].more
        if not more.get("min", value) <= value <= more.get("max", value):
            raise _NotPlain
        if many:
            self.values.setdefault(name, []).append(value)
        else:
            self.values[name] = value


def _call(group: Group, words: list[str]) -> tuple[Function, dict[str, Any]]:
    """The function that a line calls, and its arguments; raises _NotPlain."""
    at = 0
    while at < len(words) and words[at] in group.members:
        member = group.members[words[at]]
        at += 1
        if not isinstance(member, Group):
            return member, _Reader(member).read(words[at:])
        group = member
    if group.alone is None:
        raise _NotPlain
    if any(word in group.members for word in words[at:]):
        raise _NotPlain
    return group.alone, _Reader(group.alone).read(words[at:])


def call(group: Group, words: list[str]) -> tuple[Function, dict[str, Any]] | None:
    """The function that a command line calls and its arguments; None if typer must read it."""
    if COMPLETION in os.environ:
        return None
    try:
        return _call(group, words)
    except (_NotPlain, ValueError):
        return None


def run(group: Group, words: list[str]) -> bool:
    """Run a command; False, and nothing done, if typer must read the line.

    An interrupted command ends as it does under typer.
    """
    plain = call(group, words)
    if plain is None:
        return False
    function, arguments = plain
    try:
        function(**arguments)
    except Misuse:
        return False
    except (EOFError, KeyboardInterrupt):
        print("\nAborted!", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        sys.exit(1)
    return True
