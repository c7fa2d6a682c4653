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
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from ..observability.metrics import Metrics
from ..stepping_aside import can_step_aside, cannot_any_more
from .errors import MEDIA_TYPE, TYPE_PREFIX, Problem

LIMITED: Final = "/api/"
WEBHOOKS: Final = "/api/webhooks/"
SHED: Final = "(refused when busy)"
"""In place of a route: telling which would cost more than refusing."""

TOO_BUSY: Final = Problem(503, "too-busy", "Too busy", 2)
DETAIL: Final = "more is asked than can be done at once; nothing was done: send the same request again in 2 seconds"


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
        token = can_step_aside(turn.step_aside)
        try:
            await self._app(scope, receive, send)
        finally:
            cannot_any_more(token)
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
                queue.remove(mine)
            else:
                self._working -= 1
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        while (self._webhooks or self._others) and self._is_free():
            waiting = (self._webhooks or self._others).popleft()
            self._working += 1
            waiting.set_result(None)

    def stepped_aside(self) -> None:
        self._working -= 1
        self._aside += 1
        self._hand_on()

    def ended(self, *, aside: bool) -> None:
        if aside:
            self._aside -= 1
        else:
            self._working -= 1
        self._hand_on()

    async def _refuse(self, scope: Scope, send: Send) -> None:
        self._metrics.request("any", SHED, TOO_BUSY.status, 0.0)
        body = _body(scope["path"])
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"retry-after", str(TOO_BUSY.retry_after_seconds).encode()),
        ]
        # The layer that usually does this is inside.
        headers += [
            (b"access-control-allow-origin", value)
            for name, value in scope["headers"]
            if name == b"origin" and value in self._origins
        ]
        await send({"type": "http.response.start", "status": TOO_BUSY.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Turn:
    """What one request has of the capacity."""

    def __init__(self, overload: Overload) -> None:
        self._overload = overload
        self._aside = False
        self._ended = False

    def step_aside(self) -> None:
        if not self._aside and not self._ended:
            self._aside = True
            self._overload.stepped_aside()

    def end(self) -> None:
        self._ended = True
        self._overload.ended(aside=self._aside)


def _body(path: str) -> bytes:
    told = {
        "type": TYPE_PREFIX + TOO_BUSY.slug,
        "title": TOO_BUSY.title,
        "status": TOO_BUSY.status,
        "detail": DETAIL,
        "instance": path,
    }
    return json.dumps(told).encode()
