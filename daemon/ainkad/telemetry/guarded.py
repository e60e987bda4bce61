# SPDX-License-Identifier: Apache-2.0
"""The store for a daemon that goes on without one: a full disk costs history, nothing else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ainkad.errors import AinkaError
from ainkad.telemetry.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("ainkad.store")

RETRY_S = 30.0
# Decisions that wait for a store that cannot be written: 512 bytes each.
WAITING_MAX = 8192

_T = TypeVar("_T")


class GuardedStore:
    """A store whose methods never raise AinkaError.

    When one fails, the store is disabled and the log says why; after RETRY_S the next call tries
    again. Meanwhile decisions wait (the newest WAITING_MAX of them), the rest is dropped and
    counted. Models without a store have no number.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._now = now
        self._store: Store | None = None
        self._retry_at = 0.0
        self._waiting: list[NDArray[np.void]] = []
        self._attempts: dict[str, int] = {}
        self.failure = ""
        self.dropped = 0
        self._get()

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._store is not None:
            self._store.close()
            self._store = None

    @property
    def open(self) -> Store | None:
        """The store itself, None while it is disabled."""
        return self._get()

    def _get(self) -> Store | None:
        if self._store is not None or self._now() < self._retry_at:
            return self._store
        try:
            self._store = Store(self._path)
        except AinkaError as error:
            self._disable(error)
            return None
        if self.failure:
            log.warning("event=store-enabled path=%s dropped=%d", self._path, self.dropped)
            self.failure = ""
        return self._store

    def _disable(self, error: AinkaError) -> None:
        if error.message != self.failure:
            log.error("event=store-disabled path=%s error=%r hint=%r retry_s=%d", self._path,
                      error.message, error.hint, RETRY_S)  # fmt: skip
        self.failure = error.message
        self._retry_at = self._now() + RETRY_S
        self.close()

    def call(self, method: Callable[[Store], _T]) -> _T | None:
        """Do something with the store; None when it cannot be done."""
        store = self._get()
        if store is not None:
            try:
                return method(store)
            except AinkaError as error:
                self._disable(error)
        self.dropped += 1
        return None

    def later(self, method: Callable[[Store], Any]) -> None:
        """Do something with the store whose answer does not matter."""
        self.call(method)

    async def ask(self, method: Callable[[Store], _T]) -> _T | None:
        """As ``call``, for those who can await it."""
        return self.call(method)

    def add_decisions(self, records: NDArray[np.void]) -> None:
        """See Store.add_decisions; those that cannot be written wait."""
        if not len(records) and not self._waiting:
            return
        self._waiting.append(records)
        store = self._get()
        while store is not None and self._waiting:
            try:
                store.add_decisions(self._waiting[0])
            except AinkaError as error:
                self._disable(error)
                store = None
            else:
                del self._waiting[0]
        while sum(map(len, self._waiting)) > WAITING_MAX:
            self.dropped += len(self._waiting.pop(0))

    def add_external(self, names: Mapping[int, str]) -> None:
        """See Store.add_external."""
        self.call(lambda store: store.add_external(names))

    def add_window(self, **values: Any) -> int:
        """See Store.add_window; 0 without a store."""
        return self.call(lambda store: store.add_window(**values)) or 0

    def add_model(self, **values: Any) -> int | None:
        """See Store.add_model; None without a store."""
        return self.call(lambda store: store.add_model(**values))

    def add_effect(self, **values: Any) -> int | None:
        """See Store.add_effect; attempts are counted in any case."""
        if values.get("stage") == "confirm":
            name = values["tuner"]
            self._attempts[name] = self._attempts.get(name, 0) + 1
        return self.call(lambda store: store.add_effect(**values))

    def add_event(self, source: str, event: str, detail: Mapping[str, Any]) -> None:
        """See Store.add_event."""
        self.call(lambda store: store.add_event(source, event, detail))

    def add_activation(
        self, tuner: str, policy: str, model: int | None, why: str, detail: Mapping[str, Any]
    ) -> None:
        """See Store.add_activation."""
        self.call(lambda store: store.add_activation(tuner, policy, model, why, detail))

    def attempts(self, tuner: str) -> int:
        """See Store.attempts; at least those of this life of the daemon."""
        stored = self.call(lambda store: store.attempts(tuner)) or 0
        return max(stored, self._attempts.get(tuner, 0))

    def prune(self, keep_days: float, max_decisions: int, max_bytes: int) -> int:
        """Delete what is too old, too much or too large; rows deleted."""

        def both(store: Store) -> int:
            return store.prune(keep_days, max_decisions) + store.prune_to_size(max_bytes)

        return self.call(both) or 0
