"""The first page: what needs attention, most urgent first, and how payments go."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request, Response

from ...domain.deliveries import Delivery
from ...domain.model import Order
from ...domain.risk import at_risk_minor
from ...domain.searching import DeliveryQuery, OrderQuery
from ...service.delivery_subject import Outcome
from ..context import ApiContext, Context
from .charts import charts
from .console_route import ConsoleRoute
from .entry import SignedIn
from .pages import order_row, page

router: Final = APIRouter(prefix="/console", include_in_schema=False, route_class=ConsoleRoute)

MOST_SHOWN: Final = 50
MOST_CHARTED: Final = 2000
FOR_A_PERSON: Final = (Outcome.SET_ASIDE, Outcome.GIVEN_UP, Outcome.UNREADABLE)


@router.get("")
async def overview(request: Request, context: Context, session: SignedIn) -> Response:
    store, mode, now = context.store, context.mode, context.clock.now()
    waiting = await store.search(OrderQuery(mode, needs_attention=True), MOST_SHOWN)
    newest = await store.search(OrderQuery(mode), MOST_CHARTED)
    lag = await store.lag(mode)
    return page(
        request,
        context,
        session,
        "overview.html",
        {
            "at_risk": await store.money_at_risk(mode),
            "orders": [order_row(order) for order in _most_urgent_first(waiting)],
            "there_is_more": len(waiting) == MOST_SHOWN,
            "quarantined": await _for_a_person(context),
            "refusals": {name: why for name, gateway in context.gateways.items() if (why := gateway.refusal())},
            "endpoint": await context.notifier.health(),
            "waits": {"looks": lag.look_at, "notifications": lag.notice_at, "deliveries": lag.delivery_at},
            "charts": charts(newest, now),
            "charted": len(newest),
        },
    )


def _most_urgent_first(orders: Sequence[Order]) -> Sequence[Order]:
    """By money at risk, then by how long it has waited."""
    return sorted(orders, key=lambda order: (-at_risk_minor(order), _since(order)))


def _since(order: Order) -> float:
    return min((item.raised_at.timestamp() for item in order.attention if item.is_open), default=0.0)


async def _for_a_person(context: ApiContext) -> Sequence[Delivery]:
    found: list[Delivery] = []
    for outcome in FOR_A_PERSON:
        found += await context.store.search_deliveries(DeliveryQuery(context.mode, outcome=outcome), 10)
    return found
