# SPDX-License-Identifier: Apache-2.0
"""Commands about signals: what they are, what they will be, when they were unusual."""

from __future__ import annotations

# typer 0.7 does not know X | None.
# ruff: noqa: UP007
from typing import TYPE_CHECKING

from ainkactl.declared import JSON, argument, option

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Optional

    from ainkactl.declared import Text


def show(
    tasks: bool = option(False, "--tasks", help="The same as --subject task."),
    subject: Text = option(
        None, help="Those of the subjects visited last: task, cgroup or device."
    ),
    json: bool = JSON,
) -> None:
    """List the signals and their present values."""
    from ainkactl import inventory

    inventory.signals(subject or ("task" if tasks else "system"), json)


def push(
    values: list[str] = argument(metavar="NAME=VALUE...", help="What to set."),
    max_age: Text = option(
        None, "--max-age", metavar="DURATION", help="Stale after this time (5s)."
    ),
    json: bool = JSON,
) -> None:
    """Give signals of your own a value; a name that is new is registered."""
    from ainkactl import inventory

    inventory.push(values, max_age, json)


def forecast(
    plot: Optional[Path] = option(
        None, "--plot", metavar="FILE.png", help="Draw those of the last hour."
    ),
    json: bool = JSON,
) -> None:
    """Show what signals are about to become, and when memory, files or disks run out."""
    from ainkactl import forecasting

    forecasting.show(plot, json)


def anomalies(last: int = option(20, "--last", min=1, help="How many."), json: bool = JSON) -> None:
    """List the times that were unusual, and the signals that led."""
    from ainkactl import unusual

    unusual.show(last, json)
