"""A transport whose library is loaded in a thread, so that nobody's start waits for it."""

import asyncio
from collections.abc import Callable
from typing import Self

import httpx


class LateTransport(httpx.AsyncBaseTransport):
    """Made from the moment on at which it is opened; a call that comes before it is there waits for it.

    aiohttp reads the system's certificates twice while it is loaded: with its modules a quarter of what a start costs.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._made: asyncio.Task[httpx.AsyncBaseTransport] | None = None

    async def __aenter__(self) -> Self:
        self._being_made()
        return self

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # Shielded, as the next call still needs what this one may stop waiting for.
        transport = await asyncio.shield(self._being_made())
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        if self._made is not None:
            await (await self._made).aclose()

    def _being_made(self) -> "asyncio.Task[httpx.AsyncBaseTransport]":
        if self._made is None:
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        return self._made
