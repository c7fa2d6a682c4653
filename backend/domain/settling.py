"""What the gateway's account of a payment says about operations that are on the wire.

An operation that the account shows is settled by it. One that it does not show is left as it is: the account may be
older than the operation, and nothing here ever concludes from silence.

So is one settled that was never sent, as far as is known here: after a backup was put back, that may be wrong.
"""

from typing import Final

from .events import OperationAccepted, OperationSettled
from .facts import EvidenceSource, PaymentFact, RefundFact, RefundState
from .model import Order
from .operations import ON_THE_WIRE, UNSETTLED, Operation, OperationKind, OperationState
from .statuses import NO_MONEY, PaymentStatus

ENDED: Final = NO_MONEY | {PaymentStatus.VOIDED}

Settlement = OperationSettled | OperationAccepted


def settle(order: Order, fact: PaymentFact) -> tuple[Settlement, ...]:
    """The events that ``fact`` makes about the operations of its payment."""
    if fact.evidence.source is not EvidenceSource.RETRIEVAL:
        return ()  # a webhook tells a payment's status, and no operation by name
    unsettled = [
        operation
        for operation in order.operations
        if operation.payment_reference == fact.payment_reference and operation.state in UNSETTLED
    ]
    alone = sum(operation.state in ON_THE_WIRE for operation in unsettled) == 1
    found = (
        _settled(operation, fact, alone=alone) if operation.state in ON_THE_WIRE else _sent_before(operation, fact)
        for operation in unsettled
    )
    return tuple(event for event in found if event is not None)


def is_shown(order: Order, operation: Operation) -> bool:
    """Whether the payment tells of an operation that was carried out.

    Amounts are totals, so that several operations are seen together; a misfit tells of refunds alone.
    """
    name = operation.payment_reference
    done = sum(
        other.amount_minor
        for other in order.operations
        if (other.kind, other.payment_reference, other.state) == (operation.kind, name, OperationState.SUCCEEDED)
    )
    payment = next((payment for payment in order.payments if payment.reference == name), None)
    match operation.kind:
        case OperationKind.REFUND:
            misfits = [misfit.refunded_minor for misfit in order.misfits if misfit.payment_reference == name]
            return max(misfits, default=0) >= done or (payment is not None and payment.refunded_minor >= done)
        case OperationKind.CAPTURE:
            return payment is None or payment.captured_minor >= done or payment.status in ENDED
        case OperationKind.VOID:
            return payment is None or payment.status in ENDED


def _settled(operation: Operation, fact: PaymentFact, *, alone: bool) -> Settlement | None:
    match operation.kind:
        case OperationKind.CAPTURE:
            return _capture(operation, fact)
        case OperationKind.VOID:
            return _void(operation, fact)
        case OperationKind.REFUND:
            return _refund(operation, fact, alone=alone)


def _sent_before(operation: Operation, fact: PaymentFact) -> OperationSettled | None:
    """What the account shows of an operation that waits here to be sent; it is not sent then."""
    if operation.kind is OperationKind.CAPTURE:
        shown = _capture(operation, fact)
        return shown if shown is not None and shown.state is OperationState.SUCCEEDED else None
    if operation.kind is OperationKind.VOID or not _listed(operation, fact):
        return None
    told = _refund(operation, fact, alone=False)
    if isinstance(told, OperationSettled):
        return told
    return OperationSettled(operation.number, OperationState.UNKNOWN, None, "the gateway lists the refund already")


def _capture(operation: Operation, fact: PaymentFact) -> OperationSettled | None:
    if (fact.captured_minor or 0) >= operation.before_minor + operation.amount_minor:
        return _succeeded(operation, "the gateway shows the payment as captured")
    if fact.status in NO_MONEY and not fact.captured_minor:
        return _rejected(operation, f"the gateway shows the payment as {fact.status}, with nothing captured")
    return None


def _void(operation: Operation, fact: PaymentFact) -> Settlement | None:
    if fact.status in (PaymentStatus.CANCELLED, PaymentStatus.VOIDED):
        return _succeeded(operation, f"the gateway shows the payment as {fact.status}")
    return None


def _refund(operation: Operation, fact: PaymentFact, *, alone: bool) -> Settlement | None:
    ours = _listed(operation, fact)
    states = {refund.state for refund in ours}
    reference = ours[0].gateway_reference if ours else None
    if RefundState.COMPLETED in states:
        return _succeeded(operation, "the gateway lists the refund as completed", reference)
    if RefundState.PENDING in states:
        return None if operation.accepted_at or _is_unknown(operation) else _accepted(operation, reference)
    if RefundState.FAILED in states:
        return _rejected(operation, "the gateway lists the refund as failed", reference)
    named = any(refund.own_reference is not None for refund in fact.refunds)
    wanted = operation.before_minor + operation.amount_minor
    if alone and not named and (fact.refunded_minor or 0) >= wanted:
        return _succeeded(operation, "the gateway shows the amount as refunded")
    return None


def _listed(operation: Operation, fact: PaymentFact) -> list[RefundFact]:
    """Those under its name. One of another amount was asked for under that name before a backup was put back."""
    return [
        refund
        for refund in fact.refunds
        if (refund.own_reference, refund.amount_minor) == (operation.own_reference, operation.amount_minor)
    ]


def _is_unknown(operation: Operation) -> bool:
    return operation.state is OperationState.UNKNOWN


def _accepted(operation: Operation, reference: str | None) -> OperationAccepted:
    return OperationAccepted(operation.number, reference)


def _succeeded(operation: Operation, why: str, reference: str | None = None) -> OperationSettled:
    return OperationSettled(operation.number, OperationState.SUCCEEDED, reference, why)


def _rejected(operation: Operation, why: str, reference: str | None = None) -> OperationSettled:
    return OperationSettled(operation.number, OperationState.REJECTED, reference, why)
