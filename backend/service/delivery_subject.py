"""What a delivery says, which order it is about, and what it makes of that."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from ..domain.deliveries import Delivery
from ..domain.events import Event
from ..domain.facts import Hint, PaymentFact, SignedFact
from ..domain.learning import learn_payment, objection
from ..domain.model import Job, Order
from ..domain.references import OwnReference, split_own_reference
from ..domain.statuses import PaymentStatus
from ..ports import PaymentGateway
from .orders import Orders

ACTOR: Final = "webhook"
JOB: Final = "address-of-job"
"""Kept beside the headers: whose address it came to, if that had a token."""


class Outcome(StrEnum):
    """What became of a delivery; the words are stored and told to whoever sent it."""

    APPLIED = "applied"
    SET_ASIDE = "kept for a person: it does not fit the order"
    CONFIRMING = "kept: the gateway is being asked"
    UNMATCHED = "kept: no such order or payment is known here"
    GIVEN_UP = "kept for a person: no such order or payment came to be known"
    ACKNOWLEDGED = "seen by a person: no such order or payment came to be known"
    LATER = "kept: it will be applied shortly"
    UNREADABLE = "kept for a person: it cannot be read"


def read_delivery(gateway: PaymentGateway, delivery: Delivery) -> SignedFact | Hint:
    """What a delivery says; the address that it came to names the job where the body does not.

    Raises:
        WebhookUnreadable
    """
    reading = gateway.read_webhook(delivery.body)
    named = dict(delivery.headers).get(JOB)
    if named is None or reading.own_reference is not None:
        return reading
    return replace(reading, own_reference=OwnReference(named))


async def find_subject(orders: Orders, reading: SignedFact | Hint) -> tuple[Order, Job] | None:
    """The order and the job that a delivery is about; a delivery whose two references disagree is about none."""
    named = split_own_reference(reading.own_reference) if reading.own_reference is not None else None
    if named is not None:
        order = await orders.find(named[0])
    elif reading.job_reference is not None:
        order = await orders.find_by_job(reading.job_reference)
    else:
        return None
    job = find_job(order, reading) if order is not None else None
    return None if order is None or job is None else (order, job)


def find_job(order: Order, reading: SignedFact | Hint) -> Job | None:
    """The order's job that a delivery is about."""
    for job in order.jobs:
        same_name = reading.own_reference in (None, job.own_reference)
        unnamed = job.job_reference is None and reading.own_reference is not None
        if same_name and (reading.job_reference in (None, job.job_reference) or unnamed):
            return job
    return None


def tells_enough(job: Job, fact: PaymentFact) -> bool:
    """Whether a fact can be applied as it is.

    Of a payment that is not known here the gateway is asked first; and of how much was captured of what it holds, where
    the fact does not say.
    """
    known = job.payment(fact.payment_reference)
    return known is not None and not (_is_capture(fact) and known.captured_minor < known.authorized_minor)


def is_told_by_the_account(order: Order, reading: SignedFact) -> bool:
    """Whether a capture of which the fact does not say how much is known from the gateway's account by now."""
    job, fact = find_job(order, reading), reading.fact
    known = job.payment(fact.payment_reference) if job is not None else None
    return known is not None and known.captured_minor > 0 and _is_capture(fact)


def _is_capture(fact: PaymentFact) -> bool:
    return fact.status is PaymentStatus.CAPTURED and fact.captured_minor is None and fact.asked_amount is None


def outcome_of(number: int, fact: PaymentFact, order: Order) -> Outcome:
    return Outcome.APPLIED if objection(order, order.jobs[number - 1], fact) is None else Outcome.SET_ASIDE


def learn_fact(number: int, fact: PaymentFact, order: Order) -> Sequence[Event]:
    return learn_payment(order, order.jobs[number - 1], fact)
