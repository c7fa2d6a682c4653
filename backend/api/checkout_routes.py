"""Complete a checkout: order lines in, an order and its payment page out."""

import secrets
from typing import Final

from fastapi import APIRouter

from ..domain.references import OrderReference
from .auth import Customer
from .context import Context
from .exact_json_route import ExactJsonRoute
from .problem_docs import STARTING, problems
from .schemas import CheckoutCompleted, CompleteCheckout

router: Final = APIRouter(prefix="/api/checkout", tags=["checkout"], route_class=ExactJsonRoute)

REFERENCE_PREFIX: Final = "RS-"


@router.post("/complete", responses=problems(400, 401, 415, 422, 503, *STARTING))
async def complete_checkout(asked: CompleteCheckout, caller: Customer, context: Context) -> CheckoutCompleted:
    """Create the order from its lines and start its payment in one step; the total is computed here.

    With an ``order_reference`` of your own the same request again is the same order; without one it is a new order.
    """
    reference = OrderReference(asked.order_reference or REFERENCE_PREFIX + secrets.token_hex(8).upper())
    terms = asked.terms(context.mode, caller.user, reference)
    started = await context.start_payment(terms, actor=f"customer {caller.user}")
    return CheckoutCompleted.of(started)
