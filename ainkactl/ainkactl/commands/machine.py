# SPDX-License-Identifier: Apache-2.0
"""Commands about the machine as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ainkactl.declared import JSON, Misuse, argument, option

if TYPE_CHECKING:
    from ainkactl.declared import Text


def status(json: bool = JSON) -> None:
    """Show the state, the lease, the counters and what evaluation costs."""
    from ainkactl import machine

    machine.status(json)


def doctor(json: bool = JSON) -> None:
    """Say what collects, what does not, why, and what that costs."""
    from ainkactl import doctor as examination

    examination.doctor(json)


def top(
    interval: float = option(
        2.0, "--interval", min=0.2, metavar="SECONDS", help="Between two views."
    ),
    once: bool = option(False, "--once", help="Show it once and end."),
    json: bool = option(False, "--json", help="Print one view as JSON and end."),
) -> None:
    """Watch the machine, the state and the decisions."""
    from ainkactl import top as view

    view.top(interval, once, json)


def state(json: bool = JSON) -> None:
    """Show the state of the machine."""
    from ainkactl import machine

    machine.show_state(json)


def state_show(json: bool = JSON) -> None:
    """Show the state."""
    from ainkactl import machine

    machine.show_state(json)


def state_set(
    name: Text = argument(None, metavar="[STATE]", help="The new state."),
    enforce: Text = option(None, metavar="on|off", help="May tunables be written?"),
    why: str = option("set by an admin", help="What the journal says of it."),
    json: bool = JSON,
) -> None:
    """Set the state, or switch enforcement."""
    from ainkactl import machine

    if name is None and enforce is None:
        raise Misuse("give a STATE or --enforce")
    if enforce not in (None, "on", "off"):
        raise Misuse(f"--enforce {enforce!r}: on or off")
    machine.set_state(name, None if enforce is None else enforce == "on", why, json)


def reset(json: bool = JSON) -> None:
    """Enforcement off and everything back to its baseline."""
    from ainkactl import machine

    machine.reset(json)


def unload(json: bool = JSON) -> None:
    """Stop the daemon and remove the module; says what was restored."""
    from ainkactl import unload as removal

    removal.unload(json)
