"""The wire between an adapter and its simulated gateway: it keeps what was sent, and makes trouble when told to."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import httpx

READS: Final = frozenset({"GET", "HEAD"})
PLAIN_HEADERS: Final = frozenset(
    {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type"}
    | {"traceparent", "tracestate"}
)
ELSEWHERE: Final = "http://elsewhere.example/"
CARD_NUMBER: Final = "4111 1111 1111 1111"
TOO_LONG: Final = b'{"x":"' + b"x" * (2 * 1024 * 1024) + b'"}'


class Trouble(StrEnum):
    NEVER_REACHED = "the connection is refused"
    REPLY_LOST = "done, then the connection breaks"
    REPLY_LATE = "done, and no answer comes in time"
    REPLY_GARBLED = "done, and the answer is no HTTP"
    ERROR_500 = "done, answered 500"
    ERROR_503 = "done, answered 503"
    HTML = "done, answered with an HTML page"
    TRUNCATED = "done, the reply ends in the middle"
    EMPTY = "done, the reply has no body"
    NULL = "done, the reply is null"
    ENORMOUS = "done, the reply is enormous"
    REDIRECT = "302 to another host"
    SILENCE = "nothing is done and no answer ever comes"
    REFUSED_WITH_ECHO = "400 that repeats the whole request and a card number"


NO_ANSWER: Final = (Trouble.REPLY_LOST, Trouble.REPLY_LATE, Trouble.REPLY_GARBLED)
UNBELIEVABLE: Final = (
    Trouble.ERROR_500,
    Trouble.ERROR_503,
    Trouble.HTML,
    Trouble.TRUNCATED,
    Trouble.EMPTY,
    Trouble.NULL,
    Trouble.ENORMOUS,
)
TRANSPORT_ERRORS: Final[dict[Trouble, Callable[[str], httpx.TransportError]]] = {
    Trouble.REPLY_LOST: httpx.ReadError,
    Trouble.REPLY_LATE: httpx.ReadTimeout,
    Trouble.REPLY_GARBLED: httpx.RemoteProtocolError,
}


@dataclass(frozen=True, slots=True)
class Sent:
    method: str
    url: httpx.URL
    headers: httpx.Headers
    body: bytes

    @property
    def is_change(self) -> bool:
        return self.method not in READS

    @property
    def plain_text(self) -> str:
        """Address and body without the escapes of JSON and of forms, to look a word up in."""
        try:
            body = json.dumps(json.loads(self.body), ensure_ascii=False)
        except ValueError:
            body = str(httpx.QueryParams(self.body.decode("utf-8", "replace")).multi_items())
        return f"{self.url} {body}"


class Wire(httpx.AsyncBaseTransport):
    """``trouble`` befalls the next ``times`` calls, or all of them."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._trouble: Trouble | None = None
        self._times: int | None = None
        self._replay: httpx.Response | None = None
        self._edit: Callable[[bytes], bytes] = lambda body: body
        self.sent: list[Sent] = []
        self.last_reply = httpx.Response(204)
        self.arrived = asyncio.Event()

    @property
    def changes(self) -> Sequence[Sent]:
        return [sent for sent in self.sent if sent.is_change]

    def make(self, trouble: Trouble, times: int | None = None) -> None:
        self._trouble, self._times = trouble, times

    def calm(self) -> None:
        self._trouble, self._replay, self._edit = None, None, lambda body: body

    def replay(self, reply: httpx.Response) -> None:
        """Answer everything with ``reply`` from now on."""
        self._replay = reply

    def edit(self, edit: Callable[[bytes], bytes]) -> None:
        """Change the body of every reply from now on."""
        self._edit = edit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.sent.append(Sent(request.method, request.url, request.headers, body))
        self.arrived.set()
        if self._replay is not None:
            return _copy(self._replay, self._replay.content)
        trouble = self._take_trouble()
        if trouble is Trouble.NEVER_REACHED:
            raise httpx.ConnectError("connection refused")
        if trouble is Trouble.SILENCE:
            await asyncio.Event().wait()
        if trouble is Trouble.REDIRECT:
            return httpx.Response(302, headers={"Location": ELSEWHERE})
        if trouble is Trouble.REFUSED_WITH_ECHO:
            return _echo(self.sent[-1])
        reply = await self._inner.handle_async_request(request)
        body = await reply.aread()
        if trouble in TRANSPORT_ERRORS:
            raise TRANSPORT_ERRORS[trouble]("the connection broke")
        self.last_reply = _troubled(trouble, _copy(reply, self._edit(body)))
        return self.last_reply

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _take_trouble(self) -> Trouble | None:
        if self._trouble is None or self._times == 0:
            return None
        if self._times is not None:
            self._times -= 1
        return self._trouble


def _copy(reply: httpx.Response, body: bytes) -> httpx.Response:
    kept = {name: value for name, value in reply.headers.items() if name == "content-type"}
    return httpx.Response(reply.status_code, headers=kept, content=body)


def _troubled(trouble: Trouble | None, reply: httpx.Response) -> httpx.Response:
    match trouble:
        case Trouble.ERROR_500:
            return httpx.Response(500, json={"error": "internal"})
        case Trouble.ERROR_503:
            return httpx.Response(503)
        case Trouble.HTML:
            return httpx.Response(200, html="<!doctype html><title>Maintenance</title>")
        case Trouble.TRUNCATED:
            return _copy(reply, reply.content[: len(reply.content) // 2] or b"{")
        case Trouble.EMPTY:
            return _copy(reply, b"")
        case Trouble.NULL:
            return _copy(reply, b"null")
        case Trouble.ENORMOUS:
            return _copy(reply, TOO_LONG)
        case _:
            return reply


def _echo(sent: Sent) -> httpx.Response:
    headers = " ".join(f"{name}: {value}" for name, value in sent.headers.items())
    said = sent.plain_text.removeprefix(str(sent.url))
    text = f"{CARD_NUMBER} {headers} {said}"
    errors = [{"code": text, "message": text}]
    return httpx.Response(400, json={"code": text, "error": text, "errors": errors, "errorReport": {"errors": errors}})
