"""Bars of the last days as numbers that a template draws; each chart is also a table, for whoever cannot see it."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Final

from msgspec import Struct

from ...domain.events import PaymentObserved
from ...domain.model import Order
from ...domain.statuses import PaymentStatus

DAYS: Final = 14
HEIGHT: Final = 100
WIDTH: Final = 20
GAP: Final = 4
REFUSED: Final = frozenset({PaymentStatus.DECLINED, PaymentStatus.FAILED})


class Bar(Struct, frozen=True):
    day: date
    value: float
    text: str
    x: int
    y: float
    height: float


class Chart(Struct, frozen=True):
    name: str
    unit: str
    bars: tuple[Bar, ...]

    @property
    def width(self) -> int:
        return DAYS * (WIDTH + GAP)

    @property
    def is_empty(self) -> bool:
        return not any(bar.value for bar in self.bars)


def charts(orders: Sequence[Order], now: datetime) -> tuple[Chart, ...]:
    """Of the last two weeks, as far as ``orders`` reach."""
    paid = [at for order in orders for payment in order.payments if (at := payment.captured_at) is not None]
    refused = [at for order in orders for at in _refused_at(order)]
    delays = [each for order in orders for each in _delays(order)]
    return (
        _chart("Payments", "payments", now, lambda day: sum(at.date() == day for at in paid)),
        _chart("Declines", "declined attempts", now, lambda day: sum(at.date() == day for at in refused)),
        _chart(
            "From paid to known",
            "seconds, the median",
            now,
            lambda day: _median([seconds for at, seconds in delays if at.date() == day]),
        ),
    )


def _chart(name: str, unit: str, now: datetime, value: Callable[[date], float]) -> Chart:
    days = [now.date() - timedelta(days=back) for back in reversed(range(DAYS))]
    values = [value(day) for day in days]
    most = max(values) or 1
    bars = [
        Bar(day, each, f"{each:g}", number * (WIDTH + GAP), HEIGHT - _height(each, most), _height(each, most))
        for number, (day, each) in enumerate(zip(days, values, strict=True))
    ]
    return Chart(name, unit, tuple(bars))


def _height(value: float, most: float) -> float:
    return round(value * HEIGHT / most, 1)


def _median(seconds: Sequence[float]) -> float:
    return round(median(seconds), 1) if seconds else 0.0


def _refused_at(order: Order) -> Sequence[datetime]:
    """When each declined attempt became known."""
    events = [(entry.at, entry.event) for entry in order.history]
    return [at for at, event in events if isinstance(event, PaymentObserved) and event.fact.status in REFUSED]


def _delays(order: Order) -> Sequence[tuple[datetime, float]]:
    """When each payment became known here, and how long after the gateway had it, where the gateway said when."""
    return [
        (payment.captured_at, max((payment.captured_at - payment.taken_at).total_seconds(), 0.0))
        for payment in order.payments
        if payment.captured_at is not None and payment.taken_at is not None
    ]
