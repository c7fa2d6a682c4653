"""When to look at an order again. Whatever is open has a next look; what needs none has None.

Webhooks get lost, so an open order is looked at by itself: soon while it is young, then every quarter of an hour, and
rarely once its page has been over for hours (a person is told by then). What was captured is looked at a few times
more, for what may be done to it in the gateway's own portal.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Final

from .model import Job, Order
from .operations import ON_THE_WIRE, Operation, OperationState
from .order_status import totals
from .settling import is_shown
from .statuses import JobState, PaymentStatus

BACKOFF: Final = tuple(timedelta(seconds=s) for s in (10, 20, 40, 60, 120, 300, 600, 900))
LOOK_AT_MOST_EVERY: Final = timedelta(seconds=3)
"""For what others say of an order: a webhook that proves nothing, a customer who came back."""

OVERDUE_AFTER: Final = timedelta(hours=2)
"""A job that is still open this long after its expiry is a matter for a person."""
OVERDUE_INTERVAL: Final = timedelta(hours=6)

AUTHORIZED_INTERVAL: Final = timedelta(hours=6)
"""What was authorized may be captured or cancelled in the gateway's portal, or lapse."""

LAST_LOOK_AFTER: Final = timedelta(minutes=5)
"""A job that ended before its time is looked at once more this long after its expiry: surely dead then."""

SENDER_DEAD_AFTER: Final = timedelta(seconds=30)
"""An operation whose sender has not come back by then is anybody's to look after; longer than a gateway call takes."""
UNACCOUNTED_AFTER: Final = timedelta(minutes=30)
"""An operation that no evidence has settled by then is a matter for a person."""
UNSENT_AFTER: Final = timedelta(hours=1)
ACCEPTED_FOR: Final = timedelta(days=5)
"""A gateway that accepted a refund may take days to carry it out."""

UNSEEN_FOR: Final = timedelta(days=1)
"""What the gateway said that it has done is looked for this long in its account of the payment."""

BATCH_HOUR: Final = time(3)
"""After the midnight batch, when the gateway's voids are over, in UTC."""


def next_check(order: Order, now: datetime) -> datetime | None:
    """The earliest time at which any job or operation of the order wants a look."""
    return min(_wanted(order, now), default=None)


def asked_again(order: Order, now: datetime) -> datetime | None:
    """When to ask again what the gateway was asked and did not answer: a look that was due is still to be had."""
    due = next_check(order, now)
    return None if due is None else max(due, now + BACKOFF[min(order.looks_since_news, len(BACKOFF) - 1)])


def rests_until(order: Order, now: datetime) -> datetime:
    """How long the gateway is left alone about the order; a look that is still far ahead was noted by a wrong clock."""
    looked = order.last_look_at
    if looked is None or abs(now - looked) >= LOOK_AT_MOST_EVERY:
        return now
    return looked + LOOK_AT_MOST_EVERY


def is_overdue(job: Job, now: datetime) -> bool:
    """Whether it should have ended long ago; an authorized payment keeps it open until it is captured or voided."""
    if any(payment.status is PaymentStatus.AUTHORIZED for payment in job.payments):
        return False
    return job.state in (JobState.OPEN, JobState.SUPERSEDED) and now >= job.expires_at + OVERDUE_AFTER


def is_forsaken(operation: Operation, now: datetime) -> bool:
    """Whether whoever was allowed to send it has had the time to come back and say what happened."""
    if operation.state is not OperationState.SUBMITTING or operation.accepted_at is not None:
        return False
    return operation.submitted_at is not None and now >= operation.submitted_at + SENDER_DEAD_AFTER


def is_unaccounted(operation: Operation, now: datetime) -> bool:
    if operation.state not in ON_THE_WIRE:
        return False
    patience = ACCEPTED_FOR if operation.accepted_at is not None else UNACCOUNTED_AFTER
    return now >= (operation.submitted_at or operation.planned_at) + patience


def is_unseen(order: Order, operation: Operation, now: datetime) -> bool:
    """Whether it was done and the payment does not tell of it yet: its sender may have died before it looked."""
    until = _looked_for_until(order, operation)
    return until is not None and now < until


def was_never_seen(order: Order, operation: Operation, now: datetime) -> bool:
    """Whether it was said to be done, and in all that time the payment told nothing of it."""
    until = _looked_for_until(order, operation)
    return until is not None and now >= until


def _looked_for_until(order: Order, operation: Operation) -> datetime | None:
    """None where there is nothing to look for."""
    if operation.state is not OperationState.SUCCEEDED or operation.settled_at is None or is_shown(order, operation):
        return None
    return operation.settled_at + UNSEEN_FOR


def is_unsent(operation: Operation, now: datetime) -> bool:
    """Whether it may be sent, and nobody managed to for an hour."""
    return operation.may_be_sent and now >= operation.planned_at + UNSENT_AFTER


def _wanted(order: Order, now: datetime) -> Iterator[datetime]:
    looked_at = order.last_look_at
    if looked_at is not None and looked_at > now:
        looked_at = None  # noted by a clock that was wrong
    for job in order.jobs:
        yield from _job_wants(job, now, order.looks_since_news)
        yield from _ended_job_wants(job, looked_at)
    if any(payment.status is PaymentStatus.AUTHORIZED for payment in order.payments):
        yield now + AUTHORIZED_INTERVAL
    for operation in order.operations:
        if operation.may_be_sent or operation.state in ON_THE_WIRE or is_unseen(order, operation, now):
            yield now + BACKOFF[min(order.looks_since_news, len(BACKOFF) - 1)]
    if totals(order).kept_minor > 0:
        yield from _captured_wants(order, looked_at)


def _job_wants(job: Job, now: datetime, looks: int) -> Iterator[datetime]:
    match job.state:
        case JobState.INTENT:
            yield max(now, job.intent_until)
        case JobState.OPEN | JobState.ORPHAN | JobState.SUPERSEDED if job.job_reference is not None:
            over = now >= job.expires_at + OVERDUE_AFTER
            yield now + (OVERDUE_INTERVAL if over else BACKOFF[min(looks, len(BACKOFF) - 1)])


def _ended_job_wants(job: Job, looked_at: datetime | None) -> Iterator[datetime]:
    """A job that the gateway called over before its expiry, with no money taken: a late payment would show by then."""
    last = job.expires_at + LAST_LOOK_AFTER
    taken = any(payment.captured_minor for payment in job.payments)
    had = looked_at is not None and looked_at >= last
    if job.state is JobState.CLOSED and job.job_reference is not None and not taken and not had:
        yield last


def _captured_wants(order: Order, last_look_at: datetime | None) -> Iterator[datetime]:
    """The first of the later looks that has not been had."""
    for payment in order.payments:
        if payment.captured_at is not None:
            looked_at = last_look_at or payment.captured_at
            yield from islice((due for due in _later_looks(payment.captured_at) if due > looked_at), 1)


def _later_looks(captured_at: datetime) -> Iterator[datetime]:
    yield captured_at + timedelta(hours=1)
    yield datetime.combine(captured_at.date() + timedelta(days=1), BATCH_HOUR, captured_at.tzinfo)
    yield captured_at + timedelta(days=7)
    yield captured_at + timedelta(days=30)
