"""Who is worked on, who waits for a turn, and who is refused because too many wait: see ``overload.py``.

A refusal has to cost next to nothing, or refusing is all that is done in the end. So a server may ask for it as soon as
it has read a request's head, before it makes a task for it (``cli/http/protocol.py``).
"""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from msgspec import Struct
from starlette.types import Scope

from ...observability.metrics import Metrics
from ..errors import MEDIA_TYPE, TYPE_PREFIX, Problem
from ..scope_headers import header

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
EXPECTED: Final = "expected"
"""Where a request's scope says in which line it is expected."""


class Capacity(Struct, frozen=True):
    """``at_once`` are worked on, ``waiting`` wait, and this many more may be waiting for the gateway."""

    at_once: int
    waiting: int
    at_gateway: int


class Refusal(Struct, frozen=True):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(slots=True)
class Line:
    """Those who wait, of whom there may be ``most``, and how many were let in and are not here yet."""

    most: int
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    expected: int = 0


class Admission:
    """``origins`` may read a refusal from their pages: the layer that usually sees to it is further in."""

    def __init__(self, capacity: Capacity, metrics: Metrics, origins: Sequence[str]) -> None:
        self._capacity = capacity
        self._metrics = metrics
        self._origins = frozenset(origins)
        self._working = 0
        self._aside = 0
        self._webhooks = Line(2 * capacity.waiting)
        self._others = Line(capacity.waiting)

    def refusal(self, scope: Scope) -> Refusal | None:
        """What to answer instead of working on a request; None expects it to ask for its turn.

        It is asked once for each request, however often this is called.
        """
        path = scope["path"]
        if EXPECTED in scope or not path.startswith(LIMITED):
            return None
        line = self._line(path)
        if self._is_full(line):
            return self.refuse(path, header(scope, b"origin"))
        line.expected += 1
        scope[EXPECTED] = line
        return None

    @property
    def is_crowded(self) -> bool:
        """Whether anything at all would be refused now: webhooks are refused last."""
        return self._is_full(self._others)

    def refuse(self, path: str, origin: str | None) -> Refusal:
        self._metrics.request("any", SHED, TOO_BUSY.status, 0.0)
        return _refusal(path, origin if origin in self._origins else None)

    def refuses(self, path: str) -> bool:
        """Whether a request for ``path`` would be refused now."""
        return path.startswith(LIMITED) and self._is_full(self._line(path))

    async def turn(self, scope: Scope) -> "Turn":
        """Once a place is free for the request."""
        line: Line = scope[EXPECTED]
        line.expected -= 1
        if self._is_free():
            self._working += 1
        else:
            await self._wait_in(line.waiting)
        return Turn(self)

    def moved(self, *, working: int, aside: int) -> None:
        """Whoever comes back goes on at once, even if that makes more than are worked on at once."""
        self._working += working
        self._aside += aside
        self._hand_on()

    def _line(self, path: str) -> Line:
        return self._webhooks if path.startswith(WEBHOOKS) else self._others

    def _is_full(self, line: Line) -> bool:
        return line.expected + len(line.waiting) >= line.most + self._free()

    def _is_free(self) -> bool:
        return self._working < self._capacity.at_once and self._aside < self._capacity.at_gateway

    def _free(self) -> int:
        return self._capacity.at_once - self._working if self._is_free() else 0

    async def _wait_in(self, queue: deque[asyncio.Future[None]]) -> None:
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
        webhooks, others = self._webhooks.waiting, self._others.waiting
        while (webhooks or others) and self._is_free():
            waiting = (webhooks or others).popleft()
            if not waiting.done():  # else it was cancelled in this turn of the loop, and has not seen so yet
                self._working += 1
                waiting.set_result(None)


@lru_cache(maxsize=64)
def _refusal(path: str, origin: str | None) -> Refusal:
    """The same again and again, as few paths are asked for most."""
    body = BODY % json.dumps(path).encode()
    headers = [*HEADERS, (b"content-length", b"%d" % len(body))]
    if origin is not None:
        headers.append((b"access-control-allow-origin", origin.encode()))
    return Refusal(TOO_BUSY.status, headers, body)


class Turn:
    """What one request has of the capacity: a place among those worked on, or among those aside, or none.

    It has none while it waits for nothing but its client, and once it has ended.
    """

    __slots__ = ("_admission", "_client_waits", "_ended", "_waits")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._waits = 0
        self._client_waits = 0
        self._ended = False

    def step_aside(self, *, for_client: bool) -> None:
        self._change(1, for_client=for_client)

    def come_back(self, *, for_client: bool) -> None:
        self._change(-1, for_client=for_client)

    def end(self) -> None:
        working, aside = self._places()
        self._ended = True
        self._admission.moved(working=-working, aside=-aside)

    def _change(self, waits: int, *, for_client: bool) -> None:
        working, aside = self._places()
        if for_client:
            self._client_waits += waits
        else:
            self._waits += waits
        now_working, now_aside = self._places()
        self._admission.moved(working=now_working - working, aside=now_aside - aside)

    def _places(self) -> tuple[int, int]:
        """Of those worked on, and of those aside."""
        if self._ended:
            return 0, 0
        if self._waits:
            return 0, 1
        return int(not self._client_waits), 0
