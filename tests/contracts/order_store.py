"""What every store promises about orders. Each check takes a fresh bench; the names say what is promised.

What a store wrote is read back by another one on the same documents, never through the one under test: that one could
answer from memory.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias

import pytest
from msgspec.structs import replace

from backend.domain.history import broken_at
from backend.domain.model import Order, OrderId
from backend.domain.references import JobReference
from backend.domain.terms import Mode
from backend.ports import OrderStore, StoreOutcomeUnknown, Work

from .bench import Bench
from .examples import MINUTE, NOON, ODD_TEXTS, TICK, after, an_order, noted, with_every_event, with_job

Check: TypeAlias = Callable[[Bench], Awaitable[None]]

RACERS: Final = 100
FAR: Final = NOON + 1_000 * MINUTE


async def stored(bench: Bench, order_id: OrderId) -> Order | None:
    """What a newcomer reads."""
    return await (await bench.store()).get(order_id)


# --- writing ---------------------------------------------------------------------------------------------------------


async def what_is_written_is_there_for_another_connection(bench: Bench) -> None:
    store = await bench.store()
    order = an_order(due=NOON)
    assert await store.insert(order)
    assert await stored(bench, order.id) == order
    order = with_job(order, "J1")
    assert await store.replace(order, order.version - 1)
    assert await stored(bench, order.id) == order


async def an_order_is_inserted_once(bench: Bench) -> None:
    store = await bench.store()
    first = an_order(minor=1000)
    assert await store.insert(first) is True
    assert await store.insert(an_order(minor=9999)) is False
    assert await stored(bench, first.id) == first


async def one_of_100_racing_inserts_wins(bench: Bench) -> None:
    stores = [await bench.store() for _ in range(4)]
    rivals = [an_order(minor=1 + n) for n in range(RACERS)]
    won = await asyncio.gather(*(stores[n % 4].insert(order) for n, order in enumerate(rivals)))
    assert won.count(True) == 1
    assert await stored(bench, rivals[0].id) == rivals[won.index(True)]


async def a_replacement_needs_the_version_that_is_stored(bench: Bench) -> None:
    store = await bench.store()
    first = an_order()
    assert await store.replace(noted(first, "before it is there"), 1) is False
    assert await stored(bench, first.id) is None
    await store.insert(first)
    second = noted(first, "second")
    for wrong in (0, 2, 3):
        assert await store.replace(second, wrong) is False
    assert await stored(bench, first.id) == first
    assert await store.replace(second, 1) is True
    assert await store.replace(noted(first, "too late"), 1) is False
    assert await stored(bench, first.id) == second


async def one_of_racing_replacements_wins(bench: Bench) -> None:
    stores = [await bench.store() for _ in range(4)]
    first = an_order()
    await stores[0].insert(first)
    rivals = [noted(first, f"rival {n}") for n in range(RACERS)]
    won = await asyncio.gather(*(stores[n % 4].replace(order, 1) for n, order in enumerate(rivals)))
    assert won.count(True) == 1
    assert await stored(bench, first.id) == rivals[won.index(True)]


async def no_update_is_lost_under_contention(bench: Bench) -> None:
    stores = [await bench.store() for _ in range(4)]
    order = an_order()
    await stores[0].insert(order)
    notes = [f"note {n}" for n in range(24)]
    await asyncio.gather(*(add_note(stores[n % 4], order.id, note) for n, note in enumerate(notes)))
    end = await stored(bench, order.id)
    assert end is not None
    assert end.version == 1 + len(notes)
    assert sorted(entry.operation for entry in end.history[1:]) == sorted(notes)
    assert broken_at(end.history) is None


async def add_note(store: OrderStore, order_id: OrderId, note: str) -> None:
    for _ in range(RACERS):
        order = await store.get(order_id)
        assert order is not None
        if await store.replace(noted(order, note), order.version):
            return
    raise AssertionError("every round was lost")


async def a_read_sees_the_newest_write_of_another(bench: Bench) -> None:
    reader, writer = await bench.store(), await bench.store()
    order = an_order()
    assert await reader.get(order.id) is None
    await writer.insert(order)
    for n in range(10):
        assert await reader.get(order.id) == order
        changed = with_job(order, f"J{n}", n + 1)
        assert await writer.replace(changed, order.version)
        assert await reader.find_by_job(Mode.MOCK, JobReference(f"J{n}")) == changed
        order = changed


async def a_write_that_landed_without_an_answer_is_unknown_and_there(bench: Bench) -> None:
    first, second = an_order(), noted(an_order(), "second")
    store = await bench.lossy_store(landed=True)
    with pytest.raises(StoreOutcomeUnknown):
        await store.insert(first)
    assert await stored(bench, first.id) == first
    assert await store.insert(first) is False  # repeated on the same store, which needs no restart

    store = await bench.lossy_store(landed=True)
    with pytest.raises(StoreOutcomeUnknown):
        await store.replace(second, 1)
    assert await stored(bench, first.id) == second
    assert await store.replace(second, 1) is False
    assert await stored(bench, first.id) == second


async def a_write_that_did_not_land_without_an_answer_is_unknown_and_can_be_repeated(bench: Bench) -> None:
    first, second = an_order(), noted(an_order(), "second")
    store = await bench.lossy_store(landed=False)
    with pytest.raises(StoreOutcomeUnknown):
        await store.insert(first)
    assert await stored(bench, first.id) is None
    assert await store.insert(first) is True

    store = await bench.lossy_store(landed=False)
    with pytest.raises(StoreOutcomeUnknown):
        await store.replace(second, 1)
    assert await stored(bench, first.id) == first
    assert await store.replace(second, 1) is True
    assert await stored(bench, first.id) == second


# --- finding ---------------------------------------------------------------------------------------------------------


async def an_order_is_found_by_any_of_its_jobs(bench: Bench) -> None:
    store = await bench.store()
    order = an_order("A")
    await store.insert(order)
    await store.insert(with_job(an_order("B"), "J-other"))
    await store.insert(with_job(an_order("A", mode=Mode.PRODUCTION), "J1"))
    one = with_job(order, "J1")
    await store.replace(one, 1)
    two = with_job(one, "J2", 2)
    await store.replace(two, 2)
    reader = await bench.store()
    for reference in ("J1", "J2"):
        assert await reader.find_by_job(Mode.MOCK, JobReference(reference)) == two
    assert await reader.find_by_job(Mode.INTEGRATION, JobReference("J1")) is None
    assert await reader.find_by_job(Mode.MOCK, JobReference("J")) is None
    assert await reader.find_by_job(Mode.MOCK, JobReference("j1")) is None


async def an_order_that_is_not_there_is_none(bench: Bench) -> None:
    store = await bench.store()
    await store.ping()
    await store.insert(an_order("TEST-001"))
    assert await store.get(OrderId("mock/TEST-00")) is None
    assert await store.get(OrderId("mock/test-001")) is None
    assert await store.get(OrderId("production/TEST-001")) is None


# --- work that falls due ---------------------------------------------------------------------------------------------


async def take(
    store: OrderStore, now: datetime, *, until: datetime = FAR, limit: int = 10, mode: Mode = Mode.MOCK
) -> list[str]:
    """References of what was taken."""
    return [order_id.split("/")[1] for order_id in await store.take_due(Work.LOOK, mode, now, until, limit)]


async def an_order_falls_due_at_its_time_and_not_before(bench: Bench) -> None:
    store = await bench.store()
    await store.insert(an_order("A", due=NOON))
    await store.insert(an_order("never", due=None))
    assert await take(store, NOON - TICK) == []
    assert await take(store, NOON) == ["A"]
    assert await take(store, NOON) == []


async def due_orders_come_in_order_and_in_bounded_pages(bench: Bench) -> None:
    store = await bench.store()
    for n in (3, 0, 4, 1, 2):
        await store.insert(an_order(f"N{n}", due=NOON + n * TICK))
    now = NOON + MINUTE
    pages = [await take(store, now, limit=2) for _ in range(4)]
    assert pages == [["N0", "N1"], ["N2", "N3"], ["N4"], []]


async def only_orders_of_the_mode_are_taken(bench: Bench) -> None:
    store = await bench.store()
    for mode in Mode:
        await store.insert(an_order(f"in-{mode}", mode=mode, due=NOON))
    assert await take(store, NOON, mode=Mode.INTEGRATION) == ["in-integration"]
    assert await take(store, NOON, mode=Mode.INTEGRATION) == []
    assert await take(store, NOON, mode=Mode.PRODUCTION) == ["in-production"]


async def taken_work_falls_due_again_when_its_taker_is_not_heard_of(bench: Bench) -> None:
    store, other = await bench.store(), await bench.store()
    order = an_order("A", due=NOON)
    await store.insert(order)
    until = NOON + MINUTE
    assert await take(store, NOON, until=until) == ["A"]
    assert await take(other, until - TICK) == []
    assert await stored(bench, order.id) == replace(order, next_check_at=until)
    assert await take(other, until, until=until + MINUTE) == ["A"]
    assert await take(other, until + MINUTE) == ["A"]


async def two_takers_never_get_the_same_order(bench: Bench) -> None:
    stores = [await bench.store() for _ in range(4)]
    names = {f"N{n:02}" for n in range(40)}
    for name in names:
        await stores[0].insert(an_order(name, due=NOON))
    taken = await asyncio.gather(*(take(stores[n % 4], NOON, limit=3) for n in range(32)))
    together = [name for page in taken for name in page]
    assert sorted(together) == sorted(names)


async def taking_leaves_the_version_so_the_taker_can_write(bench: Bench) -> None:
    store = await bench.store()
    first = an_order("A", due=NOON)
    await store.insert(first)
    await take(store, NOON)
    done = replace(noted(first, "looked"), next_check_at=None)
    assert await store.replace(done, 1) is True
    assert await stored(bench, first.id) == done
    assert await take(store, FAR + MINUTE, until=FAR + 2 * MINUTE) == []


async def make_due_brings_forward_and_never_back(bench: Bench) -> None:
    store = await bench.store()
    order = an_order("A", due=NOON)
    await store.insert(order)
    await store.make_due(order.id, NOON + TICK)
    assert await stored(bench, order.id) == order
    await store.make_due(order.id, NOON - TICK)
    assert await stored(bench, order.id) == replace(order, next_check_at=NOON - TICK)
    assert await take(store, NOON - 2 * TICK) == []
    assert await take(store, NOON - TICK) == ["A"]
    await store.make_due(order.id, NOON)
    assert await take(store, NOON) == ["A"]


async def make_due_wakes_an_order_that_wanted_no_look(bench: Bench) -> None:
    store = await bench.store()
    order = an_order("A", due=None)
    await store.insert(order)
    await store.make_due(OrderId("mock/unknown"), NOON)
    await store.make_due(order.id, NOON)
    assert await stored(bench, order.id) == replace(order, next_check_at=NOON)
    assert await stored(bench, OrderId("mock/unknown")) is None
    assert await take(store, NOON) == ["A"]


# --- what comes back is what was written -----------------------------------------------------------------------------


async def times_come_back_to_the_microsecond(bench: Bench) -> None:
    store = await bench.store()
    times = (
        NOON,
        NOON.replace(microsecond=0),
        NOON.replace(microsecond=1),
        NOON.replace(microsecond=999_999),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    )
    for n, at in enumerate(times):
        order = replace(an_order(f"T{n}"), next_check_at=at, last_look_at=at, placed_at=at, looks_since_news=n)
        await store.insert(order)
        assert await stored(bench, order.id) == order


async def amounts_come_back_to_the_minor_unit(bench: Bench) -> None:
    store = await bench.store()
    for minor in (0, 1, 10, 2**31, 2**53 + 1, 10**12, 2**63 - 1):
        order = an_order(f"M{minor}", minor=minor)
        await store.insert(order)
        assert await stored(bench, order.id) == order


async def odd_texts_come_back_to_the_character(bench: Bench) -> None:
    store = await bench.store()
    for n, text in enumerate(ODD_TEXTS):
        order = with_job(noted(an_order(f"U{n}", name=text), text), f"J{n} {text}")
        await store.insert(order)
        assert await stored(bench, order.id) == order
        reader = await bench.store()
        assert await reader.find_by_job(Mode.MOCK, JobReference(f"J{n} {text}")) == order


async def every_kind_of_event_comes_back(bench: Bench) -> None:
    store = await bench.store()
    order = with_every_event(an_order())
    await store.insert(order)
    back = await stored(bench, order.id)
    assert back == order
    assert broken_at(back.history) is None


async def the_history_survives_with_its_chain(bench: Bench) -> None:
    store = await bench.store()
    order = an_order()
    await store.insert(order)
    for n in range(20):
        order = noted(order, f"note {n}")
        await store.replace(order, order.version - 1)
    back = await stored(bench, order.id)
    assert back is not None
    assert len(back.history) == 21
    assert broken_at(back.history) is None
    assert back == order


async def a_document_of_500_entries_comes_back(bench: Bench) -> None:
    store = await bench.store()
    order = with_job(an_order(), "J1")
    for n in range(500):
        order = noted(order, f"note {n} " + "long " * 20)
    await store.insert(order)
    assert await stored(bench, order.id) == order
    changed = after(order)
    assert await store.replace(changed, order.version)
    assert await stored(bench, order.id) == changed


CHECKS: Final[tuple[Check, ...]] = (
    what_is_written_is_there_for_another_connection,
    an_order_is_inserted_once,
    one_of_100_racing_inserts_wins,
    a_replacement_needs_the_version_that_is_stored,
    one_of_racing_replacements_wins,
    no_update_is_lost_under_contention,
    a_read_sees_the_newest_write_of_another,
    a_write_that_landed_without_an_answer_is_unknown_and_there,
    a_write_that_did_not_land_without_an_answer_is_unknown_and_can_be_repeated,
    an_order_is_found_by_any_of_its_jobs,
    an_order_that_is_not_there_is_none,
    an_order_falls_due_at_its_time_and_not_before,
    due_orders_come_in_order_and_in_bounded_pages,
    only_orders_of_the_mode_are_taken,
    taken_work_falls_due_again_when_its_taker_is_not_heard_of,
    two_takers_never_get_the_same_order,
    taking_leaves_the_version_so_the_taker_can_write,
    make_due_brings_forward_and_never_back,
    make_due_wakes_an_order_that_wanted_no_look,
    times_come_back_to_the_microsecond,
    amounts_come_back_to_the_minor_unit,
    odd_texts_come_back_to_the_character,
    every_kind_of_event_comes_back,
    the_history_survives_with_its_chain,
    a_document_of_500_entries_comes_back,
)
