"""How far a payment has come, as far as it decides which operations it allows."""

from dataclasses import dataclass
from datetime import datetime

from .statuses import PaymentStatus


@dataclass(frozen=True, slots=True)
class PaymentStanding:
    """``captured_at`` is when the capture became known."""

    status: PaymentStatus
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    captured_at: datetime | None
