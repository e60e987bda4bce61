# SPDX-License-Identifier: Apache-2.0
"""The commands as typer has them: help, errors, completion, every way to write an option."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import Any, Optional

import typer

from ainkactl.declared import Function, Group, Misuse, Parameter, parameters

#: What the annotations of commands say.
_NAMES = {"Optional": Optional, "Path": Path, "Text": Optional[str]}  # noqa: UP007


def _declared(parameter: Parameter) -> Any:
    if parameter.is_option:
        return typer.Option(parameter.default, *parameter.names, **parameter.more)
    return typer.Argument(parameter.default, **parameter.more)


def _signed(function: Function, call: Function, *, context: bool = False) -> Function:
    """``call`` with text and parameters of ``function``, after the context of click if asked."""
    types = typing.get_type_hints(function, _NAMES)
    signature = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD,
                          default=_declared(parameter), annotation=types[name])
        for name, parameter in parameters(function).items()
    ]  # fmt: skip
    if context:
        types["context"] = typer.Context
        first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        signature.insert(0, first)
    call.__annotations__ = types
    call.__doc__ = function.__doc__
    call.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    return call


def _command(function: Function) -> Function:
    def call(**arguments: Any) -> None:
        try:
            function(**arguments)
        except Misuse as error:
            raise typer.BadParameter(str(error)) from None

    return _signed(function, call)


def _alone(function: Function) -> Function:
    def call(context: typer.Context, **arguments: Any) -> None:
        if context.invoked_subcommand is None:
            function(**arguments)

    return _signed(function, call, context=True)


def _add(app: typer.Typer, group: Group) -> None:
    for name, member in group.members.items():
        if not isinstance(member, Group):
            app.command(name)(_command(member))
            continue
        alone = member.alone is not None
        below = typer.Typer(help=member.help, no_args_is_help=not alone, rich_markup_mode=None)
        if member.alone is not None:
            below.callback()(_alone(member.alone))
        _add(below, member)
        app.add_typer(below, name=name, invoke_without_command=alone)


def app(group: Group) -> typer.Typer:
    """All commands of a program."""
    program = typer.Typer(
        name="ainkactl",
        help=group.help,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    _add(program, group)
    return program
