"""What only a person can decide, as the events that record it."""

from collections.abc import Sequence

from .errors import NeedsAnotherPerson, NothingToResolve, OperationIsSettled, OrderHoldsMoney
from .events import AttentionResolved, Event, OperationApproved, OperationSettled, OrderCancelled, OrderReinstated
from .model import Order
from .operations import OperationState
from .order_status import totals
from .planning import find_operation
from .statuses import PaymentStatus


def approve(order: Order, number: int, by: str) -> Sequence[Event]:
    """A second person's yes to an operation that needs one.

    Raises:
        NoSuchOperation, OperationIsSettled, NeedsAnotherPerson
    """
    operation = find_operation(order, number)
    if operation.approved_by is not None and operation.approved_by == by:
        return ()
    if operation.state is not OperationState.PLANNED or not operation.needs_approval or operation.approved_by:
        raise OperationIsSettled(number, operation.state)
    if operation.asked_by == by:
        raise NeedsAnotherPerson(number)
    return (OperationApproved(number, by),)


def abandon(order: Order, number: int, by: str, reason: str) -> Sequence[Event]:
    """Give an operation up that was not sent.

    Raises:
        NoSuchOperation, OperationIsSettled: it may be on its way.
    """
    operation = find_operation(order, number)
    if operation.state is not OperationState.PLANNED:
        raise OperationIsSettled(number, operation.state)
    return (OperationSettled(number, OperationState.ABANDONED, None, f"{by}: {reason}"),)


def resolve_operation(order: Order, number: int, *, carried_out: bool, by: str, evidence: str) -> Sequence[Event]:
    """A person's word, from the gateway's portal, on an operation that nobody can account for.

    Raises:
        NoSuchOperation, OperationIsSettled
    """
    operation = find_operation(order, number)
    if operation.state is not OperationState.UNKNOWN:
        raise OperationIsSettled(number, operation.state)
    state = OperationState.SUCCEEDED if carried_out else OperationState.REJECTED
    return (OperationSettled(number, state, None, f"{by}: {evidence}"),)


def resolve_attention(order: Order, code: str, detail: str | None, *, by: str, evidence: str) -> Sequence[Event]:
    """Close what a person has seen to; without ``detail``, every open item of the code.

    Raises:
        NothingToResolve
    """
    found = [item for item in order.attention if item.is_open and item.code == code and detail in (None, item.detail)]
    if not found:
        raise NothingToResolve(order.reference)
    return [AttentionResolved(item.code, item.detail, by, evidence) for item in found]


def cancel(order: Order, by: str, reason: str) -> Sequence[Event]:
    """Give the order up; what is paid for it from now on is not wanted.

    Raises:
        OrderHoldsMoney: its payments are to be refunded or voided first.
    """
    held = any(payment.status is PaymentStatus.AUTHORIZED for payment in order.payments)
    if held or totals(order).kept_minor > 0:
        raise OrderHoldsMoney(order.reference)
    return () if order.cancelled_at is not None else (OrderCancelled(by, reason),)


def reinstate(order: Order, by: str, reason: str) -> Sequence[Event]:
    """Want a cancelled order after all, with what was paid for it."""
    return () if order.cancelled_at is None else (OrderReinstated(by, reason),)
