"""The state of an order, for its owner."""

from typing import Final

from fastapi import APIRouter

from ..domain.errors import InvalidOrderReference
from ..domain.model import Order
from ..domain.references import parse_order_reference
from .auth import AuthenticatedCaller, Caller
from .context import Context
from .errors import NoSuchOrder
from .problem_docs import problems
from .schemas import OrderView

router: Final = APIRouter(prefix="/api/orders", tags=["orders"])


@router.get("/{order_reference:path}", responses=problems(401, 404, 503))
async def get_order(order_reference: str, caller: AuthenticatedCaller, context: Context) -> OrderView:
    """An order's status, amounts, the payments tried, and what is awaited. Another customer's order is a 404."""
    try:
        order = await context.orders.find(parse_order_reference(order_reference))
    except InvalidOrderReference:
        raise NoSuchOrder from None
    if order is None or (not _may_see(order, caller)):
        raise NoSuchOrder
    return OrderView.of(order, context.clock.now())


def _may_see(order: Order, caller: Caller) -> bool:
    return caller.sees_every_order or (caller.is_customer and order.terms.owner == caller.user)
