"""What a fact about a payment makes of the order's amounts.

Amounts are joined as totals, each the largest that was confirmed, so no order of arrival and no repeat changes the end.
"""

from datetime import datetime

from msgspec.structs import replace

from .errors import InvalidAmount, UnknownCurrency
from .events import EvidenceSetAside, PaymentObserved
from .facts import PaymentFact
from .model import Misfit, Order, Payment
from .money import Money, parse_currency
from .statuses import STRENGTH, PaymentStatus, join


def observe(order: Order, event: PaymentObserved, at: datetime) -> Order:
    fact = event.fact
    job = order.job(event.job)
    assert job is not None, "events name jobs that were planned"
    known = job.payment(fact.payment_reference)
    learned = _joined(known or Payment(fact.payment_reference), fact, order.amount.minor, at)
    assert 0 <= learned.refunded_minor <= learned.captured_minor <= learned.authorized_minor
    payments = tuple(learned if payment is known else payment for payment in job.payments)
    job = replace(job, payments=payments if known is not None else (*payments, learned))
    return replace(order, jobs=tuple(job if other.number == job.number else other for other in order.jobs))


def set_aside(order: Order, event: EvidenceSetAside) -> Order:
    told = _misfit(order, event)
    known = next((misfit for misfit in order.misfits if misfit.payment_reference == told.payment_reference), None)
    if known is None:
        return replace(order, misfits=(*order.misfits, told))
    joined = _stronger(known, told)
    return replace(order, misfits=tuple(joined if misfit is known else misfit for misfit in order.misfits))


def adds_nothing(known: Payment, fact: PaymentFact, due_minor: int) -> bool:
    """Whether a fact about a payment leaves what is known of it as it is."""
    return _joined(known, fact, due_minor, known.captured_at) == known


def captured_by(fact: PaymentFact, due_minor: int) -> int:
    """What a fact says was captured, in total; one that names no amount is of all that was asked for."""
    if fact.captured_minor is not None:
        return fact.captured_minor
    return due_minor if fact.status is PaymentStatus.CAPTURED else 0


def _joined(known: Payment, fact: PaymentFact, due_minor: int, at: datetime | None) -> Payment:
    captured = captured_by(fact, due_minor)
    authorized = due_minor if fact.status in (PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED) else 0
    return Payment(
        reference=known.reference,
        statuses=join(known.statuses, fact.status),
        authorized_minor=max(known.authorized_minor, authorized, captured),
        captured_minor=max(known.captured_minor, captured),
        refunded_minor=max(known.refunded_minor, fact.refunded_minor or 0),
        captured_at=known.captured_at or (at if captured else None),
        taken_at=min((when for when in (known.taken_at, fact.taken_at) if when is not None), default=None),
    )


def _misfit(order: Order, event: EvidenceSetAside) -> Misfit:
    fact, currency, captured = event.fact, order.amount.currency, event.fact.captured_minor
    try:
        currency = parse_currency(fact.asked_currency or currency)
        if captured is None and fact.status is PaymentStatus.CAPTURED:
            captured = Money.from_wire(fact.asked_amount or "", currency).minor
    except (InvalidAmount, UnknownCurrency):
        captured = order.amount.minor  # nobody can tell how much it was: it counts as what was asked for
    return Misfit(
        job=event.job,
        payment_reference=fact.payment_reference,
        code=event.code,
        detail=event.detail,
        status=fact.status,
        currency=currency,
        captured_minor=captured or 0,
        refunded_minor=fact.refunded_minor or 0,
    )


def _stronger(one: Misfit, other: Misfit) -> Misfit:
    """The one with the firmer status and the larger amounts, whichever came first."""
    base = max(one, other, key=lambda misfit: (STRENGTH[misfit.status], misfit.captured_minor, misfit.detail))
    return replace(
        base,
        captured_minor=max(one.captured_minor, other.captured_minor),
        refunded_minor=max(one.refunded_minor, other.refunded_minor),
    )
