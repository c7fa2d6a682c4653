"""Plan operations: the intent to capture, void or refund, recorded before anything is sent.

Limits are checked here first; the gateway checks them again. Which kinds of operation a payment allows is the
gateway's to say, and is handed in.
"""

from typing import Final

from msgspec import Struct

from .errors import (
    AmountTooLarge,
    NoSuchOperation,
    NoSuchPayment,
    OperationDiffers,
    OperationInTheWay,
    OperationNotAllowed,
    SeveralPayments,
    TooManyOperations,
)
from .events import Event, OperationPlanned
from .model import Order
from .money import Money
from .offers import Allowed, Target, in_the_way, left_minor, targets
from .operations import Operation, OperationKind
from .references import PaymentReference

MOST_OPERATIONS: Final = 100
"""Operations that one order may have: a bound on its document, far above what a shop needs."""


class OperationAsk(Struct, frozen=True):
    """What somebody wants done.

    ``amount_minor`` None is all that is left. ``number`` is which operation of the order this is to be: whoever asks
    for the same one twice, or for what another has just done, gets that one, and never a second.
    """

    kind: OperationKind
    by: str
    reason: str
    amount_minor: int | None = None
    payment_reference: PaymentReference | None = None
    number: int | None = None
    idempotency: str | None = None


def repeated(order: Order, ask: OperationAsk) -> Operation | None:
    """The operation that this ask is a repeat of, if it is one.

    Raises:
        OperationDiffers: its number or its key stands for another operation.
    """
    for operation in order.operations:
        if ask.idempotency is not None and operation.idempotency == ask.idempotency:
            return operation
        if ask.number == operation.number:
            same_payment = ask.payment_reference in (None, operation.payment_reference)
            same_amount = ask.amount_minor in (None, operation.amount_minor)
            if operation.kind is not ask.kind or not same_payment or not same_amount:
                raise OperationDiffers(operation.number)
            return operation
    return None


def plan_operation(order: Order, ask: OperationAsk, allowed: Allowed, *, approve_above_minor: int | None) -> Event:
    """The intent to record before anything is sent.

    Raises:
        OperationConflict: it is not possible now; the subclass says why.
    """
    number = len(order.operations) + 1
    if ask.number not in (None, number):
        raise OperationDiffers(number)
    if number > MOST_OPERATIONS:
        raise TooManyOperations(order.reference, MOST_OPERATIONS)
    target = _target(order, ask, allowed)
    other = in_the_way(order, ask.kind, target.reference)
    if other is not None:
        raise OperationInTheWay(f"{other.kind} {other.number}")
    left = left_minor(order, ask.kind, target)
    amount = left if ask.amount_minor is None else ask.amount_minor
    if not 0 < amount <= left or (ask.kind is OperationKind.VOID and amount != left):
        raise AmountTooLarge(ask.kind, str(Money(left, order.amount.currency)))
    is_refund = ask.kind is OperationKind.REFUND
    before = target.standing.refunded_minor if is_refund else target.standing.captured_minor
    return OperationPlanned(
        operation=number,
        own_reference=f"{order.reference}~r{number}",
        operation_kind=ask.kind,
        job=target.job.number,
        payment_reference=target.reference,
        amount_minor=amount,
        before_minor=before,
        by=ask.by,
        reason=ask.reason,
        idempotency=ask.idempotency,
        needs_approval=is_refund and approve_above_minor is not None and amount > approve_above_minor,
    )


def is_still_possible(order: Order, operation: Operation, allowed: Allowed) -> bool:
    """Whether the payment of an operation that waits to be sent still allows it."""
    return any(
        target.reference == operation.payment_reference and operation.kind in allowed(target.job, target.standing)
        for target in targets(order)
    )


def find_operation(order: Order, number: int) -> Operation:
    operation = order.operation(number)
    if operation is None:
        raise NoSuchOperation(order.reference, number)
    return operation


def _target(order: Order, ask: OperationAsk, allowed: Allowed) -> Target:
    """The payment that is meant: the one named, or the only one that allows it."""
    known = targets(order)
    if ask.payment_reference is not None:
        known = [target for target in known if target.reference == ask.payment_reference]
    if not known:
        raise NoSuchPayment(order.reference)
    possible = [target for target in known if ask.kind in allowed(target.job, target.standing)]
    if not possible:
        last = known[-1]
        raise OperationNotAllowed(ask.kind, last.reference, allowed(last.job, last.standing))
    if len(possible) > 1:
        raise SeveralPayments(order.reference)
    return possible[0]
