"""One process of ours: its own objects over the shared disk, a worker in the background, and a death at any step."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from backend.domain.job_tokens import JobTokens
from backend.domain.references import JobReference
from backend.domain.terms import Mode
from backend.gateways.cashflows import CashflowsService, HmacSha256, Scheme, Sha512
from backend.gateways.http import GatewayHttp
from backend.ports import (
    CancelOutcome,
    ChangeOutcome,
    CreateOutcome,
    JobRequest,
    OperationRequest,
    OrderStore,
    StoreError,
)
from backend.service.customer_return import CustomerReturn
from backend.service.gateway_guard import GatewayGuard
from backend.service.notify import Notifier
from backend.service.operations import Operations
from backend.service.orders import Orders
from backend.service.reconcile import Reconciler
from backend.service.start_payment import Limits, Links, StartPayment
from backend.service.webhooks import Webhooks
from backend.worker import Batch, Worker

from .bank import SENT_FOR
from .clock import VirtualClock
from .disk import FaultyStore
from .loop import LIFE, Life

if TYPE_CHECKING:
    from .world import World

TOKENS: Final = JobTokens.derived("a secret of the simulation")
T = TypeVar("T")

DEADLINE_SECONDS: Final = 5.0
LIMITS: Final = Limits(timedelta(seconds=17), timedelta(hours=1), timedelta(seconds=5))
APPROVE_ABOVE: Final = 40
FAR_OFF: Final = 400 * 86_400.0


class Chore(Enum):
    """What the store gives out by its time; each has a worker of its own, so that a poll need wake no other."""

    LOOKS = auto()
    DELIVERIES = auto()
    NOTICES = auto()


class HungUp(Exception):
    """The process died, or the connection to it was lost: nobody knows what became of the request."""


@dataclass(frozen=True, slots=True)
class Services:
    orders: Orders
    reconciler: Reconciler
    start_payment: StartPayment
    webhooks: Webhooks
    customer_return: CustomerReturn
    operations: Operations
    guard: GatewayGuard
    notifier: Notifier


class Adapter(CashflowsService):
    """The real adapter; it only lets the wire know what each call is for."""

    async def create_payment_job(self, request: JobRequest) -> CreateOutcome:
        SENT_FOR.set(f"payment job {request.own_reference}")
        return await super().create_payment_job(request)

    async def change_payment(self, request: OperationRequest) -> ChangeOutcome:
        SENT_FOR.set(f"{request.kind} {request.own_reference}")
        return await super().change_payment(request)

    async def cancel_payment_job(self, reference: JobReference) -> CancelOutcome:
        SENT_FOR.set(None)  # safe to ask for again
        return await super().cancel_payment_job(reference)


class Process:
    def __init__(self, world: "World", name: str) -> None:
        self.name = name
        self.life: Life | None = None
        self.services: Services | None = None
        self.clock = VirtualClock(asyncio.get_running_loop().time)
        self._world = world
        self._workers: Mapping[Chore, Worker] = {}
        self._calls: set[asyncio.Future[object]] = set()
        self._lives = 0

    @property
    def is_up(self) -> bool:
        return self.life is not None and self.life.alive and self.services is not None

    async def start(self) -> None:
        self._lives += 1
        life = Life(f"{self.name}.{self._lives}")
        clock = VirtualClock(asyncio.get_running_loop().time)
        clock.skew = self._world.skew()
        workers = {chore: Worker(poll_seconds=FAR_OFF) for chore in Chore}
        store = cast(OrderStore, FaultyStore(await self._world.disk.open_store(), self._world))
        services = self._compose(store, clock, partial(_wake_all, workers))
        self.life, self.services, self.clock, self._workers = life, services, clock, workers
        batches: dict[Chore, Batch] = {
            Chore.DELIVERIES: services.webhooks.run_pending,
            Chore.NOTICES: services.notifier.run_due,
        }
        if self._world.options.reconciles:
            batches[Chore.LOOKS] = services.reconciler.run_due
        self._spawn(life, _work({workers[chore]: batch for chore, batch in batches.items()}, services.guard))

    def kill(self) -> None:
        """kill -9: whatever it was doing stops where it is, and its connections break."""
        assert self.life is not None, "it runs"
        self.life.alive = False
        self.services = None
        for call in self._calls:
            if not call.done():
                call.set_exception(HungUp())
        self._calls.clear()

    def wake(self, chores: Iterable[Chore]) -> None:
        for chore in chores:
            self._workers[chore].wake()

    async def serve(self, handle: Callable[[Services], Awaitable[T]]) -> T:
        """Have a request handled in this process.

        Raises:
            HungUp: it died meanwhile, or is down.
            Exception: whatever the handler raised.
        """
        if not self.is_up or self.life is None or self.services is None:
            raise HungUp
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[object] = loop.create_future()
        self._calls.add(answer)
        services = self.services

        async def handling() -> None:
            try:
                result = await handle(services)
            except Exception as exc:  # noqa: BLE001 - it is the caller's
                if not answer.done():
                    answer.set_exception(exc)
            else:
                if not answer.done():
                    answer.set_result(result)

        self._spawn(self.life, handling())
        try:
            return cast(T, await answer)
        finally:
            self._calls.discard(answer)

    def _spawn(self, life: Life, work: Awaitable[object]) -> None:
        context = self._world.context.copy()
        context.run(LIFE.set, life)
        asyncio.get_running_loop().create_task(_run(work), context=context)

    def _compose(self, store: OrderStore, clock: VirtualClock, wake_worker: Callable[[], None]) -> Services:
        world = self._world
        account = world.account
        scheme: Scheme = HmacSha256(account.api_secret, account.webhook_secret)
        if world.options.published_scheme:
            scheme = Sha512(account.api_key)
        gateway = Adapter(
            merchant_id=account.configuration_id,
            scheme=scheme,
            gateway_url=account.public_base_url,
            http=GatewayHttp(world.bank.wire, deadline_seconds=DEADLINE_SECONDS),
            is_configured=True,
        )
        guard = GatewayGuard({gateway.name: gateway}, store, clock)
        gateways = guard.gateways
        orders = Orders(store, clock, Mode.MOCK, tells_shop=True)
        reconciler = Reconciler(orders, store, gateways, clock, Mode.MOCK)
        return Services(
            orders=orders,
            reconciler=reconciler,
            start_payment=StartPayment(
                orders,
                gateways[gateway.name],
                reconciler,
                clock,
                links=Links("http://shop.example", TOKENS),
                limits=LIMITS,
            ),
            webhooks=Webhooks(
                orders, store, gateways, reconciler, clock, Mode.MOCK, job_tokens=TOKENS, wake_worker=wake_worker
            ),
            customer_return=CustomerReturn(orders, store, clock, wake_worker=wake_worker),
            operations=Operations(
                orders,
                reconciler,
                gateways,
                clock,
                approve_above=APPROVE_ABOVE,
            ),
            guard=guard,
            notifier=Notifier(orders, store, clock, Mode.MOCK, world.shop, wake_worker=wake_worker),
        )


def _wake_all(workers: Mapping[Chore, Worker]) -> None:
    for worker in workers.values():
        worker.wake()


async def _work(batches: Mapping[Worker, Batch], guard: GatewayGuard) -> None:
    """As ``bootstrap.py`` has it: what others found about the gateway is learned first."""
    with suppress(StoreError):
        await guard.refresh()
    for worker, batch in batches.items():
        asyncio.create_task(_repeat(worker, batch))  # noqa: RUF006 - the loop holds on to it


async def _repeat(worker: Worker, batch: Batch) -> None:
    async with worker.working([batch]):
        await asyncio.Event().wait()


async def _run(work: Awaitable[object]) -> None:
    with suppress(asyncio.CancelledError):
        await work
