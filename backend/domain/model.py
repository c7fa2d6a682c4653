"""What is known of an order: one frozen value that holds everything that must change together.

Amounts are facts and totals, never deltas, and the status is a word computed from them (``order_status.py``). A new
value comes only from an event applied by ``ledger.py``.
"""

from datetime import datetime
from typing import Final, NewType

from msgspec import Struct

from .history import HistoryEntry
from .money import CurrencyCode, Money
from .notifications import Notification
from .operations import Operation
from .references import JobReference, OrderReference, OwnReference, PaymentReference
from .statuses import JobState, PaymentStatus
from .terms import Mode, OrderTerms

SCHEMA: Final = 5
"""Version of the stored shape; ``stores/codec.py`` reads older ones."""

OrderId = NewType("OrderId", str)
"""Mode and order reference, ``"mock/TEST-001"``: unique without any help from an index."""


class Payment(Struct, frozen=True):
    """One attempt to move money within a payment job.

    ``statuses`` are all that the gateway has established, weakest first (``statuses.join``): more than one only where
    its words changed or contradict each other.
    """

    reference: PaymentReference
    statuses: tuple[PaymentStatus, ...] = (PaymentStatus.PENDING,)
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    captured_at: datetime | None = None
    """When a capture became known here."""
    taken_at: datetime | None = None
    """When the gateway says that it took the money; None where it has not said."""

    @property
    def status(self) -> PaymentStatus:
        return self.statuses[-1]


class Job(Struct, frozen=True):
    number: int
    own_reference: OwnReference
    gateway: str
    state: JobState
    intent_until: datetime
    expires_at: datetime
    job_reference: JobReference | None = None
    action_url: str | None = None
    disclosed_at: datetime | None = None
    payments: tuple[Payment, ...] = ()

    def payment(self, reference: PaymentReference) -> Payment | None:
        return next((payment for payment in self.payments if payment.reference == reference), None)


class Misfit(Struct, frozen=True):
    """A payment that the gateway describes otherwise than we asked for it: other amount, other currency.

    It pays nothing, but its money is accounted for. ``captured_minor`` and ``refunded_minor`` are in minor units of
    ``currency``, which is None where the gateway's own is none that we know.
    """

    job: int
    payment_reference: PaymentReference
    code: str
    detail: str
    status: PaymentStatus
    currency: CurrencyCode | None
    captured_minor: int = 0
    refunded_minor: int = 0

    @property
    def kept_minor(self) -> int:
        """Minor units that were taken and not given back."""
        taken = self.captured_minor if self.status is PaymentStatus.CAPTURED else 0
        return max(taken - self.refunded_minor, 0)


RULES: Final = "rules"
"""Who closed an item that no longer held; it is open again when it holds again."""


class AttentionItem(Struct, frozen=True):
    """Something that a person must look at; ``code`` is stable, ``detail`` is a sentence.

    ``amount_minor`` is the money that it is about, while it is open. ``resolution`` is the evidence it was closed on.
    """

    code: str
    detail: str
    raised_at: datetime
    amount_minor: int = 0
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolution: str = ""

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None


class Order(Struct, frozen=True):
    """``cancelled_at`` is when the shop gave the order up; ``notified`` counts the notifications made so far.

    The history tells of everything but the steering fields (``STEERING``): when to look next, and how far telling the
    shop came.
    """

    id: OrderId
    terms: OrderTerms
    placed_at: datetime
    jobs: tuple[Job, ...] = ()
    misfits: tuple[Misfit, ...] = ()
    operations: tuple[Operation, ...] = ()
    cancelled_at: datetime | None = None
    attention: tuple[AttentionItem, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    outbox: tuple[Notification, ...] = ()
    notified: int = 0
    last_look_at: datetime | None = None
    looks_since_news: int = 0
    schema: int = SCHEMA
    version: int = 1
    next_check_at: datetime | None = None
    next_notice_at: datetime | None = None

    @property
    def reference(self) -> OrderReference:
        return self.terms.reference

    @property
    def amount(self) -> Money:
        return self.terms.amount

    @property
    def latest_job(self) -> Job | None:
        return self.jobs[-1] if self.jobs else None

    @property
    def payments(self) -> tuple[Payment, ...]:
        if len(self.jobs) == 1:  # as most orders have; this is asked dozens of times for each change
            return self.jobs[0].payments
        return tuple(payment for job in self.jobs for payment in job.payments)

    def operation(self, number: int) -> Operation | None:
        return next((operation for operation in self.operations if operation.number == number), None)

    def needs_attention(self, code: str, detail: str) -> bool:
        """Whether exactly this has been raised already, and was not closed by itself since."""
        item = self.attention_item(code, detail)
        return item is not None and (item.is_open or item.resolved_by != RULES)

    def attention_item(self, code: str, detail: str) -> AttentionItem | None:
        return next((item for item in self.attention if (item.code, item.detail) == (code, detail)), None)

    def job(self, number: int) -> Job | None:
        return next((job for job in self.jobs if job.number == number), None)


STEERING: Final = frozenset(
    {"outbox", "next_check_at", "next_notice_at", "last_look_at", "looks_since_news", "version", "schema"}
)


def order_id(mode: Mode, reference: OrderReference) -> OrderId:
    return OrderId(f"{mode}/{reference}")
