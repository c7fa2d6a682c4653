"""What the services need from a payment gateway.

Results are values, and the axis that matters is whether the outcome is known.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, TypeAlias

from msgspec import Struct

from ..domain.facts import Hint, JobSnapshot, SignedFact
from ..domain.money import Money
from ..domain.operations import OperationKind
from ..domain.references import JobReference, OwnReference, PaymentReference
from ..domain.standing import PaymentStanding
from ..domain.terms import OrderTerms


class JobRequest(Struct, frozen=True):
    """Everything a gateway may need to collect one order's amount; URLs are absolute."""

    own_reference: OwnReference
    terms: OrderTerms
    expires_at: datetime
    success_url: str
    failed_url: str
    cancel_url: str
    webhook_url: str


class Redirect(Struct, frozen=True):
    """The job exists: send the customer to ``action_url``."""

    job_reference: JobReference
    action_url: str
    payments: tuple[PaymentReference, ...]


class Refused(Struct, frozen=True):
    """The gateway said no; nothing moved and nothing will."""

    reason: str


class NotSent(Struct, frozen=True):
    """The gateway was not reached; trying again is safe."""

    reason: str


class Unknown(Struct, frozen=True):
    """It was sent and no answer that can be believed came; never send again, look instead.

    ``job_reference`` is where to look, if a payment job was asked for and the gateway named it all the same.
    """

    reason: str
    job_reference: JobReference | None = None


class Cancelled(Struct, frozen=True):
    """The gateway accepted to end the job; ask it what became of the payments."""


class NoSuchJob(Struct, frozen=True):
    """The gateway does not know the job (or not with these credentials)."""


class Unavailable(Struct, frozen=True):
    """The gateway could not be asked, or its answer could not be believed; a read may be tried again."""

    reason: str


class Done(Struct, frozen=True):
    """The gateway has carried the operation out; ``reference`` is its name for it, where it gave one."""

    reference: str | None


class Waiting(Struct, frozen=True):
    """The gateway has accepted the operation and will carry it out; ask later what became of it."""

    reference: str | None


class OperationRequest(Struct, frozen=True):
    """One deliberate instruction about a payment; ``own_reference`` is our name for it, told to the gateway.

    ``amount`` is what to capture or refund; a void is always of the whole.
    """

    kind: OperationKind
    own_reference: str
    job_reference: JobReference
    payment_reference: PaymentReference
    amount: Money


CreateOutcome: TypeAlias = Redirect | Refused | NotSent | Unknown
CancelOutcome: TypeAlias = Cancelled | Refused | NotSent | Unknown
RetrieveOutcome: TypeAlias = JobSnapshot | NoSuchJob | Unavailable
ChangeOutcome: TypeAlias = Done | Waiting | Refused | NotSent | Unknown


class WebhookRejected(Exception):
    """The delivery is not the gateway's: its signature is missing or wrong."""


class WebhookNotConfigured(Exception):
    """No secret to verify with is configured, so nothing can be accepted."""

    def __init__(self, setting: str) -> None:
        super().__init__(f"webhooks cannot be verified: set {setting}")


class WebhookUnreadable(Exception):
    """The delivery is the gateway's, but does not say what the gateway's manual promises."""


class PaymentGateway(Protocol):
    """One gateway's adapter. It translates, and nothing else: rules live in the services and the domain."""

    name: str
    notice: str | None
    """Said with every started payment while no real money can move; None otherwise."""
    account: str
    """Which account and credentials these are, as a digest: changes when the settings do, and tells nothing of them."""

    async def create_payment_job(self, request: JobRequest) -> CreateOutcome: ...

    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome: ...

    async def cancel_payment_job(self, reference: JobReference) -> CancelOutcome: ...

    async def change_payment(self, request: OperationRequest) -> ChangeOutcome:
        """Capture, void or refund, sent at most once: no outcome is ever followed by a second call in here."""

    def allowed_operations(self, payment: PaymentStanding, now: datetime) -> frozenset[OperationKind]:
        """What the gateway would accept for this payment now, as far as its manual tells."""

    def auth_refusals(self) -> int:
        """How many times in a row the gateway has refused our credentials, as far as this process knows."""

    def refusal(self) -> str | None:
        """Why no call is made at present, in a sentence an operator can act on; None while calls are made."""

    def suspend(self, reason: str) -> None:
        """Make no call from now on; another process with the same account found ``reason`` for it."""

    def resume(self) -> None:
        """Make calls again; an operator has seen to the reason of ``refusal``."""

    def scrub(self, text: str) -> str:
        """``text`` without this gateway's secrets, signatures and anything like a card number, fit for a log."""

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check that the delivery is the gateway's, as far as its scheme can tell.

        Raises:
            WebhookRejected: signature missing or wrong.
            WebhookNotConfigured: there is nothing to verify with.
        """

    def read_webhook(self, body: bytes) -> SignedFact | Hint:
        """Translate a delivery that ``verify_webhook`` let through; unsigned schemes only ever give a Hint.

        Raises:
            WebhookUnreadable: the message says what is missing.
        """

    def acknowledgement(self, body: bytes) -> Mapping[str, str]:
        """What the gateway wants echoed, so that it stops repeating the delivery."""
