# SPDX-License-Identifier: Apache-2.0
"""The store in a thread of its own: who renews the lease must not wait for a disk.

While other programs have filled the page cache, or the journal of the file system is being
committed, a write of one page takes as long as theirs do: seconds on a slow disk. Those are the
times in which a policy is wanted most, and the daemon would lose it with its lease.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ainkad.telemetry.guarded import GuardedStore
from ainkad.telemetry.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("ainkad.store")

PENDING_MAX: Final = 8192
"""Rows of decisions, and other writes, that wait for a disk that stands still: 4 MB each."""

_T = TypeVar("_T")


class BackgroundStore:
    """A GuardedStore that one thread uses, in the order in which it is asked to.

    What only writes returns at once; ``dropped`` counts what found too much waiting already, as
    well as what the guarded store dropped. Rows that others refer to are numbered here, so that
    nobody waits for a number. Only ``call`` waits, ``ask`` does so without holding up the loop.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; that it cannot be opened is told as GuardedStore tells it."""
        self._thread = ThreadPoolExecutor(1, "store")
        self._lock = threading.Lock()  # protects what follows
        self._pending = 0
        self._refused = 0
        self._behind = False
        self._guarded = self._thread.submit(GuardedStore, path).result()
        self._windows = self._numbers("windows")
        self._models = self._numbers("models")

    def _numbers(self, table: str) -> Iterator[int]:
        return itertools.count((self.call(lambda store: store.last_id(table)) or 0) + 1)

    def close(self) -> None:
        """Write what waits, then close the file."""
        self._thread.submit(self._guarded.close)
        self._thread.shutdown()

    @property
    def dropped(self) -> int:
        """Writes that were given up."""
        return self._refused + self._guarded.dropped

    @property
    def failure(self) -> str:
        """Why the store is disabled; empty while it is not."""
        return self._guarded.failure

    # ---- the thread ----

    def _submit(self, weight: int, work: Callable[[], Any]) -> None:
        """Let the thread do something, unless too much is waiting already."""
        with self._lock:
            refused = self._pending + weight > PENDING_MAX
            told, self._behind = self._behind, self._behind or refused
            if refused:
                self._refused += weight
            else:
                self._pending += weight
        if not refused:
            self._thread.submit(self._do, weight, work)
        elif not told:
            log.warning("event=store-behind waiting=%d", PENDING_MAX)

    def _do(self, weight: int, work: Callable[[], Any]) -> None:
        try:
            work()
        except Exception:
            # A mistake in what is written costs that alone, but must not go unseen.
            log.exception("event=store-write-failed")
        finally:
            with self._lock:
                self._pending -= weight
                caught_up = self._behind and not self._pending
                self._behind = self._behind and not caught_up
            if caught_up:
                log.warning("event=store-caught-up dropped=%d", self.dropped)

    def later(self, method: Callable[[Store], Any]) -> None:
        """Do something with the store, some time."""
        self._submit(1, partial(self._guarded.call, method))

    def call(self, method: Callable[[Store], _T]) -> _T | None:
        """Do something with the store after all that waits; None when it cannot be done."""
        return self._thread.submit(self._guarded.call, method).result()

    async def ask(self, method: Callable[[Store], _T]) -> _T | None:
        """As ``call``, while the loop goes on."""
        found: Future[_T | None] = self._thread.submit(self._guarded.call, method)
        return await asyncio.wrap_future(found)

    # ---- what is written ----

    def add_decisions(self, records: NDArray[np.void]) -> None:
        """See Store.add_decisions."""
        if len(records):
            self._submit(len(records), partial(self._guarded.add_decisions, records))

    def add_external(self, names: Mapping[int, str]) -> None:
        """See Store.add_external."""
        self._submit(1, partial(self._guarded.add_external, dict(names)))

    def add_window(self, **values: Any) -> int:
        """See Store.add_window."""
        number = next(self._windows)
        self._submit(1, partial(self._guarded.add_window, id=number, **values))
        return number

    def add_model(self, **values: Any) -> int | None:
        """See Store.add_model; None while the store is disabled."""
        if self._guarded.failure:
            return None
        number = next(self._models)
        self._submit(1, partial(self._guarded.add_model, id=number, **values))
        return number

    def add_effect(self, **values: Any) -> None:
        """See Store.add_effect."""
        self._submit(1, partial(self._guarded.add_effect, **values))

    def add_event(self, source: str, event: str, detail: Mapping[str, Any]) -> None:
        """See Store.add_event."""
        self._submit(1, partial(self._guarded.add_event, source, event, dict(detail)))

    def add_activation(
        self, tuner: str, policy: str, model: int | None, why: str, detail: Mapping[str, Any]
    ) -> None:
        """See Store.add_activation."""
        self._submit(
            1, partial(self._guarded.add_activation, tuner, policy, model, why, dict(detail))
        )

    def attempts(self, tuner: str) -> int:
        """See GuardedStore.attempts; waits."""
        return self._thread.submit(self._guarded.attempts, tuner).result()

    async def prune(self, keep_days: float, max_decisions: int, max_bytes: int) -> int:
        """See GuardedStore.prune."""
        work = partial(self._guarded.prune, keep_days, max_decisions, max_bytes)
        return await asyncio.wrap_future(self._thread.submit(work))


Telemetry = GuardedStore | BackgroundStore
"""What parts of the daemon write into: tests, and commands that end, need no thread."""
