"""Complete a checkout: order lines in, an order and its payment page out."""

import secrets
from typing import Final

from fastapi import APIRouter

from ..domain.references import OrderReference
from .auth import Customer
from .context import Context
from .exact_json_route import ExactJsonRoute
from .layers.idempotency import IdempotencyKey
from .problem_docs import STARTING, problems
from .schemas import CheckoutCompleted, CompleteCheckout

router: Final = APIRouter(prefix="/api/checkout", tags=["checkout"], route_class=ExactJsonRoute)

REFERENCE_PREFIX: Final = "RS-"
REFERENCE_DIGITS: Final = 16


@router.post("/complete", responses=problems(400, 401, 415, 422, 503, *STARTING))
async def complete_checkout(
    asked: CompleteCheckout, caller: Customer, context: Context, key: IdempotencyKey
) -> CheckoutCompleted:
    """Create the order from its lines and start its payment in one step; the total is computed here.

    With an ``order_reference`` of your own, or an ``Idempotency-Key``, the same request again is the same order;
    without either it is a new one.
    """
    reference = OrderReference(asked.order_reference or _new_reference(key))
    terms = asked.terms(context.mode, caller.user, reference)
    started = await context.start_payment(terms, actor=f"customer {caller.user}")
    return CheckoutCompleted.of(started)


def _new_reference(key: str | None) -> str:
    """Made from the idempotency key, so that work done again after a crash is the same order."""
    return REFERENCE_PREFIX + (key or secrets.token_hex())[:REFERENCE_DIGITS].upper()
