"""What the services need from outside: a gateway, a store, a clock.

Results that a service decides on are values, and the axis that matters is whether the outcome is known. Store failures
are errors, split the same way:

    StoreError
    +-- StoreUnavailable        nothing was read, nothing was written
    +-- StoreOutcomeUnknown     a write may or may not have landed: read again, never assume
    +-- DocumentUnusable        one document is; the others can be worked with
        +-- DocumentTooNew      written by a later version of this program; refuse rather than lose what it added
        +-- DocumentUnreadable  not what any version of this program writes
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias

from msgspec import Struct

from .domain.deliveries import Delivery, DeliveryId
from .domain.facts import Hint, JobSnapshot, SignedFact
from .domain.model import Order, OrderId
from .domain.money import CurrencyCode, Money
from .domain.operations import OperationKind
from .domain.records import Record, RecordId
from .domain.references import JobReference, OwnReference, PaymentReference
from .domain.searching import DeliveryQuery, Lag, OrderQuery
from .domain.standing import PaymentStanding
from .domain.statuses import OrderStatus
from .domain.terms import Mode, OrderTerms


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC, to the microsecond."""

    async def sleep(self, seconds: float) -> None: ...


# --- gateway ---------------------------------------------------------------------------------------------------------


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


# --- the shop --------------------------------------------------------------------------------------------------------


class Taken(Struct, frozen=True):
    """The shop has it; ``words`` is its answer, for the delivery log."""

    words: str


class NotTaken(Struct, frozen=True):
    """The shop may or may not have seen it; ``wait`` is how long it asked to be left alone.

    ``is_gone`` is the shop's word that nothing is to be sent to this address any more.
    """

    words: str
    wait: timedelta | None = None
    is_gone: bool = False


ShopAnswer: TypeAlias = Taken | NotTaken


class ShopEndpoint(Protocol):
    """Where the shop takes notifications."""

    address: str
    """For people to recognise it by; holds no secret."""

    async def deliver(self, notification_id: str, body: str, at: datetime) -> ShopAnswer:
        """Post the body, signed at ``at``, once. Whatever goes wrong is an answer, within a time limit."""


# --- store -----------------------------------------------------------------------------------------------------------


class StoreError(Exception):
    """The store did not do what was asked."""

    todo: str = ""
    """What a person is to do about it, where that is known."""


class StoreUnavailable(StoreError):
    """Nothing was read or written; try again later."""

    def __init__(self, why: str, todo: str = "") -> None:
        super().__init__(f"{why}: {todo}" if todo else why)
        self.todo = todo


class StoreOutcomeUnknown(StoreError):
    """The write may or may not have landed; read again before deciding anything."""


class DocumentUnusable(StoreError):
    """One document; the others can be worked with. ``why`` goes on after its id."""

    def __init__(self, document_id: str, why: str) -> None:
        super().__init__(f"{document_id} {why}")
        self.why = why


class DocumentTooNew(DocumentUnusable):
    def __init__(self, document_id: str, schema: int, known: int) -> None:
        super().__init__(
            document_id, f"was written in schema {schema}, this program knows up to {known}: run the newer version"
        )


class DocumentUnreadable(DocumentUnusable):
    def __init__(self, document_id: str, why: str) -> None:
        super().__init__(document_id, f"cannot be read: {why}")


class UnreadableOrder(Struct, frozen=True):
    """Stands in a scan in the place of an order that is there and cannot be read; ``why`` goes on after its id."""

    id: OrderId
    why: str


class Work(StrEnum):
    """What of an order falls due by itself."""

    LOOK = "look"  # at ``next_check_at``: ask the gateway
    NOTICE = "notice"  # at ``next_notice_at``: tell the shop


class Applied(Struct, frozen=True):
    """What a delivery makes of its order: the order's next version, and the words that are kept with the delivery."""

    order: Order
    outcome: str


Apply: TypeAlias = Callable[[Order], Applied | None]
"""Called in any thread, and perhaps again, so it has no effect."""


class OrderStore(Protocol):
    """Orders, the inbox and small records, durably.

    Every write that returns survives the death of the process and the machine.

    All methods raise StoreUnavailable; those that write may raise StoreOutcomeUnknown instead. Orders come back equal
    to what was written, to the microsecond and the character.
    """

    async def open(self) -> None:
        """Connect, and create what is missing (tables, indexes)."""

    async def close(self) -> None: ...

    async def ping(self) -> None:
        """Return if the store answers a read now."""

    async def insert(self, order: Order) -> bool:
        """Add a new order at its ``version``; False, and nothing written, if its id is taken."""

    async def replace(self, order: Order, expected_version: int) -> bool:
        """Replace the order if the stored version is ``expected_version``; False, and nothing written, if not."""

    async def get(self, order_id: OrderId) -> Order | None: ...

    async def find_by_job(self, mode: Mode, reference: JobReference) -> Order | None:
        """The order one of whose payment jobs bears the gateway's ``reference``."""

    async def make_due(self, order_id: OrderId, at: datetime) -> None:
        """Bring the order's ``next_check_at`` forward to ``at``, never back; the version stays."""

    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        """Take up to ``limit`` orders whose ``work`` is due at ``now``, the longest due first.

        Taking pushes its time to ``until``, so no other worker takes them before that, and work whose taker died falls
        due again. The version stays: whoever changes the order sets its times anew.
        """

    async def search(self, query: OrderQuery, limit: int) -> Sequence[Order]:
        """Up to ``limit`` orders that fit, by ``placed_at`` from the newest, then by id from the last.

        Every condition is looked up by an index. What cannot be read is left out and logged.
        """

    async def scan(self, mode: Mode, after: OrderId | None, limit: int) -> Sequence[Order | UnreadableOrder]:
        """Up to ``limit`` orders by id, those after ``after``: every order, page by page, while others write.

        What cannot be read has its place too: an export must not leave anything out in silence, nor end there.
        """

    async def money_at_risk(self, mode: Mode) -> Mapping[CurrencyCode, int]:
        """``at_risk_minor`` summed over all orders, by currency; currencies without any are left out."""

    async def count_orders(self, mode: Mode) -> Mapping[OrderStatus, int]:
        """How many orders there are, by status; those without any are left out."""

    async def lag(self, mode: Mode) -> Lag:
        """When the longest waiting work of each kind fell due."""

    async def receive(self, delivery: Delivery) -> Delivery:
        """Add the delivery, or count it on its row; returns the row as it stands, with whatever else came
        meanwhile counted too. Its ``next_try_at`` is taken over."""

    async def receive_and_apply(self, delivery: Delivery, order_id: OrderId, apply: Apply) -> Delivery | None:
        """Do with the delivery what ``apply`` makes of the order; None, and nothing done, if that is nothing, or there
        is no such order. A store may first try with a guess at the order; then a wrong one leaves the row pending.

        The delivery is stored as by ``receive``; and where ``replace`` would put the changed order in the place of the
        version before it, that and ``settle`` are done in the same go. The row that is returned is pending where the
        order was not replaced, or where the row came again meanwhile. Cut short, it leaves the first of the three steps
        done, or the first two.
        """

    async def settle(self, delivery_id: DeliveryId, seen: int, outcome: str) -> None:
        """Mark the row worked through up to ``seen`` receptions; it stays pending if more have come since."""

    async def postpone(self, delivery_id: DeliveryId, until: datetime, outcome: str) -> None:
        """Leave the row pending, count one attempt, and make it due at ``until``."""

    async def take_deliveries(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        """Take up to ``limit`` pending rows with ``next_try_at <= now``, longest due first, as ``take_due`` does."""

    async def get_delivery(self, delivery_id: DeliveryId) -> Delivery | None: ...

    async def search_deliveries(self, query: DeliveryQuery, limit: int) -> Sequence[Delivery]:
        """Up to ``limit`` rows that fit, by ``last_at`` from the newest, then by id from the last."""

    async def reopen(self, delivery_id: DeliveryId, at: datetime) -> bool:
        """Make a row pending again, due at ``at``, with no attempts counted; False if there is none."""

    async def drop_deliveries(self, mode: Mode, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` rows that are done and were last received before ``before``; returns how many."""

    # Records: changed by compare-and-set like orders.

    async def read_record(self, record_id: RecordId) -> Record | None: ...

    async def write_record(self, record: Record, expected_version: int) -> bool:
        """Write if the stored version is ``expected_version`` (0: there is none); False if not, and nothing written.

        An expired record that nobody has dropped yet still counts as there.
        """

    async def list_records(self, prefix: str, after: RecordId | None, limit: int) -> Sequence[Record]:
        """Up to ``limit`` records whose id starts with ``prefix``, by id, those after ``after``."""

    async def drop_expired_records(self, now: datetime, limit: int) -> int:
        """Remove up to ``limit`` records with ``expires_at <= now``; returns how many."""
