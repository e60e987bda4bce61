# SPDX-License-Identifier: Apache-2.0
"""Policies as TOML, and as the requests that the module takes.

A file holds ``[[policy]]`` tables, or a single ``[policy]``::

    [[policy]]
    name = "calm"
    when = "sched.run_delay_p99_us > 5000"
    for = "500ms"
    set = { "sysctl.vm.swappiness" = 10 }
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ainkad.errors import AinkaError
from ainkad.netlink.spec_gen import EXPR_LEN, FAMILY, MAX_ACTIONS, TUNABLE_LEN, VALUE_LEN
from ainkad.toml_file import Source, Table, read_toml

if TYPE_CHECKING:
    from pathlib import Path

NAME_PATTERN = r"[A-Za-z0-9._-]{1,31}"
NAME_WORDS = "1 to 31 letters, digits, dots, dashes and underscores"

Request = dict[str, Any]
# (text, subject, has_model) → None, or AinkaError
CheckExpression = Callable[[str, str, bool], None]


def check_condition(text: str, subject: str, has_model: bool) -> None:
    """Compile a condition as the kernel will; raises AinkaError with a line that points at a fault.

    A name that is unknown may be one that is registered in the module, so that is asked then.
    Without the library nothing is checked here: the kernel does it again in any case.
    """
    from ainkad.core import ExpressionError, compile_expression, external_signals
    from ainkad.core.library import CoreLibraryError
    from ainkad.external import names_if_loaded

    number = FAMILY.enums["subject"].index(subject)
    try:
        try:
            compile_expression(text, number, has_model)
        except ExpressionError:
            registered = names_if_loaded()
            if not registered:
                raise
            with external_signals(registered):
                compile_expression(text, number, has_model)
    except ExpressionError as error:
        hint = f"{error.caret}\nhint: what can be compared: ainkactl signals"
        raise AinkaError(error.message, hint) from None
    except CoreLibraryError:
        return


def policy_request(table: Table, check: CheckExpression = check_condition) -> Request:
    """The netlink request of one policy table; raises AinkaError with the key and what it may be.

    ``check`` looks at the conditions before the kernel does, which can show where in them the
    fault lies.
    """
    subjects, modes, states = (FAMILY.enums[name] for name in ("subject", "mode", "state"))
    request: Request = {
        "name": table.matching("name", NAME_PATTERN, NAME_WORDS),
        "subject": table.choice("subject", subjects, None),
        "when": table.text("when", max_len=EXPR_LEN - 1),
        "until": table.text("until", None, EXPR_LEN - 1),
        "for-ns": table.duration("for", None),
        "hold-ns": table.duration("hold", None),
        "cooldown-ns": table.duration("cooldown", None),
        "rate-per-min": table.integer("rate_per_min", 0, 1_000_000, None),
        "mode": table.choice("mode", modes, None),
        "priority": table.integer("priority", -1000, 1000, None),
        "states": None,
        "action": [],
    }
    names = table.texts("states", None, states)
    if names is not None:
        if not names:
            raise table.fail("states", "is empty", "allowed: " + ", ".join(states))
        request["states"] = sum({1 << states.index(n.replace("_", "-")) for n in names})
    settings = table.settings("set")
    if not 1 <= len(settings) <= MAX_ACTIONS:
        raise table.fail("set", f"has {len(settings)} tunables", f"1 to {MAX_ACTIONS} are possible")
    for tunable, value in settings.items():
        if len(tunable) >= TUNABLE_LEN or len(value) >= VALUE_LEN:
            hint = f"a name has at most {TUNABLE_LEN - 1} bytes, a value {VALUE_LEN - 1}"
            raise table.fail("set", f"{tunable} = {value} is too long", hint)
        request["action"].append({"tunable": tunable, "value": value})
    table.done()
    for key in ("when", "until"):
        if request[key] is not None:
            try:
                check(request[key], request["subject"] or "system", False)
            except AinkaError as error:
                raise table.fail(key, error.message, error.hint) from None
    return {key: value for key, value in request.items() if value is not None}


def read_policies(path: Path, check: CheckExpression = check_condition) -> list[Request]:
    """The policies of a file. Raises AinkaError with the line of the first fault."""
    document = read_toml(path)
    tables = document.tables("policy")
    document.done()
    if not tables:
        raise AinkaError(f"{path}: holds no policy", "write a [[policy]] table")
    requests = [policy_request(table, check) for table in tables]
    names: set[str] = set()
    for table, request in zip(tables, requests, strict=True):
        if request["name"] in names:
            raise table.fail("name", f"{request['name']!r} is there twice", "names are unique")
        names.add(request["name"])
    return requests


def policy_from_options(data: dict[str, Any], check: CheckExpression = check_condition) -> Request:
    """The request of a policy given on the command line, by the keys of a file."""
    return policy_request(Table(Source("policy"), data), check)
