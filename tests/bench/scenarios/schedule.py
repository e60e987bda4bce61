# SPDX-License-Identifier: Apache-2.0
"""Which condition comes when: each once in a round, in an order that the seed draws.

After two rounds only the best static setting and the best profile of tuned go on: the brute force
that finds them need not be as exact as the comparison with them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from tests.bench.scenarios import figures
from tests.bench.scenarios.scenario import Condition, Measure

T = TypeVar("T")

SHORTLIST_AFTER: Final = 2
"""Rounds."""


def rounds(items: Sequence[T], number: int, seed: int) -> list[list[T]]:
    """``number`` orders of the same items; the same ones for the same seed."""
    draw = random.Random(seed)
    return [draw.sample(list(items), len(items)) for _ in range(number)]


def shortlist(
    windows: Sequence[dict[str, Any]], measures: Sequence[Measure], which: Sequence[Condition]
) -> list[Condition]:
    """Those that go on: of each kind with several the best for each measure that leads."""
    kept = {one.name for one in which if one.kind not in ("static", "tuned")}
    for kind in ("static", "tuned"):
        names = [one.name for one in which if one.kind == kind]
        for measure in (one for one in measures if one.leads):
            found = figures.best(windows, measure, names)
            kept.update(names if found is None else [found[0]])
    return [one for one in which if one.name in kept]
