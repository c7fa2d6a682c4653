"""Death at a chosen moment: before or after any write, and before or after any call to the gateway."""

from collections.abc import Callable
from typing import TypeVar

import httpx

from backend.stores.memory import MemoryDisk

T = TypeVar("T")


class Died(BaseException):
    """The process is gone; no handler of errors may see it."""


class Mortality:
    """Counts the moments at which the process could die, and has it die at number ``dies_at``, once."""

    def __init__(self) -> None:
        self.moments = 0
        self.dies_at: int | None = None

    def moment(self) -> None:
        self.moments += 1
        if self.moments == self.dies_at:
            raise Died


class MortalDisk(MemoryDisk):
    def __init__(self, mortality: Mortality) -> None:
        super().__init__()
        self._mortality = mortality

    def write(self, change: Callable[[], T]) -> T:
        self._mortality.moment()
        written = change()
        self._mortality.moment()
        return written


class MortalNetwork(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.AsyncBaseTransport, mortality: Mortality) -> None:
        self._inner = inner
        self._mortality = mortality

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._mortality.moment()
        response = await self._inner.handle_async_request(request)
        self._mortality.moment()
        return response
