"""HTTP towards a gateway: one deadline over the whole call, a cap on the reply, and two kinds of failure.

    GatewayHttpError
    +-- NothingSent     the gateway was never reached: the same call may be made again
    +-- NoAnswer        it may have acted: find out by reading, never by calling again

httpx's own timeouts bound each read, not the call, so a reply that drips in byte by byte needs the deadline here. Its
client is left out: cookies, redirects, proxies and defaults are nothing that a signed call may meet, and cost as much
as the call.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import httpx

from ..following import Outgoing
from ..stepping_aside import stepping_aside

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5.0
"""Within the deadline: what was not reached by then was certainly sent nothing."""

MOST_REPLY_BYTES: Final = 1024 * 1024

READ_PAUSES_SECONDS: Final = (0.2, 0.8)
"""Before the second and the third try of a read, give or take half."""

WORTH_ANOTHER_TRY: Final = frozenset({429, 500, 502, 503, 504})

NEVER_REACHED: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


ANSWERED: Final = frozenset({"2xx", "4xx"})

Observe: TypeAlias = Callable[[str, str, float], None]
"""Told of each call: its method, its outcome in a word, and the seconds it took."""


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
    """Calls over one shared transport, which its owner closes; it decides whether a real network is behind it."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        deadline_seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        observe: Observe | None = None,
    ) -> None:
        self._transport = transport
        self._deadline_seconds = deadline_seconds
        self._sleep = sleep
        self._observe = observe
        connect_seconds = min(CONNECT_SECONDS, deadline_seconds)
        self._extensions = {"timeout": {"connect": connect_seconds, "pool": connect_seconds}}

    async def read(self, url: str, *, headers: Mapping[str, str]) -> Reply:
        """GET, again after a pause where that may help; all tries together within the deadline.

        Raises:
            NothingSent, NoAnswer: the last try's.
        """
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._read_patiently(url, headers)
        except TimeoutError:
            raise NoAnswer("TimeoutError") from None

    async def _read_patiently(self, url: str, headers: Mapping[str, str]) -> Reply:
        for pause in READ_PAUSES_SECONDS:
            try:
                reply = await self.send("GET", url, body=b"", headers=headers)
            except GatewayHttpError as exc:
                log.info("a read will be tried again: %s", exc)
            else:
                if reply.status not in WORTH_ANOTHER_TRY:
                    return reply
            await self._sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        return await self.send("GET", url, body=b"", headers=headers)

    async def send(self, method: str, url: str, *, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send exactly ``body`` and read the whole reply within the deadline. Redirects are not followed.

        Raises:
            NothingSent, NoAnswer
        """
        began, outcome, call = perf_counter(), "cancelled", Outgoing()
        try:
            with stepping_aside():
                reply = await self._send(method, url, body, {"traceparent": call.place.header, **headers})
            outcome = f"{reply.status // 100}xx"
        except NothingSent:
            outcome = "not_sent"
            raise
        except NoAnswer:
            outcome = "no_answer"
            raise
        else:
            return reply
        finally:
            if self._observe is not None:
                self._observe(method, outcome, perf_counter() - began)
            told = {"http.request.method": method, "server.address": urlsplit(url).hostname or "", "outcome": outcome}
            call.end(f"{method} gateway", told, failed=outcome not in ANSWERED)

    async def _send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        plain = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **headers,
        }
        try:
            request = httpx.Request(method, _parsed(url), content=body, headers=plain, extensions=self._extensions)
            async with asyncio.timeout(self._deadline_seconds):
                response = await self._transport.handle_async_request(request)
                try:
                    return Reply(response.status_code, await _read(response))
                finally:
                    await response.aclose()
        except NEVER_REACHED as exc:
            raise NothingSent(type(exc).__name__) from exc
        except (httpx.HTTPError, TimeoutError) as exc:
            raise NoAnswer(type(exc).__name__) from exc


_parsed: Final = lru_cache(maxsize=256)(httpx.URL)
"""Most calls go to one address, and reading it costs as much as signing."""


async def _read(response: httpx.Response) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise NoAnswer("the reply is compressed although that was not asked for")
    chunks, size = [], 0
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:  # as it came, since nothing is to be decoded
        size += len(chunk)
        if size > MOST_REPLY_BYTES:
            raise NoAnswer(f"the reply is longer than {MOST_REPLY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
