"""What can happen to an order. An order is its events applied in turn (``ledger.apply``).

Events carry what was learned, not what it means: the meaning is computed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from .facts import PaymentFact
from .references import JobReference, OwnReference, PaymentReference
from .terms import OrderTerms


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    terms: OrderTerms
    kind: Literal["order_placed"] = "order_placed"


@dataclass(frozen=True, slots=True)
class JobPlanned:
    """Written before the gateway is called. After ``intent_until`` whoever planned it is taken for dead."""

    job: int
    own_reference: OwnReference
    gateway: str
    intent_until: datetime
    expires_at: datetime
    kind: Literal["job_planned"] = "job_planned"


@dataclass(frozen=True, slots=True)
class JobOpened:
    """The gateway made the job; from here on its page counts as disclosed."""

    job: int
    job_reference: JobReference
    action_url: str
    payments: tuple[PaymentReference, ...]
    kind: Literal["job_opened"] = "job_opened"


@dataclass(frozen=True, slots=True)
class JobRejected:
    """The job does not exist at the gateway: it refused, or was never reached."""

    job: int
    reason: str
    kind: Literal["job_rejected"] = "job_rejected"


@dataclass(frozen=True, slots=True)
class JobLost:
    """The job may exist at the gateway, but its page was never disclosed, so nobody can pay it."""

    job: int
    reason: str
    kind: Literal["job_lost"] = "job_lost"


@dataclass(frozen=True, slots=True)
class JobRecognised:
    """The gateway's name of a job whose create reply we never got."""

    job: int
    job_reference: JobReference
    kind: Literal["job_recognised"] = "job_recognised"


@dataclass(frozen=True, slots=True)
class JobClosed:
    """The gateway says that the job can take no more money."""

    job: int
    reason: str
    kind: Literal["job_closed"] = "job_closed"


@dataclass(frozen=True, slots=True)
class PaymentObserved:
    job: int
    fact: PaymentFact
    kind: Literal["payment_observed"] = "payment_observed"


@dataclass(frozen=True, slots=True)
class EvidenceSetAside:
    """Evidence that contradicts the order: kept for a person, and nothing else moves."""

    job: int | None
    code: str
    detail: str
    fact: PaymentFact
    kind: Literal["evidence_set_aside"] = "evidence_set_aside"


@dataclass(frozen=True, slots=True)
class AttentionRaised:
    code: str
    detail: str
    kind: Literal["attention_raised"] = "attention_raised"


Event: TypeAlias = (
    OrderPlaced
    | JobPlanned
    | JobOpened
    | JobRejected
    | JobLost
    | JobRecognised
    | JobClosed
    | PaymentObserved
    | EvidenceSetAside
    | AttentionRaised
)
