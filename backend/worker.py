"""Background work, in the web process or on its own: deliveries, due orders, notifications, a bounded batch at a time.

Any number of workers on any number of hosts may run: work is taken from the store, and taken work falls due again if
its taker dies. So a worker may be killed at any point. One that is stopped takes nothing new, has a while to finish,
and gives back what it had taken and not finished.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

from .ports import StoreError

log = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 5
"""Of a stop, to finish what was begun: most calls to a gateway take less, and a supervisor must not lose patience."""

Batch: TypeAlias = Callable[[], Awaitable[int]]
"""Works through one batch, and returns how much there was."""


class Worker:
    def __init__(self, *, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._wakers: list[asyncio.Event] = []
        self._stopping = False

    def wake(self) -> None:
        """Have every batch run now rather than at its next poll."""
        for waker in self._wakers:
            waker.set()

    @asynccontextmanager
    async def working(self, batches: Sequence[Batch]) -> AsyncIterator[None]:
        """Work in the background while the context lasts."""
        task = asyncio.create_task(self.run(batches), name="worker")
        try:
            yield
        finally:
            self._stopping = True
            self.wake()
            await asyncio.wait([task], timeout=DRAIN_SECONDS)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def run(self, batches: Sequence[Batch]) -> None:
        async with asyncio.TaskGroup() as group:
            for batch in batches:
                waker = asyncio.Event()
                self._wakers.append(waker)
                group.create_task(self._repeat(batch, waker))

    async def _repeat(self, batch: Batch, waker: asyncio.Event) -> None:
        while not self._stopping:
            waker.clear()
            if not await _run_safely(batch) and not self._stopping:
                await self._wait(waker)

    async def _wait(self, waker: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._poll_seconds):
                await waker.wait()
        except TimeoutError:
            pass


async def _run_safely(batch: Batch) -> int:
    """A batch that fails is as good as an empty one: its work falls due again."""
    try:
        return await batch()
    except StoreError as exc:
        log.warning("background work waits for the store: %s", exc)
    except Exception:
        log.exception("background work failed; it will be tried again")
    return 0
