"""Orders and deliveries to store, of every shape that the domain can make."""

from datetime import UTC, datetime, timedelta
from typing import Final, get_args

from msgspec.structs import replace

from backend.domain import ledger
from backend.domain.deliveries import Delivery, delivery_id
from backend.domain.events import (
    AttentionRaised,
    AttentionResolved,
    EntrySeal,
    Event,
    EvidenceSetAside,
    JobClosed,
    JobLost,
    JobOpened,
    JobPlanned,
    JobRecognised,
    JobRejected,
    JobReopened,
    JobSuperseded,
    OperationAccepted,
    OperationApproved,
    OperationNotSent,
    OperationPlanned,
    OperationSettled,
    OperationSubmitted,
    OperatorLooked,
    OrderCancelled,
    OrderPlaced,
    OrderReinstated,
    PaymentObserved,
    PersonalDataErased,
)
from backend.domain.facts import Evidence, EvidenceSource, PaymentFact, RefundFact, RefundState
from backend.domain.history import next_entry
from backend.domain.model import Order
from backend.domain.money import CurrencyCode, Money
from backend.domain.operations import OperationKind, OperationState
from backend.domain.references import (
    JobReference,
    OrderReference,
    PaymentReference,
    UserId,
    own_reference,
)
from backend.domain.statuses import OrderStatus, PaymentStatus
from backend.domain.terms import Customer, Mode, OrderLine, OrderTerms

NOON: Final = datetime(2026, 3, 29, 12, 0, 0, 123456, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
MINUTE: Final = timedelta(minutes=1)

ODD_TEXTS: Final = (
    "שלום, مرحبا \u202eabc\u202c",  # right to left, and an override
    "e\u0301 is not \u00e9",  # combining: stores must not normalise
    "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿 \U0001f4b7",  # joined, tagged, outside the basic plane
    "line\u2028paragraph\u2029next\u0085",  # line ends that JavaScript or Python may split at
    "\ufeffmark \u200b\u00a0blank",
    'quote " back \\ slash / $dollar .dot \t tab \r\n',
    "İıẞß ǅ ﬀ",  # case folding changes their length
    "%s {} ' ; -- ?1 :a @b",
    "\u0001\u001f\u007f control",
    "",
)


def an_order(
    reference: str = "TEST-001",
    *,
    mode: Mode = Mode.MOCK,
    minor: int = 1000,
    name: str = "Ann Example",
    due: datetime | None = None,
) -> Order:
    terms = OrderTerms(
        mode=mode,
        reference=OrderReference(reference),
        owner=UserId("user-1"),
        customer=Customer(email="ann@example.com", name=name),
        amount=Money(minor, CurrencyCode("GBP")),
        description=name,
        lines=(OrderLine(name, 1, minor),),
    )
    order = ledger.place(terms, at=NOON, operation=f"place {reference}", actor="shop")
    return replace(order, next_check_at=due)


def after(order: Order, *events: Event, operation: str = "change", at: datetime = NOON) -> Order:
    """The order as the next writer would store it."""
    changed = ledger.record(order, events, at=at, operation=operation, actor="shop")
    return replace(changed, version=order.version + 1)


def noted(order: Order, note: str) -> Order:
    return after(order, AttentionRaised("note", note), operation=note)


def with_job(order: Order, job_reference: str, number: int = 1) -> Order:
    planned = JobPlanned(
        job=number,
        own_reference=own_reference(order.reference, number),
        gateway="cashflows",
        intent_until=NOON + MINUTE,
        expires_at=NOON + 30 * MINUTE,
    )
    opened = JobOpened(
        job=number,
        job_reference=JobReference(job_reference),
        action_url=f"https://gateway.example/pay/{job_reference}?a=1&b=%20",
        payments=(PaymentReference(f"{job_reference}-1"),),
    )
    return after(order, planned, opened)


def with_every_event(order: Order) -> Order:
    """An order with an entry of each kind in its history, one after the other as no real order would have them."""
    fact = PaymentFact(
        payment_reference=PaymentReference("P1"),
        status=PaymentStatus.CAPTURED,
        evidence=Evidence(EvidenceSource.RETRIEVAL, digest="d" * 64, wording="Paid"),
        asked_amount="10.00",
        asked_currency="GBP",
        captured_minor=1000,
        refunded_minor=0,
        refunds=(RefundFact("A~r1", None, 5, RefundState.PENDING),),
    )
    barely = PaymentFact(fact.payment_reference, PaymentStatus.PENDING, fact.evidence)
    events: tuple[Event, ...] = (
        OrderPlaced(order.terms),
        JobPlanned(1, own_reference(order.reference, 1), "cashflows", NOON + MINUTE, NOON + TICK),
        JobOpened(
            1, JobReference("J1"), "https://gateway.example/pay", (PaymentReference("P1"), fact.payment_reference)
        ),
        JobRejected(1, "no"),
        JobLost(1, "gone"),
        JobRecognised(1, JobReference("J2")),
        JobSuperseded(1, "another was wanted"),
        JobClosed(1, "over"),
        JobReopened(1, "voided"),
        PaymentObserved(1, fact),
        PaymentObserved(1, barely),
        EvidenceSetAside(1, "amount_differs", "9.99", fact),
        AttentionRaised("note", "look"),
        AttentionResolved("note", "look", "ann", "seen"),
        OrderCancelled("ann", "not wanted"),
        OrderReinstated("ann", "wanted"),
        OperatorLooked("ann"),
        OperationPlanned(1, "A~r1", OperationKind.REFUND, 1, PaymentReference("P1"), 10, 0, "ann", "why", "k", True),
        OperationApproved(1, "bob"),
        OperationSubmitted(1),
        OperationNotSent(1, "down"),
        OperationAccepted(1, None),
        OperationSettled(1, OperationState.SUCCEEDED, "R1", "seen"),
        PersonalDataErased("ann", "asked for", (EntrySeal(1, "d" * 64),)),
    )
    assert {type(event) for event in events} == set(get_args(Event)), "a new kind of event belongs here too"
    history = order.history
    for event in events:
        entry = next_entry(
            history,
            at=NOON,
            operation="op",
            actor="shop",
            event=event,
            before=OrderStatus.PENDING,
            after=OrderStatus.PARTIALLY_REFUNDED,
        )
        history = (*history, entry)
    return replace(order, history=history)


def a_delivery(
    body: bytes = b'{"paymentReference": "1"}', *, mode: Mode = Mode.MOCK, at: datetime = NOON, due: datetime = NOON
) -> Delivery:
    return Delivery(
        id=delivery_id(mode, "cashflows", body),
        mode=mode,
        gateway="cashflows",
        body=body,
        headers=(("content-type", "application/json"), ("x-signature", "ab"), ("x-signature", "cd")),
        first_at=at,
        last_at=at,
        next_try_at=due,
    )
