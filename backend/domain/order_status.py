"""The order's status, computed from the amounts that the gateway has confirmed; nothing else can make an order paid."""

from .model import Order
from .statuses import JobState, OrderStatus, PaymentStatus


def captured_minor(order: Order) -> int:
    """Minor units taken and not voided, over all payments of all jobs; refunds do not lower it."""
    return sum(payment.captured_minor for payment in order.payments if payment.status is PaymentStatus.CAPTURED)


def authorized_minor(order: Order) -> int:
    return sum(
        payment.authorized_minor
        for payment in order.payments
        if payment.status in (PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED)
    )


def refunded_minor(order: Order) -> int:
    return sum(payment.refunded_minor for payment in order.payments if payment.status is PaymentStatus.CAPTURED)


def order_status(order: Order) -> OrderStatus:
    captured, refunded = captured_minor(order), refunded_minor(order)
    if captured >= order.amount.minor:
        if refunded == 0:
            return OrderStatus.PAID
        return OrderStatus.REFUNDED if refunded >= captured else OrderStatus.PARTIALLY_REFUNDED
    if authorized_minor(order) >= order.amount.minor:
        return OrderStatus.AUTHORIZED
    return _unpaid_status(order)


def _unpaid_status(order: Order) -> OrderStatus:
    """The word for the latest job alone: an earlier one can only still matter by being paid."""
    job = order.latest_job
    if job is None or job.state in (JobState.INTENT, JobState.ORPHAN):
        return OrderStatus.PENDING
    words = {payment.status for payment in job.payments}
    if words & {PaymentStatus.CANCELLED, PaymentStatus.VOIDED}:
        return OrderStatus.CANCELLED
    if PaymentStatus.EXPIRED in words:
        return OrderStatus.EXPIRED
    if job.state is JobState.REJECTED or (words and words <= {PaymentStatus.DECLINED, PaymentStatus.FAILED}):
        return OrderStatus.FAILED
    return OrderStatus.EXPIRED if job.state is JobState.CLOSED else OrderStatus.PENDING
