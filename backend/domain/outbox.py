"""How far telling the shop came: which notification of an order is next, when, and what each attempt makes of it.

Strictly in order: the first pending notification is the only one that is sent. It is claimed before it is sent, so that
one sender at a time has it; a sender that dies costs the claim's time, and the notification is sent again. Only
what the shop did, or that it did nothing, counts as an attempt.
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from .model import Order
from .notifications import Attempt, Notification, NotificationState

DELAYS: Final = (
    timedelta(),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""Before each attempt, from the one before: the schedule of Standard Webhooks, three days in all."""

JITTER: Final = 0.2
"""Delays differ by up to this share, so that a shop that comes back is not called by everything at once."""

LONGEST_DELAY: Final = timedelta(hours=24)
"""The longest wait that a shop can ask for."""

KEPT_DELIVERED: Final = 20
"""So many delivered notifications of an order are kept, to be looked at and sent again."""
KEPT_ATTEMPTS: Final = 24


def head(order: Order) -> Notification | None:
    """The one to send next; later ones wait for it."""
    return next((each for each in order.outbox if each.state is NotificationState.PENDING), None)


def next_notice(order: Order) -> datetime | None:
    """When the order wants a notification sent, or sent again."""
    first = head(order)
    return first.next_try_at if first is not None else None


def notification(order: Order, sequence: int) -> Notification | None:
    return next((each for each in order.outbox if each.sequence == sequence), None)


def claimed(order: Order, now: datetime, until: datetime) -> Order:
    """The order with its next notification claimed ``until`` then; the same order if none is due."""
    first = head(order)
    if first is None or (first.next_try_at is not None and first.next_try_at > now):
        return order
    return _with(order, replace(first, next_try_at=until))


def delivered(order: Order, sent: Notification, at: datetime, answer: str) -> Order:
    """The shop took it: true even if the claim had run out by then."""
    known = notification(order, sent.sequence)
    if known is None or known.state is NotificationState.DELIVERED:
        return order
    done = replace(_tried(known, at, answer), state=NotificationState.DELIVERED, next_try_at=None)
    return _trimmed(_with(order, done))


def missed(
    order: Order, sent: Notification, at: datetime, answer: str, *, spread: float, wait: timedelta | None = None
) -> Order:
    """The attempt failed: the next one comes by the schedule, or ``wait`` later if that is more; or none is left.

    ``spread``, from -1 to 1, is where in the jitter's range the delay lies.
    """
    known = notification(order, sent.sequence)
    if known is None or not _is_claim(known, sent):
        return order
    known = _tried(known, at, answer)
    if known.attempts >= len(DELAYS):
        return _with(order, replace(known, state=NotificationState.DEAD, next_try_at=None))
    delay = DELAYS[known.attempts] * (1 + JITTER * spread)
    if wait is not None:
        delay = max(delay, min(wait, LONGEST_DELAY))
    return _with(order, replace(known, next_try_at=at + delay))


def interrupted(order: Order, sent: Notification, at: datetime) -> Order:
    """The sender was stopped: the claim is given back, and the attempt does not count."""
    known = notification(order, sent.sequence)
    if known is None or not _is_claim(known, sent):
        return order
    known = _logged(known, at, "interrupted: the program was stopped")
    return _with(order, replace(known, next_try_at=at))


def rearmed(order: Order, sequence: int, at: datetime, by: str) -> Order:
    """To be sent again from the first attempt on, whatever became of it before."""
    known = notification(order, sequence)
    if known is None:
        return order
    known = _logged(known, at, f"to be sent again: {by} asked for it")
    return _with(order, replace(known, state=NotificationState.PENDING, attempts=0, next_try_at=at))


def _is_claim(known: Notification, sent: Notification) -> bool:
    """Whether nobody has claimed it, or had it sent again, since ``sent`` was."""
    return (known.state, known.attempts, known.next_try_at) == (sent.state, sent.attempts, sent.next_try_at)


def _logged(known: Notification, at: datetime, answer: str) -> Notification:
    return replace(known, log=(*known.log, Attempt(at, answer))[-KEPT_ATTEMPTS:])


def _tried(known: Notification, at: datetime, answer: str) -> Notification:
    return replace(_logged(known, at, answer), attempts=known.attempts + 1)


def _with(order: Order, changed: Notification) -> Order:
    return replace(order, outbox=tuple(changed if each.sequence == changed.sequence else each for each in order.outbox))


def _trimmed(order: Order) -> Order:
    done = [each.sequence for each in order.outbox if each.state is NotificationState.DELIVERED]
    old = set(done[:-KEPT_DELIVERED])
    return replace(order, outbox=tuple(each for each in order.outbox if each.sequence not in old))
