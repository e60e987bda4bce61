# SPDX-License-Identifier: Apache-2.0
"""Results as files: a scenario that was finished is one, and is there as a whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

#: What reads a result must know its form.
FORMAT = 1


def path_of(folder: Path, name: str) -> Path:
    """Where the result of a scenario is."""
    return folder / f"{name}.json"


def write(folder: Path, name: str, result: dict[str, Any]) -> Path:
    """Write in one step: whoever looks sees the old one or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(folder, name)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    with fresh.open("w") as file:
        file.write(json.dumps({"format": FORMAT, **result}, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    return path


def read(folder: Path, name: str) -> dict[str, Any] | None:
    """A finished result; None where there is none.

    Raises ValueError, which names the file, for one that is damaged or of another form.
    """
    path = path_of(folder, name)
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        result = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it, and it is made anew") from None
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise ValueError(f"{path} is of another form; delete it, and it is made anew")
    return result


def pending(names: list[str], folder: Path, resume: bool) -> list[str]:
    """The scenarios that are to be run: with ``resume`` those that have no result yet."""
    if not resume:
        return names
    return [name for name in names if read(folder, name) is None]
