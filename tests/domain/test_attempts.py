from datetime import timedelta

import pytest

from backend.domain.attempts import (
    MOST_JOBS,
    MOST_TRIES,
    NEARLY_OVER,
    Retire,
    StartJob,
    UsePage,
    WaitFor,
    check_same_order,
    next_attempt,
)
from backend.domain.errors import (
    OrderAlreadyAuthorized,
    OrderAlreadyPaid,
    OrderAmountDiffers,
    OrderOfAnotherCustomer,
    TooManyAttempts,
)
from backend.domain.events import JobClosed, JobLost, JobRejected, PaymentObserved
from backend.domain.references import own_reference, split_own_reference
from backend.domain.statuses import PaymentStatus

from .builders import NOW, after, fact, opened, placed, planned, terms

S = PaymentStatus


def observed(status: PaymentStatus) -> PaymentObserved:
    return PaymentObserved(1, fact(status))


def test_an_order_without_a_job_starts_its_first() -> None:
    assert next_attempt(placed(), NOW) == StartJob(1)


def test_a_job_that_is_being_created_is_waited_for_until_its_creator_is_taken_for_dead() -> None:
    order = planned(placed())
    job = order.jobs[0]
    assert next_attempt(order, job.intent_until - timedelta(microseconds=1)) == WaitFor(job)
    attempt = next_attempt(order, job.intent_until)
    assert isinstance(attempt, StartJob)
    assert attempt.number == 2
    assert [type(event) for event in attempt.events] == [JobLost]


def test_an_open_page_is_used_again_until_it_is_nearly_over() -> None:
    order = opened()
    job = order.jobs[0]
    last = job.expires_at - NEARLY_OVER
    assert next_attempt(order, last - timedelta(microseconds=1)) == UsePage(job)
    assert next_attempt(order, last) == Retire(job)


@pytest.mark.parametrize("status", [S.DECLINED, S.FAILED, S.PENDING])
def test_after_a_refused_payment_the_same_page_is_used_again(status: PaymentStatus) -> None:
    order = after(opened(), observed(status))
    assert next_attempt(order, NOW) == UsePage(order.jobs[0])


@pytest.mark.parametrize("status", [S.CANCELLED, S.EXPIRED])
def test_a_page_that_has_ended_is_retired_before_another_opens(status: PaymentStatus) -> None:
    order = after(opened(), observed(status))
    assert next_attempt(order, NOW) == Retire(order.jobs[0])


@pytest.mark.parametrize("event", [JobLost(1, ""), JobRejected(1, ""), JobClosed(1, "")])
def test_a_job_that_nobody_can_pay_is_followed_by_another(event: JobLost | JobRejected | JobClosed) -> None:
    order = after(planned(placed()), event)
    assert next_attempt(order, NOW) == StartJob(2)


def test_an_order_that_needs_no_payment_gets_none() -> None:
    with pytest.raises(OrderAlreadyPaid, match="TEST-001"):
        next_attempt(after(opened(), observed(S.CAPTURED)), NOW)
    with pytest.raises(OrderAlreadyAuthorized, match="TEST-001"):
        next_attempt(after(opened(), observed(S.AUTHORIZED)), NOW)


def test_the_number_of_jobs_is_bounded() -> None:
    order = placed()
    for number in range(1, MOST_JOBS + 1):
        assert next_attempt(order, NOW) == StartJob(number)
        order = after(planned(order, number), JobLost(number, ""))
    with pytest.raises(TooManyAttempts, match=f"its {MOST_JOBS} payment jobs"):
        next_attempt(order, NOW)


def test_a_try_that_made_no_job_uses_none_up_and_still_there_is_an_end_to_them() -> None:
    """A customer who keeps trying while the gateway is away can pay when it is back."""
    order = placed()
    for number in range(1, MOST_TRIES + 1):
        assert next_attempt(order, NOW) == StartJob(number)
        assert split_own_reference(own_reference(order.reference, number)) == (order.reference, number)
        order = after(planned(order, number), JobRejected(number, ""))
    with pytest.raises(TooManyAttempts, match=f"its {MOST_TRIES} payment jobs"):
        next_attempt(order, NOW)


def test_a_repeated_request_is_held_against_the_order() -> None:
    order = placed()
    check_same_order(order, terms())
    with pytest.raises(OrderOfAnotherCustomer) as stranger:
        check_same_order(order, terms(minor=1, owner="mallory"))
    assert "10.00" not in str(stranger.value)
    with pytest.raises(OrderAmountDiffers, match=r"10\.00 GBP, not 10\.01 GBP"):
        check_same_order(order, terms(minor=1001))
