from datetime import timedelta

from msgspec.structs import replace

from backend.domain.delays import PaidToKnown, summed_up
from backend.domain.model import Order
from backend.domain.statuses import PaymentStatus

from .builders import NOW, fact, learn, opened


def known_after(seconds: int) -> Order:
    """An order paid so long before it became known."""
    return learn(opened(), replace(fact(PaymentStatus.CAPTURED), taken_at=NOW - timedelta(seconds=seconds)))


def test_delays_are_summed_up_by_their_median_and_the_longest() -> None:
    told = summed_up([known_after(60), known_after(1), known_after(2), opened()])
    assert told == PaidToKnown(3, timedelta(seconds=2), timedelta(seconds=60))


def test_a_gateway_whose_clock_is_ahead_makes_no_negative_delay() -> None:
    assert summed_up([known_after(-5)]).longest == timedelta()


def test_where_the_gateway_said_no_time_there_is_no_delay() -> None:
    assert summed_up([learn(opened(), fact(PaymentStatus.CAPTURED))]) == PaidToKnown(0, None, None)


def test_a_fact_that_only_adds_the_time_is_learned_once() -> None:
    paid = learn(opened(), fact(PaymentStatus.CAPTURED))
    timed = replace(fact(PaymentStatus.CAPTURED), taken_at=NOW - timedelta(seconds=3))
    once, twice = learn(paid, timed), learn(paid, timed, timed)
    assert once.payments[0].taken_at == NOW - timedelta(seconds=3)
    assert len(once.history) == len(twice.history) == len(paid.history) + 1
