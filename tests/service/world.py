"""The real services, adapter and simulator around a store in memory, on one clock that stands still unless moved."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from backend.domain.job_tokens import JobTokens
from backend.domain.model import Order
from backend.domain.operations import OperationKind
from backend.domain.order_status import order_status
from backend.domain.planning import OperationAsk
from backend.domain.references import OrderReference
from backend.domain.statuses import OrderStatus
from backend.domain.terms import Mode
from backend.gateways.cashflows import CashflowsService, HmacSha256, Scheme, Sha512
from backend.gateways.cashflows.signing import webhook_signature
from backend.gateways.http import GatewayHttp
from backend.ports import OrderStore, ShopEndpoint, StoreError, WebhookRejected, WebhookUnreadable
from backend.service.customer_return import CustomerReturn
from backend.service.inbox import Inbox
from backend.service.notify import Notifier
from backend.service.operations import Asked, Operations
from backend.service.orders import Orders
from backend.service.reconcile import Reconciler
from backend.service.start_payment import Limits, Links, StartedPayment, StartPayment
from backend.service.webhooks import Accepted, Webhooks
from backend.simulator import Clock, Simulator, SimulatorSettings
from backend.stores import MemoryStore
from tests.domain.builders import terms

from .mortality import Died, MortalDisk, Mortality, MortalNetwork

TURNS = 20
"""Turns of the event loop that a sleeper gives to the others."""

TOKENS = JobTokens.derived("a secret of the tests")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PAYS, DECLINED = "4111 1111 1111 1111", "4000 0000 0000 0002"
LINKS = Links("http://shop.example", TOKENS)
LIMITS = Limits(intent=timedelta(seconds=20), page=timedelta(hours=1), wait_for_other=timedelta(seconds=8))


class SharedClock:
    """Our clock is the simulator's; sleeping lets everybody else run first, and then moves it if nobody else has."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self._clock.move(max(until - self.now(), timedelta()))


@dataclass(frozen=True, slots=True)
class Ahead:
    """A clock that is an hour ahead of another."""

    other: SharedClock

    def now(self) -> datetime:
        return self.other.now() + timedelta(hours=1)

    async def sleep(self, seconds: float) -> None:
        await self.other.sleep(seconds)


class Network(httpx.AsyncBaseTransport):
    """Carries our gateway calls to the simulator, unless it is ``down``; ``late`` replies to changes come too late.

    ``before_a_change`` may carry a change in its stead.
    """

    def __init__(self, simulator: Simulator, mortality: Mortality) -> None:
        self._inner = MortalNetwork(httpx.ASGITransport(app=simulator.app), mortality)
        self.down = False
        self.before_a_change: Callable[[httpx.Request], Awaitable[httpx.Response]] | None = None
        self.late = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("connection refused")
        if self.before_a_change is not None and request.method != "GET":
            return await self.before_a_change(request)
        response = await self._inner.handle_async_request(request)
        if self.late and request.method != "GET":
            raise httpx.ReadTimeout("the deadline passed")
        return response


@dataclass
class World:
    clock: SharedClock
    simulator: Simulator
    network: Network
    client: httpx.AsyncClient
    store: OrderStore
    gateway: CashflowsService
    orders: Orders
    reconciler: Reconciler
    start_payment: StartPayment
    webhooks: Webhooks
    inbox: Inbox
    customer_return: CustomerReturn
    operations: Operations
    notifier: Notifier
    woken: list[datetime] = field(default_factory=list)

    async def start(self, reference: str = "TEST-001", minor: int = 1000, owner: str = "alice") -> StartedPayment:
        return await self.start_payment(terms(reference, minor, owner), actor=f"customer {owner}")

    def start_payment_ahead(self) -> StartPayment:
        """Of a process whose clock is an hour ahead."""
        ahead, gateways = Ahead(self.clock), {self.gateway.name: self.gateway}
        orders = Orders(self.store, ahead, Mode.MOCK)
        reconciler = Reconciler(orders, self.store, gateways, ahead, Mode.MOCK)
        return StartPayment(orders, self.gateway, reconciler, ahead, links=LINKS, limits=LIMITS)

    async def order(self, reference: str = "TEST-001") -> Order:
        order = await self.orders.find(OrderReference(reference))
        assert order is not None
        return order

    async def status(self, reference: str = "TEST-001") -> OrderStatus:
        return order_status(await self.order(reference))

    async def paid(self, reference: str = "TEST-001", minor: int = 1000) -> Order:
        """An order whose customer has just paid, and whose webhook has come."""
        await self.press((await self.start(reference, minor)).action_url, "pay")
        await self.deliver()
        self.later(seconds=10)
        await self.work()
        return await self.order(reference)

    async def ask(
        self, kind: OperationKind, minor: int | None = None, *, by: str = "ann", number: int | None = None
    ) -> Asked:
        """An operator asks for an operation, as the next one of the order unless told otherwise."""
        order = await self.order()
        number = number or len(order.operations) + 1
        return await self.operations.ask(order, OperationAsk(kind, by, "a test", minor, number=number))

    async def press(self, page: str, action: str, card: str = PAYS) -> httpx.Response:
        """Fill in the hosted page and press one of its buttons."""
        parts = urlsplit(page)
        form = {"cc-number": card, "cc-name": "Luke Skywalker", "cc-exp": "12/30", "cc-csc": "123", "action": action}
        return await self.client.post(f"{parts.path}?{parts.query}", data=form)

    async def take(self, headers: Mapping[str, str], body: bytes, token: str | None = None) -> Accepted:
        """A webhook comes in, to the plain address or to that of a job."""
        return await self.webhooks.accept(self.gateway.name, headers, body, token)

    async def deliver(self) -> None:
        """Have the simulator send every webhook that is due."""
        await self.simulator.deliver_due()

    async def work(self) -> None:
        """Let the background work run until nothing is due."""
        while await self.webhooks.run_pending() + await self.reconciler.run_due() + await self.notifier.run_due():
            pass

    def later(self, **time: float) -> None:
        self.simulator.move_clock(timedelta(**time))

    async def fault(self, script: str, reference: str = "TEST-001") -> None:
        """Have the simulator do ``script`` to an order from now on."""
        answer = await self.client.put(f"/control/faults/{reference}", json={"scripts": [script]})
        assert answer.is_success, answer.text

    async def jobs_at_gateway(self) -> list[dict[str, Any]]:
        """What the gateway believes, oldest first."""
        jobs = (await self.client.get("/jobs.json")).json()["jobs"]
        return sorted(jobs, key=lambda job: str(job["orderNumber"]))

    async def reads_at_gateway(self) -> int:
        requests = (await self.client.get("/requests.json")).json()["requests"]
        return sum(request["method"] == "GET" for request in requests)

    def signed(self, **body: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of a webhook that the gateway might have sent."""
        raw = json.dumps(body).encode()
        return {"x-signature": webhook_signature(self.simulator.settings.webhook_secret, raw)}, raw


@asynccontextmanager
async def world(
    *,
    scheme: str = "hmac-sha256",
    store: OrderStore | None = None,
    shop: ShopEndpoint | None = None,
    auto_capture: bool = True,
    partial_capture: bool = False,
    approve_above: int | None = None,
    mortality: Mortality | None = None,
) -> AsyncIterator[World]:
    account = SimulatorSettings(
        public_base_url="http://simulator.example", auto_capture=auto_capture, partial_capture=partial_capture
    )
    clock = Clock(lambda: NOON)
    shared = SharedClock(clock)
    mortality = mortality or Mortality()
    store = store or MemoryStore(MortalDisk(mortality))
    await store.open()

    async def take_webhook(request: httpx.Request) -> httpx.Response:
        try:
            accepted = await made.take(dict(request.headers), request.content, request.url.path.rpartition("/")[2])
        except WebhookRejected:
            return httpx.Response(401)
        except WebhookUnreadable:
            return httpx.Response(400)
        except StoreError:
            return httpx.Response(503)
        except Died:
            raise httpx.ReadError("the process died") from None
        return httpx.Response(200, json=dict(accepted.acknowledgement))

    async with httpx.AsyncClient(transport=httpx.MockTransport(take_webhook)) as to_us:
        simulator = Simulator(account, webhook_client=to_us, clock=clock)
        network = Network(simulator, mortality)
        async with httpx.AsyncClient(transport=network, base_url="http://simulator.example") as client:
            signing: Scheme = HmacSha256(account.api_secret, account.webhook_secret)
            if scheme == "sha512":
                signing = Sha512(account.api_key)
            gateway = CashflowsService(
                merchant_id=account.configuration_id,
                scheme=signing,
                gateway_url="http://simulator.example",
                http=GatewayHttp(network, deadline_seconds=5, sleep=shared.sleep),
                is_configured=True,
            )
            gateways = {gateway.name: gateway}
            woken: list[datetime] = []
            orders = Orders(store, shared, Mode.MOCK, tells_shop=shop is not None)
            reconciler = Reconciler(orders, store, gateways, shared, Mode.MOCK)

            def wake() -> None:
                woken.append(clock.now())

            made = World(
                clock=shared,
                simulator=simulator,
                network=network,
                client=client,
                store=store,
                gateway=gateway,
                orders=orders,
                reconciler=reconciler,
                start_payment=StartPayment(orders, gateway, reconciler, shared, links=LINKS, limits=LIMITS),
                webhooks=Webhooks(
                    orders, store, gateways, reconciler, shared, Mode.MOCK, job_tokens=TOKENS, wake_worker=wake
                ),
                inbox=Inbox(orders, store, gateways, shared, Mode.MOCK, wake_worker=wake),
                customer_return=CustomerReturn(orders, store, shared, wake_worker=wake),
                operations=Operations(
                    orders,
                    reconciler,
                    gateways,
                    shared,
                    approve_above=approve_above,
                ),
                notifier=Notifier(orders, store, shared, Mode.MOCK, shop, wake_worker=wake, spread=lambda: 0),
                woken=woken,
            )
            yield made
        simulator.close()
    await store.close()
