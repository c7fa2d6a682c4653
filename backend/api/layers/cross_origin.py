"""Cross-origin requests as the framework treats them; whoever does not ask across origins passes with less ado."""

from typing import Final

from fastapi.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send

from ..scope_headers import header

VARY: Final = (b"vary", b"Origin")


class CrossOrigin(CORSMiddleware):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or header(scope, b"origin") is not None:
            return await super().__call__(scope, receive, send)

        async def varied(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), VARY]
            await send(message)

        return await self.app(scope, receive, varied)
