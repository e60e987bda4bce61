# SPDX-License-Identifier: Apache-2.0
"""Commands about what was decided and what happened."""

from __future__ import annotations

from ainkactl.declared import JSON, argument, option


def show(
    follow: bool = option(False, "--follow", help="Go on as they are taken."),
    last: int = option(20, "--last", min=0, help="How many of those taken."),
    json: bool = JSON,
) -> None:
    """List the decisions taken."""
    from ainkactl import decisions

    decisions.show(follow, last, json)


def explain(
    id: int = argument(metavar="ID", min=1, help="Number of the decision."),
    json: bool = JSON,
) -> None:
    """Say why a decision was taken, what it did and how to undo it."""
    from ainkactl import explain as explanation

    explanation.explain(id, json)


def undo(
    id: int = argument(metavar="ID", min=1, help="Number of the decision."),
    json: bool = JSON,
) -> None:
    """Undo one decision; its policy may not set that tunable again until it is resumed."""
    from ainkactl import handback

    handback.undo(id, json)


def events(
    follow: bool = option(False, "--follow", help="Go on as they happen."),
    type: list[str] = option(
        [], "--type", metavar="TYPE", help="Only these, as fork, exec, exit; may be repeated."
    ),
    last: int = option(20, "--last", min=0, help="How many of those that have happened."),
    json: bool = JSON,
) -> None:
    """List processes as they began, executed and ended, OOM kills, and slow system calls."""
    from ainkactl import events as listing

    listing.show(follow, type, last, json)
