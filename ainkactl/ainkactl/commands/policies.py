# SPDX-License-Identifier: Apache-2.0
"""Commands about policies."""

from __future__ import annotations

# typer 0.7 does not know X | None.
# ruff: noqa: UP007
from typing import TYPE_CHECKING, Any

from ainkactl.declared import JSON, Misuse, argument, option

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Optional

    from ainkactl.declared import Text

NAME = argument(metavar="NAME", help="Name of the policy.")


def add(
    name: Text = argument(None, metavar="[NAME]", help="Name of the policy."),
    when: Text = option(None, help="Condition that turns it on."),
    settings: list[str] = option(
        [], "--set", metavar="TUNABLE=VALUE", help="What it sets; may be repeated."
    ),
    until: Text = option(None, help="Condition that turns it off."),
    for_: Text = option(None, "--for", metavar="DURATION", help="True this long first."),
    hold: Text = option(None, metavar="DURATION", help="Minimum time on."),
    cooldown: Text = option(None, metavar="DURATION", help="Minimum time off."),
    mode: Text = option(None, help="observe, advise or enforce (default)."),
    subject: Text = option(None, help="system (default), task, cgroup or device."),
    priority: Optional[int] = option(None, help="Higher wins."),
    rate_per_min: Optional[int] = option(None, help="Most writes a minute."),
    states: Text = option(None, help="States it may enforce in, with commas."),
    replace: bool = option(False, help="Replace one of the same name."),
    file: Optional[Path] = option(None, "-f", "--file", help="Take the policies of a TOML file."),
    json: bool = JSON,
) -> None:
    """Put a policy in force, from options or from a file."""
    from ainkactl import policy

    options = {
        "name": name,
        "when": when,
        "until": until,
        "for": for_,
        "hold": hold,
        "cooldown": cooldown,
        "mode": mode,
        "subject": subject,
        "priority": priority,
        "rate_per_min": rate_per_min,
        "states": states,
    }
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if file is not None:
        if given or settings:
            raise Misuse("a file says it all: give either -f or a name and options")
        policy.add_file(file, replace, json)
        return
    if name is None or when is None or not settings:
        raise Misuse("give NAME, --when and --set, or -f FILE")
    table: dict[str, str] = {}
    for setting in settings:
        tunable, equals, value = setting.partition("=")
        if not equals or not tunable or not value:
            raise Misuse(f"--set {setting!r}: write TUNABLE=VALUE")
        if tunable in table:
            raise Misuse(f"--set {tunable} is given twice")
        table[tunable] = value
    if states is not None:
        given["states"] = [part.strip() for part in states.split(",") if part.strip()]
    policy.add_options({**given, "set": table}, replace, json)


def list_(json: bool = JSON) -> None:
    """List the policies in force."""
    from ainkactl import policy

    policy.show_all(json)


def show(name: str = NAME, json: bool = JSON) -> None:
    """Show one policy and its counters."""
    from ainkactl import policy

    policy.show(name, json)


def remove(name: str = NAME, json: bool = JSON) -> None:
    """Remove a policy and wait until what it changed is back."""
    from ainkactl import policy

    policy.remove(name, json)


def resume(name: str = NAME, json: bool = JSON) -> None:
    """Give a policy back what it lost by oscillating or by undo."""
    from ainkactl import handback

    handback.resume(name, json)
