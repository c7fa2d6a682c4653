"""HTTP as uvicorn speaks it, with less work for each request, and hardly any for one that is refused."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

from ..api.layers.admission import Admission
from .bounded_heads import BoundedHeads

CLOSE: Final = (b"connection", b"close")


class HttpProtocol(BoundedHeads):
    """For the program's own application, which says what is too much (``api/layers/admission.py``)."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._admission: Admission = self.app.state.admission

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
    """Writes an answer that comes whole as one piece: a call of the system costs as much as several layers."""

    _start: Any = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if self.flow.write_paused and not self.disconnected:
                await self.flow.drain()
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
        content = [STATUS_LINE[status]]
        for name, value in chain(self.default_headers, headers):
            content += (name, b": ", value, b"\r\n")
        content += (b"\r\n", body) if self.keep_alive else (b"connection: close\r\n\r\n", body)
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"".join(content))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True
