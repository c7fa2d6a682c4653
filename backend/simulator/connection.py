"""Answers that break off, so that the client sees a transport error and not a reply.

There is no ASGI message for "hang up". Under the simulator's own program the HTTP protocol offers an extension that
aborts the TCP connection, so a lost reply is truly lost. Elsewhere the response is begun with a length that never
comes, and an ``httpx`` transport error is raised: in process (``httpx.ASGITransport``) that error reaches the client
as it is, and any other server closes the connection on it, which a client sees as an incomplete reply.
"""

from typing import Any, Final

import httpx
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HANG_UP: Final = "simulator.hang_up"


class NoReply(Response):
    """A response that never arrives."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hang_up = scope.get("extensions", {}).get(HANG_UP)
        if hang_up is not None:
            hang_up["abort"]()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")


class HangUpProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1 protocol, with the extension that aborts the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        served: ASGIApp = self.app

        async def with_extension(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"] = {**scope.get("extensions", {}), HANG_UP: {"abort": lambda: self.transport.abort()}}
            await served(scope, receive, send)

        self.app = with_extension
