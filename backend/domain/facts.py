"""What a gateway tells us, split by how far it may be believed.

A *fact* was confirmed by the gateway (a verified signature, or its answer to our own signed question) and may move
state once its amount and references check out. A *hint* only says where to look. No function here or anywhere turns a
hint into a fact: the gateway must be asked.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .references import JobReference, OwnReference, PaymentReference
from .statuses import PaymentStatus


class EvidenceSource(StrEnum):
    SIGNED_WEBHOOK = "signed_webhook"
    RETRIEVAL = "retrieval"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact came from; ``digest`` is the SHA-256 of the bytes that said so, ``wording`` the gateway's status."""

    source: EvidenceSource
    digest: str
    wording: str


class RefundState(StrEnum):
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefundFact:
    """One refund as the gateway lists it; ``own_reference`` is the number that whoever asked for it gave it."""

    own_reference: str | None
    gateway_reference: str | None
    amount_minor: int
    state: RefundState


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """What the gateway confirmed about one payment.

    ``asked_amount`` (decimal text in major units) and ``asked_currency`` are what the gateway says was to be collected,
    as it wrote them, None where it did not say; ``learning.py`` holds them against the order. The totals are None where
    the gateway did not say; then a captured payment is one for all that was asked. ``refunds`` are those that it lists
    one by one; ``refunded_minor`` counts the completed ones. ``taken_at`` is when
    the gateway says that it took the money.
    """

    payment_reference: PaymentReference
    status: PaymentStatus
    evidence: Evidence
    asked_amount: str | None = None
    asked_currency: str | None = None
    captured_minor: int | None = None
    refunded_minor: int | None = None
    refunds: tuple[RefundFact, ...] = field(default=(), metadata={"added_later": True})
    taken_at: datetime | None = field(default=None, metadata={"added_later": True})


@dataclass(frozen=True, slots=True)
class SignedFact:
    """One payment's fact as a verified webhook tells it."""

    fact: PaymentFact
    own_reference: OwnReference | None
    job_reference: JobReference | None


@dataclass(frozen=True, slots=True)
class Hint:
    """Somebody says that something happened here; worth a look, never worth a decision."""

    own_reference: OwnReference | None
    job_reference: JobReference | None
    payment_reference: PaymentReference | None


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """The gateway's answer to "what do you know of this job?"; ``payable`` is whether it can still take money.

    ``not_understood`` are the payments whose status is a word that the adapter does not know.
    """

    job_reference: JobReference
    own_reference: OwnReference | None
    payable: bool
    payments: tuple[PaymentFact, ...]
    not_understood: frozenset[PaymentReference] = frozenset()
