"""Past its limit the program says so at once, and goes on with what it has taken up at its usual speed.

So many requests are worked on at once; the next ones wait for their turn, webhooks before all others; when too many
wait, the rest is refused with 503 and ``Retry-After``. Working on all of them at once would make every one slow,
refusals too. A request that waits for the gateway keeps nobody from work (``stepping_aside.py``).

Webhooks are refused last: twice as many of them may wait. A refused one comes again.
"""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ...observability.metrics import Metrics
from ...stepping_aside import begin_turn, end_turn
from ..errors import MEDIA_TYPE, TYPE_PREFIX, Problem

LIMITED: Final = "/api/"
WEBHOOKS: Final = "/api/webhooks/"
SHED: Final = "(refused when busy)"
"""In place of a route: telling which would cost more than refusing."""

TOO_BUSY: Final = Problem(503, "too-busy", "Too busy", 2)
DETAIL: Final = "more is asked than can be done at once; nothing was done: send the same request again in 2 seconds"

BODY: Final = b'{"type": "%s", "title": "%s", "status": 503, "detail": "%s", "instance": %%s}' % (
    (TYPE_PREFIX + TOO_BUSY.slug).encode(),
    TOO_BUSY.title.encode(),
    DETAIL.encode(),
)
HEADERS: Final = ((b"content-type", MEDIA_TYPE.encode()), (b"retry-after", str(TOO_BUSY.retry_after_seconds).encode()))


@dataclass(frozen=True, slots=True)
class Capacity:
    """``at_once`` are worked on, ``waiting`` wait, and this many more may be waiting for the gateway."""

    at_once: int
    waiting: int
    at_gateway: int


class Overload:
    """Plain ASGI and outermost, so that a refusal costs next to nothing; it has no request id and no log line."""

    def __init__(self, app: ASGIApp, capacity: Capacity, metrics: Metrics, origins: Sequence[str]) -> None:
        self._app = app
        self._capacity = capacity
        self._metrics = metrics
        self._origins = frozenset(origin.encode() for origin in origins)
        self._working = 0
        self._aside = 0
        self._webhooks: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(LIMITED):
            return await self._app(scope, receive, send)
        if self._is_free():
            self._working += 1
        else:
            is_webhook = scope["path"].startswith(WEBHOOKS)
            queue = self._webhooks if is_webhook else self._others
            if len(queue) >= self._capacity.waiting * (2 if is_webhook else 1):
                return await self._refuse(scope, send)
            await self._wait_in(queue)
        turn = _Turn(self)
        token = begin_turn(turn)
        try:
            await self._app(scope, receive, send)
        finally:
            end_turn(token)
            turn.end()

    def _is_free(self) -> bool:
        return self._working < self._capacity.at_once and self._aside < self._capacity.at_gateway

    async def _wait_in(self, queue: "deque[asyncio.Future[None]]") -> None:
        """Until it is this request's turn, which whoever ends before hands on to it."""
        mine = asyncio.get_running_loop().create_future()
        queue.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.cancelled():
                with suppress(ValueError):
                    queue.remove(mine)
            else:
                self._working -= 1
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        while (self._webhooks or self._others) and self._is_free():
            waiting = (self._webhooks or self._others).popleft()
            if not waiting.done():  # else it was cancelled in this turn of the loop, and has not seen so yet
                self._working += 1
                waiting.set_result(None)

    def moved(self, *, working: int, aside: int) -> None:
        """Whoever comes back from the gateway goes on at once, even if that makes more than are worked on at once."""
        self._working += working
        self._aside += aside
        self._hand_on()

    async def _refuse(self, scope: Scope, send: Send) -> None:
        self._metrics.request("any", SHED, TOO_BUSY.status, 0.0)
        body = BODY % json.dumps(scope["path"]).encode()
        headers = [*HEADERS, (b"content-length", b"%d" % len(body))]
        for name, value in scope["headers"]:
            if name == b"origin" and value in self._origins:  # the layer that usually sees to it is inside
                headers.append((b"access-control-allow-origin", value))
        await send({"type": "http.response.start", "status": TOO_BUSY.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Turn:
    """What one request has of the capacity: a place among those worked on, or among those aside, or none any more."""

    def __init__(self, overload: Overload) -> None:
        self._overload = overload
        self._waits = 0
        self._ended = False

    def step_aside(self) -> None:
        self._waits += 1
        if self._waits == 1 and not self._ended:
            self._overload.moved(working=-1, aside=1)

    def come_back(self) -> None:
        self._waits -= 1
        if self._waits == 0 and not self._ended:
            self._overload.moved(working=1, aside=-1)

    def end(self) -> None:
        self._ended = True
        self._overload.moved(working=-(self._waits == 0), aside=-(self._waits > 0))
