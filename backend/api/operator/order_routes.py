"""Search orders, see one whole, and decide what evidence cannot."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from ...domain.card_numbers import refuse_card_numbers
from ...domain.errors import InvalidInput, NothingToResolve, OrderHoldsMoney
from ...domain.explain import explain
from ...domain.money import CurrencyCode, Money
from ...domain.roles import Role
from ...domain.searching import Cursor, OrderQuery
from ...domain.statuses import OrderStatus
from ..auth import Admin, Refunder, require
from ..context import Context
from ..exact_json_route import ExactJsonRoute
from ..fields import AmountDigits, Currency, Moment
from ..problem_docs import problems
from .cursors import CursorText, read_cursor, write_cursor
from .finding import find_order
from .requests import ResolveAttention, Why
from .views import OperatorOrderView, OrderChanged, OrderRow

router: Final = APIRouter(prefix="/api/operator/orders", tags=["operator"], route_class=ExactJsonRoute)

Text = Annotated[str | None, Query(max_length=254)]


class OrderPage(BaseModel):
    orders: list[OrderRow] = Field(description="From the newest.")
    next_cursor: str | None = Field(description="Send as `cursor` for the page after this one; null on the last.")


@router.get("", dependencies=[Depends(require(Role.VIEWER))], responses=problems(401, 403, 422, 503))
async def search_orders(
    context: Context,
    reference: Text = None,
    email: Text = None,
    gateway_reference: Text = None,
    status: OrderStatus | None = None,
    placed_from: Moment | None = None,
    placed_until: Moment | None = None,
    amount: Annotated[AmountDigits | None, Query(description="Major units; needs `currency`.")] = None,
    currency: Currency | None = None,
    needs_attention: bool | None = None,
    cursor: CursorText = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> OrderPage:
    """Every condition that is given must hold. `gateway_reference` is a payment job's or a payment's."""
    refuse_card_numbers(reference or "", email or "", gateway_reference or "")
    code = None if currency is None else CurrencyCode(currency)
    if amount is not None and code is None:
        raise InvalidInput("an amount is searched together with its currency")
    query = OrderQuery(
        context.mode,
        reference=reference,
        email=email,
        gateway_reference=gateway_reference,
        status=status,
        placed_from=placed_from,
        placed_until=placed_until,
        amount_minor=None if amount is None or code is None else Money.from_wire(amount, code).minor,
        currency=code,
        needs_attention=needs_attention,
        after=read_cursor(cursor),
    )
    found = await context.store.search(query, limit + 1)
    page = found[:limit]
    more = len(found) > limit
    last = write_cursor(Cursor(page[-1].placed_at, page[-1].id)) if more else None
    return OrderPage(orders=[OrderRow.of(order) for order in page], next_cursor=last)


@router.get(
    "/{order_reference:path}",
    dependencies=[Depends(require(Role.VIEWER))],
    responses=problems(401, 403, 404, 503),
)
async def see_order(order_reference: str, context: Context) -> OperatorOrderView:
    """An order with its jobs, payments, operations, open cases, history, and all that in words."""
    order = await find_order(context, order_reference)
    offers = list(context.operations.offers(order))
    return OperatorOrderView.whole(order, explain(order, context.clock.now(), offers), offers)


@router.post("/{order_reference:path}/check", responses=problems(401, 403, 404, 503))
async def check_order(order_reference: str, caller: Refunder, context: Context) -> OrderChanged:
    """Ask the gateway now about every payment job of which there may be news."""
    order = await find_order(context, order_reference)
    return OrderChanged.of(await context.operations.check_now(order, by=caller.user))


@router.post("/{order_reference:path}/cancel", responses=problems(400, 401, 403, 404, OrderHoldsMoney, 415, 422, 503))
async def cancel_order(order_reference: str, asked: Why, caller: Admin, context: Context) -> OrderChanged:
    """Give an unpaid order up: its open pages end, and what is paid all the same is a case for a person."""
    order = await find_order(context, order_reference)
    return OrderChanged.of(await context.operations.cancel(order, by=caller.user, reason=asked.reason))


@router.post("/{order_reference:path}/reinstate", responses=problems(400, 401, 403, 404, 415, 422, 503))
async def reinstate_order(order_reference: str, asked: Why, caller: Admin, context: Context) -> OrderChanged:
    """Want a cancelled order after all, with what was paid for it."""
    order = await find_order(context, order_reference)
    return OrderChanged.of(await context.operations.reinstate(order, by=caller.user, reason=asked.reason))


@router.post(
    "/{order_reference:path}/attention/resolve", responses=problems(400, 401, 403, 404, NothingToResolve, 415, 422, 503)
)
async def resolve_attention(
    order_reference: str, asked: ResolveAttention, caller: Admin, context: Context
) -> OrderChanged:
    """Close a case that you have seen to; say on what evidence."""
    order = await find_order(context, order_reference)
    return OrderChanged.of(
        await context.operations.resolve_attention(
            order, asked.code, asked.detail, by=caller.user, evidence=asked.evidence
        )
    )
