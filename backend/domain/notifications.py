"""Notifications to the shop: what happened to an order, in an outbox that is part of the order itself.

The body is frozen when the notification is made, in the same write as what it tells of, so every repeat sends the same
bytes under the same id. ``sequence`` counts the order's notifications from 1: a receiver ignores a lower one than it
has seen. Delivery is at least once, in order; how far it came is not part of the history.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class NotificationType(StrEnum):
    AUTHORIZED = "order.authorized"
    PARTIALLY_CAPTURED = "order.partially_captured"
    PAID = "order.paid"
    PAYMENT_FAILED = "order.payment_failed"
    CANCELLED = "order.cancelled"
    EXPIRED = "order.expired"
    REFUNDED = "order.refunded"
    ATTENTION = "order.attention"


class NotificationState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"  # given up after days; an operator may send it again


class Attempt(Struct, frozen=True):
    """One entry of the delivery log; ``answer`` says in words what it met."""

    at: datetime
    answer: str


class Notification(Struct, frozen=True):
    """``id`` is unique among all orders; ``attempts`` counts those that ended since it was made, or since an operator
    had it sent again.

    A pending one whose ``next_try_at`` lies ahead is waiting, or is just being sent by somebody.
    """

    id: str
    sequence: int
    type: NotificationType
    body: str
    created_at: datetime
    state: NotificationState = NotificationState.PENDING
    attempts: int = 0
    next_try_at: datetime | None = None
    log: tuple[Attempt, ...] = ()

    @property
    def last_answer(self) -> str:
        return self.log[-1].answer if self.log else ""
