"""The one composition root: settings in, running objects out. Nothing else imports everything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx
from fastapi import FastAPI

from .api.app import make_app
from .api.auth import Authenticator
from .api.context import ApiContext
from .api.tokens import TokenVerifier
from .clock import SystemClock
from .config import Settings, gateway_settings
from .domain.roles import parse_operator_keys
from .domain.terms import Mode
from .gateways.http import GatewayHttp
from .gateways.registry import GatewayContext, build, find_factories
from .ports import OrderStore, PaymentGateway
from .service.customer_return import CustomerReturn
from .service.operations import Operations
from .service.orders import Orders
from .service.reconcile import Reconciler
from .service.send_operation import OperationSender
from .service.start_payment import Limits, Links, StartPayment
from .service.webhooks import Webhooks
from .stores import SqliteStore
from .worker import Batch, Worker

if TYPE_CHECKING:
    from .simulator import Simulator

SANDBOX_PATH: Final = "/sandbox"
SIMULATOR_URL: Final = "http://simulator"
ORDERS_FILE: Final = "orders.sqlite3"
LEDGER_FILE: Final = "simulator.sqlite3"

INTENT_MARGIN: Final = timedelta(seconds=12)
"""An intent outlives the gateway's deadline by this, so that a slow but living creator is not taken for dead."""


def make_store(settings: Settings) -> OrderStore:
    """MongoDB where a URL is given, else one file in the data folder; nothing is opened yet."""
    timeout_seconds = settings.store_timeout_seconds
    if settings.mongo_url is not None:
        from .stores.mongo import MongoStore  # the driver costs start-up time that SQLite need not pay

        return MongoStore(settings.mongo_url.get_secret_value(), settings.db_name, timeout_seconds=timeout_seconds)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return SqliteStore(settings.data_dir / ORDERS_FILE, timeout_seconds=timeout_seconds)


StoreMaker: TypeAlias = Callable[[Settings], OrderStore]


def create_app(settings: Settings, *, store: StoreMaker = make_store) -> FastAPI:
    """The whole program as one ASGI application; the store and the background work start with its lifespan.

    Raises:
        GatewayPluginError: a gateway that the settings name cannot be used.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for resource in resources:
                await stack.enter_async_context(resource)
            app.state.context = await _start(settings, store(settings), gateways, stack)
            yield

    mocked = settings.mode is Mode.MOCK
    app = make_app(lifespan, origins=settings.origins, with_try_out=mocked)
    account = _mount_simulator(settings, app) if mocked else None
    gateways, resources = _make_gateways(settings, account)
    return app


async def _start(
    settings: Settings,
    store: OrderStore,
    gateways: Mapping[str, PaymentGateway],
    stack: AsyncExitStack,
) -> ApiContext:
    """Open everything in order; ``stack`` closes it in reverse."""
    clock, mode = SystemClock(), settings.mode
    await store.open()
    stack.push_async_callback(store.close)
    orders = Orders(store, clock, mode, limit=timedelta(seconds=settings.store_timeout_seconds))
    reconciler = Reconciler(orders, store, gateways, clock, mode)
    worker = Worker(poll_seconds=settings.worker_poll_seconds)
    webhooks = Webhooks(orders, store, gateways, reconciler, clock, mode, wake_worker=worker.wake)
    await stack.enter_async_context(_working(worker, [webhooks.run_pending, reconciler.run_due]))
    tokens = TokenVerifier(settings.jwt_secret_key.get_secret_value())
    links, limits = Links(settings.base_url), _limits(settings)
    first = gateways[settings.gateway_names[0]]
    operations = Operations(
        orders,
        OperationSender(orders, gateways, clock),
        reconciler,
        gateways,
        clock,
        approve_above=settings.refund_approval_above,
    )
    return ApiContext(
        mode=mode,
        clock=clock,
        store=store,
        orders=orders,
        gateways=gateways,
        start_payment=StartPayment(orders, first, reconciler, clock, links=links, limits=limits),
        customer_return=CustomerReturn(orders, store, clock, wake_worker=worker.wake),
        webhooks=webhooks,
        operations=operations,
        reconciler=reconciler,
        tokens=tokens,
        authenticate=Authenticator(tokens, parse_operator_keys(settings.operator_keys)),
        frontend_url=settings.frontend_url,
    )


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """A simulator, and what stands in its place for the gateway's settings and its network."""

    simulator: "Simulator"
    settings: Mapping[str, str] = field(repr=False)
    transport: httpx.AsyncBaseTransport


def _mount_simulator(settings: Settings, app: FastAPI) -> SimulatedAccount:
    """Put the simulator under ``/sandbox``; its webhooks come back into ``app`` without a socket."""
    from .simulator import Simulator, SimulatorSettings  # costs start-up time that real gateways need not pay

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    account = SimulatorSettings(
        public_base_url=settings.base_url + SANDBOX_PATH, ledger_path=settings.data_dir / LEDGER_FILE
    )
    if settings.cashflows_webhook_secret is not None:
        account = replace(account, webhook_secret=settings.cashflows_webhook_secret.get_secret_value())
    simulator = Simulator(account, webhook_client=httpx.AsyncClient(transport=httpx.ASGITransport(app)))
    app.mount(SANDBOX_PATH, simulator.app)
    told = {
        "CASHFLOWS_MERCHANT_ID": account.configuration_id,
        "CASHFLOWS_API_KEY": account.api_key,
        "CASHFLOWS_API_SECRET": account.api_secret,
        "CASHFLOWS_WEBHOOK_SECRET": account.webhook_secret,
        "CASHFLOWS_GATEWAY_URL": SIMULATOR_URL,
    }
    return SimulatedAccount(simulator, told, httpx.ASGITransport(simulator.app))


def _make_gateways(
    settings: Settings, account: SimulatedAccount | None
) -> tuple[Mapping[str, PaymentGateway], Sequence[AbstractAsyncContextManager[object]]]:
    """Every gateway that the settings name, each with a connection pool of its own, and what must run meanwhile."""
    resources: list[AbstractAsyncContextManager[object]] = []
    told = gateway_settings(settings)
    if account is not None:
        told |= account.settings
        resources.append(_simulating(account.simulator))
    gateways = {}
    for name, factory in find_factories(settings.gateway_names).items():
        client = httpx.AsyncClient(transport=account.transport if account is not None else _network())
        resources.append(client)
        http = GatewayHttp(client, deadline_seconds=settings.gateway_timeout_seconds)
        gateways[name] = build(name, factory, GatewayContext(settings.mode, told, http))
    return gateways, resources


def _network() -> httpx.AsyncBaseTransport:
    from .gateways.transport import NetworkTransport  # aiohttp costs start-up time that mock mode need not pay

    return NetworkTransport()


@asynccontextmanager
async def _simulating(simulator: "Simulator") -> AsyncIterator[None]:
    async with simulator.running():
        yield
    simulator.close()


def _limits(settings: Settings) -> Limits:
    deadline = timedelta(seconds=settings.gateway_timeout_seconds)
    page = timedelta(minutes=settings.payment_page_minutes)
    return Limits(intent=deadline + INTENT_MARGIN, page=page, wait_for_other=deadline)


@asynccontextmanager
async def _working(worker: Worker, batches: Sequence[Batch]) -> AsyncIterator[None]:
    """The worker in the background while the context lasts; what it leaves undone falls due again."""
    task = asyncio.create_task(worker.run(batches), name="worker")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
