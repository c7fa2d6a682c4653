from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.statuses import NO_MONEY, WAITING, PaymentStatus, contradict, join

STATUSES = st.sampled_from(list(PaymentStatus))


@given(st.lists(STATUSES, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_no_order_of_arrival_and_no_repeat_changes_what_is_established(learned, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = [*learned, *learned]
    random.shuffle(shuffled)
    start: tuple[PaymentStatus, ...] = (PaymentStatus.PENDING,)
    assert reduce(join, shuffled, start) == reduce(join, learned, start)


@given(STATUSES, STATUSES)
def test_money_that_moved_is_not_forgotten(first: PaymentStatus, second: PaymentStatus) -> None:
    established = join(join((), first), second)
    if PaymentStatus.CAPTURED in (first, second):
        assert established[-1] in (PaymentStatus.CAPTURED, PaymentStatus.VOIDED)


def test_waiting_gives_way_to_what_is_firm() -> None:
    assert join((PaymentStatus.AUTHORIZED,), PaymentStatus.CAPTURED) == (PaymentStatus.CAPTURED,)
    assert join((PaymentStatus.CAPTURED,), PaymentStatus.PENDING) == (PaymentStatus.CAPTURED,)
    assert join((PaymentStatus.AUTHORIZED,), PaymentStatus.PENDING) == (PaymentStatus.AUTHORIZED,)


def test_captured_and_never_taken_contradict_each_other() -> None:
    for status in PaymentStatus:
        assert contradict(join((PaymentStatus.CAPTURED,), status)) == (status in NO_MONEY)
    assert not any(contradict((status,)) for status in WAITING)
