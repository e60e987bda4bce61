# SPDX-License-Identifier: Apache-2.0
"""Commands about tunables."""

from __future__ import annotations

# typer 0.7 does not know X | None.
# ruff: noqa: UP007
from typing import TYPE_CHECKING

from ainkactl.declared import JSON, argument, option

if TYPE_CHECKING:
    from typing import Optional

    from ainkactl.declared import Text


def show(
    name: Text = argument(None, metavar="[NAME]", help="Only this one, with its journal."),
    json: bool = JSON,
) -> None:
    """List the tunables, their bounds and what they are set to."""
    from ainkactl import inventory

    inventory.tunables(name, json)


def release(
    name: str = argument(metavar="TUNABLE", help="Name of the tunable."),
    pid: Optional[int] = option(None, min=1, help="Only of this task."),
    subject_id: Optional[int] = option(None, min=1, help="Only of this cgroup or device."),
    json: bool = JSON,
) -> None:
    """Let policies set a tunable again that somebody else had set meanwhile."""
    from ainkactl import handback

    handback.release(name, pid, subject_id, json)
