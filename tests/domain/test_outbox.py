"""How far telling the shop came, as pure functions."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backend.domain.endpoint_health import PAUSE_AFTER, WELL, after_failure, after_success, paused
from backend.domain.model import Order
from backend.domain.notifications import Notification, NotificationState, NotificationType
from backend.domain.outbox import (
    DELAYS,
    JITTER,
    KEPT_ATTEMPTS,
    KEPT_DELIVERED,
    claimed,
    delivered,
    head,
    interrupted,
    missed,
    next_notice,
    notification,
    rearmed,
)

from .builders import NOW, opened

LEASE = timedelta(minutes=1)


def telling(count: int) -> Order:
    made = (
        Notification(f"mock/TEST-001/{n}", n, NotificationType.PAID, f"body {n}", NOW, next_try_at=NOW)
        for n in range(1, count + 1)
    )
    return replace(opened(), outbox=tuple(made), notified=count)


def claim(order: Order, at: datetime = NOW) -> tuple[Order, Notification]:
    after = claimed(order, at, at + LEASE)
    assert after is not order
    sent = head(after)
    assert sent is not None
    return after, sent


def take(order: Order, at: datetime = NOW) -> Order:
    after, sent = claim(order, at)
    return delivered(after, sent, at, "answered 200")


def states(order: Order) -> list[str]:
    return [each.state for each in order.outbox]


def test_notifications_go_out_one_after_the_other() -> None:
    order, first = claim(telling(2))
    assert first.sequence == 1
    assert claimed(order, NOW, NOW + LEASE) is order, "the second waits for the first"
    order, second = claim(delivered(order, first, NOW, "answered 200"))
    assert second.sequence == 2
    order = delivered(order, second, NOW, "answered 200")
    assert states(order) == ["delivered", "delivered"]
    assert next_notice(order) is None
    assert claimed(order, NOW, NOW + LEASE) is order


def test_a_claim_whose_sender_died_falls_due_again() -> None:
    order, sent = claim(telling(1))
    assert next_notice(order) == NOW + LEASE
    again, second = claim(order, NOW + LEASE)
    assert second.attempts == sent.attempts == 0
    assert missed(again, sent, NOW, "late news", spread=0) is again, "it is another's claim now"
    assert states(delivered(again, sent, NOW, "answered 200")) == ["delivered"], "what was taken was taken"


def test_an_attempt_of_which_nobody_told_does_not_put_off_the_next_ones() -> None:
    """Our own deaths say nothing of the shop: its first refusal is the first, however many senders died before."""
    order, at = telling(1), NOW
    for _ in range(20):
        order, _ = claim(order, at)
        at += LEASE
    order, sent = claim(order, at)
    order = missed(order, sent, at, "answered 500", spread=0)
    assert (order.outbox[0].attempts, next_notice(order)) == (1, at + DELAYS[1])


def test_the_schedule_is_the_published_one_and_ends() -> None:
    order, at, waits = telling(1), NOW, []
    for _ in DELAYS:
        order, sent = claim(order, at)
        order = missed(order, sent, at, "answered 500", spread=0)
        due = next_notice(order)
        if due is not None:
            waits.append(due - at)
            at = due
    assert waits == list(DELAYS[1:])
    assert states(order) == ["dead"]
    assert sum(waits, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert [entry.answer for entry in order.outbox[0].log] == ["answered 500"] * 10


def test_a_dead_one_lets_the_next_pass() -> None:
    order = telling(2)
    first = replace(order.outbox[0], state=NotificationState.DEAD, next_try_at=None)
    _, sent = claim(replace(order, outbox=(first, order.outbox[1])))
    assert sent.sequence == 2


@given(spread=st.floats(-1, 1), attempt=st.integers(1, len(DELAYS) - 1))
def test_jitter_stays_within_a_fifth(spread: float, attempt: int) -> None:
    order = telling(1)
    order = replace(order, outbox=(replace(order.outbox[0], attempts=attempt - 1),))
    order, sent = claim(order)
    due = next_notice(missed(order, sent, NOW, "no answer", spread=spread))
    assert due is not None
    assert DELAYS[attempt] * (1 - JITTER) <= due - NOW <= DELAYS[attempt] * (1 + JITTER)


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (timedelta(seconds=1), timedelta(seconds=5)),
        (timedelta(minutes=10), timedelta(minutes=10)),
        (timedelta(days=400), timedelta(hours=24)),
    ],
)
def test_the_shop_may_ask_for_a_longer_wait_up_to_a_day(wait: timedelta, expected: timedelta) -> None:
    order, sent = claim(telling(1))
    assert next_notice(missed(order, sent, NOW, "answered 429", spread=0, wait=wait)) == NOW + expected


def test_an_interrupted_attempt_does_not_count() -> None:
    order, sent = claim(telling(1))
    back = interrupted(order, sent, NOW)
    assert (back.outbox[0].attempts, next_notice(back)) == (0, NOW)
    assert interrupted(back, sent, NOW) is back


def test_what_is_sent_again_starts_anew_and_keeps_its_log() -> None:
    order = rearmed(take(telling(1)), 1, NOW, "ann")
    assert (order.outbox[0].state, order.outbox[0].attempts, next_notice(order)) == ("pending", 0, NOW)
    assert [entry.answer for entry in order.outbox[0].log] == [
        "answered 200",
        "to be sent again: ann asked for it",
    ]
    assert rearmed(order, 2, NOW, "ann") is order


def test_a_notification_that_was_sent_again_meanwhile_is_not_failed_by_the_older_attempt() -> None:
    order, sent = claim(telling(1))
    order = rearmed(order, 1, NOW + timedelta(seconds=1), "ann")
    assert missed(order, sent, NOW, "no answer", spread=0) is order


def test_the_outbox_and_its_logs_are_bounded() -> None:
    order = telling(KEPT_DELIVERED + 5)
    for _ in order.outbox:
        order = take(order)
    assert [each.sequence for each in order.outbox] == list(range(6, KEPT_DELIVERED + 6))
    gone = Notification("mock/TEST-001/1", 1, NotificationType.PAID, "", NOW)
    assert delivered(order, gone, NOW, "") is order
    assert missed(order, gone, NOW, "", spread=0) is order
    assert interrupted(order, gone, NOW) is order
    for _ in range(2 * KEPT_ATTEMPTS):
        order = rearmed(order, 25, NOW, "ann")
    known = notification(order, 25)
    assert known is not None
    assert len(known.log) == KEPT_ATTEMPTS


def test_an_endpoint_that_fails_for_days_is_paused_and_one_success_forgets() -> None:
    failing = after_failure(WELL, NOW, "answered 500", is_gone=False)
    assert failing.failing_since == NOW
    assert after_failure(failing, NOW + PAUSE_AFTER - timedelta(seconds=1), "no answer", is_gone=False) is failing
    assert after_success(failing) == WELL
    stopped = after_failure(failing, NOW + PAUSE_AFTER, "no answer", is_gone=False)
    assert (stopped.is_paused, stopped.paused_by) == (True, "rules")
    assert "has taken nothing since 2026-03-28 23:59 UTC" in stopped.why
    assert after_success(stopped) is stopped
    assert after_failure(stopped, NOW + 2 * PAUSE_AFTER, "no answer", is_gone=True) is stopped


def test_an_endpoint_that_is_gone_is_paused_at_once() -> None:
    assert "it says that it is gone" in after_failure(WELL, NOW, "answered 410", is_gone=True).why
    assert paused(WELL, NOW, "ann", "we are moving").paused_by == "ann"


def test_an_outage_pauses_the_endpoint_before_any_notification_is_given_up() -> None:
    assert sum(DELAYS, timedelta()) * (1 - JITTER) > PAUSE_AFTER
