"""Settings in, services out: everything but HTTP and the background work, which ``bootstrap.py`` adds.

The command line works on these, so nothing here loads a web framework for a real gateway's sake.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx

from .clock import SystemClock
from .config import Settings, gateway_settings
from .domain.job_tokens import JobTokens
from .domain.terms import Mode
from .gateways.http import GatewayHttp
from .gateways.late_network import LateNetwork
from .gateways.registry import GatewayContext, build, find_factories
from .open_store import data_folder, make_store, opening
from .ports import Clock, OrderStore, PaymentGateway, ShopEndpoint
from .service.erase import Erase
from .service.gateway_guard import GatewayGuard
from .service.inbox import Inbox
from .service.notify import Notifier
from .service.operations import Operations
from .service.orders import Orders
from .service.reconcile import Reconciler
from .service.sweeping import expired_records, old_deliveries
from .service.webhooks import Webhooks
from .shop.signing import Secret

if TYPE_CHECKING:
    from .gateways.network import Network
    from .simulator import Simulator

SHOP_CONNECT_SECONDS: Final = 5
"""So that a second address of the shop still gets its turn."""

SANDBOX_PATH: Final = "/sandbox"
SIMULATOR_URL: Final = "http://simulator"
LEDGER_FILE: Final = "simulator.sqlite3"


ObserveGateway: TypeAlias = Callable[[str, str, str, float], None]
"""Told of each call to a gateway: whose, its method, its outcome, and the seconds it took."""


@dataclass(frozen=True, slots=True)
class Services:
    """What operators need, whether they come over HTTP or on the command line."""

    mode: Mode
    clock: Clock
    store: OrderStore
    gateways: Mapping[str, PaymentGateway]
    guard: GatewayGuard
    orders: Orders
    reconciler: Reconciler
    webhooks: Webhooks
    inbox: Inbox
    operations: Operations
    notifier: Notifier
    erase: Erase
    job_tokens: JobTokens


@asynccontextmanager
async def services(settings: Settings) -> AsyncIterator[Services]:
    """The services without HTTP and without background work, for a command that runs beside the server.

    In mock mode the simulator's ledger is shared with the server; its webhooks wait for the server to deliver them.
    """
    async with AsyncExitStack() as stack:
        gateways = await _open_gateways(settings, stack, simulate)
        yield await stack.enter_async_context(
            serving(settings, make_store(settings), gateways, lambda: None, SystemClock())
        )


@asynccontextmanager
async def gateways_alone(settings: Settings) -> AsyncIterator[Mapping[str, PaymentGateway]]:
    """The gateways for whoever must leave nothing on the disk: without a store, simulated in memory."""
    async with AsyncExitStack() as stack:
        yield await _open_gateways(settings, stack, partial(_simulate, None))


async def _open_gateways(
    settings: Settings, stack: AsyncExitStack, simulated: Callable[[Settings, httpx.AsyncClient], "SimulatedAccount"]
) -> Mapping[str, PaymentGateway]:
    account = None
    if settings.mode is Mode.MOCK:
        account = simulated(settings, await stack.enter_async_context(httpx.AsyncClient()))
        stack.callback(account.simulator.close)
    gateways, networks = make_gateways(settings, account)
    for network in networks:
        await stack.enter_async_context(network)
    return gateways


@asynccontextmanager
async def serving(
    settings: Settings,
    store: OrderStore,
    gateways: Mapping[str, PaymentGateway],
    wake: Callable[[], None],
    clock: Clock | None = None,
) -> AsyncIterator[Services]:
    """The services around an open store; ``wake`` has whoever works in the background look at once.

    ``clock`` is the system's where none is given.
    """
    clock, mode = clock or SystemClock(), settings.mode
    async with AsyncExitStack() as stack:
        await store.open()
        stack.push_async_callback(store.close)
        shop = await _shop(settings, stack)
        guard = GatewayGuard(gateways, store, clock)
        gateways = guard.gateways
        await guard.refresh()
        limit = timedelta(seconds=settings.store_timeout_seconds)
        orders = Orders(store, clock, mode, limit=limit, tells_shop=shop is not None)
        tokens = JobTokens.derived(settings.jwt_secret_key.get_secret_value())
        reconciler = Reconciler(orders, store, gateways, clock, mode)
        yield Services(
            mode=mode,
            clock=clock,
            store=store,
            gateways=gateways,
            guard=guard,
            orders=orders,
            reconciler=reconciler,
            webhooks=Webhooks(orders, store, gateways, reconciler, clock, mode, job_tokens=tokens, wake_worker=wake),
            inbox=Inbox(orders, store, gateways, clock, mode, wake_worker=wake),
            operations=Operations(
                orders,
                reconciler,
                gateways,
                clock,
                approve_above=settings.refund_approval_above,
            ),
            erase=Erase(orders, store, clock, mode),
            notifier=Notifier(orders, store, clock, mode, shop, wake_worker=wake),
            job_tokens=tokens,
        )


def background_work(settings: Settings, made: Services) -> Sequence[Callable[[], Awaitable[int]]]:
    """What has to be done again and again, each a bounded batch at a time."""
    kept = timedelta(days=settings.delivery_kept_days)
    sweepers = [
        expired_records(made.store, made.clock),
        old_deliveries(made.store, made.clock, made.mode, kept),
    ]
    work = [made.webhooks.run_pending, made.reconciler.run_due, made.notifier.run_due]
    return [*work, *(sweeper.run_due for sweeper in sweepers)]


async def _shop(settings: Settings, stack: AsyncExitStack) -> ShopEndpoint | None:
    """The shop's endpoint with a connection pool of its own, if one is set."""
    url, given = settings.notification_url, (settings.notification_secret, settings.notification_secret_previous)
    if url is None:
        return None
    from .shop.endpoint import HttpShopEndpoint

    limit_seconds = settings.notification_timeout_seconds
    timeout = httpx.Timeout(limit_seconds, connect=min(limit_seconds, SHOP_CONNECT_SECONDS))
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=timeout, trust_env=False))
    return HttpShopEndpoint(
        url,
        [Secret.parse(secret.get_secret_value()) for secret in given if secret is not None],
        client,
        limit_seconds=limit_seconds,
        private_allowed=settings.mode is Mode.MOCK,
    )


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """A simulator, and what stands in its place for the gateway's settings and its network."""

    simulator: "Simulator"
    settings: Mapping[str, str] = field(repr=False)
    transport: httpx.AsyncBaseTransport


def simulate(settings: Settings, webhook_client: httpx.AsyncClient) -> SimulatedAccount:
    """A simulator on the ledger in the data folder, which every process of this program shares.

    Raises:
        StoreUnavailable: the ledger cannot be opened.
    """
    ledger = data_folder(settings) / LEDGER_FILE
    with opening(ledger):
        return _simulate(ledger, settings, webhook_client)


def _simulate(ledger: Path | None, settings: Settings, webhook_client: httpx.AsyncClient) -> SimulatedAccount:
    from .simulator import Simulator, SimulatorSettings  # costs start-up time that real gateways need not pay

    account = SimulatorSettings(public_base_url=settings.base_url + SANDBOX_PATH, ledger_path=ledger)
    if settings.cashflows_webhook_secret is not None:
        account = replace(account, webhook_secret=settings.cashflows_webhook_secret.get_secret_value())
    simulator = Simulator(account, webhook_client=webhook_client)
    told = {
        "CASHFLOWS_MERCHANT_ID": account.configuration_id,
        "CASHFLOWS_API_KEY": account.api_key,
        "CASHFLOWS_API_SECRET": account.api_secret,
        "CASHFLOWS_WEBHOOK_SECRET": account.webhook_secret,
        "CASHFLOWS_GATEWAY_URL": SIMULATOR_URL,
    }
    return SimulatedAccount(simulator, told, httpx.ASGITransport(simulator.app))


def make_gateways(
    settings: Settings, account: SimulatedAccount | None, observe: ObserveGateway | None = None
) -> tuple[Mapping[str, PaymentGateway], Sequence[AbstractAsyncContextManager[object]]]:
    """Every gateway that the settings name, each with a connection pool of its own to be kept open meanwhile."""
    networks: list[AbstractAsyncContextManager[object]] = []
    told = gateway_settings(settings)
    if account is not None:
        told |= account.settings
    gateways = {}
    for name, factory in find_factories(settings.gateway_names).items():
        network = account.transport if account is not None else LateNetwork(partial(_network, settings))
        networks.append(network)
        told_of = partial(observe, name) if observe is not None else None  # named by whose calls they are
        http = GatewayHttp(network, deadline_seconds=settings.gateway_timeout_seconds, observe=told_of)
        gateways[name] = build(name, factory, GatewayContext(settings.mode, told, http))
    return gateways, networks


def _network(settings: Settings) -> "Network":
    from .gateways.network import Network  # loads aiohttp, which LateNetwork does in a thread

    return Network(most_at_once=settings.requests_at_gateway)
