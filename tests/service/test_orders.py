"""The two write primitives under a store that races, loses answers, or goes away."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from backend.domain.events import AttentionRaised, Event
from backend.domain.model import Order
from backend.domain.terms import Mode
from backend.ports import StoreOutcomeUnknown, StoreUnavailable
from backend.service.orders import MOST_ROUNDS, Orders, made_by, new_operation
from backend.stores import MemoryStore
from backend.stores.memory import MemoryDisk
from tests.contracts.faults import LossyDisk, LostAnswer
from tests.domain.builders import placed

LIMIT = timedelta(seconds=5)


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        assert 0 <= seconds < 1


class RivalledStore(MemoryStore):
    """Another writer is always a step ahead."""

    async def replace(self, order: Order, expected_version: int) -> bool:  # noqa: ARG002
        return False


def orders_on(store: MemoryStore) -> Orders:
    return Orders(store, StandingClock(), Mode.MOCK)


def raise_once(order: Order) -> tuple[Event, ...]:
    return () if order.needs_attention("test", "once") else (AttentionRaised("test", "once"),)


@pytest.mark.parametrize("landed", [True, False])
async def test_an_insert_whose_answer_was_lost_happens_once(landed: bool) -> None:
    fault = LostAnswer(landed=landed, armed=True)
    orders = orders_on(MemoryStore(LossyDisk(MemoryDisk(), fault)))
    order = placed()
    assert made_by(await orders.insert(order), "op-1")
    assert not fault.armed
    assert (await orders.load(order.id)).history == order.history


async def test_the_second_to_insert_is_handed_the_order_of_the_first() -> None:
    orders = orders_on(MemoryStore())
    first = await orders.insert(placed())
    second = await orders.insert(placed(minor=999))
    assert second.amount == first.amount


@pytest.mark.parametrize("landed", [True, False])
async def test_a_change_whose_answer_was_lost_happens_once(landed: bool) -> None:
    fault = LostAnswer(landed=landed)
    orders = orders_on(MemoryStore(LossyDisk(MemoryDisk(), fault)))
    order = await orders.insert(placed())
    fault.armed = True
    operation = new_operation()
    always = (AttentionRaised("test", "again"),)
    changed = await orders.change(order, lambda _: always, actor="test", operation=operation)
    assert made_by(changed, operation)
    assert [entry.operation for entry in (await orders.load(order.id)).history].count(operation) == 1


async def test_no_change_is_lost_among_fifty_writers() -> None:
    orders = orders_on(MemoryStore())
    order = await orders.insert(placed())

    async def write(number: int) -> Order:
        event = AttentionRaised("test", f"writer {number}")
        return await orders.change(order, lambda _: (event,), actor="test")

    await asyncio.gather(*(write(number) for number in range(25)))
    stored = await orders.load(order.id)
    assert {item.detail for item in stored.attention} == {f"writer {number}" for number in range(25)}
    assert stored.version == 26


async def test_a_lost_race_is_decided_anew_on_what_the_other_left() -> None:
    orders = orders_on(MemoryStore())
    stale = await orders.insert(placed())
    current = await orders.change(stale, raise_once, actor="first")
    again = await orders.change(stale, raise_once, actor="second")
    assert again == current


async def test_a_decision_for_nothing_writes_nothing() -> None:
    orders = orders_on(MemoryStore())
    order = await orders.insert(placed())
    assert await orders.change(order, lambda _: (), actor="test") is order
    assert (await orders.load(order.id)).version == 1


async def test_endless_contention_ends_in_an_error() -> None:
    store = RivalledStore()
    orders = orders_on(store)
    order = await orders.insert(placed())
    with pytest.raises(StoreUnavailable, match=str(MOST_ROUNDS)):
        await orders.change(order, raise_once, actor="test")


class HungStore(MemoryStore):
    """Every write takes the whole limit and leaves its outcome open."""

    def __init__(self, clock: "MovingClock") -> None:
        super().__init__()
        self._clock = clock
        self.writes = 0

    async def insert(self, order: Order) -> bool:  # noqa: ARG002
        self.writes += 1
        self._clock.time += LIMIT
        raise StoreOutcomeUnknown("no answer")

    async def replace(self, order: Order, expected_version: int) -> bool:  # noqa: ARG002
        return await self.insert(order)


class MovingClock(StandingClock):
    def __init__(self) -> None:
        self.time = super().now()

    def now(self) -> datetime:
        return self.time


async def test_a_store_that_hangs_is_given_up_after_the_limit() -> None:
    clock = MovingClock()
    store = HungStore(clock)
    orders = Orders(store, clock, Mode.MOCK, limit=LIMIT)
    with pytest.raises(StoreOutcomeUnknown):
        await orders.insert(placed())
    with pytest.raises(StoreOutcomeUnknown):
        await orders.change(placed(), raise_once, actor="test")
    assert store.writes == 2


async def test_an_order_that_is_gone_is_an_error_and_not_nothing() -> None:
    with pytest.raises(StoreUnavailable, match="gone"):
        await orders_on(MemoryStore()).load(placed().id)
