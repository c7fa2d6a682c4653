"""One application with its gateway, on one clock that only the story moves; nothing happens in it by itself."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from backend.api.context import ApiContext
from backend.assemble import SimulatedAccount, simulate
from backend.bootstrap import create_app
from backend.config import Settings
from backend.domain.roles import Role, new_operator_key
from backend.simulator import Clock as GatewayClock
from backend.simulator import Simulator, SimulatorSettings
from backend.simulator.model import Job
from backend.stores.memory import MemoryStore

from ..program import BASE_URL, JWT_SECRET, WEBHOOK_SECRET, token

Told = TypeVar("Told")

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATE = 4_102_444_800
"""Tokens are held against the machine's clock: theirs do not end."""
KEY, ENTRY = new_operator_key("anna", Role.ADMIN)
REFUNDER_KEY, REFUNDER_ENTRY = new_operator_key("rob", Role.REFUNDER)
VIEWER_KEY, VIEWER_ENTRY = new_operator_key("vic", Role.VIEWER)


class StoryClock:
    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        return self._now

    def move(self, by: timedelta) -> None:
        self._now += by

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.move(timedelta(seconds=seconds))


class QuietSimulator(Simulator):
    """Its webhooks leave when the story has them leave."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield


class Wire(httpx.ASGITransport):
    """The way to the gateway; ``refunds`` counts what set out under each number, whatever became of it."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.refunds: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/refunds"):
            self.refunds[json.loads(await request.aread())["refundNumber"]] += 1
        return await super().handle_async_request(request)


@dataclass(frozen=True)
class Notice:
    path: str
    headers: dict[str, str]
    body: bytes


class Scene:
    """Calls are made from outside of the loop, one after the other."""

    def __init__(self, *, auto_capture: bool) -> None:
        self.clock = StoryClock()
        self.notices: list[Notice] = []
        self._auto_capture = auto_capture
        self._runner = asyncio.Runner()
        self._app = create_app(
            Settings(_env_file=None, jwt_secret_key=JWT_SECRET, cashflows_webhook_secret=WEBHOOK_SECRET,
                     public_base_url=BASE_URL, operator_keys=f"{ENTRY},{REFUNDER_ENTRY},{VIEWER_ENTRY}", worker="off"),
            store=lambda _: MemoryStore(),
            clock=self.clock,
            simulated=self._simulated,
        )  # fmt: skip
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=BASE_URL)
        self._over, self._open = asyncio.Event(), asyncio.Event()
        self._life = self._runner.get_loop().create_task(self._live(self._app))
        self._run(self._open.wait())

    def close(self) -> None:
        async def end() -> None:
            self._over.set()
            await self._life
            await self._client.aclose()

        self._run(end())
        self._runner.close()

    def call(self, method: str, path: str, *, bearer: str | None = None, **more: Any) -> httpx.Response:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return self._run(self._client.request(method, path, headers=headers | more.pop("headers", {}), **more))

    def as_customer(self, name: str, method: str, path: str, **more: Any) -> httpx.Response:
        return self.call(method, path, bearer=token(name, exp=LATE), **more)

    def as_operator(self, method: str, path: str, *, key: str = KEY, **more: Any) -> httpx.Response:
        return self.call(method, f"/api/operator/{path}", bearer=key, **more)

    def order(self, reference: str) -> dict[str, Any]:
        answer = self.as_operator("GET", f"orders/{reference}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def gateway_writes(self) -> None:
        """Every webhook that is due leaves, and lies ready to be delivered."""
        self._run(self._simulator.deliver_due())

    def works_in_background(self) -> None:
        context: ApiContext = self._app.state.context
        while self._run(context.webhooks.run_pending()) + self._run(context.reconciler.run_due()):
            pass

    def arm(self, script: str) -> None:
        self._simulator.scripts.arm("*", script)

    def disarm(self) -> None:
        self._simulator.scripts.disarm("*")

    def jobs_at_gateway(self, reference: str) -> list[Job]:
        jobs = self._simulator.ledger.jobs(limit=1000)
        return [job for job in jobs if job.order_number.partition("~")[0] == reference]

    def _simulated(self, settings: Settings, _: httpx.AsyncClient) -> SimulatedAccount:
        account = SimulatorSettings(
            public_base_url=f"{BASE_URL}/sandbox",
            webhook_secret=WEBHOOK_SECRET,
            auto_capture=self._auto_capture,
            partial_capture=True,
        )
        catching = httpx.AsyncClient(transport=httpx.MockTransport(self._catch))
        self._simulator = QuietSimulator(account, webhook_client=catching, clock=GatewayClock(self.clock.now))
        made = simulate(settings, catching)
        made.simulator.close()
        self.wire = Wire(self._simulator.app)
        return replace(made, simulator=self._simulator, transport=self.wire)

    def _catch(self, request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name in ("x-signature", "content-type")}
        self.notices.append(Notice(urlsplit(str(request.url)).path, headers, request.content))
        return httpx.Response(200, content=request.content)  # acknowledged: what comes of it is the story's to say

    async def _live(self, app: FastAPI) -> None:
        async with app.router.lifespan_context(app):
            self._open.set()
            await self._over.wait()

    def _run(self, work: Coroutine[Any, Any, Told]) -> Told:
        return self._runner.run(work)
