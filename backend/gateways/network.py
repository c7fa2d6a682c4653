"""Exchanges over the network: aiohttp's client and its connection pool.

httpx's own pool collapses under hundreds of slow calls; its interface over aiohttp (``httpx-aiohttp``) costs a third
more than the call, and takes a connection that broke after sending for one that was never made (decision 17).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import aiohttp
import httpx

from .exchange import Collected, NoAnswer, NothingSent, Reply

NEVER_REACHED: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
"""Errors before a byte of the request left, failed TLS handshakes included."""

KEPT_SECONDS: Final = 5.0
"""How long an idle connection is kept: the longer, the likelier the gateway has closed it when it is used again."""

MOST_AT_ONCE: Final = 100


class Network:
    """A pool of at most ``most_at_once`` connections; certificates are checked against the authorities httpx trusts.

    Nothing of one call reaches another: no cookies, no proxy or credentials out of the environment.
    """

    def __init__(self, *, most_at_once: int = MOST_AT_ONCE) -> None:
        self._most_at_once = most_at_once
        self._authorities = httpx.create_ssl_context()
        self._session: aiohttp.ClientSession | None = None

    async def __call__(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], connect_seconds: float
    ) -> Reply:
        limits = aiohttp.ClientTimeout(total=None, connect=connect_seconds, sock_connect=connect_seconds)
        with _told_apart():
            async with self._opened().request(
                method, url, data=body or None, headers=headers, timeout=limits, allow_redirects=False
            ) as response:
                collected = Collected(response.headers.get("Content-Encoding"))
                while chunk := await response.content.readany():
                    collected.add(chunk)
                return Reply(response.status, collected.body)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        """Made in the event loop that uses it, which is not where this is loaded (``late_network.py``)."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._most_at_once, keepalive_timeout=KEPT_SECONDS, ssl=self._authorities
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                middlewares=(_once,),
            )
        return self._session


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Make an error on the way one of ours at once, which aiohttp lets pass.

    By itself it sends a PUT, DELETE or GET once more when a kept connection breaks, read by the gateway or not.
    """
    with _told_apart():
        return await send(request)


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except NEVER_REACHED as exc:
        raise NothingSent(type(exc).__name__) from exc
    except aiohttp.ClientError as exc:
        raise NoAnswer(type(exc).__name__) from exc
