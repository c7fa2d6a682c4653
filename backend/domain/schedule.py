"""When to look at an order again. Whatever is open has a next look; what needs none has None.

Webhooks get lost, so an open order is looked at by itself: soon while it is young, then every quarter of an hour, and
rarely once its page has been over for hours (a person is told by then).
"""

from datetime import datetime, timedelta
from typing import Final

from .model import Job, Order
from .statuses import JobState

BACKOFF: Final = tuple(timedelta(seconds=s) for s in (10, 20, 40, 60, 120, 300, 600, 900))
OVERDUE_AFTER: Final = timedelta(hours=2)
"""A job that is still open this long after its expiry is a matter for a person."""
OVERDUE_INTERVAL: Final = timedelta(hours=6)


def next_check(order: Order, now: datetime) -> datetime | None:
    """The earliest time at which any job of the order wants a look."""
    wanted = [due for job in order.jobs if (due := _job_due(job, now, order.looks_since_news)) is not None]
    return min(wanted, default=None)


def is_overdue(job: Job, now: datetime) -> bool:
    return job.state is JobState.OPEN and now >= job.expires_at + OVERDUE_AFTER


def _job_due(job: Job, now: datetime, looks: int) -> datetime | None:
    match job.state:
        case JobState.INTENT:
            return max(now, job.intent_until)
        case JobState.OPEN | JobState.ORPHAN if job.job_reference is not None:
            return now + (OVERDUE_INTERVAL if is_overdue(job, now) else BACKOFF[min(looks, len(BACKOFF) - 1)])
        case _:
            return None
