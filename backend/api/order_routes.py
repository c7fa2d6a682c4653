"""The state of an order, for its owner."""

from typing import Final

from fastapi import APIRouter

from ..domain.errors import InvalidOrderReference
from ..domain.references import parse_order_reference
from .auth import AuthenticatedCaller
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
    if order is None or (order.terms.owner != caller.user and not caller.is_admin):
        raise NoSuchOrder
    return OrderView.of(order, context.clock.now())
