"""Capture, void and refund."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response

from ...domain.errors import OperationConflict
from ...domain.money import Money
from ...domain.operations import UNSETTLED
from ...domain.planning import OperationAsk
from ...domain.references import PaymentReference
from ...service.operations import Asked
from ..auth import Admin, Refunder
from ..context import Context
from ..exact_json_route import ExactJsonRoute
from ..layers.idempotency import IdempotencyKey
from ..problem_docs import problems
from .finding import find_order
from .requests import LARGEST_NUMBER, AskOperation, ResolveOperation, Why
from .views import OperationDone

router: Final = APIRouter(prefix="/api/operator/orders", tags=["operator"], route_class=ExactJsonRoute)

Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER, description="The operation's number within its order.")]

PROBLEMS: Final = problems(400, 401, 403, 404, OperationConflict, 415, 422, 503)
ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": OperationDone, "description": "Recorded; what becomes of it is yet to be seen."}
}


@router.post("/{order_reference:path}/operations", responses=ACCEPTED | PROBLEMS)
async def ask_for_operation(
    order_reference: str,
    asked: AskOperation,
    caller: Refunder,
    context: Context,
    response: Response,
    key: IdempotencyKey,
) -> OperationDone:
    """Capture, void or refund a payment: recorded first, sent to the gateway at most once.

    200: it was carried out, refused or given up, see `operation.state`. 202: it waits, was sent without a clear answer,
    or needs a second person; it is settled by itself, or a person is told. Sending this again is safe.
    """
    order = await find_order(context, order_reference)
    amount = None if asked.amount is None else Money.from_wire(asked.amount, order.amount.currency).minor
    payment = None if asked.payment_reference is None else PaymentReference(asked.payment_reference)
    wanted = OperationAsk(asked.kind, caller.user, asked.reason, amount, payment, asked.number, key)
    return _answer(await context.operations.ask(order, wanted), response)


@router.post("/{order_reference:path}/operations/{number}/approve", responses=ACCEPTED | PROBLEMS)
async def approve_operation(
    order_reference: str, number: Number, caller: Refunder, context: Context, response: Response
) -> OperationDone:
    """Say yes to an operation that another person asked for and that needs a second one; it is then sent."""
    order = await find_order(context, order_reference)
    return _answer(await context.operations.approve(order, number, by=caller.user), response)


@router.post("/{order_reference:path}/operations/{number}/abandon", responses=ACCEPTED | PROBLEMS)
async def abandon_operation(
    order_reference: str, number: Number, asked: Why, caller: Refunder, context: Context, response: Response
) -> OperationDone:
    """Give up an operation that has not been sent."""
    order = await find_order(context, order_reference)
    return _answer(await context.operations.abandon(order, number, by=caller.user, reason=asked.reason), response)


@router.post("/{order_reference:path}/operations/{number}/resolve", responses=ACCEPTED | PROBLEMS)
async def resolve_operation(
    order_reference: str, number: Number, asked: ResolveOperation, caller: Admin, context: Context, response: Response
) -> OperationDone:
    """Say what the gateway's portal shows of an operation whose outcome is unknown."""
    order = await find_order(context, order_reference)
    done = await context.operations.resolve_operation(
        order, number, carried_out=asked.carried_out, by=caller.user, evidence=asked.evidence
    )
    return _answer(done, response)


def _answer(asked: Asked, response: Response) -> OperationDone:
    if asked.operation.state in UNSETTLED:
        response.status_code = 202
    return OperationDone.of(asked.order, asked.operation)
