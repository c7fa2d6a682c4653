"""The shop's server: takes notifications, checks their signature, and is sometimes out of order itself."""

import hashlib
import hmac
import json
import random
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from .book import Book

NOTIFICATION_SECRET: Final = "whsec_" + b64encode(b"the shop of the chaos bench knows").decode()
KEY: Final = b64decode(NOTIFICATION_SECRET.removeprefix("whsec_"))


class ShopServer:
    """``trouble`` is the share of notifications that it does not take, or takes without a good answer."""

    def __init__(self, book: Book, chance: random.Random) -> None:
        self.trouble = 0.0
        self.forged = 0
        self._book = book
        self._chance = chance

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/notifications", self._take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except ConnectionResetError:  # whoever was telling us is dead
            return web.Response(status=400)
        if not _is_signed(request, body):
            self.forged += 1
            return web.Response(status=401)
        if self._chance.random() < self.trouble:
            return web.Response(status=503)
        data = json.loads(body)["data"]
        self._book.note(
            "notified",
            data["order_reference"],
            id=request.headers["webhook-id"],
            sequence=data["sequence"],
            digest=hashlib.sha256(body).hexdigest(),
        )
        return web.Response(status=500 if self._chance.random() < self.trouble else 204)


def _is_signed(request: web.Request, body: bytes) -> bool:
    """Standard Webhooks, without its limit on age: clocks are wrong here on purpose."""
    names = ("webhook-id", "webhook-timestamp")
    signed = b".".join([*(request.headers.get(name, "").encode() for name in names), body])
    right = "v1," + b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    given = request.headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(one, right) for one in given)
