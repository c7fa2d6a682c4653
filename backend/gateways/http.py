"""HTTP towards a gateway: one deadline over the whole call, reads that are tried again, and word of how each call went.

The time-outs of HTTP libraries bound each read, not the call, so a reply that drips in byte by byte needs the deadline
here.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import httpx

from ..following import Outgoing
from ..stepping_aside import stepping_aside
from .exchange import Exchange, GatewayHttpError, NoAnswer, NothingSent, Reply
from .over_httpx import OverHttpx

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5.0
"""Within the deadline: what was not reached by then was certainly sent nothing."""

PLAIN: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}

READ_PAUSES_SECONDS: Final = (0.2, 0.8)
"""Before the second and the third try of a read, give or take half."""

WORTH_ANOTHER_TRY: Final = frozenset({429, 500, 502, 503, 504})

ANSWERED: Final = frozenset({"2xx", "4xx"})

Observe: TypeAlias = Callable[[str, str, float], None]
"""Told of each call: its method, its outcome in a word, and the seconds it took."""


class GatewayHttp:
    """Calls over one shared network, which its owner closes; or over a transport of httpx's, where there is none."""

    def __init__(
        self,
        network: Exchange | httpx.AsyncBaseTransport,
        *,
        deadline_seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        observe: Observe | None = None,
    ) -> None:
        self._exchange = OverHttpx(network) if isinstance(network, httpx.AsyncBaseTransport) else network
        self._deadline_seconds = deadline_seconds
        self._sleep = sleep
        self._observe = observe
        self._connect_seconds = min(CONNECT_SECONDS, deadline_seconds)

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
                reply = await self._send(method, url, body, {**PLAIN, "traceparent": call.place.header, **headers})
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
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._exchange(method, url, body, headers, self._connect_seconds)
        except TimeoutError:
            raise NoAnswer("TimeoutError") from None
