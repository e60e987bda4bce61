# SPDX-License-Identifier: Apache-2.0
"""What an exploration yields, and how it travels to the child that learns from it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Dataset:
    """Windows, and the tasks that could have been treated in them.

    ``outcome`` (W,): logarithm of the reward, the sign such that lower is better.
    ``arm`` (W,): index of the treated arm of that window.
    ``window`` (n,): window of each row; ``treated`` (n,): 0 or 1, with probability one half each
    (of the windows of one arm and those without any);
    ``features`` (n, F): integers, read before the window began; ``task`` (n,): a number of the
    task, the same in all its rows; ``after`` (n, F): features at the end of the window, with the
    arm still set, where it is the moment that decides (else, or where there is nothing any more,
    those of before).
    """

    outcome: NDArray[np.float64]
    arm: NDArray[np.int64]
    window: NDArray[np.int64]
    treated: NDArray[np.int64]
    features: NDArray[np.int64]
    task: NDArray[np.int64]
    after: NDArray[np.int64]

    def to_bytes(self, parameters: dict[str, Any]) -> bytes:
        """The arrays and ``parameters`` as an npz file."""
        buffer = io.BytesIO()
        np.savez(buffer, parameters=np.array(json.dumps(parameters)), **vars(self))
        return buffer.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> tuple[Dataset, dict[str, Any]]:
        """The inverse of ``to_bytes``."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            parameters: dict[str, Any] = json.loads(str(arrays["parameters"]))
            names = Dataset.__dataclass_fields__
            return Dataset(**{name: arrays[name] for name in names}), parameters
