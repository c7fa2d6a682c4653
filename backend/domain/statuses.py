"""The words for where a payment, a payment job and an order stand, and how two words for one payment join.

Evidence arrives late, twice and out of order, so the join must not care: it is commutative, associative and
idempotent. Whatever a gateway has established is kept; only waiting words give way to firmer ones.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class PaymentStatus(StrEnum):
    """Where one payment stands, weakest first: of two established words, the later one here wins."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    DECLINED = "declined"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CAPTURED = "captured"
    VOIDED = "voided"  # captured, and taken back before any money moved


class JobState(StrEnum):
    """What we know of a payment job's existence at the gateway."""

    INTENT = "intent"  # written before the call; a crash leaves it
    OPEN = "open"  # exists; its page was disclosed to the customer
    ORPHAN = "orphan"  # may exist, but nobody holds its page
    REJECTED = "rejected"  # never came to exist
    SUPERSEDED = "superseded"  # disclosed, and its cancellation accepted; watched until it is surely dead
    CLOSED = "closed"  # existed, and can take no more money


class OrderStatus(StrEnum):
    PENDING = "pending"
    AUTHORIZED = "authorized"
    PARTIALLY_CAPTURED = "partially_captured"  # an operator took less than the order's amount on purpose
    PAID = "paid"
    REVIEW = "review"  # money came that does not fit the order; a person decides (cases.py names what it is)
    CANCELLED = "cancelled"
    FAILED = "failed"  # every attempt so far was refused; another may still follow while its page is open
    EXPIRED = "expired"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


MAY_TAKE_MONEY: Final = frozenset({JobState.OPEN, JobState.SUPERSEDED, JobState.ORPHAN})
"""A job that exists, or may, and that the gateway has not called dead."""

WAITING: Final = frozenset({PaymentStatus.PENDING, PaymentStatus.AUTHORIZED})
NO_MONEY: Final = frozenset(
    {PaymentStatus.DECLINED, PaymentStatus.FAILED, PaymentStatus.EXPIRED, PaymentStatus.CANCELLED}
)
STRENGTH: Final = {status: strength for strength, status in enumerate(PaymentStatus)}


def join(known: Iterable[PaymentStatus], learned: PaymentStatus) -> tuple[PaymentStatus, ...]:
    """All that is established after ``learned``, weakest first; the last one is the payment's status."""
    together = {*known, learned}
    firm = together - WAITING
    return tuple(sorted(firm, key=STRENGTH.__getitem__)) if firm else (max(together, key=STRENGTH.__getitem__),)


def contradict(established: Iterable[PaymentStatus]) -> bool:
    """Whether the gateway has said both that money moved and that it never did."""
    words = frozenset(established)
    return PaymentStatus.CAPTURED in words and bool(words & NO_MONEY)
