# SPDX-License-Identifier: Apache-2.0
"""Plots, where matplotlib is installed: nothing else needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ainkad.errors import AinkaError

LINE = "#12316b"
BAND = "#9db4dc"
OTHER = "#8a6d00"


def figure(rows: int) -> tuple[Any, Any]:
    """A figure with ``rows`` axes below each other. Raises AinkaError without matplotlib."""
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        raise AinkaError(
            "--plot needs matplotlib, which is not installed", "apt install python3-matplotlib"
        ) from None
    drawn, axes = plt.subplots(rows, 1, figsize=(10, 2.2 * rows + 0.6), squeeze=False, sharex=True)
    return drawn, axes[:, 0]


def save(drawn: Any, path: Path) -> None:
    """Write the file. Raises AinkaError where that cannot be done, or for an unknown kind."""
    try:
        drawn.tight_layout()
        drawn.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        raise AinkaError(f"{path}: {error}", "give the path of a .png file") from None
