"""Exchanges over a transport of httpx's: the simulator in this process, and the routers of tests."""

from collections.abc import Mapping
from typing import Final

import httpx

from .exchange import Collected, NoAnswer, NothingSent, Reply

NEVER_REACHED: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class OverHttpx:
    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def __call__(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], connect_seconds: float
    ) -> Reply:
        limits = {"timeout": {"connect": connect_seconds, "pool": connect_seconds}}
        try:
            request = httpx.Request(method, url, content=body, headers=headers, extensions=limits)
            response = await self._transport.handle_async_request(request)
            try:
                return Reply(response.status_code, await _read(response))
            finally:
                await response.aclose()
        except NEVER_REACHED as exc:
            raise NothingSent(type(exc).__name__) from exc
        except httpx.HTTPError as exc:
            raise NoAnswer(type(exc).__name__) from exc


async def _read(response: httpx.Response) -> bytes:
    collected = Collected(response.headers.get("Content-Encoding"))
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:  # as it came, since nothing is to be decoded
        collected.add(chunk)
    return collected.body
