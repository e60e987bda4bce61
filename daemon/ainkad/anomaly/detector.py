# SPDX-License-Identifier: Apache-2.0
"""On-line detection over signals, one step a second.

Each signal has a mean and a deviation that follow it slowly (ten minutes), robustly: what is far
off counts as if it were CLIP deviations off. All together have a covariance of these deviations;
the Mahalanobis distance (P. Mahalanobis, On the generalised distance in statistics, Proceedings of
the National Institute of Sciences of India 2 (1936) 49-55), with the covariance shrunk towards its
diagonal, sees what no signal shows by itself: a latency that rises without its load.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ainkad.anomaly.threshold import Thresholds
from ainkad.errors import AinkaError

Floats = NDArray[np.float64]

MEMORY: Final = 600.0
LEARNING: Final = 300
"""Steps before anything is called unusual."""
LOWEST: Final = 5.0
LOWEST_TOGETHER: Final = 1.8
"""A threshold is at least so many deviations, however quiet it is."""
CLIP: Final = 4.0
_WIDEST: Final = 8.0
_SHRINK: Final = 0.02
_RIDGE: Final = 0.01
# Of a normal distribution, standard deviations in a mean absolute one.
_TO_SIGMA: Final = 1.2533
# The least that counts as a deviation: 5 % of a value, and of a share of 1.5 % half a percent.
_FLOOR_LOG: Final = 0.05
_FLOOR_SHARE: Final = 0.2
_LIMIT: Final = float(1 << 62)


@dataclass(frozen=True)
class Scores:
    """How unusual a second was.

    ``score`` (S,) is in deviations of each signal, nan where it is stale; ``threshold`` (S,) what
    is still usual. ``together`` and ``together_threshold`` are of all signals at once.
    """

    score: Floats
    threshold: Floats
    together: float
    together_threshold: float
    ready: bool

    @property
    def ratio(self) -> float:
        """The largest score as a share of its threshold: above 1 is unusual."""
        own = np.divide(self.score, self.threshold)
        most = float(np.nanmax(own)) if not np.isnan(own).all() else 0.0
        return max(most, self.together / self.together_threshold)


class Detector:
    """Learns what is usual of S signals and says how unusual the present is."""

    def __init__(self, signals: Sequence[str]) -> None:
        self.signals = list(signals)
        n = len(self.signals)
        self._share = np.array([name.endswith("_permille") for name in signals])
        self._mean = np.full(n, np.nan)
        self._deviation = np.full(n, np.nan)
        self._known = np.zeros(n)
        self._covariance = np.eye(n)
        self._steps = 0
        self._thresholds = Thresholds(n, 1.0, LOWEST)
        self._together = Thresholds(1, 0.6, LOWEST_TOGETHER)

    def _scaled(self, values: Mapping[str, float | None]) -> Floats:
        raw = np.array(
            [
                np.nan if (v := values.get(name)) is None or not 0 <= v < _LIMIT else float(v)
                for name in self.signals
            ]
        )
        # The root of a share varies as much near 0 as in the middle.
        root = 10 * np.sqrt(np.clip(raw / 1000.0, 0.0, 1.0))
        return np.where(self._share, root, np.log1p(raw))

    def step(self, values: Mapping[str, float | None], weight: float = 1.0) -> Scores:
        """Judge the values of a second, then learn from them, ``weight`` times as fast as usual."""
        value = self._scaled(values)
        known = ~np.isnan(value)
        floor = np.where(self._share, _FLOOR_SHARE, _FLOOR_LOG)
        deviation = np.maximum(np.nan_to_num(self._deviation), floor) * _TO_SIGMA
        off = np.where(self._known >= LEARNING / 2, (value - self._mean) / deviation, np.nan)
        together = self._distance(off)
        ready = self._steps >= LEARNING
        scores = Scores(
            np.abs(off), self._thresholds.values(), together,
            float(self._together.values()[0]), ready,
        )  # fmt: skip
        weight = weight if ready else 1.0
        self._learn(value, known, off, weight)
        if self._steps >= LEARNING / 2:
            self._thresholds.learn(np.abs(off), np.full(len(off), min(weight, 1.0)))
            self._together.learn(np.array([together]), np.array([min(weight, 1.0)]))
        self._steps += 1
        return scores

    def _distance(self, off: Floats) -> float:
        """Mahalanobis distance of the known ones, as if each were by itself one deviation long."""
        rows = np.flatnonzero(~np.isnan(off))
        if len(rows) < 2:
            return 0.0
        z = np.clip(off[rows], -_WIDEST, _WIDEST)
        covariance = self._covariance[np.ix_(rows, rows)]
        shrunk = (1 - _SHRINK) * covariance + _SHRINK * np.diag(np.diagonal(covariance))
        shrunk[np.diag_indices(len(rows))] += _RIDGE
        squared = float(z @ np.linalg.solve(shrunk, z))
        return float(np.sqrt(max(squared, 0.0) / len(rows)))

    def _learn(self, value: Floats, known: NDArray[np.bool_], off: Floats, weight: float) -> None:
        self._known += known
        pace = np.minimum(weight / np.minimum(np.maximum(self._known, 1.0), MEMORY), 1.0)
        first = known & np.isnan(self._mean)
        self._mean = np.where(first, value, self._mean)
        error = np.where(known, value - self._mean, 0.0)
        deviation = np.nan_to_num(self._deviation)
        floor = np.where(self._share, _FLOOR_SHARE, _FLOOR_LOG)
        limit = CLIP * _TO_SIGMA * np.maximum(deviation, floor)
        early = self._known < 30
        clipped = np.where(early, error, np.clip(error, -limit, limit))
        self._mean += pace * clipped
        self._deviation = np.where(
            known, deviation + pace * (np.abs(clipped) - deviation), self._deviation
        )
        z = np.clip(np.nan_to_num(off), -CLIP, CLIP)
        both = ~np.isnan(off)
        share = weight / min(max(self._steps - LEARNING / 2, 20.0), MEMORY)
        moved = self._covariance + share * (np.outer(z, z) - self._covariance)
        self._covariance = np.where(np.outer(both, both), moved, self._covariance)

    def leading(self, scores: Scores, most: int = 4) -> list[tuple[str, float]]:
        """The signals that are furthest off, with their scores."""
        order = np.argsort(-np.nan_to_num(scores.score))[:most]
        return [(self.signals[i], float(scores.score[i])) for i in order if scores.score[i] > 2]

    # ---- keeping what was learned ----

    def to_bytes(self) -> bytes:
        """All that was learned."""
        out = io.BytesIO()
        np.savez_compressed(
            out, signals=np.array(self.signals), mean=self._mean, deviation=self._deviation,
            known=self._known, covariance=self._covariance, steps=np.array([self._steps]),
            **{f"{name}_{key}": getattr(of, key)
               for name, of in (("own", self._thresholds), ("all", self._together))
               for key in ("quantile", "excess", "peaks")},
        )  # fmt: skip
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, signals: Sequence[str]) -> Detector:
        """What to_bytes() gave. Raises AinkaError when it is not that, or of other signals."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                arrays = {key: stored[key] for key in stored.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
            raise AinkaError(f"the stored model of anomalies cannot be read: {error}") from None
        made = cls(signals)
        if arrays.pop("signals", np.array([])).tolist() != made.signals:
            raise AinkaError("the stored model of anomalies is of other signals")
        n = len(made.signals)
        shapes = {
            "mean": (n,), "deviation": (n,), "known": (n,), "covariance": (n, n), "steps": (1,),
            **{f"own_{key}": (n,) for key in ("quantile", "excess", "peaks")},
            **{f"all_{key}": (1,) for key in ("quantile", "excess", "peaks")},
        }  # fmt: skip
        for key, shape in shapes.items():
            array = arrays.get(key)
            if array is None or array.shape != shape or array.dtype.kind not in "fi":
                raise AinkaError(f"the stored model of anomalies has no {key} that fits")
            if key not in ("mean", "deviation") and not np.isfinite(array).all():
                raise AinkaError(
                    f"the stored model of anomalies has numbers in {key} that are none"
                )
        made._mean, made._deviation = arrays["mean"], arrays["deviation"]
        made._known, made._covariance = arrays["known"], arrays["covariance"]
        made._steps = int(arrays["steps"][0])
        for name, of in (("own", made._thresholds), ("all", made._together)):
            for key in ("quantile", "excess", "peaks"):
                setattr(of, key, arrays[f"{name}_{key}"])
        return made
