from datetime import datetime, timedelta

from msgspec.structs import replace

from backend.domain.events import (
    JobClosed,
    JobLost,
    JobRecognised,
    JobRejected,
    OperationPlanned,
    OperationSubmitted,
)
from backend.domain.operations import OperationKind
from backend.domain.references import JobReference
from backend.domain.schedule import (
    BACKOFF,
    BATCH_HOUR,
    LAST_LOOK_AFTER,
    LOOK_AT_MOST_EVERY,
    OVERDUE_AFTER,
    OVERDUE_INTERVAL,
    SENDER_DEAD_AFTER,
    asked_again,
    is_forsaken,
    is_overdue,
    next_check,
    rests_until,
)
from backend.domain.statuses import PaymentStatus

from .builders import FIRST, NOW, after, fact, learn, opened, placed, planned


def test_an_intent_is_looked_at_when_it_runs_out() -> None:
    order = planned(placed())
    assert next_check(order, NOW) == order.jobs[0].intent_until
    late = NOW + timedelta(hours=1)
    assert next_check(order, late) == late


def test_an_open_job_is_looked_at_less_and_less_often() -> None:
    waits = [next_check(replace(opened(), looks_since_news=looks), NOW) for looks in range(len(BACKOFF) + 3)]
    assert waits == [NOW + pause for pause in (*BACKOFF, *[BACKOFF[-1]] * 3)]


def test_a_job_long_over_is_looked_at_rarely_and_is_overdue() -> None:
    order = opened()
    late = order.jobs[0].expires_at + OVERDUE_AFTER
    assert not is_overdue(order.jobs[0], late - timedelta(microseconds=1))
    assert is_overdue(order.jobs[0], late)
    assert next_check(order, late) == late + OVERDUE_INTERVAL


def test_what_is_settled_wants_no_look() -> None:
    closed = after(opened(), JobClosed(1, ""))
    dead = closed.jobs[0].expires_at + LAST_LOOK_AFTER
    assert next_check(closed, NOW) == dead, "a job that ended early is looked at once more, when it is surely dead"
    assert next_check(replace(closed, last_look_at=dead), dead) is None
    assert next_check(after(planned(placed()), JobRejected(1, "")), NOW) is None
    assert next_check(after(planned(placed()), JobLost(1, "")), NOW) is None


def test_a_last_look_that_was_not_answered_is_had_again_less_and_less_often() -> None:
    closed = after(opened(), JobClosed(1, ""))
    dead = closed.jobs[0].expires_at + LAST_LOOK_AFTER
    assert asked_again(closed, NOW) == dead, "it was not due yet"
    waits = [asked_again(replace(closed, looks_since_news=looks), dead) for looks in range(len(BACKOFF) + 3)]
    assert waits == [dead + pause for pause in (*BACKOFF, *[BACKOFF[-1]] * 3)]
    assert asked_again(replace(closed, last_look_at=dead), dead) is None, "it has been had"


def test_the_gateway_is_left_alone_for_three_seconds_by_clocks_that_may_be_wrong() -> None:
    order, second = opened(), timedelta(seconds=1)
    assert rests_until(order, NOW) == NOW
    for since in (-2, -1, 0, 1, 2):
        looked = NOW - since * second
        assert rests_until(replace(order, last_look_at=looked), NOW) == looked + LOOK_AT_MOST_EVERY
    for since in (-3600, -3, 3, 3600):
        assert rests_until(replace(order, last_look_at=NOW - since * second), NOW) == NOW


def test_a_lost_job_that_was_recognised_is_watched() -> None:
    order = after(planned(placed()), JobLost(1, ""), JobRecognised(1, JobReference("77")))
    assert next_check(order, NOW) == NOW + BACKOFF[0]


def test_a_job_that_took_money_and_ended_wants_no_last_look_of_its_own() -> None:
    taken = after(learn(opened(), fact(PaymentStatus.CAPTURED)), JobClosed(1, ""))
    assert next_check(taken, NOW) == NOW + timedelta(hours=1)


def test_what_was_captured_is_looked_at_after_an_hour_a_night_a_week_and_a_month() -> None:
    order = after(learn(opened(), fact(PaymentStatus.CAPTURED)), JobClosed(1, ""))
    looks = []
    while (due := next_check(order, order.last_look_at or NOW)) is not None:
        looks.append(due)
        order = replace(order, last_look_at=due)
    night = datetime.combine(NOW.date() + timedelta(days=1), BATCH_HOUR, NOW.tzinfo)
    assert looks == [NOW + timedelta(hours=1), night, NOW + timedelta(days=7), NOW + timedelta(days=30)]


def test_a_look_that_a_clock_far_ahead_noted_keeps_no_later_one_from_being_had() -> None:
    order = after(learn(opened(), fact(PaymentStatus.CAPTURED)), JobClosed(1, ""))
    order = replace(order, last_look_at=NOW + timedelta(days=60))
    assert next_check(order, NOW) == NOW + timedelta(hours=1)


def test_an_operation_under_way_is_looked_at_less_and_less_often() -> None:
    told = OperationPlanned(1, "r", OperationKind.REFUND, 1, FIRST, 100, 0, "ann", "a test", None, needs_approval=False)
    paid = after(learn(opened(), fact(PaymentStatus.CAPTURED)), JobClosed(1, ""))
    order = after(paid, told, OperationSubmitted(1))
    waits = [next_check(replace(order, looks_since_news=looks), NOW) for looks in range(len(BACKOFF) + 3)]
    assert waits == [NOW + pause for pause in (*BACKOFF, *[BACKOFF[-1]] * 3)]
    (operation,) = order.operations
    assert not is_forsaken(operation, NOW + SENDER_DEAD_AFTER - timedelta(microseconds=1))
    assert is_forsaken(operation, NOW + SENDER_DEAD_AFTER)
