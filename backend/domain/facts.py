"""What a gateway tells us, split by how far it may be believed.

A *fact* was confirmed by the gateway (a verified signature, or its answer to our own signed question) and may move
state once its amount and references check out. A *hint* only says where to look. No function here or anywhere turns a
hint into a fact: the gateway must be asked.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Struct

from .marks import ADDED_LATER
from .references import JobReference, OwnReference, PaymentReference
from .statuses import PaymentStatus


class EvidenceSource(StrEnum):
    SIGNED_WEBHOOK = "signed_webhook"
    RETRIEVAL = "retrieval"


class Evidence(Struct, frozen=True):
    """Where a fact came from; ``digest`` is the SHA-256 of the bytes that said so, ``wording`` the gateway's status."""

    source: EvidenceSource
    digest: str
    wording: str


class RefundState(StrEnum):
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class RefundFact(Struct, frozen=True):
    """One refund as the gateway lists it; ``own_reference`` is the number that whoever asked for it gave it."""

    own_reference: str | None
    gateway_reference: str | None
    amount_minor: int
    state: RefundState


class PaymentFact(Struct, frozen=True):
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
    refunds: Annotated[tuple[RefundFact, ...], ADDED_LATER] = ()
    taken_at: Annotated[datetime | None, ADDED_LATER] = None


class SignedFact(Struct, frozen=True):
    """One payment's fact as a verified webhook tells it."""

    fact: PaymentFact
    own_reference: OwnReference | None
    job_reference: JobReference | None


class Hint(Struct, frozen=True):
    """Somebody says that something happened here; worth a look, never worth a decision."""

    own_reference: OwnReference | None
    job_reference: JobReference | None
    payment_reference: PaymentReference | None


class JobSnapshot(Struct, frozen=True):
    """The gateway's answer to "what do you know of this job?"; ``payable`` is whether it can still take money, or
    has taken some that none of its payments tells of.

    ``not_understood`` are the payments whose status is a word that the adapter does not know.
    """

    job_reference: JobReference
    own_reference: OwnReference | None
    payable: bool
    payments: tuple[PaymentFact, ...]
    not_understood: frozenset[PaymentReference] = frozenset()
