"""What a process wrote last, and how long it may be guessed to be so still."""

import pytest
from msgspec.structs import replace

from backend.domain.model import Order
from backend.domain.terms import Mode
from backend.stores.recent_orders import RecentOrders
from tests.contracts.examples import MINUTE, NOON, ODD_TEXTS, an_order, noted, with_every_event, with_job

SHAPES = [
    an_order(due=NOON),
    replace(with_job(an_order(mode=Mode.PRODUCTION), "J1"), version=7, next_notice_at=NOON + MINUTE),
    with_every_event(an_order()),
    *(an_order(name=text) for text in ODD_TEXTS),
]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("order", SHAPES)
def test_an_order_is_guessed_to_be_what_was_noted(order: Order) -> None:
    recent = RecentOrders()
    recent.note(order)
    assert recent.guess(order.id) == order


def test_the_last_note_counts() -> None:
    recent, order = RecentOrders(), an_order()
    recent.note(order)
    recent.note(noted(order, "newer"))
    assert recent.guess(order.id) == noted(order, "newer")


def test_of_what_was_forgotten_or_never_noted_there_is_no_guess() -> None:
    recent, order = RecentOrders(), an_order()
    assert recent.guess(order.id) is None
    recent.note(order)
    recent.forget(order.id)
    recent.forget(order.id)
    assert recent.guess(order.id) is None


def test_the_oldest_give_way_when_there_are_too_many() -> None:
    recent = RecentOrders(most_bytes=10_000)
    orders = [an_order(f"TEST-{n}") for n in range(100)]
    for order in orders:
        recent.note(order)
    kept = [order for order in orders if recent.guess(order.id) is not None]
    assert 2 <= len(kept) < 100
    assert kept == orders[-len(kept) :]


def test_noting_one_order_again_and_again_pushes_no_other_out() -> None:
    recent, first, other = RecentOrders(most_bytes=10_000), an_order("FIRST"), an_order("OTHER")
    recent.note(first)
    for _ in range(100):
        recent.note(other)
    assert recent.guess(first.id) == first


def test_an_order_that_alone_is_too_large_is_not_kept() -> None:
    recent, large = RecentOrders(most_bytes=10_000), an_order(name="x" * 10_001)
    recent.note(large)
    assert recent.guess(large.id) is None


def test_nothing_is_guessed_for_longer_than_it_may() -> None:
    clock = Clock()
    recent, first, second = RecentOrders(kept_seconds=60, now=clock), an_order("FIRST"), an_order("SECOND")
    recent.note(first)
    clock.now = 30
    recent.note(second)
    clock.now = 59.9
    assert recent.guess(first.id) == first
    clock.now = 60
    assert recent.guess(first.id) is None
    assert recent.guess(second.id) == second
    recent.note(second)
    clock.now = 119.9
    assert recent.guess(second.id) == second
