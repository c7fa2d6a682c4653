"""What the gateway's account of a payment says about operations that are on the wire.

An operation that the account shows is settled by it. One that it does not show is left as it is: the account may be
older than the operation, and nothing here ever concludes from silence.
"""

from .events import OperationAccepted, OperationSettled
from .facts import EvidenceSource, PaymentFact, RefundState
from .model import Order
from .operations import ON_THE_WIRE, Operation, OperationKind, OperationState
from .statuses import NO_MONEY, PaymentStatus

Settlement = OperationSettled | OperationAccepted


def settle(order: Order, fact: PaymentFact) -> tuple[Settlement, ...]:
    """The events that ``fact`` makes about the operations of its payment."""
    if fact.evidence.source is not EvidenceSource.RETRIEVAL:
        return ()  # a webhook tells a payment's status, and no operation by name
    waiting = [
        operation
        for operation in order.operations
        if operation.payment_reference == fact.payment_reference and operation.state in ON_THE_WIRE
    ]
    found = (_settled(operation, fact, alone=len(waiting) == 1) for operation in waiting)
    return tuple(event for event in found if event is not None)


def _settled(operation: Operation, fact: PaymentFact, *, alone: bool) -> Settlement | None:
    match operation.kind:
        case OperationKind.CAPTURE:
            return _capture(operation, fact)
        case OperationKind.VOID:
            return _void(operation, fact)
        case OperationKind.REFUND:
            return _refund(operation, fact, alone=alone)


def _capture(operation: Operation, fact: PaymentFact) -> Settlement | None:
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
    ours = [refund for refund in fact.refunds if refund.own_reference == operation.own_reference]
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


def _is_unknown(operation: Operation) -> bool:
    return operation.state is OperationState.UNKNOWN


def _accepted(operation: Operation, reference: str | None) -> OperationAccepted:
    return OperationAccepted(operation.number, reference)


def _succeeded(operation: Operation, why: str, reference: str | None = None) -> OperationSettled:
    return OperationSettled(operation.number, OperationState.SUCCEEDED, reference, why)


def _rejected(operation: Operation, why: str, reference: str | None = None) -> OperationSettled:
    return OperationSettled(operation.number, OperationState.REJECTED, reference, why)
