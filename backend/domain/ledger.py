"""Apply events to an order. The only module that makes a new order value, so the only one that can make it paid.

Replaying an order's history from nothing gives the order again (``replay``).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from .events import (
    AttentionRaised,
    Event,
    EvidenceSetAside,
    JobClosed,
    JobLost,
    JobOpened,
    JobPlanned,
    JobRecognised,
    JobRejected,
    OrderPlaced,
    PaymentObserved,
)
from .facts import PaymentFact
from .history import HistoryEntry, next_entry
from .model import AttentionItem, Job, Order, Payment, order_id
from .order_status import captured_minor, order_status
from .statuses import JobState, PaymentStatus, contradict, join
from .terms import OrderTerms


def place(terms: OrderTerms, *, at: datetime, operation: str, actor: str) -> Order:
    """A new order, with its first history entry and no payment job yet."""
    order = Order(id=order_id(terms.mode, terms.reference), terms=terms, placed_at=at)
    return _with_entry(order, order, OrderPlaced(terms), at=at, operation=operation, actor=actor)


def record(order: Order, events: Iterable[Event], *, at: datetime, operation: str, actor: str) -> Order:
    """``order`` after ``events``, each with its history entry; ``version`` is left to the writer."""
    for event in events:
        order = _with_entry(order, apply(order, event, at), event, at=at, operation=operation, actor=actor)
    return order


def replay(history: Iterable[HistoryEntry]) -> Order | None:
    """The order that a history tells of, or None for an empty one; steering fields are at their defaults."""
    order: Order | None = None
    for entry in history:
        stamp = {"operation": entry.operation, "actor": entry.actor}
        if order is None:
            assert isinstance(entry.event, OrderPlaced), "a history starts with its order"
            order = place(entry.event.terms, at=entry.at, **stamp)
        else:
            order = record(order, [entry.event], at=entry.at, **stamp)
    return order


def apply(order: Order, event: Event, at: datetime) -> Order:
    """The state after one event, without its history entry."""
    match event:
        case OrderPlaced():
            raise AssertionError("an order is placed once")
        case JobPlanned():
            job = Job(
                number=event.job,
                own_reference=event.own_reference,
                gateway=event.gateway,
                state=JobState.INTENT,
                intent_until=event.intent_until,
                expires_at=event.expires_at,
            )
            assert order.job(event.job) is None, "each payment job is planned once"
            return replace(order, jobs=(*order.jobs, job))
        case JobOpened():
            job = _job(order, event.job)
            new = tuple(Payment(ref) for ref in event.payments if job.payment(ref) is None)
            return _put(
                order,
                replace(
                    job,
                    state=JobState.OPEN,
                    job_reference=event.job_reference,
                    action_url=event.action_url,
                    disclosed_at=at,
                    payments=(*job.payments, *new),
                ),
            )
        case JobRejected():
            return _put(order, replace(_job(order, event.job), state=JobState.REJECTED))
        case JobLost():
            return _put(order, replace(_job(order, event.job), state=JobState.ORPHAN))
        case JobRecognised():
            return _put(order, replace(_job(order, event.job), job_reference=event.job_reference))
        case JobClosed():
            return _put(order, replace(_job(order, event.job), state=JobState.CLOSED))
        case PaymentObserved():
            return _observe(order, event, at)
        case EvidenceSetAside() | AttentionRaised():
            return _raise(order, event.code, event.detail, at)
        case _:
            assert_never(event)


def _observe(order: Order, event: PaymentObserved, at: datetime) -> Order:
    fact = event.fact
    job = _job(order, event.job)
    known = job.payment(fact.payment_reference) or Payment(fact.payment_reference)
    learned = _joined(known, fact, order.amount.minor)
    rest = job.payments
    if known in rest:
        payments = tuple(learned if payment is known else payment for payment in rest)
    else:
        payments = (*rest, learned)
    order = _put(order, replace(job, payments=payments))
    if contradict(learned.statuses):
        words = ", ".join(learned.statuses)
        detail = f"the gateway has called payment {learned.reference} {words}; check it in the gateway's portal"
        order = _raise(order, "evidence_contradicts", detail, at)
    if captured_minor(order) > order.amount.minor:
        order = _raise(
            order,
            "captured_more_than_due",
            "more than the order's amount was captured; refund what is too much in the gateway's portal",
            at,
        )
    return order


def _joined(known: Payment, fact: PaymentFact, due_minor: int) -> Payment:
    captured = fact.captured_minor
    if captured is None:
        captured = due_minor if fact.status is PaymentStatus.CAPTURED else 0
    authorized = due_minor if fact.status in (PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED) else 0
    joined = Payment(
        reference=known.reference,
        statuses=join(known.statuses, fact.status),
        authorized_minor=max(known.authorized_minor, authorized, captured),
        captured_minor=max(known.captured_minor, captured),
        refunded_minor=max(known.refunded_minor, fact.refunded_minor or 0),
    )
    assert 0 <= joined.refunded_minor <= joined.captured_minor <= joined.authorized_minor
    return joined


def _job(order: Order, number: int) -> Job:
    job = order.job(number)
    assert job is not None, "events name jobs that were planned"
    return job


def _put(order: Order, job: Job) -> Order:
    return replace(order, jobs=tuple(job if known.number == job.number else known for known in order.jobs))


def _raise(order: Order, code: str, detail: str, at: datetime) -> Order:
    if order.needs_attention(code, detail):
        return order
    return replace(order, attention=(*order.attention, AttentionItem(code, detail, raised_at=at)))


def _with_entry(before: Order, after: Order, event: Event, *, at: datetime, operation: str, actor: str) -> Order:
    entry = next_entry(
        before.history,
        at=at,
        operation=operation,
        actor=actor,
        event=event,
        before=order_status(before),
        after=order_status(after),
    )
    return replace(after, history=(*before.history, entry))
