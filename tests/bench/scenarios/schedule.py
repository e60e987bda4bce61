# SPDX-License-Identifier: Apache-2.0
"""Which condition comes when: each once in a round, in an order that the seed draws."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def rounds(items: Sequence[T], number: int, seed: int) -> list[list[T]]:
    """``number`` orders of the same items; the same ones for the same seed."""
    draw = random.Random(seed)
    return [draw.sample(list(items), len(items)) for _ in range(number)]
