"""What the shop is told of a change: the difference between the order before and after, as notifications.

A body names no customer, and nothing that only the gateway or an operator needs.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import json
from msgspec.structs import replace

from .cases import NOTIFICATION_FAILING
from .model import AttentionItem, Order
from .money import wire_amount
from .notifications import Notification, NotificationType
from .order_status import totals
from .statuses import OrderStatus
from .terms import Mode

BY_STATUS: Final = {
    OrderStatus.AUTHORIZED: NotificationType.AUTHORIZED,
    OrderStatus.PARTIALLY_CAPTURED: NotificationType.PARTIALLY_CAPTURED,
    OrderStatus.PAID: NotificationType.PAID,
    OrderStatus.FAILED: NotificationType.PAYMENT_FAILED,
    OrderStatus.CANCELLED: NotificationType.CANCELLED,
    OrderStatus.EXPIRED: NotificationType.EXPIRED,
}
"""Told when the order comes to have this status. Refunds are told of by their amount, a review by its cases."""

TEST: Final = "endpoint.test"
"""About no order; a receiver takes it and does nothing."""


def announced(
    order: Order, after: Order, at: datetime, *, before: OrderStatus, status: OrderStatus, tells_shop: bool
) -> Order:
    """``after`` with a notification in its outbox for each thing that the shop should hear of.

    ``before`` and ``status`` are the statuses of the order and of what became of it. Without ``tells_shop`` they are
    counted, and not made.
    """
    for kind in _news(order, after, before, status):
        sequence = after.notified + 1
        if not tells_shop:
            after = replace(after, notified=sequence)
            continue
        notification = Notification(
            id=f"{after.id}/{sequence}",
            sequence=sequence,
            type=kind,
            body=_body(after, kind, status, sequence, at),
            created_at=at,
            next_try_at=at,
        )
        after = replace(after, outbox=(*after.outbox, notification), notified=sequence)
    return after


def trial_event(mode: Mode, at: datetime) -> str:
    """What an operator has sent to see whether the shop takes notifications."""
    return _told(TEST, at, {"mode": mode})


def _news(order: Order, after: Order, before: OrderStatus, status: OrderStatus) -> Iterator[NotificationType]:
    if status is not before and status in BY_STATUS:
        yield BY_STATUS[status]
    if after.jobs is not order.jobs and totals(after).refunded_minor > totals(order).refunded_minor:
        yield NotificationType.REFUNDED
    if after.attention is not order.attention and _concerns(after) - _concerns(order):
        yield NotificationType.ATTENTION


def _concerns(order: Order) -> set[tuple[str, str]]:
    """What a person must look at; that the shop cannot be told is nothing to tell the shop."""
    return {(item.code, item.detail) for item in _open_items(order)}


def _open_items(order: Order) -> Iterator[AttentionItem]:
    return (item for item in order.attention if item.is_open and item.code != NOTIFICATION_FAILING)


def _body(order: Order, kind: NotificationType, status: OrderStatus, sequence: int, at: datetime) -> str:
    currency, taken = order.amount.currency, totals(order)
    data = {
        "order_reference": order.reference,
        "mode": order.terms.mode,
        "sequence": sequence,
        "status": status,
        "currency": currency,
        "amount": order.amount.to_wire(),
        "captured": wire_amount(taken.captured_minor, currency),
        "refunded": wire_amount(taken.refunded_minor, currency),
        "attention": sorted({item.code for item in _open_items(order)}),
    }
    return _told(kind, at, data)


def _told(kind: str, at: datetime, data: Mapping[str, object]) -> str:
    told = {"type": kind, "timestamp": at.isoformat(timespec="microseconds"), "data": data}
    return json.encode(told).decode()
