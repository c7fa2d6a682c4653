"""Bound every request body in bytes and in time, before anything reads it. Plain ASGI: a wrapper costs no task.

The framework's own limit answers a long body in plain text; here it is a problem like every other.
"""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...time_limit import TimeLimit
from ..errors import Problem, problem_response

MOST_BODY_BYTES: Final = 64 * 1024
LONGEST_BODY_SECONDS: Final = 10
MOST_AT_ONCE: Final = 1024
"""More than could come at once without any being refused (``admission.py``), and together no more than 64 MiB."""

TOO_LONG: Final = Problem(413, "body-too-large", "The body is too large")
TOO_SLOW: Final = Problem(408, "body-too-slow", "The body came too slowly")
PROBLEMS: Final = {
    TOO_LONG: f"send at most {MOST_BODY_BYTES} bytes",
    TOO_SLOW: f"send the whole body at once, or within {LONGEST_BODY_SECONDS} seconds while few others are so slow",
}


class BodyLimits:
    """Reads the whole body, which is small, and hands it on; what does not fit gets its answer here.

    A body that is waited for keeps no other request from work, so there may be many. Where there are too many, the one
    that is waited for longest is cut off: of those that come soon, whoever else is slow, none ever is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limit = TimeLimit(LONGEST_BODY_SECONDS, is_over=_Reading.has_ended, give_up=_Reading.cut_off)
        self._readings: dict[_Reading, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        body = await self._read(receive)
        if isinstance(body, Problem):
            response = problem_response(body, PROBLEMS[body], scope["path"])
            response.headers["Connection"] = "close"
            await response(scope, receive, send)
        elif body is not None:
            await self._app(scope, Replay(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | Problem | None:
        """The body; a problem; or None when the client left before it was whole."""
        chunks, size = [], 0
        reading = _Reading()
        self._limit.begin(reading)
        self._readings[reading] = None
        if len(self._readings) > MOST_AT_ONCE:
            self._cut_off_the_longest()
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > MOST_BODY_BYTES:
                    return TOO_LONG
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
        except asyncio.CancelledError:
            if not reading.was_cut_off():
                raise
            return TOO_SLOW
        finally:
            reading.end()
            self._readings.pop(reading, None)

    def _cut_off_the_longest(self) -> None:
        longest = next(iter(self._readings))
        del self._readings[longest]
        longest.cut_off()


class _Reading:
    """A body that comes in, and the task that reads it."""

    __slots__ = ("_has_ended", "_is_late", "_task")

    def __init__(self) -> None:
        self._has_ended = self._is_late = False
        self._task = asyncio.current_task()

    def end(self) -> None:
        self._has_ended, self._task = True, None

    def has_ended(self) -> bool:
        return self._has_ended

    def cut_off(self) -> None:
        """Once at most: being cancelled more often means something else."""
        if self._task is not None and not self._is_late:
            self._is_late = True
            self._task.cancel()

    def was_cut_off(self) -> bool:
        """Whether it was cancelled for nothing but being late, so that its task goes on."""
        return self._is_late and self._task is not None and self._task.uncancel() == 0


class Replay:
    """The body as one message, then whatever the server says next (the client's leaving)."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def read_body(receive: Receive) -> bytes:
    """The whole body, where ``BodyLimits`` has read it already."""
    message = await receive()
    body: bytes = message.get("body", b"")
    return body
