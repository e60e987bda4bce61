# SPDX-License-Identifier: Apache-2.0
"""Running the child that learns, without waiting for it in the loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any, Protocol

from ainkad.errors import AinkaError
from ainkad.learning.dataset import Dataset

TIMEOUT_S = 300.0


class Trainer(Protocol):
    """Learns from a data set; see ``ainkad.learning.fit`` for parameters and result."""

    async def start(self) -> None:
        """Get ready while the data are still being gathered."""

    async def train(self, data: Dataset, parameters: dict[str, Any]) -> dict[str, Any]:
        """The result of ``fit``. Raises AinkaError when it does not come."""

    async def stop(self) -> None:
        """Give up what ``start`` began."""


class ChildTrainer:
    """A child process per training, started early; at most one at a time."""

    def __init__(self) -> None:
        self._child: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the child; it imports scikit-learn and waits for its input."""
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ainkad.learning.train",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )

    async def train(self, data: Dataset, parameters: dict[str, Any]) -> dict[str, Any]:
        """Hand the data over and wait for the model."""
        await self.start()
        child, self._child = self._child, None
        assert child is not None
        try:
            out, err = await asyncio.wait_for(
                child.communicate(data.to_bytes(parameters)), TIMEOUT_S
            )
        except (TimeoutError, asyncio.CancelledError) as error:
            await _end(child)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise AinkaError(f"training took longer than {TIMEOUT_S:g} s") from None
        if child.returncode != 0:
            words = err.decode("utf-8", "replace").strip().splitlines()
            raise AinkaError(
                f"training failed: {words[-1] if words else child.returncode}",
                "is python3-sklearn installed?",
            )
        result: dict[str, Any] = json.loads(out)
        return result

    async def stop(self) -> None:
        """End a child that waits for data."""
        child, self._child = self._child, None
        if child is not None:
            await _end(child)


async def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await child.wait()
