"""The order's status, computed from the amounts that the gateway has confirmed; nothing else can make an order paid."""

from typing import Final, NamedTuple

from .model import Order, Payment
from .operations import OperationKind, OperationState
from .statuses import JobState, OrderStatus, PaymentStatus

HELD: Final = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED})
"""The payment's amounts count; a voided or cancelled one's do not."""


class Totals(NamedTuple):
    """Minor units of the order's currency, over all fitting payments of all jobs that were not voided."""

    authorized_minor: int
    captured_minor: int
    """Refunds do not lower it."""
    refunded_minor: int

    @property
    def kept_minor(self) -> int:
        """What is with the shop now."""
        return self.captured_minor - self.refunded_minor


def totals(order: Order) -> Totals:
    authorized = captured = refunded = 0
    for payment in order.payments:
        if payment.status in HELD:
            authorized += payment.authorized_minor
            captured += payment.captured_minor
            refunded += payment.refunded_minor
    return Totals(authorized, captured, refunded)


def order_status(order: Order) -> OrderStatus:
    authorized, captured, refunded = totals(order)
    kept, due = captured - refunded, order.amount.minor
    if order.cancelled_at is not None and (kept > 0 or any(map(held_minor, order.payments))):
        return OrderStatus.REVIEW
    if captured >= due:
        return _paid_status(kept, due)
    if any(misfit.kept_minor for misfit in order.misfits):
        return OrderStatus.REVIEW
    if captured > 0:
        return _partly_captured_status(order, kept)
    if authorized >= due:
        return OrderStatus.AUTHORIZED
    return OrderStatus.CANCELLED if order.cancelled_at is not None else _unpaid_status(order)


def held_minor(payment: Payment) -> int:
    """Minor units that are authorized and may still be captured."""
    return payment.authorized_minor - payment.captured_minor if payment.status is PaymentStatus.AUTHORIZED else 0


def was_captured_here(order: Order, payment: Payment) -> bool:
    """Whether all that the payment has captured was asked for by operations of ours."""
    asked = sum(
        operation.amount_minor
        for operation in order.operations
        if operation.kind is OperationKind.CAPTURE
        and operation.payment_reference == payment.reference
        and operation.state not in (OperationState.REJECTED, OperationState.ABANDONED)
    )
    return asked >= payment.captured_minor


def _paid_status(kept: int, due: int) -> OrderStatus:
    """What was taken beyond the amount due may be given back without the order being any less paid."""
    if kept >= due:
        return OrderStatus.PAID
    return OrderStatus.PARTIALLY_REFUNDED if kept > 0 else OrderStatus.REFUNDED


def _partly_captured_status(order: Order, kept: int) -> OrderStatus:
    if kept == 0:
        return OrderStatus.REFUNDED
    taken = [payment for payment in order.payments if payment.captured_minor and payment.status in HELD]
    wanted = all(payment.status is PaymentStatus.AUTHORIZED or was_captured_here(order, payment) for payment in taken)
    return OrderStatus.PARTIALLY_CAPTURED if wanted else OrderStatus.REVIEW


def _unpaid_status(order: Order) -> OrderStatus:
    """The word for the latest job alone: an earlier one can only still matter by being paid."""
    job = order.latest_job
    if job is None or job.state in (JobState.INTENT, JobState.ORPHAN):
        return OrderStatus.PENDING
    words = {payment.status for payment in job.payments}
    if job.state is JobState.SUPERSEDED or words & {PaymentStatus.CANCELLED, PaymentStatus.VOIDED}:
        return OrderStatus.CANCELLED
    if PaymentStatus.EXPIRED in words:
        return OrderStatus.EXPIRED
    if job.state is JobState.REJECTED or (words and words <= {PaymentStatus.DECLINED, PaymentStatus.FAILED}):
        return OrderStatus.FAILED
    return OrderStatus.EXPIRED if job.state is JobState.CLOSED else OrderStatus.PENDING
