"""HTTP as uvicorn speaks it, with less work for each request, and hardly any for one that is refused."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from itertools import chain
from typing import Any, Final, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

from ...api.layers.admission import Admission
from ...stepping_aside import stepping_aside
from .bounded_heads import BoundedHeads
from .flow import Flow
from .unread import whole_and_alone

CLOSE: Final = (b"connection", b"close")
PIECE: Final = 2048
"""Most requests have fewer bytes. What comes at once may be thousands, and a parsed one takes far more to keep."""


class HttpProtocol(BoundedHeads):
    """For the program's own application, which says what is too much (``api/layers/admission.py``)."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._admission: Admission = self.app.state.admission
        self._is_inside_message = False
        self._is_parsing = False
        self._unparsed = bytearray()
        self.refused_at = float("-inf")
        """When a request was last refused unread, by the event loop's clock."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        duplex = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        super().connection_made(duplex)
        self.flow = Flow(duplex, self.pipeline, self._unparsed)

    def data_received(self, data: bytes) -> None:
        if self._admission.is_crowded and self._refuse_unread(data):
            return
        if len(data) <= PIECE and not self._unparsed:
            super().data_received(data)
        else:
            self._unparsed += data
            self._parse()

    def _parse(self) -> None:
        """Until one of the requests waits for another: what comes after it is looked at once it has its turn."""
        self._is_parsing = True
        while self._unparsed and not self.pipeline and not self.transport.is_closing():
            piece = bytes(self._unparsed[:PIECE])
            del self._unparsed[:PIECE]
            super().data_received(piece)
        self._is_parsing = False

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._unparsed and not self._is_parsing:
            self._parse()
            self.flow.resume_reading()

    def handle_websocket_upgrade(self) -> None:
        self._unparsed.clear()  # another protocol has the connection now
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        self._is_inside_message = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_inside_message = False

    def _refuse_unread(self, data: bytes) -> bool:
        """Answer a plain request that is too much without parsing it: with it, a refusal takes us two thirds longer."""
        if self._unparsed or self._is_inside_message or (self.cycle is not None and not self.cycle.response_complete):
            return False
        if self.flow.write_paused or self.transport.is_closing() or CLOSE in self.server_state.default_headers:
            return False
        asked = whole_and_alone(data)
        if asked is None or not self._admission.refuses(asked.path):
            return False
        refusal = self._admission.refuse(asked.path, asked.origin)
        headers = chain(self.server_state.default_headers, refusal.headers)
        self.transport.write(_whole(refusal.status, headers, b"\r\n", refusal.body))
        self.server_state.total_requests += 1
        self.refused_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_handler()
        return True

    def timeout_keep_alive_handler(self) -> None:
        """Refusals set no alarm of their own: the one that is set looks whether there were any since."""
        left = self.refused_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = WholeAnswers  # uvicorn has no place to name another
        assert isinstance(cycle, WholeAnswers)
        # Of those that wait on this one connection each is answered in a task of its own, as they may be thousands.
        if not self.pipeline and not self.flow.write_paused:
            refusal = self._admission.refusal(cast(Scope, cycle.scope))
            if refusal is not None and cycle.write(refusal.status, refusal.headers, refusal.body):
                return
        super()._start_asgi_task(cycle, app)


class WholeAnswers(RequestResponseCycle):
    """Writes an answer that comes whole as one piece: a call of the system costs as much as several layers.

    A request whose body is yet to come keeps nobody from work; most bodies are there, and are read without ado.
    """

    _start: Any = None

    def receive(self) -> Coroutine[Any, Any, Any]:
        is_to_come = self.more_body and not self.message_event.is_set()
        return self._receive_aside() if is_to_come else super().receive()

    async def _receive_aside(self) -> Any:
        with stepping_aside(for_client=True):
            return await super().receive()

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if self.flow.write_paused and not self.disconnected:
                await self.flow.drain()
                # uvicorn tells so only the request that it read last of those on the connection
                self.disconnected = self.disconnected or self.transport.is_closing()
            is_whole = message["type"] == "http.response.body" and not message.get("more_body", False)
            if is_whole and self.write(start["status"], start.get("headers", ()), message.get("body", b"")):
                return
            await super().send(start)
        await super().send(message)

    def write(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        """Write a whole answer; or do nothing, and return False, where uvicorn has to see to something special."""
        if self.disconnected or self.access_log or self.scope["method"] == "HEAD" or CLOSE in self.default_headers:
            return False
        names = [name for name, _ in headers]
        values = [value for _, value in headers]
        if b"connection" in names or b"content-length" not in names:
            return False
        if HEADER_RE.search(b"".join(names)) or HEADER_VALUE_RE.search(b"".join(values)):
            return False
        if int(values[names.index(b"content-length")]) != len(body):
            return False
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(_whole(status, chain(self.default_headers, headers), end, body))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True


def _whole(status: int, headers: Iterable[tuple[bytes, bytes]], end: bytes, body: bytes) -> bytes:
    content = [STATUS_LINE[status]]
    for name, value in headers:
        content += (name, b": ", value, b"\r\n")
    content += (end, body)
    return b"".join(content)
