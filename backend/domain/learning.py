"""From evidence to events: what an order learns from a fact, if anything.

Every fact is held against what we asked for. What does not fit is set aside for a person; what is already known gives
no event, so repeats and stale answers change nothing.
"""

from collections.abc import Iterator
from typing import Final

from .applying import apply
from .cases import STATUS_UNKNOWN, not_understood
from .errors import InvalidAmount
from .events import (
    AttentionRaised,
    AttentionResolved,
    Event,
    EvidenceSetAside,
    JobClosed,
    JobRecognised,
    JobReopened,
    PaymentObserved,
)
from .facts import JobSnapshot, PaymentFact
from .model import RULES, Job, Order
from .money import Money
from .observing import adds_nothing, captured_by
from .settling import settle
from .statuses import MAY_TAKE_MONEY, JobState, PaymentStatus

GIVEN_BACK: Final = frozenset({PaymentStatus.VOIDED, PaymentStatus.CANCELLED})


def learn_payment(order: Order, job: Job, fact: PaymentFact) -> tuple[Event, ...]:
    """The events that one fact about one payment of ``job`` makes."""
    settled = settle(order, fact)
    against = objection(order, job, fact)
    if against is not None:
        code, detail = against
        event = EvidenceSetAside(job.number, code, detail, fact)
        return (event, *settled) if apply(order, event, order.placed_at) != order else settled
    known = job.payment(fact.payment_reference)
    if known is not None and adds_nothing(known, fact, order.amount.minor):
        return settled
    return (PaymentObserved(job.number, fact), *settled)


def learn_job(order: Order, job: Job, snapshot: JobSnapshot) -> tuple[Event, ...]:
    """The events that the gateway's account of a whole job makes; facts about several payments are independent."""
    if snapshot.own_reference is not None and snapshot.own_reference != job.own_reference:
        detail = f"job {snapshot.job_reference} is for order number {snapshot.own_reference} at the gateway"
        code = "reference_differs"
        return () if order.needs_attention(code, detail) else (AttentionRaised(code, detail),)
    events: list[Event] = []
    if job.job_reference is None:
        events.append(JobRecognised(job.number, snapshot.job_reference))
    for fact in snapshot.payments:
        events.extend(learn_payment(order, job, fact))
        is_known = fact.payment_reference not in snapshot.not_understood
        events.extend(_understood(order, fact) if is_known else _not_understood(order, fact))
    if not snapshot.payable and job.state in MAY_TAKE_MONEY and not _is_from_before_a_void(job, snapshot):
        events.append(JobClosed(job.number, "the gateway says that it takes no more payments"))
    if snapshot.payable and job.state is JobState.CLOSED and _was_given_back(snapshot):
        events.append(JobReopened(job.number, "its payment was voided, and its page can be paid again"))
    return tuple(events)


def _not_understood(order: Order, fact: PaymentFact) -> Iterator[Event]:
    case = not_understood(fact)
    if not order.needs_attention(case.code, case.detail):
        yield AttentionRaised(case.code, case.detail)


def _understood(order: Order, fact: PaymentFact) -> Iterator[Event]:
    """A status that is known again closes what was raised about this payment's."""
    for item in order.attention:
        about_it = item.code == STATUS_UNKNOWN and f"payment {fact.payment_reference} " in item.detail
        if about_it and item.is_open:
            yield AttentionResolved(item.code, item.detail, RULES, f"the gateway now says “{fact.evidence.wording}”")


def _was_given_back(snapshot: JobSnapshot) -> bool:
    """Whether a payment was voided: the one way back to a page that takes money (a stale answer shows none)."""
    return any(fact.status in GIVEN_BACK for fact in snapshot.payments)


def _is_from_before_a_void(job: Job, snapshot: JobSnapshot) -> bool:
    """Whether the gateway gave this account before what is known here: the page may have become payable since."""
    voided = {payment.reference for payment in job.payments if payment.status in GIVEN_BACK}
    return any(fact.payment_reference in voided and fact.status not in GIVEN_BACK for fact in snapshot.payments)


def objection(order: Order, job: Job, fact: PaymentFact) -> tuple[str, str] | None:
    """Why the fact cannot be about this order's money: a stable code and a sentence, or None if it can."""
    due, payment = order.amount, fact.payment_reference
    if not _is_for(due, fact):
        asked = " ".join(part for part in (fact.asked_amount, fact.asked_currency) if part)
        return _misfit_code(due, fact), f"payment {payment} is for {asked} at the gateway, the order for {due}"
    captured, refunded = fact.captured_minor, fact.refunded_minor
    if captured is not None and captured > due.minor:
        return "overpaid", f"payment {payment} has {captured} of {due.minor} minor units captured"
    known = job.payment(payment)
    taken = max(captured_by(fact, due.minor), known.captured_minor if known else 0)
    if refunded is not None and refunded > taken:
        return "refunded_more_than_captured", f"payment {payment} has {refunded} of {taken} minor units refunded"
    return None


def _is_for(due: Money, fact: PaymentFact) -> bool:
    if fact.asked_currency not in (None, due.currency):
        return False
    try:
        return fact.asked_amount is None or Money.from_wire(fact.asked_amount, due.currency) == due
    except InvalidAmount:
        return False


def _misfit_code(due: Money, fact: PaymentFact) -> str:
    """Money that came makes a case of its own; as long as none did, only the difference is worth a look."""
    if fact.status is not PaymentStatus.CAPTURED:
        return "amount_differs"
    if fact.asked_currency not in (None, due.currency):
        return "currency_differs"
    try:
        taken = Money.from_wire(fact.asked_amount or "", due.currency)
    except InvalidAmount:
        return "amount_differs"
    return "overpaid" if taken.minor > due.minor else "underpaid"
