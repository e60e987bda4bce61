# SPDX-License-Identifier: Apache-2.0
"""Anomalies at work: pushed as signals, written down, what was learned kept over restarts."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

import numpy as np

from ainkad.anomaly.detector import Detector, Scores
from ainkad.anomaly.episodes import Episode, Episodes
from ainkad.errors import AinkaError
from ainkad.pusher import Pusher
from ainkad.signals_gen import SYSTEM_SIGNALS
from ainkad.telemetry.background import Telemetry
from ainkad.telemetry.store import Store

log = logging.getLogger("ainkad.anomaly")

SIGNALS: Final = tuple(
    signal.name for signal in SYSTEM_SIGNALS if signal.name.startswith(("sched.", "psi.", "proc."))
)
"""Those that always have something to say. Of what happens now and then (a connection, a page that
is swapped in) each time would be unusual; the module's own scores are for those."""
MODEL: Final = "anomaly"
KEEP_EVERY: Final = 300  # steps
KEEP_NS: Final = 24 * 3600 * 1_000_000_000
"""What was learned longer ago than this is another machine's."""
MACHINE: Final = "anomaly.machine_permille"


class AnomalyPart:
    """One step a second. ``machine`` is 1000 where the present is as unusual as is just usual."""

    def __init__(self, pusher: Pusher, store: Telemetry) -> None:
        self._pusher = pusher
        self._store = store
        self._detector = self._load()
        self._episodes = Episodes(self._detector)
        self._row: tuple[Episode | None, int | None] = None, None
        self._steps = 0

    def _load(self) -> Detector:
        stored = self._store.call(lambda store: store.state(MODEL))
        if stored is not None and 0 <= time.time_ns() - stored[0] < KEEP_NS:
            try:
                return Detector.from_bytes(stored[1], SIGNALS)
            except AinkaError as error:
                log.warning("event=model-unusable error=%r", error.message)
        return Detector(SIGNALS)

    def restart(self) -> None:
        """Time has jumped. What is usual is usual still."""
        if self._episodes.open is not None:
            self._episodes.open.ended = time.time()
            self._write(self._episodes.open)
        self._episodes = Episodes(self._detector)

    def leave(self) -> None:
        """Keep what was learned."""
        data, wall_ns = self._detector.to_bytes(), time.time_ns()
        self._store.later(lambda store: store.put_state(MODEL, wall_ns, data))

    def step(self, values: Mapping[str, float | None], now_s: float) -> Scores:
        """Take in the values of a second; returns how unusual they are."""
        scores = self._detector.step(values, self._episodes.weight)
        if scores.ready:
            self._push(scores)
        changed = self._episodes.step(scores, time.time())
        if changed is not None:
            self._write(changed)
        self._steps += 1
        if self._steps % KEEP_EVERY == 0:
            self.leave()
        return scores

    def _push(self, scores: Scores) -> None:
        self._pusher.push(MACHINE, 1000 * scores.ratio)
        # The module has scores of its own for the others; ours count while they say more.
        unusual = np.flatnonzero(np.nan_to_num(scores.score) > scores.threshold)
        for row in unusual.tolist():
            name = f"anomaly.{self._detector.signals[row]}_permille"
            self._pusher.push(name, 1000 * float(scores.score[row]))

    def _write(self, episode: Episode) -> None:
        leading = {name: round(score, 1) for name, score in episode.leading.items()}
        if episode.ended is None:
            log.warning("event=anomaly-began peak=%.1f together=%s leading=%s",
                        episode.peak, episode.together, leading)  # fmt: skip
        else:
            log.info("event=anomaly-ended seconds=%.0f peak=%.1f leading=%s",
                     episode.ended - episode.began, episode.peak, leading)  # fmt: skip
        began_ns, peak, together = int(episode.began * 1e9), episode.peak, episode.together
        ended_ns = None if episode.ended is None else int(episode.ended * 1e9)

        def write(store: Store) -> None:
            # Perhaps in the store's thread, to which the row of the latest episode belongs.
            of, row = self._row
            row = row if of is episode else None
            row = store.put_anomaly(row, began_ns, ended_ns, peak, together, leading)
            self._row = episode, row

        self._store.later(write)
