"""The composition of one simulator: settings in, an ASGI application and a background deliverer out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import replies
from .api import PREFIX, GatewayApi
from .clock import Clock
from .control import ControlPages
from .database import Database
from .deliverer import Deliverer
from .desk import Desk
from .distortions import JSON_TYPE
from .hosted_page import HostedPage
from .journal import Journal
from .ledger import Ledger
from .outbox import Outbox
from .outlasting import Outlasting
from .refusals import Refusal
from .scripts import Scripts
from .settings import SimulatorSettings


class Simulator:
    """A Cashflows look-alike for one merchant account.

    ``app`` answers at any mount point. Webhooks leave only while ``running`` is entered; those that were queued
    before wait for it, in a file also over a restart.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        *,
        webhook_client: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``webhook_client`` posts the webhooks and stays the caller's to close; by default the simulator owns one."""
        self.settings = settings
        self.clock = clock or Clock()
        self._database = Database(settings.ledger_path)
        self.ledger = Ledger(self._database)
        self.outbox = Outbox(self._database)
        self.scripts = Scripts(self._database)
        self.journal = Journal(self._database)
        self.desk = Desk(settings, self.clock, self._database, self.ledger, self.outbox, self.scripts)
        self._own_client = webhook_client is None
        self._client = webhook_client or httpx.AsyncClient(trust_env=False)
        self.deliverer = Deliverer(
            self.outbox, self.clock, self._client, housekeeping=self._keep_house, shared=self._database.shared
        )
        self._outlasting = Outlasting()
        self.desk.on_queued = self.deliverer.wake
        self._adopt_clock()
        site = Starlette(routes=self._routes(), exception_handlers={404: _error_page, 405: _error_page})
        self.app: ASGIApp = _Front(site, self._adopt_clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver webhooks while the context lasts."""
        if self._own_client and self._client.is_closed:
            self._client = httpx.AsyncClient(trust_env=False)
            self.deliverer.use(self._client)
        try:
            async with self.deliverer.running():
                yield
        finally:
            await self._outlasting.cancel()
            if self._own_client:
                await self._client.aclose()

    async def deliver_due(self) -> None:
        """Send every webhook that is due, and wait for the answers; works with and without ``running``."""
        await self.deliverer.deliver_due()

    async def finish_requests(self) -> None:
        """Wait for requests that go on although their client gave up."""
        await self._outlasting.finish()

    def move_clock(self, by: timedelta) -> None:
        """Move the clock, for every process that shares the ledger."""
        self.clock.move(by)
        self.ledger.save_clock_offset(self.clock.offset)
        self.deliverer.wake()

    def close(self) -> None:
        """Close the ledger; the simulator is of no use afterwards."""
        self._database.close()

    def _keep_house(self) -> datetime | None:
        self._adopt_clock()
        return self.desk.keep_house()

    def _adopt_clock(self) -> None:
        """Another process that shares the ledger may have moved the clock."""
        if self._database.shared:
            self.clock.move_to_offset(self.ledger.clock_offset())

    def _routes(self) -> list[Route]:
        api = GatewayApi(
            self.settings,
            self.clock,
            self.desk,
            self.ledger,
            self.journal,
            self.scripts,
            self.outbox,
            self.deliverer,
            self._outlasting,
        )
        page = HostedPage(self.settings, self.clock, self.desk, self.scripts)
        control = ControlPages(self)
        return [*api.routes(), *page.routes(), *control.routes()]


class _Front:
    """Takes a trailing slash off gateway paths, as some clients send one, and keeps a shared clock in step."""

    def __init__(self, app: ASGIApp, before: Callable[[], None]) -> None:
        self._app = app
        self._before = before

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._before()
            if PREFIX in scope["path"] and scope["path"].endswith("/"):
                scope = {**scope, "path": scope["path"].rstrip("/")}
        await self._app(scope, receive, send)


async def _error_page(request: Request, exc: Exception) -> Response:
    """Unknown paths and methods answer in the gateway's error shape under the API, in plain words elsewhere."""
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    words = "Method not allowed." if status == 405 else "Not found."
    if PREFIX not in request.url.path:
        return Response(words, status, media_type="text/plain")
    refusal = Refusal(status, "RecordNotFound" if status == 404 else "InvalidRequest", words)
    return Response(replies.render(replies.error_document(refusal)), status, media_type=JSON_TYPE)
