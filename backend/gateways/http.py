"""HTTP towards a gateway: one deadline over the whole call, a cap on the reply, and two kinds of failure.

    GatewayHttpError
    +-- NothingSent     the gateway was never reached: the same call may be made again
    +-- NoAnswer        it may have acted: find out by reading, never by calling again

httpx's own timeouts bound each read, not the call, so a reply that drips in byte by byte needs the deadline here.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

MOST_REPLY_BYTES: Final = 1024 * 1024

NEVER_REACHED: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class GatewayHttpError(Exception):
    """No reply that can be believed; the message holds no body, header or URL query."""


class NothingSent(GatewayHttpError):
    pass


class NoAnswer(GatewayHttpError):
    pass


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes


class GatewayHttp:
    """Calls over one shared client; the client's transport decides whether a real network is behind it."""

    def __init__(self, client: httpx.AsyncClient, *, deadline_seconds: float) -> None:
        self._client = client
        self._deadline_seconds = deadline_seconds

    async def send(self, method: str, url: str, *, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send exactly ``body`` and read the whole reply within the deadline. Redirects are not followed.

        Raises:
            NothingSent, NoAnswer
        """
        plain = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        try:
            async with (
                asyncio.timeout(self._deadline_seconds),
                self._client.stream(method, url, content=body, headers=plain, follow_redirects=False) as response,
            ):
                return Reply(response.status_code, await _read(response))
        except NEVER_REACHED as exc:
            raise NothingSent(type(exc).__name__) from exc
        except (httpx.HTTPError, TimeoutError) as exc:
            raise NoAnswer(type(exc).__name__) from exc


async def _read(response: httpx.Response) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise NoAnswer("the reply is compressed although that was not asked for")
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > MOST_REPLY_BYTES:
            raise NoAnswer(f"the reply is longer than {MOST_REPLY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
