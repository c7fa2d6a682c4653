"""How long it took from the gateway's taking money to its being known here."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from msgspec import Struct

from .model import Order


class PaidToKnown(Struct, frozen=True):
    """Of so many payments whose time at the gateway is known; None where there are none."""

    payments: int
    median: timedelta | None
    longest: timedelta | None


def paid_to_known(order: Order) -> Sequence[timedelta]:
    """For each payment that took money; clocks that differ make no time negative."""
    return [
        max(payment.captured_at - payment.taken_at, timedelta())
        for payment in order.payments
        if payment.captured_at is not None and payment.taken_at is not None
    ]


def summed_up(orders: Iterable[Order]) -> PaidToKnown:
    delays = sorted(delay for order in orders for delay in paid_to_known(order))
    if not delays:
        return PaidToKnown(0, None, None)
    return PaidToKnown(len(delays), delays[len(delays) // 2], delays[-1])
