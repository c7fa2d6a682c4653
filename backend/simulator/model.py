"""What the gateway keeps of a payment job: frozen values, amounts in minor units, no card number anywhere.

A job asks for one amount for one order; every attempt to pay it is a payment of its own, appended to the job.
Source: Cashflows developer pages, "Gateway API reference" (payment job, payment, capture, refund).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from .signing import Scheme


class Status(StrEnum):
    """Status of a job, a payment or a step."""

    PENDING = "Pending"
    RESERVED = "Reserved"
    COMMISSIONED = "Commissioned"
    PAID = "Paid"
    VERIFIED = "Verified"
    CANCELLED = "Cancelled"
    FAILED = "Failed"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    BLOCKED = "Blocked"
    DECLINED = "Declined"


HOLDS_MONEY: Final = frozenset({Status.PAID, Status.RESERVED, Status.VERIFIED, Status.COMMISSIONED})
REFUSED: Final = frozenset({Status.FAILED, Status.REJECTED, Status.BLOCKED, Status.DECLINED})


class PartStatus(StrEnum):
    """Status of a capture or a refund."""

    PENDING = "Pending"
    COMPLETED = "Completed"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Card:
    """What may be kept of a card."""

    brand: str
    truncated_number: str
    expiry_month: str
    expiry_year: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a payment was refused, as ``lastErrorReport`` tells it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    reference: str
    at: datetime
    action: str
    status: str


@dataclass(frozen=True, slots=True)
class Capture:
    reference: str
    at: datetime
    amount_minor: int
    final: bool
    status: PartStatus = PartStatus.COMPLETED


@dataclass(frozen=True, slots=True)
class Refund:
    reference: str
    at: datetime
    amount_minor: int
    number: str
    status: PartStatus
    settles_at: datetime | None = None
    """When a pending refund is decided."""
    settles_as: PartStatus = PartStatus.COMPLETED
    visible_at: datetime | None = None
    """Retrievals before this moment do not show it yet."""


@dataclass(frozen=True, slots=True)
class Payment:
    reference: str
    at: datetime
    amount_minor: int
    status: Status = Status.PENDING
    authorized_minor: int = 0
    captured_minor: int = 0
    paid_minor: int = 0
    """What the payer paid; a void afterwards leaves it as it was."""
    authorized_at: datetime | None = None
    captured_at: datetime | None = None
    voided_at: datetime | None = None
    settles_at: datetime | None = None
    """When a commissioned payment becomes paid."""
    card: Card | None = None
    token: str | None = None
    simulated_status: str | None = None
    failure: Failure | None = None
    challenge: str | None = None
    """The 3-D Secure challenge that the shopper still has to answer."""
    steps: tuple[Step, ...] = ()
    captures: tuple[Capture, ...] = ()
    refunds: tuple[Refund, ...] = ()

    @property
    def refunded_minor(self) -> int:
        """Returned or on its way back."""
        return sum(refund.amount_minor for refund in self.refunds if refund.status is not PartStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Job:
    reference: str
    page_reference: str
    trace_reference: str
    scheme: Scheme
    at: datetime
    updated_at: datetime
    expires_at: datetime
    currency: str
    amount_minor: int
    payments: tuple[Payment, ...]
    type: str = "Payment"
    locale: str = "en_GB"
    time_zone: str = "Europe/London"
    order: Mapping[str, Any] = field(default_factory=dict)
    order_number: str = ""
    methods: tuple[str, ...] = ("Card",)
    options: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Keys in lower case; card data is never among them."""
    direct: bool = False
    parent_reference: str | None = None
    cancelled_at: datetime | None = None
    expired_at: datetime | None = None

    @property
    def status(self) -> Status:
        """Follows the successful payment; a refused attempt leaves the job open for another."""
        if self.cancelled_at:
            return Status.CANCELLED
        if holder := self.money_holder:
            return holder.status
        if self.expired_at:
            return Status.EXPIRED
        return Status.PENDING

    @property
    def money_holder(self) -> Payment | None:
        """The payment that the money is on."""
        return next((payment for payment in reversed(self.payments) if payment.status in HOLDS_MONEY), None)

    @property
    def last_payment(self) -> Payment:
        return self.payments[-1]

    @property
    def is_open(self) -> bool:
        """Whether the job can still be paid."""
        return self.status is Status.PENDING

    def payment(self, reference: str) -> Payment | None:
        return next((payment for payment in self.payments if payment.reference == reference), None)

    def has_option(self, name: str) -> bool:
        return name.lower() in {option.lower() for option in self.options}
