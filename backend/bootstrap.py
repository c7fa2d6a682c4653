"""The one composition root: settings in, running objects out. Nothing else imports everything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx

from .api.app import make_app
from .api.auth import Authenticator
from .api.console.door import Door
from .api.context import ApiContext
from .api.layers.admission import Capacity
from .api.layers.rate_limits import Limits as RequestLimits
from .api.tokens import TokenVerifier
from .assemble import SANDBOX_PATH, SimulatedAccount, background_work, make_gateways, serving, simulate
from .config import Settings
from .domain.passwords import parse_console_users
from .domain.roles import parse_operator_keys
from .domain.terms import Mode
from .following import Tracer, recording
from .observability.metrics import Metrics
from .open_store import make_store
from .ports import Clock, OrderStore, PaymentGateway
from .service.answers import Answers
from .service.customer_return import CustomerReturn
from .service.rate_limits import RateLimits
from .service.register_order import RegisterOrder
from .service.start_payment import Limits, Links, StartPayment
from .worker import Worker

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .simulator import Simulator

__all__ = ["StoreMaker", "create_app", "make_store"]

INTENT_MARGIN: Final = timedelta(seconds=12)
"""An intent outlives the gateway's deadline by this, so that a slow but living creator is not taken for dead."""

DEFAULT_LIMITS: Final = (120, 1200, 6000)
"""Requests a minute of one user, from one address, and of webhooks from one address, where money is real."""

SQLITE_AT_ONCE: Final = 16
MONGODB_AT_ONCE: Final = 64
"""Requests that are worked on at once, unless REQUESTS_AT_ONCE says another number."""

CLAIM_DEADLINES: Final = 4
"""An idempotency key's claim outlives the calls to the gateway that one request may make, one after the other."""


StoreMaker: TypeAlias = Callable[[Settings], OrderStore]


SimulatorMaker: TypeAlias = Callable[[Settings, httpx.AsyncClient], SimulatedAccount]


def create_app(
    settings: Settings,
    *,
    store: StoreMaker = make_store,
    tracer: Tracer | None = None,
    clock: Clock | None = None,
    simulated: SimulatorMaker = simulate,
) -> "FastAPI":
    """The whole program as one ASGI application; the store and the background work start with its lifespan.

    ``clock`` is the system's where none is given; ``simulated`` makes the gateway of mock mode.

    Raises:
        GatewayPluginError: a gateway that the settings name cannot be used.
    """

    @asynccontextmanager
    async def lifespan(app: "FastAPI") -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if tracer is not None:
                stack.push_async_callback(asyncio.to_thread, tracer.close)
            stack.enter_context(recording(tracer))
            for resource in resources:
                await stack.enter_async_context(resource)
            app.state.context = await _start(settings, store(settings), gateways, metrics, stack, clock)
            yield

    metrics, mocked = Metrics(), settings.mode is Mode.MOCK
    app = make_app(
        lifespan,
        metrics=metrics,
        tracer=tracer,
        origins=settings.origins,
        trusted_proxies=settings.proxies,
        limits=_rate_limits(settings),
        capacity=_capacity(settings),
        with_try_out=mocked,
    )
    account = None
    resources: list[AbstractAsyncContextManager[object]] = []
    if mocked:
        # The simulator's webhooks come back into the application without a socket.
        account = simulated(settings, httpx.AsyncClient(transport=httpx.ASGITransport(app)))
        app.mount(SANDBOX_PATH, account.simulator.app)
        resources.append(_simulating(account.simulator))
    gateways, networks = make_gateways(settings, account, metrics.gateway_call)
    resources.extend(networks)
    return app


async def _start(
    settings: Settings,
    store: OrderStore,
    gateways: Mapping[str, PaymentGateway],
    metrics: Metrics,
    stack: AsyncExitStack,
    clock: Clock | None,
) -> ApiContext:
    """Open everything in order; ``stack`` closes it in reverse."""
    worker = Worker(poll_seconds=settings.worker_poll_seconds)
    made = await stack.enter_async_context(serving(settings, store, gateways, worker.wake, clock))
    if settings.worker == "inside":
        await stack.enter_async_context(worker.working(background_work(settings, made)))
    # Other processes' refusals concern also those that leave the background work to somebody else.
    refreshing = Worker(poll_seconds=settings.worker_poll_seconds)
    await stack.enter_async_context(refreshing.working([made.guard.refresh]))
    tokens = TokenVerifier(settings.jwt_secret_key.get_secret_value(), audience=settings.jwt_audience)
    links, limits = Links(settings.base_url, made.job_tokens), _limits(settings)
    first = made.gateways[settings.gateway_names[0]]
    keys, rates = parse_operator_keys(settings.operator_keys), RateLimits(store, made.clock, made.mode)
    users = parse_console_users(settings.console_users)
    return ApiContext(
        mode=made.mode,
        clock=made.clock,
        store=store,
        orders=made.orders,
        gateways=made.gateways,
        guard=made.guard,
        start_payment=StartPayment(
            made.orders,
            first,
            made.reconciler,
            made.clock,
            links=links,
            limits=limits,
            registered_only=settings.require_registered_orders,
        ),
        register_order=RegisterOrder(made.orders, made.clock),
        customer_return=CustomerReturn(made.orders, store, made.clock, wake_worker=worker.wake),
        webhooks=made.webhooks,
        inbox=made.inbox,
        operations=made.operations,
        notifier=made.notifier,
        reconciler=made.reconciler,
        tokens=tokens,
        rates=rates,
        answers=Answers(store, made.clock, claim_for=CLAIM_DEADLINES * limits.wait_for_other),
        authenticate=Authenticator(tokens, keys),
        frontend_url=settings.frontend_url,
        base_url=settings.base_url,
        door=Door(settings.jwt_secret_key.get_secret_value(), keys, users, store=store, clock=made.clock, rates=rates),
        metrics=metrics,
        metrics_token=None if settings.metrics_token is None else settings.metrics_token.get_secret_value(),
    )


def _capacity(settings: Settings) -> Capacity:
    """More at once with MongoDB: its answers take longer, and those that wait for them go together."""
    at_once = settings.requests_at_once or (MONGODB_AT_ONCE if settings.mongo_url else SQLITE_AT_ONCE)
    return Capacity(at_once, settings.requests_waiting, settings.requests_at_gateway)


def _rate_limits(settings: Settings) -> RequestLimits:
    """None in mock mode unless set: nothing there needs protection, and trying things out makes many requests."""
    user, address, webhooks = (0, 0, 0) if settings.mode is Mode.MOCK else DEFAULT_LIMITS
    return RequestLimits(
        user=user if settings.rate_limit_user is None else settings.rate_limit_user,
        address=address if settings.rate_limit_address is None else settings.rate_limit_address,
        webhooks=webhooks if settings.rate_limit_webhooks is None else settings.rate_limit_webhooks,
    )


@asynccontextmanager
async def _simulating(simulator: "Simulator") -> AsyncIterator[None]:
    async with simulator.running():
        yield
    simulator.close()


def _limits(settings: Settings) -> Limits:
    deadline = timedelta(seconds=settings.gateway_timeout_seconds)
    page = timedelta(minutes=settings.payment_page_minutes)
    return Limits(intent=deadline + INTENT_MARGIN, page=page, wait_for_other=deadline)
