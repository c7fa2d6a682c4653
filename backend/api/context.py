"""What the routes need, put together by ``bootstrap.py`` and handed to them through the application's state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from ..domain.terms import Mode
from ..observability.metrics import Metrics
from ..ports import Clock, OrderStore, PaymentGateway
from ..service.answers import Answers
from ..service.customer_return import CustomerReturn
from ..service.gateway_guard import GatewayGuard
from ..service.inbox import Inbox
from ..service.notify import Notifier
from ..service.operations import Operations
from ..service.orders import Orders
from ..service.rate_limits import RateLimits
from ..service.reconcile import Reconciler
from ..service.register_order import RegisterOrder
from ..service.start_payment import StartPayment
from ..service.webhooks import Webhooks
from .auth import Authenticator
from .console.door import Door
from .tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class ApiContext:
    mode: Mode
    clock: Clock
    store: OrderStore
    orders: Orders
    start_payment: StartPayment
    register_order: RegisterOrder
    customer_return: CustomerReturn
    webhooks: Webhooks
    inbox: Inbox
    gateways: Mapping[str, PaymentGateway]
    guard: GatewayGuard
    operations: Operations
    notifier: Notifier
    reconciler: Reconciler
    tokens: TokenVerifier
    authenticate: Authenticator
    answers: Answers
    rates: RateLimits
    frontend_url: str | None
    base_url: str
    door: Door
    metrics: Metrics
    metrics_token: str | None = field(repr=False)


async def _context(request: Request) -> ApiContext:
    context: ApiContext = request.app.state.context
    return context


Context = Annotated[ApiContext, Depends(_context)]
