"""What the shop is told of a change: the difference between the order before and after, as notifications.

A body names no customer, and nothing that only the gateway or an operator needs.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from .model import Order
from .money import Money
from .notifications import Notification, NotificationType
from .order_status import captured_minor, order_status, refunded_minor
from .statuses import OrderStatus

BY_STATUS: Final = {
    OrderStatus.AUTHORIZED: NotificationType.AUTHORIZED,
    OrderStatus.PARTIALLY_CAPTURED: NotificationType.PARTIALLY_CAPTURED,
    OrderStatus.PAID: NotificationType.PAID,
    OrderStatus.FAILED: NotificationType.PAYMENT_FAILED,
    OrderStatus.CANCELLED: NotificationType.CANCELLED,
    OrderStatus.EXPIRED: NotificationType.EXPIRED,
}
"""Told when the order comes to have this status. Refunds are told of by their amount, a review by its cases."""


def announced(before: Order, after: Order, at: datetime) -> Order:
    """``after`` with a notification in its outbox for each thing that the shop should hear of."""
    for kind in _news(before, after):
        sequence = after.notified + 1
        notification = Notification(
            id=f"{after.id}/{sequence}",
            sequence=sequence,
            type=kind,
            body=_body(after, kind, sequence, at),
            created_at=at,
            next_try_at=at,
        )
        after = replace(after, outbox=(*after.outbox, notification), notified=sequence)
    return after


def _news(before: Order, after: Order) -> Iterator[NotificationType]:
    status = order_status(after)
    if status is not order_status(before) and status in BY_STATUS:
        yield BY_STATUS[status]
    if refunded_minor(after) > refunded_minor(before):
        yield NotificationType.REFUNDED
    open_before = {(item.code, item.detail) for item in before.attention if item.is_open}
    if any(item.is_open and (item.code, item.detail) not in open_before for item in after.attention):
        yield NotificationType.ATTENTION


def _body(order: Order, kind: NotificationType, sequence: int, at: datetime) -> str:
    currency = order.amount.currency
    data = {
        "order_reference": order.reference,
        "mode": order.terms.mode,
        "sequence": sequence,
        "status": order_status(order),
        "currency": currency,
        "amount": order.amount.to_wire(),
        "captured": Money(captured_minor(order), currency).to_wire(),
        "refunded": Money(refunded_minor(order), currency).to_wire(),
        "attention": sorted({item.code for item in order.attention if item.is_open}),
    }
    told = {"type": kind, "timestamp": at.isoformat(timespec="microseconds"), "data": data}
    return json.dumps(told, separators=(",", ":"))
