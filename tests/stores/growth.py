"""Do the stores stay as fast when they have grown? Fill them, then time what requests do, by the median.

    python -m tests.stores.growth --store sqlite --sizes 1000 100000 1000000

Every order filled in has a history and a delivery, and one in ten wants a look far in the future. The ratio is each
median to that of a store of the smallest size measured in turns with it; the aim is at most 1.3. One caller at a time:
it is about growth, not throughput.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, closing
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeAlias

from msgspec.structs import replace
from pymongo import MongoClient

from backend.domain.deliveries import Delivery
from backend.domain.model import Order
from backend.domain.references import JobReference
from backend.domain.terms import Mode
from backend.ports import Applied, OrderStore, Work
from backend.stores import MongoStore, SqliteStore, codec
from backend.stores.mongo_rows import order_row
from backend.stores.sqlite_order_rows import INSERT, order_values
from backend.stores.sqlite_schema import DELIVERY_COLUMNS
from tests.bench.report import save_ratio
from tests.contracts.examples import MINUTE, NOON, a_delivery, an_order, noted, with_job
from tests.mongodb_engine.engine import MongoEngine

REPEATS: Final = 400
PAGE: Final = 20
BATCH: Final = 1000
FAR: Final = NOON + timedelta(days=3650)

Fill: TypeAlias = Callable[[str, range], None]
Timed: TypeAlias = dict[str, list[float]]


# --- filling: past the stores, as one durable write at a time takes too long -----------------------------------------


def old_orders(numbers: range) -> Iterator[Order]:
    template = noted(with_job(an_order(), "J"), "a note")
    for n in numbers:
        job = replace(template.jobs[0], job_reference=JobReference(f"old-{n}"))
        due = FAR if n % 10 == 0 else None
        yield replace(template, id=an_order(f"OLD-{n}").id, jobs=(job,), next_check_at=due)


def old_deliveries(numbers: range) -> Iterator[Delivery]:
    for n in numbers:
        yield replace(a_delivery(b'{"paymentReference": "%d"}' % n), done=1, next_try_at=None, outcome="applied")


def fill_sqlite(folder: Path, name: str, numbers: range) -> None:
    with closing(sqlite3.connect(folder / name)) as connection, connection:
        connection.executemany(INSERT, map(_values, old_orders(numbers)))
        places = ", ".join("?" * len(DELIVERY_COLUMNS))
        insert = f"INSERT INTO deliveries VALUES ({places})"  # noqa: S608 - question marks only
        connection.executemany(insert, map(_delivery_values, old_deliveries(numbers)))


def fill_mongo(url: str, name: str, numbers: range) -> None:
    with MongoClient[dict[str, Any]](url, w=1) as client:
        orders, deliveries = old_orders(numbers), old_deliveries(numbers)
        while page := list(islice(orders, BATCH)):
            client[name]["orders"].insert_many([order_row(order) for order in page])
            rows = [_delivery_row(delivery) for delivery in islice(deliveries, BATCH)]
            client[name]["deliveries"].insert_many(rows)


def _delivery_row(delivery: Delivery) -> codec.Document:
    document = codec.delivery_to_document(delivery)
    del document["id"], document["next_try_at"]
    return {"_id": delivery.id} | document


def _values(order: Order) -> tuple[object, ...]:
    return order_values(order, 0)


def _delivery_values(delivery: Delivery) -> tuple[object, ...]:
    row = codec.delivery_to_document(delivery)
    row["headers"] = codec.headers_to_json(row)
    return tuple(row[column] for column in DELIVERY_COLUMNS)


# --- timing ----------------------------------------------------------------------------------------------------------


async def measure(stores: Sequence[OrderStore], name: str) -> list[dict[str, float]]:
    """For each store the median of each kind of work, in milliseconds.

    The stores take turns, so that what else the machine does is shared by both and not taken for growth.
    """
    taken: list[Timed] = [{"create": [], "webhook": [], "hint": [], "state": [], "due": []} for _ in stores]
    for n in range(REPEATS):
        opened = with_job(an_order(f"{name}-{n}"), f"{name}-{n}")
        for store, times in zip(stores, taken, strict=True):
            await _time(times["create"], _create(store, opened))
            await _time(times["webhook"], _webhook(store, opened, f"{name}-{n}".encode()))
            await _time(times["hint"], _hint(store, opened, f"{name}-{n}, a hint".encode()))
            await _time(times["state"], store.get(opened.id))
            await store.make_due(opened.id, NOON)
            await _time(times["due"], store.take_due(Work.LOOK, Mode.MOCK, NOON, FAR, PAGE))
    return [{kind: 1000 * median(each) for kind, each in times.items()} for times in taken]


async def _create(store: OrderStore, opened: Order) -> None:
    assert await store.insert(replace(opened, jobs=(), version=1))
    assert await store.replace(replace(opened, next_check_at=NOON + MINUTE), 1)


async def _webhook(store: OrderStore, opened: Order, body: bytes) -> None:
    """The usual one."""

    def apply(order: Order) -> Applied:
        return Applied(noted(order, "paid"), "applied")

    row = await store.receive_and_apply(a_delivery(body), opened.id, apply)
    assert row is not None
    assert not row.is_pending


async def _hint(store: OrderStore, opened: Order, body: bytes) -> None:
    """One that names the gateway's job, and is stored before anything is made of it."""
    delivery = await store.receive(a_delivery(body))
    assert opened.jobs[0].job_reference is not None
    order = await store.find_by_job(Mode.MOCK, opened.jobs[0].job_reference)
    assert order is not None
    assert await store.replace(noted(order, "looked at"), order.version)
    await store.settle(delivery.id, delivery.received, "applied")


async def _time(times: list[float], work: Awaitable[object]) -> None:
    started = time.perf_counter()
    await work
    times.append(time.perf_counter() - started)


async def grow(make: Callable[[str], OrderStore], fill: Fill, sizes: list[int]) -> float:
    """The worst ratio of the largest size to the smallest."""
    worst = 0.0
    smallest, *larger = sizes
    small, grown = make("small"), make("grown")
    async with AsyncExitStack() as stack:
        for store, name in ((small, "small"), (grown, "grown")):
            await store.open()
            stack.push_async_callback(store.close)
            await asyncio.to_thread(fill, name, range(smallest))
        filled = smallest
        for size in larger:
            await asyncio.to_thread(fill, "grown", range(filled, size))
            filled = size
            before, after = await measure((small, grown), f"at-{size}")
            parts = [f"{kind} {after[kind]:.2f} ms ({after[kind] / before[kind]:.2f})" for kind in before]
            sys.stdout.write(f"{size:,} orders, and the ratio to {smallest:,}: {', '.join(parts)}\n")
            sys.stdout.flush()
            worst = max(after[kind] / before[kind] for kind in before)
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", choices=["sqlite", "mongo"], default="sqlite")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    asked = parser.parse_args()
    sizes = sorted(asked.sizes)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if asked.store == "sqlite":
            worst = asyncio.run(grow(lambda name: SqliteStore(folder / name), partial(fill_sqlite, folder), sizes))
        else:
            url = stack.enter_context(MongoEngine(folder, cache_mb=512)).url
            worst = asyncio.run(grow(lambda name: MongoStore(url, name), partial(fill_mongo, url), sizes))
    save_ratio("growth", asked.store, worst)


if __name__ == "__main__":
    main()
