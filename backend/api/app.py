"""The routes, their errors and limits, as one application without its services (``bootstrap.py`` adds those)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ..following import Tracer
from ..observability.metrics import Metrics
from . import (
    checkout_routes,
    description,
    errors,
    health_routes,
    metrics_routes,
    order_routes,
    payment_routes,
    try_out_routes,
    webhook_routes,
)
from .console import delivery_routes as console_deliveries
from .console import endpoint_routes as console_endpoint
from .console import order_routes as console_orders
from .console import overview_routes as console_overview
from .console import sign_in_routes
from .layers.admission import Admission, Capacity
from .layers.body_limits import BodyLimits
from .layers.card_numbers import CardNumbersRefused
from .layers.cross_origin import CrossOrigin
from .layers.direct_routes import DirectRoutes
from .layers.followed_requests import FollowedRequests
from .layers.idempotency import HEADER, REPLAYED, IdempotentRequests
from .layers.overload import Overload
from .layers.rate_limits import Limits, RateLimited
from .operator import delivery_routes, notification_routes, operation_routes, overview_routes
from .operator import order_routes as operator_order_routes
from .pages import FOLDER

ROUTES: Final = (
    webhook_routes,
    order_routes,
    payment_routes,
    checkout_routes,
    operation_routes,
    notification_routes,
    operator_order_routes,
    delivery_routes,
    overview_routes,
    health_routes,
    metrics_routes,
    sign_in_routes,
    console_overview,
    console_orders,
    console_deliveries,
    console_endpoint,
)
"""What is asked most comes first: an address is held against one after the other."""

DESCRIPTION = "Takes a web shop's order to a paid order through a payment gateway. Errors are RFC 9457 problem details."


def make_app(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    *,
    origins: Sequence[str],
    trusted_proxies: Sequence[str],
    limits: Limits,
    capacity: Capacity,
    metrics: Metrics,
    with_try_out: bool,
    tracer: Tracer | None = None,
) -> FastAPI:
    """``lifespan`` puts an ``ApiContext`` into ``app.state.context``; ``origins`` may call from their pages."""
    app = FastAPIOffline(
        redoc_url=None,
        title="RaffleStack payments",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours are our own; asking costs each request
    )
    for module in [*ROUTES, *[try_out_routes] * with_try_out]:
        # The routes themselves: of a router that is included the framework builds each route a second time, when the
        # first request comes, and takes longer to find it.
        app.router.routes.extend(module.router.routes)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app.state.admission = Admission(capacity, metrics, origins)  # the server asks it too
    layers = [
        Middleware(Overload, app.state.admission),
        Middleware(FollowedRequests, metrics, tracer),
        Middleware(ProxyHeadersMiddleware, list(trusted_proxies)),
        Middleware(CardNumbersRefused),
        Middleware(
            CrossOrigin,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "traceparent", "X-Request-ID", HEADER],
            expose_headers=["Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-ID", REPLAYED],
        ),
        Middleware(RateLimited, limits),
        Middleware(BodyLimits),
        Middleware(IdempotentRequests),
        Middleware(DirectRoutes, [route for module in ROUTES for route in module.router.routes]),
    ]
    _put_around(app, layers)
    errors.install(app)
    description.install(app)
    return app


def _put_around(app: FastAPI, layers: Sequence[Middleware]) -> None:
    """The first is outermost. All are outside of the framework's own, which most requests then never come to.

    By ``add_middleware`` they would be within it, and ``FastAPIOffline`` makes an application of no class of ours.
    """
    build = app.build_middleware_stack

    def built() -> ASGIApp:
        inner = build()
        for layer, args, named in reversed(layers):
            inner = layer(inner, *args, **named)
        return inner

    app.build_middleware_stack = built  # type: ignore[method-assign]
