"""Work that is seen through when its caller gives up, as a server's is when a client hangs up.

In process, a client's timeout would otherwise cancel the gateway in the middle of a call, and a request that is
"applied after the client gave up" could not be simulated.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Outlasting:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def see_through(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for ``work``; a cancelled caller stops waiting, the work goes on."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait for everything that goes on without its caller."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.finish()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever still waits gets it; nobody else is to be told that nobody does
