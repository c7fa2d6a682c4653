"""Orders in the states that tests start from, made through the same events as real ones."""

from datetime import UTC, datetime, timedelta

from backend.domain.attempts import plan_job
from backend.domain.events import Event, JobOpened
from backend.domain.facts import Evidence, EvidenceSource, PaymentFact
from backend.domain.learning import learn_payment
from backend.domain.ledger import place, record
from backend.domain.model import Order
from backend.domain.money import CurrencyCode, Money
from backend.domain.references import JobReference, OrderReference, PaymentReference, UserId
from backend.domain.statuses import PaymentStatus
from backend.domain.terms import Customer, Mode, OrderTerms

NOW = datetime(2026, 3, 28, 23, 59, 59, 999999, tzinfo=UTC)
GBP = CurrencyCode("GBP")
JOB = JobReference("210221000033558552")
FIRST, SECOND = PaymentReference("210221117473470476"), PaymentReference("210221117473470477")
PAGE = "https://gateway.example/payment?ref=4d28fe"


def terms(reference: str = "TEST-001", minor: int = 1000, owner: str = "alice") -> OrderTerms:
    return OrderTerms(
        mode=Mode.MOCK,
        reference=OrderReference(reference),
        owner=UserId(owner),
        customer=Customer("test@example.com", "Test User"),
        amount=Money(minor, GBP),
    )


def placed(reference: str = "TEST-001", minor: int = 1000) -> Order:
    return place(terms(reference, minor), at=NOW, operation="op-1", actor="customer alice")


def after(order: Order, *events: Event, at: datetime = NOW) -> Order:
    return record(order, events, at=at, operation=f"op-{len(order.history) + 1}", actor="test")


def planned(order: Order, number: int = 1, at: datetime = NOW) -> Order:
    intent, page = timedelta(seconds=20), timedelta(hours=1)
    return after(order, plan_job(order, number, "cashflows", at, intent=intent, page=page), at=at)


def opened(minor: int = 1000) -> Order:
    """An order whose first payment job is open, with the payment that Cashflows makes at once."""
    return after(planned(placed(minor=minor)), JobOpened(1, JOB, PAGE, (FIRST,)))


def fact(
    status: PaymentStatus,
    payment: PaymentReference = FIRST,
    *,
    amount: str | None = "10.00",
    currency: str | None = "GBP",
    captured: int | None = None,
    refunded: int | None = None,
    source: EvidenceSource = EvidenceSource.RETRIEVAL,
) -> PaymentFact:
    evidence = Evidence(source, digest="ab" * 32, wording=status)
    return PaymentFact(payment, status, evidence, amount, currency, captured, refunded)


def learn(order: Order, *facts: PaymentFact) -> Order:
    for told in facts:
        order = after(order, *learn_payment(order, order.jobs[-1], told))
    return order
