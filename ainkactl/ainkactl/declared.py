# SPDX-License-Identifier: Apache-2.0
"""Commands as data: what each takes, without the library that explains it.

Importing typer and building its commands costs more than most commands do. So the files in
``commands`` say with the words of this module what a command takes. ``plain`` reads the command
lines that need no explanation; all others (help, errors, rarer ways of writing an option) are left
to typer, for which ``full`` makes its declarations of the same data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Optional

Function = Callable[..., None]
#: Annotation of a text that may be left out; typer 0.7 does not know X | None.
Text = Optional[str]  # noqa: UP007


class Misuse(Exception):
    """A command cannot do with what it was given; raised before it does anything."""


class Parameter:
    """An option or argument: the default of a parameter of a command's function.

    ``default`` is ``...`` where one must be given; ``names`` are those of an option, for which
    there is one by default; ``more`` is what typer is told besides (help, metavar, min, max).
    """

    __slots__ = ("default", "is_option", "more", "names")

    def __init__(
        self, is_option: bool, default: object, names: tuple[str, ...], more: Mapping[str, Any]
    ) -> None:
        self.is_option = is_option
        self.default = default
        self.names = names
        self.more = more


def option(default: object, *names: str, **more: Any) -> Any:
    """An option of a command; stands where the function has its default."""
    return Parameter(True, default, names, more)


def argument(default: object = ..., **more: Any) -> Any:
    """An argument of a command; stands where the function has its default."""
    return Parameter(False, default, (), more)


class Group:
    """Commands below one word, by the word that follows; ``alone`` is run when none does."""

    __slots__ = ("alone", "help", "members")

    def __init__(
        self, help: str, members: Mapping[str, Function | Group], alone: Function | None = None
    ) -> None:
        self.help = help
        self.members = members
        self.alone = alone


def parameters(function: Function) -> dict[str, Parameter]:
    """What a command takes, by the names of its function's parameters, in their order."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    return dict(zip(names, function.__defaults__ or (), strict=True))


JSON = option(False, "--json", help="Print JSON.")
