"""Say in words what an order waits for."""

from datetime import datetime
from typing import assert_never

from .model import Job, Order
from .order_status import order_status
from .statuses import JobState, OrderStatus


def awaited(order: Order, now: datetime) -> str | None:
    """What has to happen next and by whom, or None when nothing is awaited."""
    status = order_status(order)
    match status:
        case OrderStatus.PAID | OrderStatus.PARTIALLY_CAPTURED | OrderStatus.PARTIALLY_REFUNDED | OrderStatus.REFUNDED:
            return None
        case OrderStatus.AUTHORIZED:
            return "the shop captures the authorized amount"
        case OrderStatus.REVIEW:
            return "the shop decides about the money that came"
        case OrderStatus.CANCELLED if order.cancelled_at is not None:
            return None
        case OrderStatus.CANCELLED | OrderStatus.EXPIRED:
            return "the customer starts the payment again"
        case OrderStatus.PENDING | OrderStatus.FAILED:
            return _awaited_payment(order.latest_job, now)
        case _:
            assert_never(status)


def _awaited_payment(job: Job | None, now: datetime) -> str:
    if job is None:
        return "the customer starts the payment"
    if job.state in (JobState.REJECTED, JobState.ORPHAN, JobState.CLOSED):
        return "the customer starts the payment again"
    if job.state is JobState.INTENT:
        return "the payment gateway opens a payment page"
    if now >= job.expires_at:
        return "the payment gateway confirms that the payment page has ended"
    return f"the customer pays on the payment page, open until {job.expires_at:%Y-%m-%d %H:%M} UTC"
