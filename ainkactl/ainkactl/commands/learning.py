# SPDX-License-Identifier: Apache-2.0
"""Commands about tuners and the models they have learned."""

from __future__ import annotations

# typer 0.7 does not know X | None.
# ruff: noqa: UP007
from typing import TYPE_CHECKING

from ainkactl.declared import JSON, argument, option

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Optional

    from ainkactl.declared import Text

TUNER = argument(metavar="TUNER", help="Name of the tuner.")


def tuner_list(json: bool = JSON) -> None:
    """List the tuners and what became of them."""
    from ainkactl import learned

    learned.tuners(json)


def tuner_show(
    name: str = TUNER,
    plot: Optional[Path] = option(
        None, "--plot", metavar="FILE.png", help="Draw the effects measured so far."
    ),
    json: bool = JSON,
) -> None:
    """Show what a tuner may try, and what it has done lately."""
    from ainkactl import learned

    if plot is not None:
        learned.plot_effects(name, plot)
    learned.tuner(name, json)


def tuner_pause(name: str = TUNER, json: bool = JSON) -> None:
    """Let a tuner try nothing; what it has promoted stays."""
    from ainkactl import learned

    learned.pause(name, True, json)


def tuner_resume(name: str = TUNER, json: bool = JSON) -> None:
    """Let a paused tuner go on."""
    from ainkactl import learned

    learned.pause(name, False, json)


def model_list(
    tuner: Text = option(None, "--tuner", metavar="TUNER", help="Only of this one."),
    json: bool = JSON,
) -> None:
    """List the versions of models."""
    from ainkactl import learned

    learned.models(tuner, json)


def model_show(
    id: int = argument(metavar="MODEL", min=1, help="Number of the model."),
    json: bool = JSON,
) -> None:
    """Show what a model was made of, how well it agrees, and its effects."""
    from ainkactl import learned

    learned.model(id, json)


def model_rollback(
    tuner: str = TUNER,
    to: Optional[int] = option(
        None, "--to", metavar="MODEL", min=1, help="Which one; otherwise the promoted one before."
    ),
    json: bool = JSON,
) -> None:
    """Let a model that was promoted before be in force again: in shadow first, then in one step."""
    from ainkactl import learned

    learned.rollback(tuner, to, json)
