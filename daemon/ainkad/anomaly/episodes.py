# SPDX-License-Identifier: Apache-2.0
"""From unusual seconds to anomalies: when one begins, when it ends, and what led."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ainkad.anomaly.detector import Detector, Scores

NEEDED: Final = 3
WITHIN: Final = 4
"""So many unusual seconds of so many begin an anomaly: one alone is a hiccup."""
ALONE: Final = 2.5
"""A second that is so many times its threshold begins one by itself."""
QUIET: Final = 10
"""Usual seconds that end it."""
LONGEST: Final = 600
"""Seconds after which what is unusual is the new usual, and learned fast until it is."""
_DISTURBED: Final = 0.02
_FAST: Final = 8.0


@dataclass
class Episode:
    """One anomaly. ``peak`` is the largest score as a share of its threshold."""

    began: float
    peak: float = 0.0
    together: bool = False
    ended: float | None = None
    leading: dict[str, float] = field(default_factory=dict)


class Episodes:
    """Watches the scores of a detector."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._recent: deque[bool] = deque(maxlen=WITHIN)
        self._quiet = 0
        self._giving_in = False
        self.open: Episode | None = None

    @property
    def weight(self) -> float:
        """How fast to learn from what is seen now, 1 being usual."""
        if self._giving_in:
            return _FAST
        return _DISTURBED if self.open is not None or any(self._recent) else 1.0

    def step(self, scores: Scores, now: float) -> Episode | None:
        """Take in the scores of a second; returns an anomaly that has begun or ended with it."""
        ratio = scores.ratio if scores.ready else 0.0
        self._recent.append(ratio > 1)
        if self._giving_in:
            self._quiet = 0 if ratio > 1 else self._quiet + 1
            self._giving_in = self._quiet < QUIET
            return None
        if self.open is None:
            if ratio > ALONE or sum(self._recent) >= NEEDED:
                self._quiet = 0
                self.open = Episode(now)
                self._take(self.open, scores, ratio)
                return self.open
            return None
        episode = self.open
        if ratio > 1:
            self._quiet = 0
            self._take(episode, scores, ratio)
        else:
            self._quiet += 1
        if self._quiet >= QUIET or now - episode.began >= LONGEST:
            episode.ended = now
            self.open = None
            self._giving_in = self._quiet < QUIET
            self._recent.clear()
            return episode
        return None

    def _take(self, episode: Episode, scores: Scores, ratio: float) -> None:
        if ratio >= episode.peak:
            episode.peak = ratio
            episode.together = scores.together / scores.together_threshold >= ratio
        for name, score in self._detector.leading(scores):
            episode.leading[name] = max(episode.leading.get(name, 0.0), score)
