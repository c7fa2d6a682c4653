"""The one composition root: settings in, running objects out. Nothing else imports everything."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from .api.app import make_app
from .api.auth import TokenVerifier
from .api.context import ApiContext
from .clock import SystemClock
from .config import Settings
from .domain.terms import Mode
from .gateways.cashflows import CashflowsService, HmacSha256, Scheme, Sha512
from .gateways.http import GatewayHttp
from .ports import OrderStore
from .service.customer_return import CustomerReturn
from .service.orders import Orders
from .service.reconcile import Reconciler
from .service.start_payment import Limits, Links, StartPayment
from .service.webhooks import Webhooks
from .simulator import Simulator, SimulatorSettings
from .stores import SqliteStore
from .worker import Batch, Worker

SANDBOX_PATH: Final = "/sandbox"
PAGE_DOMAIN: Final = "cashflows.com"
SIMULATOR_URL: Final = "http://simulator"
ORDERS_FILE: Final = "orders.sqlite3"
LEDGER_FILE: Final = "simulator.sqlite3"

INTENT_MARGIN: Final = timedelta(seconds=12)
"""An intent outlives the gateway's deadline by this, so that a slow but living creator is not taken for dead."""


def create_app(settings: Settings) -> FastAPI:
    """The whole program as one ASGI application; nothing is opened before its lifespan starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.context = await _start(settings, app, stack)
            yield

    return make_app(lifespan, origins=settings.origins, with_try_out=settings.mode is Mode.MOCK)


async def _start(settings: Settings, app: FastAPI, stack: AsyncExitStack) -> ApiContext:
    """Open everything in order; ``stack`` closes it in reverse."""
    clock, mode = SystemClock(), settings.mode
    store = make_store(settings)
    await store.open()
    stack.push_async_callback(store.close)
    if mode is Mode.MOCK:
        gateway = await _simulated_gateway(settings, app, stack)
    else:
        gateway = await _real_gateway(settings, stack)
    orders = Orders(store, clock, mode)
    reconciler = Reconciler(orders, store, gateway, clock, mode)
    worker = Worker(poll_seconds=settings.worker_poll_seconds)
    webhooks = Webhooks(orders, store, gateway, reconciler, clock, mode, wake_worker=worker.wake)
    await stack.enter_async_context(_working(worker, [webhooks.run_pending, reconciler.run_due]))
    links, limits = Links(settings.base_url), _limits(settings)
    return ApiContext(
        mode=mode,
        clock=clock,
        store=store,
        orders=orders,
        start_payment=StartPayment(orders, gateway, reconciler, clock, links=links, limits=limits),
        customer_return=CustomerReturn(orders, store, clock, wake_worker=worker.wake),
        webhooks={gateway.name: webhooks},
        tokens=TokenVerifier(settings.jwt_secret_key.get_secret_value()),
        frontend_url=settings.frontend_url,
    )


def make_store(settings: Settings) -> OrderStore:
    """MongoDB where a URL is given, else one file in the data folder; nothing is opened yet."""
    timeout_seconds = settings.store_timeout_seconds
    if settings.mongo_url is not None:
        from .stores.mongo import MongoStore  # the driver costs start-up time that SQLite need not pay

        return MongoStore(settings.mongo_url.get_secret_value(), settings.db_name, timeout_seconds=timeout_seconds)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return SqliteStore(settings.data_dir / ORDERS_FILE, timeout_seconds=timeout_seconds)


async def _real_gateway(settings: Settings, stack: AsyncExitStack) -> CashflowsService:
    from .gateways.transport import NetworkTransport  # aiohttp costs start-up time that mock mode need not pay

    client = await stack.enter_async_context(httpx.AsyncClient(transport=NetworkTransport()))
    return _cashflows(settings, _credentials(settings), client, settings.cashflows_gateway_url)


async def _simulated_gateway(settings: Settings, app: FastAPI, stack: AsyncExitStack) -> CashflowsService:
    """The same adapter with its HTTP wired to the simulator, whose webhooks come back into ``app``."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    account = SimulatorSettings(
        public_base_url=settings.base_url + SANDBOX_PATH, ledger_path=settings.data_dir / LEDGER_FILE
    )
    if settings.cashflows_webhook_secret is not None:
        account = replace(account, webhook_secret=settings.cashflows_webhook_secret.get_secret_value())
    to_us = await stack.enter_async_context(httpx.AsyncClient(transport=httpx.ASGITransport(app)))
    simulator = Simulator(account, webhook_client=to_us)
    stack.callback(simulator.close)
    await stack.enter_async_context(simulator.running())
    app.mount(SANDBOX_PATH, simulator.app)
    client = await stack.enter_async_context(httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app)))
    credentials = Credentials(account.configuration_id, account.api_key, account.api_secret, account.webhook_secret)
    return _cashflows(settings, credentials, client, SIMULATOR_URL)


@dataclass(frozen=True, slots=True)
class Credentials:
    merchant_id: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    webhook_secret: str | None = field(repr=False)


def _credentials(settings: Settings) -> Credentials:
    return Credentials(
        merchant_id=settings.cashflows_merchant_id or "",
        api_key=_reveal(settings.cashflows_api_key) or "",
        api_secret=_reveal(settings.cashflows_api_secret) or "",
        webhook_secret=_reveal(settings.cashflows_webhook_secret),
    )


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def _cashflows(
    settings: Settings, credentials: Credentials, client: httpx.AsyncClient, gateway_url: str
) -> CashflowsService:
    scheme: Scheme = HmacSha256(credentials.api_secret, credentials.webhook_secret)
    if settings.cashflows_scheme == "sha512":
        scheme = Sha512(credentials.api_key)
    return CashflowsService(
        merchant_id=credentials.merchant_id,
        scheme=scheme,
        gateway_url=gateway_url,
        http=GatewayHttp(client, deadline_seconds=settings.gateway_timeout_seconds),
        is_configured=settings.mode is not Mode.MOCK,
        page_domain=PAGE_DOMAIN if settings.mode is Mode.PRODUCTION else None,
    )


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
