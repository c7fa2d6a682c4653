"""What to do when a customer asks to pay: use the page that is open, wait, or start a new payment job.

A new job while an earlier page may still take money could take it twice, so an earlier disclosed job is first retired
at the gateway. A job whose page nobody ever held is harmless.
"""

from datetime import datetime, timedelta
from typing import Final, TypeAlias

from msgspec import Struct

from .errors import (
    OrderAlreadyAuthorized,
    OrderAlreadyPaid,
    OrderAmountDiffers,
    OrderOfAnotherCustomer,
    OrderUnderReview,
    OrderWasCancelled,
    TooManyAttempts,
)
from .events import Event, JobLost, JobPlanned
from .model import Job, Order
from .order_status import order_status, totals
from .references import own_reference
from .statuses import JobState, OrderStatus, PaymentStatus
from .terms import OrderTerms

MOST_JOBS: Final = 20
"""Payment jobs of one order that came to exist, or may have."""
MOST_TRIES: Final = 99
"""With those that the gateway refused, or that never reached it: a bound on the order's document."""

NEARLY_OVER: Final = timedelta(minutes=5)
"""A page with less time than this left is not handed out again: the customer could not finish on it."""


class UsePage(Struct, frozen=True):
    """This job's page is open and can be paid: the same answer again."""

    job: Job


class WaitFor(Struct, frozen=True):
    """Somebody is creating this job right now."""

    job: Job


class Retire(Struct, frozen=True):
    """This disclosed job must be dead at the gateway before another one starts."""

    job: Job


class StartJob(Struct, frozen=True):
    """Start payment job ``number``; ``events`` record what becomes of the one before."""

    number: int
    events: tuple[Event, ...] = ()


NextAttempt: TypeAlias = UsePage | WaitFor | Retire | StartJob


def check_same_order(order: Order, asked: OrderTerms) -> None:
    """Hold a repeated request against the order it repeats.

    Raises:
        OrderOfAnotherCustomer, OrderAmountDiffers: in this order, so that a stranger learns no amount.
    """
    if order.terms.owner != asked.owner:
        raise OrderOfAnotherCustomer(order.reference)
    if order.amount != asked.amount:
        raise OrderAmountDiffers(order.reference, str(order.amount), str(asked.amount))


def next_attempt(order: Order, now: datetime) -> NextAttempt:
    """Decide how the order's next payment starts.

    Raises:
        OrderAlreadyPaid, OrderAlreadyAuthorized: it needs no payment.
        OrderWasCancelled, OrderUnderReview: a person decides first.
        TooManyAttempts: it has used ``MOST_JOBS`` or ``MOST_TRIES``.
    """
    if order.cancelled_at is not None:
        raise OrderWasCancelled(order.reference)
    if order_status(order) is OrderStatus.REVIEW:
        raise OrderUnderReview(order.reference)
    known = totals(order)
    if known.captured_minor > 0:
        raise OrderAlreadyPaid(order.reference)
    if known.authorized_minor >= order.amount.minor:
        raise OrderAlreadyAuthorized(order.reference)
    job = order.latest_job
    if job is None:
        return StartJob(1)
    match job.state:
        case JobState.INTENT if now < job.intent_until:
            return WaitFor(job)
        case JobState.INTENT:
            return _start(order, job, JobLost(job.number, "whoever was creating it did not come back"))
        case JobState.OPEN:
            return UsePage(job) if _can_be_paid(job, now) else Retire(job)
        case JobState.ORPHAN | JobState.REJECTED | JobState.SUPERSEDED | JobState.CLOSED:
            return _start(order, job)


def plan_job(
    order: Order, number: int, gateway: str, now: datetime, *, intent: timedelta, page: timedelta
) -> JobPlanned:
    """The intent to record before the gateway is called; ``page`` is how long the payment page shall live."""
    return JobPlanned(
        job=number,
        own_reference=own_reference(order.reference, number),
        gateway=gateway,
        intent_until=now + intent,
        expires_at=now + page,
    )


def _can_be_paid(job: Job, now: datetime) -> bool:
    ended = {PaymentStatus.CANCELLED, PaymentStatus.EXPIRED, PaymentStatus.VOIDED}
    return now < job.expires_at - NEARLY_OVER and not any(payment.status in ended for payment in job.payments)


def _start(order: Order, job: Job, *events: Event) -> StartJob:
    if sum(each.state is not JobState.REJECTED for each in order.jobs) >= MOST_JOBS:
        raise TooManyAttempts(order.reference, MOST_JOBS)
    if job.number >= MOST_TRIES:
        raise TooManyAttempts(order.reference, MOST_TRIES)
    return StartJob(job.number + 1, events)
