"""How far a payment has come, as far as it decides which operations it allows."""

from datetime import datetime

from msgspec import Struct

from .statuses import PaymentStatus


class PaymentStanding(Struct, frozen=True):
    """``captured_at`` is when the capture became known."""

    status: PaymentStatus
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    captured_at: datetime | None
