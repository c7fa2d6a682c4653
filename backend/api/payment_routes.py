"""Start a payment, and come back from it."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from ..domain.errors import InvalidOrderReference
from ..domain.model import Order
from ..domain.references import parse_order_reference
from .auth import Customer, caller_of
from .context import ApiContext, Context
from .customer_words import customer_words
from .direct_route import DirectRoute
from .errors import NoSuchOrder
from .pages import no_order_page, order_page, redirect_to_frontend, wants_html
from .problem_docs import STARTING, problems
from .schemas import CreatePayment, NoOrderNamed, PaymentStarted, PublicOrderView

router: Final = APIRouter(prefix="/api/payment", tags=["payment"], route_class=DirectRoute)

Ref = Annotated[str | None, Query(alias="ref", description="The order reference.")]


@router.post("/create", responses=problems(400, 401, 415, 422, 503, *STARTING))
async def create_payment(asked: CreatePayment, caller: Customer, context: Context) -> PaymentStarted:
    """Start the payment of an order, or return its open payment page.

    The same request again returns the same page, so a double click or a retry costs nothing.
    """
    started = await context.start_payment(asked.terms(context.mode, caller.user), actor=f"customer {caller.user}")
    return PaymentStarted.of(started)


@router.get("/success", response_model=PublicOrderView, responses=problems(404, 503))
async def payment_success(request: Request, context: Context, ref: Ref = None) -> Response | PublicOrderView:
    """What is known of the order a customer comes back from paying; the address itself decides nothing."""
    return await _returned(request, context, ref, "success")


@router.get("/cancel", response_model=PublicOrderView | NoOrderNamed, responses=problems(404, 503))
async def payment_cancel(
    request: Request, context: Context, ref: Ref = None
) -> Response | PublicOrderView | NoOrderNamed:
    """What is known of the order a customer comes back from without paying; an address that names none is no error."""
    if not ref:
        return no_order_page(request, 200) if wants_html(request) else NoOrderNamed()
    return await _returned(request, context, ref, "cancel")


async def _returned(request: Request, context: ApiContext, ref: str | None, page: str) -> Response | PublicOrderView:
    order, caller = await _find(context, ref), caller_of(request.scope)
    if order is not None and caller is not None and not caller.may_see(order):
        order = None  # whoever says who they are is held to it; a browser that comes back says nothing
    browser = wants_html(request)
    if order is None and not browser:
        raise NoSuchOrder
    if order is None:
        return no_order_page(request)
    now = context.clock.now()
    view = PublicOrderView.of(order, now)
    if not browser:
        return view
    if context.frontend_url is not None:
        return redirect_to_frontend(context.frontend_url, page, order.reference)
    return order_page(request, view, customer_words(order, now, pressed_cancel=page == "cancel"))


async def _find(context: ApiContext, ref: str | None) -> Order | None:
    try:
        return await context.customer_return(parse_order_reference(ref or ""))
    except InvalidOrderReference:
        return None
