"""The network under httpx: aiohttp's connection pool, with its errors told apart correctly.

``httpx-aiohttp`` (0.2.0) reports a connection that broke *after* the request was sent as ``ConnectTimeout``, which
means "nothing was sent" everywhere else in httpx, and lets aiohttp's protocol errors through as they are. Believing
the first would send a refund twice.
"""

from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

NEVER_CONNECTED: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class NetworkTransport(AiohttpTransport):
    """``AiohttpTransport`` whose connect errors mean that no byte of the request left."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except httpx.TransportError as exc:
            cause = exc.__cause__
            if not isinstance(cause, aiohttp.ClientConnectionError) or isinstance(cause, NEVER_CONNECTED):
                raise
            if isinstance(cause, aiohttp.SocketTimeoutError):
                raise
            raise httpx.ReadError(str(exc), request=request) from cause
        except aiohttp.ClientError as exc:
            raise httpx.RemoteProtocolError(type(exc).__name__, request=request) from exc
