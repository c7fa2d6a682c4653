"""What every store promises about small records."""

import asyncio
from typing import Final

from msgspec.structs import replace

from backend.domain.records import Record, RecordId

from .bench import Bench
from .examples import MINUTE, NOON, ODD_TEXTS, TICK
from .order_store import RACERS, Check

KEY: Final = RecordId("kind/1")


async def a_record_is_created_once_among_racers(bench: Bench) -> None:
    stores = [await bench.store() for _ in range(4)]
    rivals = [Record(KEY, f"rival {n}") for n in range(RACERS)]
    won = await asyncio.gather(*(stores[n % 4].write_record(record, 0) for n, record in enumerate(rivals)))
    assert won.count(True) == 1
    assert await (await bench.store()).read_record(KEY) == rivals[won.index(True)]


async def a_record_is_replaced_at_its_version_only(bench: Bench) -> None:
    store = await bench.store()
    first, second = Record(KEY, "first"), Record(KEY, "second", version=2, expires_at=NOON)
    assert not await store.write_record(second, 1)
    assert await store.write_record(first, 0)
    assert not await store.write_record(second, 0)
    assert not await store.write_record(second, 2)
    assert await (await bench.store()).read_record(KEY) == first
    assert await store.write_record(second, 1)
    assert not await store.write_record(replace(second, text="late"), 1)
    assert await (await bench.store()).read_record(KEY) == second
    assert await store.read_record(RecordId("kind/2")) is None


async def one_of_racing_record_writers_wins(bench: Bench) -> None:
    stores = [await bench.store() for _ in range(4)]
    await stores[0].write_record(Record(KEY, ""), 0)
    rivals = [Record(KEY, f"rival {n}", version=2) for n in range(RACERS)]
    won = await asyncio.gather(*(stores[n % 4].write_record(record, 1) for n, record in enumerate(rivals)))
    assert won.count(True) == 1


async def records_are_listed_by_prefix_in_pages(bench: Bench) -> None:
    store = await bench.store()
    for name in ("a/2", "a/1", "b/1", "a/3", "a"):
        await store.write_record(Record(RecordId(name), name), 0)
    first = await store.list_records("a/", None, 2)
    assert [record.id for record in first] == ["a/1", "a/2"]
    assert [record.id for record in await store.list_records("a/", first[-1].id, 2)] == ["a/3"]
    assert await store.list_records("c/", None, 2) == []


async def expired_records_are_dropped_and_not_before(bench: Bench) -> None:
    store = await bench.store()
    for n in range(3):
        await store.write_record(Record(RecordId(f"x/{n}"), "", expires_at=NOON + n * MINUTE), 0)
    await store.write_record(Record(KEY, "kept"), 0)
    assert await store.drop_expired_records(NOON - TICK, 10) == 0
    assert await store.drop_expired_records(NOON + MINUTE, 1) == 1
    assert await store.drop_expired_records(NOON + MINUTE, 10) == 1
    assert await store.drop_expired_records(NOON + MINUTE, 10) == 0
    assert [record.id for record in await store.list_records("", None, 10)] == [KEY, "x/2"]


async def odd_texts_of_records_come_back(bench: Bench) -> None:
    store = await bench.store()
    for n, text in enumerate(ODD_TEXTS):
        record = Record(RecordId(f"odd/{n}"), text)
        await store.write_record(record, 0)
        assert await (await bench.store()).read_record(record.id) == record


CHECKS: Final[tuple[Check, ...]] = (
    a_record_is_created_once_among_racers,
    a_record_is_replaced_at_its_version_only,
    one_of_racing_record_writers_wins,
    records_are_listed_by_prefix_in_pages,
    expired_records_are_dropped_and_not_before,
    odd_texts_of_records_come_back,
)
