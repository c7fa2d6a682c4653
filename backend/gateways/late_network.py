"""A network whose library is loaded in a thread, so that nobody's start waits for it."""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

from .exchange import Exchange, Reply


class Closing(Exchange, Protocol):
    async def aclose(self) -> None: ...


class LateNetwork:
    """Made from the moment on at which it is opened; a call that comes before it is there waits for it.

    aiohttp reads the system's certificates twice while it is loaded: with its modules a quarter of what a start costs.
    """

    def __init__(self, make: Callable[[], Closing]) -> None:
        self._make = make
        self._making: asyncio.Task[Closing] | None = None

    async def __aenter__(self) -> Self:
        self._being_made()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def __call__(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], connect_seconds: float
    ) -> Reply:
        # Shielded, as the next call still needs what this one may stop waiting for.
        network = await asyncio.shield(self._being_made())
        return await network(method, url, body, headers, connect_seconds)

    async def aclose(self) -> None:
        if self._making is not None:
            await (await self._making).aclose()

    def _being_made(self) -> "asyncio.Task[Closing]":
        if self._making is None:
            self._making = asyncio.create_task(asyncio.to_thread(self._make))
        return self._making
