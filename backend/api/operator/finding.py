"""The order that an operator's address names."""

from ...domain.errors import InvalidOrderReference
from ...domain.model import Order
from ...domain.references import parse_order_reference
from ..context import ApiContext
from ..errors import NoSuchOrder


async def find_order(context: ApiContext, reference: str) -> Order:
    """Raises:
    NoSuchOrder
    """
    try:
        order = await context.orders.find(parse_order_reference(reference))
    except InvalidOrderReference:
        raise NoSuchOrder from None
    if order is None:
        raise NoSuchOrder
    return order
