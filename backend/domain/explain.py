"""Tell an order's story in words: what is known and from which evidence, what is awaited, and what may be done.

One text for the API, the command line and the console.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from .awaiting import awaited
from .cases import ACTIONS
from .events import EvidenceSetAside, OrderCancelled, PaymentObserved
from .facts import EvidenceSource, PaymentFact
from .history import HistoryEntry
from .model import Job, Misfit, Order, Payment
from .money import Money
from .offers import Offer
from .operations import Operation, OperationState
from .order_status import order_status
from .references import PaymentReference
from .statuses import JobState

JOB_WORDS: Final = {
    JobState.INTENT: "is being created at the gateway",
    JobState.OPEN: "has an open page",
    JobState.REJECTED: "does not exist at the gateway",
    JobState.ORPHAN: "was given up before anybody saw its page",
    JobState.SUPERSEDED: "was cancelled in favour of a newer one, and is watched until it is surely dead",
    JobState.CLOSED: "takes no more payments",
}

OPERATION_WORDS: Final = {
    OperationState.PLANNED: "has not been sent",
    OperationState.SUBMITTING: "may have been sent; the gateway's account of the payment will tell",
    OperationState.SUCCEEDED: "was carried out",
    OperationState.REJECTED: "was not carried out",
    OperationState.UNKNOWN: "was sent, and nobody knows yet whether it was carried out; it is never sent again",
    OperationState.ABANDONED: "was given up before it was sent",
}

SOURCE_WORDS: Final = {
    EvidenceSource.SIGNED_WEBHOOK: "a signed webhook",
    EvidenceSource.RETRIEVAL: "the gateway's answer to our question",
}


class Explanation(Struct, frozen=True):
    """Sentences, most important first within each part; ``may_do`` is empty where nobody can do anything now."""

    known: tuple[str, ...]
    needs_a_person: tuple[str, ...]
    awaited: tuple[str, ...]
    may_do: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        return (*self.known, *self.needs_a_person, *self.awaited, *self.may_do)


def explain(order: Order, now: datetime, offers: Sequence[Offer]) -> Explanation:
    return Explanation(
        known=tuple(_known(order)),
        needs_a_person=tuple(_needs_a_person(order)),
        awaited=tuple(_awaited(order, now)),
        may_do=tuple(_may_do(order, offers)),
    )


def _known(order: Order) -> Iterator[str]:
    status = order_status(order).replace("_", " ")
    yield f"Order {order.reference} for {order.amount}, placed {_time(order.placed_at)}, is {status}."
    for entry in order.history:
        if isinstance(entry.event, OrderCancelled) and order.cancelled_at == entry.at:
            yield f"It was cancelled by {entry.event.by} at {_time(entry.at)}: {entry.event.reason}"
    for job in order.jobs:
        yield _job(job)
        yield from (_payment(order, payment) for payment in job.payments)
    yield from (_misfit(order, misfit) for misfit in order.misfits)
    yield from (_operation(order, operation) for operation in order.operations)


def _job(job: Job) -> str:
    name = f" ({job.gateway}'s {job.job_reference})" if job.job_reference is not None else f" at {job.gateway}"
    return f"Payment job {job.number}{name} {JOB_WORDS[job.state]}."


def _payment(order: Order, payment: Payment) -> str:
    currency = order.amount.currency
    amounts = [
        f"{Money(minor, currency)} {word}"
        for minor, word in (
            (payment.authorized_minor, "authorized"),
            (payment.captured_minor, "captured"),
            (payment.refunded_minor, "refunded"),
        )
        if minor
    ]
    money = f", with {', '.join(amounts)}" if amounts else ""
    said = f"Payment {payment.reference} is {payment.status}{money}{_evidence(order, payment.reference)}."
    if payment.taken_at is None or payment.captured_at is None:
        return said
    delay = max(0, round((payment.captured_at - payment.taken_at).total_seconds()))
    return f"{said} The gateway took the money at {_time(payment.taken_at)}; that was known here {delay} s later."


def _misfit(order: Order, misfit: Misfit) -> str:
    said = f"Payment {misfit.payment_reference} does not fit the order and pays nothing: {misfit.detail}"
    return f"{said}{_evidence(order, misfit.payment_reference)}."


def _evidence(order: Order, reference: PaymentReference) -> str:
    """Where the latest word on a payment comes from."""
    for entry in reversed(order.history):
        fact = _fact(entry)
        if fact is not None and fact.payment_reference == reference:
            source = SOURCE_WORDS[fact.evidence.source]
            return f"; known from {source} at {_time(entry.at)}, which says “{fact.evidence.wording}”"
    return "; nothing has been heard of it yet"


def _fact(entry: HistoryEntry) -> PaymentFact | None:
    return entry.event.fact if isinstance(entry.event, PaymentObserved | EvidenceSetAside) else None


def _operation(order: Order, operation: Operation) -> str:
    amount = Money(operation.amount_minor, order.amount.currency)
    what = f"{operation.kind.capitalize()} {operation.number} of {amount} of payment {operation.payment_reference}"
    approved = f", approved by {operation.approved_by}" if operation.approved_by else ""
    why = f" ({operation.outcome})" if operation.outcome else ""
    asked = f"asked for by {operation.asked_by} at {_time(operation.planned_at)}{approved}: {operation.reason}"
    return f"{what} {OPERATION_WORDS[operation.state]}{why}; {asked}"


def _needs_a_person(order: Order) -> Iterator[str]:
    for item in order.attention:
        if item.is_open:
            risk = f" {Money(item.amount_minor, order.amount.currency)} is at risk." if item.amount_minor else ""
            action = ACTIONS.get(item.code)
            todo = f" What to do: {action}." if action else ""
            yield f"Since {_time(item.raised_at)}: {item.detail}.{risk}{todo}"


def _awaited(order: Order, now: datetime) -> Iterator[str]:
    waiting = awaited(order, now)
    if waiting is not None:
        yield f"Awaited: {waiting}."
    for operation in order.operations:
        if operation.needs_approval and operation.approved_by is None and operation.state is OperationState.PLANNED:
            yield f"Awaited: somebody other than {operation.asked_by} approves {operation.kind} {operation.number}."
    if order.next_check_at is None:
        yield "The gateway is not asked again by itself."
    elif order.next_check_at <= now:
        yield "The gateway is being asked now."
    else:
        yield f"The gateway is asked again at {_time(order.next_check_at)}."


def _may_do(order: Order, offers: Sequence[Offer]) -> Iterator[str]:
    for offer in offers:
        most = Money(offer.most_minor, order.amount.currency)
        up_to = "all" if offer.kind == "void" else "up to"
        yield f"Possible now: {offer.kind} {up_to} {most} of payment {offer.payment_reference}."


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
