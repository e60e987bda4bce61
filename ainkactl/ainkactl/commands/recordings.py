# SPDX-License-Identifier: Apache-2.0
"""Commands that record what evaluations see, and take the decisions again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ainkactl.declared import JSON, argument, option

if TYPE_CHECKING:
    from pathlib import Path

    from ainkactl.declared import Text


def record(
    file: Path = argument(metavar="FILE", help="The recording that is written."),
    length: Text = option(
        None, "--for", metavar="DURATION", help="How long; otherwise until interrupted."
    ),
    json: bool = JSON,
) -> None:
    """Record what the module's evaluations see, to take the decisions again later."""
    from ainkactl import replaying

    replaying.record(file, length, json)


def replay(
    file: Path = argument(metavar="FILE", help="A recording."),
    policy: list[Path] = option(
        [], "--policy", metavar="FILE", help="Policies instead of the recorded ones; repeatable."
    ),
    json: bool = JSON,
) -> None:
    """Say which decisions follow from a recording, when and why."""
    from ainkactl import replaying

    replaying.run(file, policy, json)
