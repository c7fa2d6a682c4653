"""What every store promises about the inbox of webhook deliveries; see ``order_store.py``."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pytest
from msgspec.structs import replace

from backend.domain.deliveries import Delivery, DeliveryId
from backend.domain.terms import Mode
from backend.ports import OrderStore, StoreOutcomeUnknown

from .bench import Bench
from .examples import MINUTE, NOON, ODD_TEXTS, TICK, a_delivery
from .order_store import FAR, RACERS, Check

LATER: Final = NOON + MINUTE


async def take(
    store: OrderStore, now: datetime, *, until: datetime = FAR, limit: int = 10, mode: Mode = Mode.MOCK
) -> Sequence[Delivery]:
    return await store.take_deliveries(mode, now, until, limit)


async def the_row(bench: Bench, now: datetime = FAR) -> Delivery | None:
    """The only pending row, as a newcomer reads it; taking it is the only way to look, so it ends a check."""
    rows = await take(await bench.store(), now, until=now + MINUTE)
    assert len(rows) <= 1
    return rows[0] if rows else None


async def a_delivery_comes_back_as_it_was_received(bench: Bench) -> None:
    store = await bench.store()
    delivery = a_delivery(bytes(range(256)))
    assert await store.receive(delivery) == delivery
    assert await the_row(bench) == replace(delivery, next_try_at=FAR + MINUTE)


async def odd_bodies_and_headers_come_back_exactly(bench: Bench) -> None:
    store = await bench.store()
    bodies = [text.encode() for text in ODD_TEXTS] + [b"\xff\xfe\x00", b"\x00" * 1000, b"\xed\xa0\x80"]
    for n, body in enumerate(bodies):
        headers = (("x-n", str(n)), ("x-odd", ODD_TEXTS[n % len(ODD_TEXTS)]), ("X-ODD", "\xe9\xff"))
        delivery = replace(a_delivery(body, due=NOON + n * TICK), headers=headers)
        assert await store.receive(delivery) == delivery
        assert await take(await bench.store(), NOON + n * TICK) == [replace(delivery, next_try_at=FAR)]


async def a_repeat_is_counted_on_the_row(bench: Bench) -> None:
    store = await bench.store()
    first = a_delivery(due=NOON)
    await store.receive(first)
    again = replace(a_delivery(at=LATER, due=LATER + TICK), headers=(("x-other", "1"),))
    row = await store.receive(again)
    assert row == replace(first, received=2, last_at=LATER, next_try_at=LATER + TICK)
    assert await the_row(bench) == replace(row, next_try_at=FAR + MINUTE)


async def each_of_100_racing_receives_is_counted(bench: Bench) -> None:
    stores = [await bench.store() for _ in range(4)]
    rows = await asyncio.gather(*(stores[n % 4].receive(a_delivery()) for n in range(RACERS)))
    assert all(1 <= row.received <= RACERS for row in rows)
    row = await the_row(bench)
    assert row is not None
    assert row.received == RACERS


async def a_settled_row_is_no_longer_pending(bench: Bench) -> None:
    store = await bench.store()
    delivery = a_delivery()
    await store.receive(delivery)
    await store.settle(delivery.id, 1, "nothing new")
    assert await the_row(bench) is None


async def settling_less_than_was_received_leaves_the_rest_pending(bench: Bench) -> None:
    store = await bench.store()
    delivery = a_delivery()
    await store.receive(delivery)
    (seen,) = await take(store, NOON, until=FAR)
    await store.receive(a_delivery(at=LATER, due=LATER))
    await store.settle(delivery.id, seen.received, "looked")
    row = await the_row(bench, LATER)
    assert row is not None
    assert (row.received, row.done, row.outcome) == (2, 1, "looked")
    await store.settle(delivery.id, 2, "looked again")
    assert await the_row(bench) is None


async def settling_never_goes_back_or_beyond(bench: Bench) -> None:
    store = await bench.store()
    delivery = a_delivery()
    for _ in range(3):
        await store.receive(delivery)
    await store.settle(delivery.id, 2, "two")
    await store.settle(delivery.id, 1, "a slower worker")
    await store.settle(DeliveryId("mock/cashflows/unknown"), 1, "no such row")
    (row,) = await take(store, NOON)
    assert row.done == 2
    await store.settle(delivery.id, 99, "more than there are")
    again = await store.receive(a_delivery(at=LATER, due=LATER))
    assert (again.received, again.done) == (4, 3)
    assert await the_row(bench, LATER) is not None


async def a_repeat_after_settling_is_news(bench: Bench) -> None:
    store = await bench.store()
    delivery = a_delivery()
    await store.receive(delivery)
    await store.postpone(delivery.id, LATER, "gateway away")
    await store.settle(delivery.id, 1, "looked")
    row = await store.receive(a_delivery(at=LATER, due=LATER))
    assert (row.received, row.done, row.attempts, row.next_try_at) == (2, 1, 0, LATER)
    assert await the_row(bench, LATER) is not None


async def a_postponed_row_waits_and_counts_its_attempts(bench: Bench) -> None:
    store = await bench.store()
    delivery = a_delivery()
    await store.receive(delivery)
    await store.postpone(delivery.id, LATER, "gateway away")
    await store.postpone(delivery.id, LATER, "gateway still away")
    await store.postpone(DeliveryId("mock/cashflows/unknown"), LATER, "no such row")
    assert await take(store, LATER - TICK) == []
    (row,) = await take(store, LATER)
    assert row == replace(delivery, attempts=2, next_try_at=FAR, outcome="gateway still away")


async def postponing_does_not_wake_a_settled_row(bench: Bench) -> None:
    store = await bench.store()
    delivery = a_delivery()
    await store.receive(delivery)
    await store.settle(delivery.id, 1, "looked")
    await store.postpone(delivery.id, NOON, "a slower worker")
    assert await the_row(bench) is None


async def pending_rows_come_at_their_time_in_order_and_in_pages(bench: Bench) -> None:
    store = await bench.store()
    for n in (3, 0, 4, 1, 2):
        await store.receive(a_delivery(b"%d" % n, due=NOON + n * TICK))
    assert await take(store, NOON - TICK) == []
    pages = [[row.body for row in await take(store, NOON + 3 * TICK, limit=3)] for _ in range(3)]
    assert pages == [[b"0", b"1", b"2"], [b"3"], []]
    assert [row.body for row in await take(store, NOON + 4 * TICK)] == [b"4"]


async def only_rows_of_the_mode_are_taken(bench: Bench) -> None:
    store = await bench.store()
    for mode in Mode:
        await store.receive(a_delivery(mode=mode))
    (row,) = await take(store, NOON, mode=Mode.INTEGRATION)
    assert row.mode is Mode.INTEGRATION
    assert await take(store, NOON, mode=Mode.INTEGRATION) == []


async def taken_rows_fall_due_again_when_their_taker_is_not_heard_of(bench: Bench) -> None:
    store, other = await bench.store(), await bench.store()
    await store.receive(a_delivery())
    assert len(await take(store, NOON, until=LATER)) == 1
    assert await take(other, LATER - TICK) == []
    assert len(await take(other, LATER, until=LATER + MINUTE)) == 1
    assert len(await take(other, LATER + MINUTE)) == 1


async def two_takers_never_get_the_same_row(bench: Bench) -> None:
    stores = [await bench.store() for _ in range(4)]
    bodies = {b"%d" % n for n in range(40)}
    for body in bodies:
        await stores[0].receive(a_delivery(body))
    taken = await asyncio.gather(*(take(stores[n % 4], NOON, limit=3) for n in range(32)))
    together = [row.body for page in taken for row in page]
    assert sorted(together) == sorted(bodies)


async def a_delivery_whose_answer_was_lost_is_unknown(bench: Bench) -> None:
    for landed in (True, False):
        delivery = a_delivery(b"landed" if landed else b"lost")
        store = await bench.lossy_store(landed=landed)
        with pytest.raises(StoreOutcomeUnknown):
            await store.receive(delivery)
        row = await (await bench.store()).receive(delivery)
        assert row.received == (2 if landed else 1)


CHECKS: Final[tuple[Check, ...]] = (
    a_delivery_comes_back_as_it_was_received,
    odd_bodies_and_headers_come_back_exactly,
    a_repeat_is_counted_on_the_row,
    each_of_100_racing_receives_is_counted,
    a_settled_row_is_no_longer_pending,
    settling_less_than_was_received_leaves_the_rest_pending,
    settling_never_goes_back_or_beyond,
    a_repeat_after_settling_is_news,
    a_postponed_row_waits_and_counts_its_attempts,
    postponing_does_not_wake_a_settled_row,
    pending_rows_come_at_their_time_in_order_and_in_pages,
    only_rows_of_the_mode_are_taken,
    taken_rows_fall_due_again_when_their_taker_is_not_heard_of,
    two_takers_never_get_the_same_row,
    a_delivery_whose_answer_was_lost_is_unknown,
)
