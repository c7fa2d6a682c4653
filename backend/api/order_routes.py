"""The state of an order, for its owner; and registering one, for the shop's server."""

from typing import Final

from fastapi import APIRouter, Response
from starlette.convertors import Convertor, register_url_convertor

from ..domain.errors import InvalidOrderReference, RegistrationDiffers
from ..domain.references import OrderReference, parse_order_reference
from .auth import AuthenticatedCaller, ShopServer
from .context import Context
from .direct_route import DirectRoute
from .errors import NoSuchOrder
from .fields import Reference
from .problem_docs import problems
from .schemas import OrderView, RegisterOrder


class AnyText(Convertor[str]):
    """As ``path``, but a line break is text too: what cannot be a reference is refused as such, not as an address."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("text", AnyText())

router: Final = APIRouter(prefix="/api/orders", tags=["orders"], route_class=DirectRoute)


@router.get("/{order_reference:text}", responses=problems(401, 404, 503))
async def get_order(order_reference: str, caller: AuthenticatedCaller, context: Context) -> OrderView:
    """An order's status, amounts, the payments tried, and what is awaited. Another customer's order is a 404."""
    try:
        order = await context.orders.find(parse_order_reference(order_reference))
    except InvalidOrderReference:
        raise NoSuchOrder from None
    if order is None or (not caller.may_see(order)):
        raise NoSuchOrder
    return OrderView.of(order, context.clock.now())


@router.put(
    "/{order_reference:text}",
    responses={
        201: {"model": OrderView, "description": "Registered."},
        **problems(400, 401, 403, 415, 422, 503, RegistrationDiffers),
    },
)
async def register_order(
    order_reference: Reference, asked: RegisterOrder, caller: ShopServer, context: Context, response: Response
) -> OrderView:
    """Say what an order costs and whose it is, before its customer pays. For the shop's server (role `service`).

    The same again is a 200 and changes nothing. Other terms are a 409: what was registered does not change. Where
    REQUIRE_REGISTERED_ORDERS is set, payments start only for registered orders, with the registered amount.
    """
    terms = asked.terms(context.mode, OrderReference(order_reference))
    registered = await context.register_order(terms, by=caller.user)
    if registered.is_new:
        response.status_code = 201
    return OrderView.of(registered.order, context.clock.now())
