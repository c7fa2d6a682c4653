"""What a process wrote last, and how long it may be guessed to be so still."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Final

import pytest
from msgspec.structs import replace

from backend.domain.events import AttentionRaised, PaymentObserved
from backend.domain.facts import Evidence, EvidenceSource, PaymentFact
from backend.domain.history import broken_at
from backend.domain.model import Order
from backend.domain.references import PaymentReference
from backend.domain.statuses import PaymentStatus
from backend.domain.terms import Mode
from backend.stores.recent_orders import NONE_AFTER_A_WRONG_ONE, RecentOrders
from tests.contracts.examples import MINUTE, NOON, ODD_TEXTS, after, an_order, noted, with_job

SUMMER_TIME: Final = timezone(timedelta(hours=1))


def begun(reference: str = "TEST-001", *, name: str = "Ann Example", mode: Mode = Mode.MOCK) -> Order:
    return with_job(an_order(reference, name=name, mode=mode), "J1")


def paid(order: Order) -> Order:
    fact = PaymentFact(
        PaymentReference("J1-1"), PaymentStatus.CAPTURED, Evidence(EvidenceSource.SIGNED_WEBHOOK, "0" * 64, "captured")
    )
    return after(order, PaymentObserved(1, fact))


SHAPES: Final = [
    begun(),
    replace(
        begun(mode=Mode.PRODUCTION), version=7, next_check_at=NOON, next_notice_at=NOON + MINUTE, last_look_at=NOON
    ),
    noted(begun(), "note"),
    *(begun(name=text) for text in ODD_TEXTS),
]


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self._now)

    async def move(self, seconds: float) -> None:
        """On, and let what is due be done."""
        self._now += seconds
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.mark.parametrize("order", SHAPES)
async def test_an_order_is_guessed_to_be_what_was_noted(order: Order) -> None:
    recent = RecentOrders()
    recent.note(order)
    assert recent.guess(order.id) == order


async def test_the_chain_of_its_history_holds_wherever_its_times_were_taken() -> None:
    """A time with another offset is equal, and has another digest."""
    recent = RecentOrders()
    order = after(begun(), AttentionRaised("note", "summer"), at=datetime(2026, 6, 1, 12, tzinfo=SUMMER_TIME))
    recent.note(order)
    guess = recent.guess(order.id)
    assert guess is not None
    assert broken_at(order.history) is None
    assert broken_at(guess.history) is None


async def test_the_last_note_counts() -> None:
    recent, order = RecentOrders(), begun()
    recent.note(order)
    recent.note(noted(order, "newer"))
    assert recent.guess(order.id) == noted(order, "newer")


async def test_an_order_is_guessed_once() -> None:
    recent, order = RecentOrders(), begun()
    recent.note(order)
    assert recent.guess(order.id) == order
    assert recent.guess(order.id) is None


async def test_of_what_was_forgotten_or_never_noted_there_is_no_guess() -> None:
    recent, order = RecentOrders(), begun()
    assert recent.guess(order.id) is None
    recent.note(order)
    recent.forget(order.id)
    recent.forget(order.id)
    assert recent.guess(order.id) is None


@pytest.mark.parametrize("order", [an_order(), paid(begun())], ids=["no page yet", "paid"])
async def test_an_order_that_awaits_no_payment_takes_no_room(order: Order) -> None:
    recent = RecentOrders()
    recent.note(begun())
    recent.note(order)
    assert recent.guess(order.id) is None


async def test_after_a_wrong_guess_there_is_none_for_a_while() -> None:
    recent, order = RecentOrders(), begun()
    recent.was_wrong()
    for _ in range(NONE_AFTER_A_WRONG_ONE):
        recent.note(order)
        assert recent.guess(order.id) is None
    recent.note(order)
    assert recent.guess(order.id) == order


async def test_the_oldest_give_way_when_there_are_too_many() -> None:
    recent = RecentOrders(most_bytes=20_000)
    orders = [begun(f"TEST-{n}") for n in range(100)]
    for order in orders:
        recent.note(order)
    kept = [order for order in orders if recent.guess(order.id) is not None]
    assert 2 <= len(kept) < 20
    assert kept == orders[-len(kept) :]


async def test_noting_one_order_again_and_again_pushes_no_other_out() -> None:
    recent, first, other = RecentOrders(most_bytes=10_000), begun("FIRST"), begun("OTHER")
    recent.note(first)
    for _ in range(100):
        recent.note(other)
    assert recent.guess(first.id) == first


async def test_an_order_that_alone_is_too_large_is_not_kept_and_pushes_no_other_out() -> None:
    recent, small, large = RecentOrders(most_bytes=10_000), begun("SMALL"), begun("LARGE", name="x" * 10_001)
    recent.note(small)
    recent.note(large)
    assert recent.guess(large.id) is None
    assert recent.guess(small.id) == small


async def test_nothing_is_kept_for_longer_than_it_may_though_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    recent, first, second = RecentOrders(kept_seconds=60), begun("FIRST"), begun("SECOND")
    recent.note(first)
    await clock.move(30)
    recent.note(second)
    assert len(recent) == 2
    await clock.move(31)
    assert len(recent) == 1
    await clock.move(28)
    assert len(recent) == 1
    await clock.move(2)
    assert len(recent) == 0
    recent.note(first)
    assert len(recent) == 1
    await clock.move(61)
    assert len(recent) == 0


async def test_when_it_is_over_nothing_is_kept() -> None:
    recent = RecentOrders()
    recent.note(begun())
    recent.forget_all()
    assert len(recent) == 0
