"""Plan operations: what may be done to a payment, and the events that say it shall be.

Limits are checked here first; the gateway checks them again. Which kinds of operation a payment allows is the
gateway's to say, and is handed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from .errors import (
    AmountTooLarge,
    NeedsAnotherPerson,
    NoSuchOperation,
    NoSuchPayment,
    NothingToResolve,
    OperationDiffers,
    OperationInTheWay,
    OperationIsSettled,
    OperationNotAllowed,
    SeveralPayments,
    TooManyOperations,
)
from .events import AttentionResolved, Event, OperationApproved, OperationPlanned, OperationSettled
from .model import Job, Order
from .money import Money
from .operations import HOLDS_AMOUNT, Operation, OperationKind, OperationState
from .references import PaymentReference
from .standing import PaymentStanding
from .statuses import PaymentStatus

MOST_OPERATIONS: Final = 100
"""Operations that one order may have: a bound on its document, far above what a shop needs."""

Allowed: TypeAlias = Callable[[Job, PaymentStanding], frozenset[OperationKind]]
"""What a job's gateway would accept for a payment now."""


@dataclass(frozen=True, slots=True)
class OperationAsk:
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


@dataclass(frozen=True, slots=True)
class Target:
    """A payment that operations may be about; a misfit counts as one, since its money can be given back."""

    job: Job
    reference: PaymentReference
    standing: PaymentStanding


def targets(order: Order) -> Sequence[Target]:
    found = [
        Target(
            job,
            payment.reference,
            PaymentStanding(
                payment.status,
                payment.authorized_minor,
                payment.captured_minor,
                payment.refunded_minor,
                payment.captured_at,
            ),
        )
        for job in order.jobs
        for payment in job.payments
    ]
    fitting = {target.reference for target in found if target.standing.captured_minor}
    for misfit in order.misfits:
        job = order.job(misfit.job)
        if misfit.kept_minor and misfit.currency == order.amount.currency and misfit.payment_reference not in fitting:
            assert job is not None, "misfits name jobs that were planned"
            taken = misfit.captured_minor
            standing = PaymentStanding(PaymentStatus.CAPTURED, taken, taken, misfit.refunded_minor, None)
            found = [target for target in found if target.reference != misfit.payment_reference]
            found.append(Target(job, misfit.payment_reference, standing))
    return found


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
    _check_the_way(order, ask.kind, target.reference)
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


def left_minor(order: Order, kind: OperationKind, target: Target) -> int:
    """Minor units that an operation of this kind may still be about, with what others have spoken for left out."""
    standing = target.standing
    others = [op for op in order.operations if op.kind is kind and op.payment_reference == target.reference]
    spoken_for = sum(op.amount_minor for op in others if op.state in HOLDS_AMOUNT)
    done = sum(op.amount_minor for op in others if op.state is OperationState.SUCCEEDED)
    match kind:
        case OperationKind.CAPTURE:
            return standing.authorized_minor - max(standing.captured_minor, done) - spoken_for
        case OperationKind.REFUND:
            return standing.captured_minor - max(standing.refunded_minor, done) - spoken_for
        case OperationKind.VOID:
            return standing.captured_minor or standing.authorized_minor


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


def _check_the_way(order: Order, kind: OperationKind, payment: PaymentReference) -> None:
    """Refunds may be under way side by side; a capture or a void has the payment for itself."""
    for operation in order.operations:
        both_refund = kind is OperationKind.REFUND and operation.kind is OperationKind.REFUND
        if operation.payment_reference == payment and operation.state in HOLDS_AMOUNT and not both_refund:
            raise OperationInTheWay(f"{operation.kind} {operation.number}")
