"""What operators search orders and deliveries by. Pages go from the newest to the oldest, and on after a cursor."""

from datetime import datetime

from msgspec import Struct

from .money import CurrencyCode
from .statuses import OrderStatus
from .terms import Mode


class Cursor(Struct, frozen=True):
    """The last row of a page: when it was placed (an order) or last received (a delivery), and its id."""

    at: datetime
    id: str


class OrderQuery(Struct, frozen=True):
    """All conditions hold together; None asks nothing. ``placed_from`` is included, ``placed_until`` is not.

    ``gateway_reference`` is a payment job's or a payment's. ``email`` is compared without regard to case.
    """

    mode: Mode
    reference: str | None = None
    email: str | None = None
    gateway_reference: str | None = None
    status: OrderStatus | None = None
    placed_from: datetime | None = None
    placed_until: datetime | None = None
    amount_minor: int | None = None
    currency: CurrencyCode | None = None
    needs_attention: bool | None = None
    after: Cursor | None = None


class DeliveryQuery(Struct, frozen=True):
    """``pending`` are those not worked through; ``outcome`` is the stored word for what became of one."""

    mode: Mode
    pending: bool | None = None
    outcome: str | None = None
    after: Cursor | None = None


class Lag(Struct, frozen=True):
    """When the longest waiting work of each kind fell due; None where none waits."""

    look_at: datetime | None
    notice_at: datetime | None
    delivery_at: datetime | None
