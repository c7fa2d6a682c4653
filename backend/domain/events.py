"""What can happen to an order. An order is its events applied in turn (``ledger.apply``).

Events carry what was learned, not what it means: the meaning is computed.
"""

from datetime import datetime
from typing import Annotated, Final, TypeAlias, cast

from msgspec import Struct

from .facts import PaymentFact
from .marks import ADDED_LATER
from .operations import OperationKind, OperationState
from .references import JobReference, OwnReference, PaymentReference
from .terms import OrderTerms


class _Event(Struct, frozen=True, tag_field="kind"):
    @property
    def kind(self) -> str:
        """The word that it is stored under; renaming one makes a new schema."""
        return cast(str, self.__struct_config__.tag)


class OrderPlaced(_Event, frozen=True, tag="order_placed"):
    terms: OrderTerms


class JobPlanned(_Event, frozen=True, tag="job_planned"):
    """Written before the gateway is called. After ``intent_until`` whoever planned it is taken for dead."""

    job: int
    own_reference: OwnReference
    gateway: str
    intent_until: datetime
    expires_at: datetime


class JobOpened(_Event, frozen=True, tag="job_opened"):
    """The gateway made the job; from here on its page counts as disclosed."""

    job: int
    job_reference: JobReference
    action_url: str
    payments: tuple[PaymentReference, ...]


class JobRejected(_Event, frozen=True, tag="job_rejected"):
    """The job does not exist at the gateway: it refused, or was never reached."""

    job: int
    reason: str


class JobLost(_Event, frozen=True, tag="job_lost"):
    """The job may exist at the gateway, but its page was never disclosed, so nobody can pay it."""

    job: int
    reason: str


class JobRecognised(_Event, frozen=True, tag="job_recognised"):
    """The gateway's name of a job whose create reply we never got."""

    job: int
    job_reference: JobReference


class JobClosed(_Event, frozen=True, tag="job_closed"):
    """The gateway says that the job can take no more money."""

    job: int
    reason: str


class JobReopened(_Event, frozen=True, tag="job_reopened"):
    """The job takes money again: its payment was voided, and the gateway leaves the page open for another."""

    job: int
    reason: str


class JobSuperseded(_Event, frozen=True, tag="job_superseded"):
    """The gateway accepted to cancel the job, so another may start; it is watched until it is surely dead."""

    job: int
    reason: str


class PaymentObserved(_Event, frozen=True, tag="payment_observed"):
    job: int
    fact: PaymentFact


class EvidenceSetAside(_Event, frozen=True, tag="evidence_set_aside"):
    """Evidence that contradicts the order: kept for a person, and nothing else moves."""

    job: int
    code: str
    detail: str
    fact: PaymentFact


class AttentionRaised(_Event, frozen=True, tag="attention_raised"):
    code: str
    detail: str
    amount_minor: Annotated[int, ADDED_LATER] = 0


class AttentionResolved(_Event, frozen=True, tag="attention_resolved"):
    """A person has seen to it; ``evidence`` says what it rests on."""

    code: str
    detail: str
    by: str
    evidence: str


class OrderCancelled(_Event, frozen=True, tag="order_cancelled"):
    """The shop gave the order up: what is paid from now on is not wanted."""

    by: str
    reason: str


class OrderReinstated(_Event, frozen=True, tag="order_reinstated"):
    """A cancelled order is wanted after all, with what was paid for it."""

    by: str
    reason: str


class OperatorLooked(_Event, frozen=True, tag="operator_looked"):
    """An operator had the gateway asked; changes nothing by itself."""

    by: str


class OperationPlanned(_Event, frozen=True, tag="operation_planned"):
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


class OperationApproved(_Event, frozen=True, tag="operation_approved"):
    operation: int
    by: str


class OperationSubmitted(_Event, frozen=True, tag="operation_submitted"):
    """Permission to send it, given once; whoever wrote this may call the gateway, and nobody else."""

    operation: int


class OperationNotSent(_Event, frozen=True, tag="operation_not_sent"):
    """It is certain that the gateway was not reached, so the permission is given back."""

    operation: int
    why: str


class OperationAccepted(_Event, frozen=True, tag="operation_accepted"):
    """The gateway will carry it out; whether it did, it tells later."""

    operation: int
    gateway_reference: str | None


class OperationSettled(_Event, frozen=True, tag="operation_settled"):
    """Its new state, and the evidence for it: the gateway's reply, its account of the payment, or a person's word."""

    operation: int
    state: OperationState
    gateway_reference: str | None
    why: str


class EntrySeal(Struct, frozen=True):
    """What stands for the digest of an entry that personal data was taken out of."""

    entry: int
    digest: str


class PersonalDataErased(_Event, frozen=True, tag="personal_data_erased"):
    """The customer was erased from the order; ``seals`` are of the entries that this changed."""

    by: str
    reason: str
    seals: tuple[EntrySeal, ...]


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

MERELY_TRIED: Final = (OperationSubmitted, OperationNotSent)
"""That something was tried and came to nothing is no news: the next try comes as late as if nothing had been."""
