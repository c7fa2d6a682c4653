from dataclasses import replace
from datetime import timedelta

from backend.domain.events import JobClosed, JobLost, JobRecognised, JobRejected
from backend.domain.references import JobReference
from backend.domain.schedule import BACKOFF, LAST_LOOK_AFTER, OVERDUE_AFTER, OVERDUE_INTERVAL, is_overdue, next_check

from .builders import NOW, after, opened, placed, planned


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


def test_a_lost_job_that_was_recognised_is_watched() -> None:
    order = after(planned(placed()), JobLost(1, ""), JobRecognised(1, JobReference("77")))
    assert next_check(order, NOW) == NOW + BACKOFF[0]
