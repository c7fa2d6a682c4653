"""What can happen to an order. An order is its events applied in turn (``ledger.apply``).

Events carry what was learned, not what it means: the meaning is computed.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from .facts import PaymentFact
from .operations import OperationKind, OperationState
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
class JobReopened:
    """The job takes money again: its payment was voided, and the gateway leaves the page open for another."""

    job: int
    reason: str
    kind: Literal["job_reopened"] = "job_reopened"


@dataclass(frozen=True, slots=True)
class JobSuperseded:
    """The gateway accepted to cancel the job, so another may start; it is watched until it is surely dead."""

    job: int
    reason: str
    kind: Literal["job_superseded"] = "job_superseded"


@dataclass(frozen=True, slots=True)
class PaymentObserved:
    job: int
    fact: PaymentFact
    kind: Literal["payment_observed"] = "payment_observed"


@dataclass(frozen=True, slots=True)
class EvidenceSetAside:
    """Evidence that contradicts the order: kept for a person, and nothing else moves."""

    job: int
    code: str
    detail: str
    fact: PaymentFact
    kind: Literal["evidence_set_aside"] = "evidence_set_aside"


@dataclass(frozen=True, slots=True)
class AttentionRaised:
    code: str
    detail: str
    amount_minor: int = field(default=0, metadata={"added_later": True})
    kind: Literal["attention_raised"] = "attention_raised"


@dataclass(frozen=True, slots=True)
class AttentionResolved:
    """A person has seen to it; ``evidence`` says what it rests on."""

    code: str
    detail: str
    by: str
    evidence: str
    kind: Literal["attention_resolved"] = "attention_resolved"


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The shop gave the order up: what is paid from now on is not wanted."""

    by: str
    reason: str
    kind: Literal["order_cancelled"] = "order_cancelled"


@dataclass(frozen=True, slots=True)
class OrderReinstated:
    """A cancelled order is wanted after all, with what was paid for it."""

    by: str
    reason: str
    kind: Literal["order_reinstated"] = "order_reinstated"


@dataclass(frozen=True, slots=True)
class OperatorLooked:
    """An operator had the gateway asked; changes nothing by itself."""

    by: str
    kind: Literal["operator_looked"] = "operator_looked"


@dataclass(frozen=True, slots=True)
class OperationPlanned:
    """Written before anything is sent; from here on its amount is spoken for."""

    operation: int
    own_reference: str
    operation_kind: OperationKind
    job: int
    payment_reference: PaymentReference
    amount_minor: int
    before_minor: int
    by: str
    reason: str
    idempotency: str | None
    needs_approval: bool
    kind: Literal["operation_planned"] = "operation_planned"


@dataclass(frozen=True, slots=True)
class OperationApproved:
    operation: int
    by: str
    kind: Literal["operation_approved"] = "operation_approved"


@dataclass(frozen=True, slots=True)
class OperationSubmitted:
    """Permission to send it, given once; whoever wrote this may call the gateway, and nobody else."""

    operation: int
    kind: Literal["operation_submitted"] = "operation_submitted"


@dataclass(frozen=True, slots=True)
class OperationNotSent:
    """It is certain that the gateway was not reached, so the permission is given back."""

    operation: int
    why: str
    kind: Literal["operation_not_sent"] = "operation_not_sent"


@dataclass(frozen=True, slots=True)
class OperationAccepted:
    """The gateway will carry it out; whether it did, it tells later."""

    operation: int
    gateway_reference: str | None
    kind: Literal["operation_accepted"] = "operation_accepted"


@dataclass(frozen=True, slots=True)
class OperationSettled:
    """Its new state, and the evidence for it: the gateway's reply, its account of the payment, or a person's word."""

    operation: int
    state: OperationState
    gateway_reference: str | None
    why: str
    kind: Literal["operation_settled"] = "operation_settled"


@dataclass(frozen=True, slots=True)
class EntrySeal:
    """What stands for the digest of an entry that personal data was taken out of."""

    entry: int
    digest: str


@dataclass(frozen=True, slots=True)
class PersonalDataErased:
    """The customer was erased from the order; ``seals`` are of the entries that this changed."""

    by: str
    reason: str
    seals: tuple[EntrySeal, ...]
    kind: Literal["personal_data_erased"] = "personal_data_erased"


Event: TypeAlias = (
    OrderPlaced
    | JobPlanned
    | JobOpened
    | JobRejected
    | JobLost
    | JobRecognised
    | JobSuperseded
    | JobClosed
    | JobReopened
    | PaymentObserved
    | EvidenceSetAside
    | AttentionRaised
    | AttentionResolved
    | OrderCancelled
    | OrderReinstated
    | OperatorLooked
    | OperationPlanned
    | OperationApproved
    | OperationSubmitted
    | OperationNotSent
    | OperationAccepted
    | OperationSettled
    | PersonalDataErased
)
