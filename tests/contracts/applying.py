"""What every store promises about a delivery that is stored together with what it made of an order."""

import asyncio
from typing import Final

import pytest
from msgspec.structs import replace

from backend.domain.deliveries import Delivery
from backend.domain.model import Order
from backend.ports import Applied, Apply, OrderStore, StoreOutcomeUnknown

from .bench import Bench
from .examples import MINUTE, NOON, a_delivery, an_order, noted, with_job
from .order_store import RACERS, Check

LATER: Final = NOON + MINUTE


def making(order: Order) -> Apply:
    """Whatever is stored, this is the order's next version."""
    return lambda _: Applied(order, "applied")


async def found(bench: Bench, order: Order, delivery: Delivery) -> tuple[Order | None, Delivery | None]:
    """What a newcomer reads."""
    store = await bench.store()
    return await store.get(order.id), await store.get_delivery(delivery.id)


async def a_delivery_is_stored_and_settled_with_the_order(bench: Bench) -> None:
    store = await bench.store()
    order, delivery = an_order(), a_delivery()
    await store.insert(order)
    changed = noted(order, "applied")
    row = await store.receive_and_apply(delivery, order.id, making(changed))
    assert row == replace(delivery, done=1, next_try_at=None, outcome="applied")
    assert await found(bench, order, delivery) == (changed, row)


async def what_is_made_of_it_is_made_of_the_newest_version(bench: Bench) -> None:
    store = await bench.store()
    order, delivery = an_order(), a_delivery()
    await store.insert(order)
    assert await store.get(order.id) == order
    newest = noted(order, "newest")
    await store.replace(newest, order.version)
    row = await store.receive_and_apply(delivery, order.id, lambda known: Applied(noted(known, "applied"), "applied"))
    assert row is not None
    assert not row.is_pending
    assert (await found(bench, order, delivery))[0] == noted(newest, "applied")


async def opened_here_and_changed_elsewhere(bench: Bench, note: str = "newest") -> tuple[OrderStore, Order]:
    """A store that wrote an order last but for another store, and the order as that one left it."""
    here, elsewhere = await bench.store(), await bench.store()
    placed = an_order()
    order = with_job(placed, "J1")
    await here.insert(placed)
    await here.replace(order, placed.version)
    assert await here.get(order.id) == order
    newest = noted(order, note)
    await elsewhere.replace(newest, order.version)
    return here, newest


async def what_another_process_wrote_is_neither_missed_nor_lost(bench: Bench) -> None:
    """A store may guess what it does not read; then the row waits, and its caller reads."""
    store, newest = await opened_here_and_changed_elsewhere(bench)
    delivery = a_delivery()
    row = await store.receive_and_apply(delivery, newest.id, lambda known: Applied(noted(known, "applied"), "applied"))
    assert row is not None
    expected = newest if row.is_pending else noted(newest, "applied")
    assert await found(bench, newest, delivery) == (expected, row)


async def what_only_the_newest_version_makes_is_made(bench: Bench) -> None:
    store, newest = await opened_here_and_changed_elsewhere(bench)
    delivery = a_delivery()

    def only_of_the_newest(known: Order) -> Applied | None:
        return Applied(noted(known, "applied"), "applied") if known == newest else None

    row = await store.receive_and_apply(delivery, newest.id, only_of_the_newest)
    assert row == replace(delivery, done=1, next_try_at=None, outcome="applied")
    assert await found(bench, newest, delivery) == (noted(newest, "applied"), row)


async def a_delivery_that_makes_nothing_is_not_stored(bench: Bench) -> None:
    store = await bench.store()
    order, delivery = an_order(), a_delivery()
    await store.insert(order)
    assert await store.receive_and_apply(delivery, order.id, lambda _: None) is None
    assert await found(bench, order, delivery) == (order, None)


async def a_delivery_of_no_order_is_not_stored(bench: Bench) -> None:
    store = await bench.store()
    order, delivery = an_order(), a_delivery()
    assert await store.receive_and_apply(delivery, order.id, making(order)) is None
    assert await found(bench, order, delivery) == (None, None)


async def where_it_cannot_be_said_what_it_makes_only_its_caller_is_told(bench: Bench) -> None:
    store = await bench.store()
    orders = [an_order(f"TEST-{n}") for n in range(10)]
    await asyncio.gather(*(store.insert(order) for order in orders))

    def cannot_say(_: Order) -> Applied:
        raise ZeroDivisionError

    answers = await asyncio.gather(
        *(
            store.receive_and_apply(a_delivery(b"%d" % n), order.id, cannot_say if n == 5 else making(noted(order, "")))
            for n, order in enumerate(orders)
        ),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [ZeroDivisionError if n == 5 else Delivery for n in range(10)]
    assert (await found(bench, orders[5], a_delivery(b"5"))) == (orders[5], None)


async def where_the_order_was_changed_by_others_the_row_waits(bench: Bench) -> None:
    store = await bench.store()
    order, delivery = an_order(), a_delivery()
    await store.insert(order)
    other = noted(order, "by others")
    await store.replace(other, order.version)
    assert await store.receive_and_apply(delivery, order.id, making(noted(order, "too late"))) == delivery
    assert await found(bench, order, delivery) == (other, delivery)


async def a_known_row_is_counted_and_settled_with_the_order(bench: Bench) -> None:
    store = await bench.store()
    order, first = an_order(), a_delivery()
    await store.insert(order)
    await store.receive(first)
    await store.postpone(first.id, LATER, "gateway away")
    changed = noted(order, "applied")
    row = await store.receive_and_apply(a_delivery(at=LATER, due=LATER), order.id, making(changed))
    assert row == replace(first, received=2, done=2, last_at=LATER, next_try_at=None, outcome="applied")
    assert await found(bench, order, first) == (changed, row)


async def a_known_row_waits_where_the_order_was_changed_by_others(bench: Bench) -> None:
    store = await bench.store()
    order, first = an_order(), a_delivery()
    await store.insert(order)
    await store.receive(first)
    again = a_delivery(at=LATER, due=LATER)
    row = await store.receive_and_apply(again, order.id, making(replace(noted(order, "too late"), version=9)))
    assert row == replace(first, received=2, last_at=LATER, next_try_at=LATER)
    assert await found(bench, order, first) == (order, row)


async def of_100_racing_receptions_one_changes_the_order_and_each_counts(bench: Bench) -> None:
    stores = [await bench.store() for _ in range(4)]
    order, delivery = an_order(), a_delivery()
    await stores[0].insert(order)
    rivals = [noted(order, f"rival {n}") for n in range(RACERS)]
    await asyncio.gather(
        *(stores[n % 4].receive_and_apply(delivery, order.id, making(rival)) for n, rival in enumerate(rivals))
    )
    stored, row = await found(bench, order, delivery)
    assert stored in rivals
    assert row is not None
    assert row.received == RACERS


async def each_of_many_at_once_has_its_own_fate(bench: Bench) -> None:
    """Some of them meet a changed order, some a known row; those beside them do not notice."""
    store = await bench.store()
    orders = [an_order(f"TEST-{n:03}") for n in range(30)]
    deliveries = [a_delivery(b"%d" % n) for n in range(30)]
    changed = [noted(order, "applied") for order in orders]
    await asyncio.gather(*(store.insert(order) for order in orders))
    overtaken, known = range(1, 30, 5), range(2, 30, 7)
    others = {n: noted(orders[n], "by others") for n in overtaken}
    await asyncio.gather(*(store.replace(other, other.version - 1) for other in others.values()))
    await asyncio.gather(*(store.receive(deliveries[n]) for n in known))
    beside = an_order("BESIDE")
    *_, inserted = await asyncio.gather(
        *(
            store.receive_and_apply(delivery, after.id, making(after))
            for delivery, after in zip(deliveries, changed, strict=True)
        ),
        store.insert(beside),
    )
    assert inserted is True
    for n, (order, delivery) in enumerate(zip(orders, deliveries, strict=True)):
        stored, row = await found(bench, order, delivery)
        assert row is not None
        assert row.received == (2 if n in known else 1)
        assert stored == (others[n] if n in overtaken else changed[n])
        assert row.is_pending is (n in overtaken)


async def cut_short_it_never_settles_without_the_order(bench: Bench) -> None:
    for landed in (True, False):
        order, delivery = an_order(f"TEST-{landed}"), a_delivery(b"%d" % landed)
        await (await bench.store()).insert(order)
        changed = noted(order, "applied")
        store = await bench.lossy_store(landed=landed)
        with pytest.raises(StoreOutcomeUnknown):
            await store.receive_and_apply(delivery, order.id, making(changed))
        stored, row = await found(bench, order, delivery)
        assert (row is not None) is landed
        if row is None or row.is_pending:
            assert stored in (order, changed)
        else:
            assert stored == changed


CHECKS: Final[tuple[Check, ...]] = (
    a_delivery_is_stored_and_settled_with_the_order,
    what_is_made_of_it_is_made_of_the_newest_version,
    what_another_process_wrote_is_neither_missed_nor_lost,
    what_only_the_newest_version_makes_is_made,
    a_delivery_that_makes_nothing_is_not_stored,
    a_delivery_of_no_order_is_not_stored,
    where_it_cannot_be_said_what_it_makes_only_its_caller_is_told,
    where_the_order_was_changed_by_others_the_row_waits,
    a_known_row_is_counted_and_settled_with_the_order,
    a_known_row_waits_where_the_order_was_changed_by_others,
    of_100_racing_receptions_one_changes_the_order_and_each_counts,
    each_of_many_at_once_has_its_own_fate,
    cut_short_it_never_settles_without_the_order,
)
