"""How the SQLite store works, where that is a promise: group commit, flushed commits, no scans, no threads left."""

import asyncio
import multiprocessing
import os
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from msgspec.structs import replace

from backend.domain.history import broken_at
from backend.domain.money import CurrencyCode
from backend.domain.references import JobReference
from backend.domain.searching import Cursor, DeliveryQuery, OrderQuery
from backend.domain.statuses import OrderStatus
from backend.domain.terms import Mode
from backend.stores import SqliteStore, codec, sqlite, sqlite_order_rows, sqlite_search
from backend.stores.sqlite_schema import TABLES_1, create_tables
from tests.contracts.applying import making
from tests.contracts.examples import NOON, a_delivery, an_order, noted, with_job
from tests.contracts.order_store import add_note

from .sqlite_faults import HangingDisk, Recorder

QUERIES: Final = {
    name: sql
    for name, sql in {**vars(sqlite), **vars(sqlite_order_rows)}.items()
    if name[0].isupper() and isinstance(sql, str)
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[SqliteStore, HangingDisk, Recorder]]:
    """A store, what makes its writer hang, and what tells what it executes from now on."""
    disk, recorder = HangingDisk(), Recorder()

    class Connection(recorder.connection_class(), disk.connection_class()):  # type: ignore[misc]
        """Its bases are made for this test, which no checker can follow."""

    store = SqliteStore(path, connection_class=Connection)
    await store.open()
    recorder.statements.clear()
    try:
        yield store, disk, recorder
    finally:
        await store.close()


ROWS: Final = "INSERT INTO row_writes"


async def test_writes_that_wait_are_committed_together(path: Path) -> None:
    async with opened(path) as (store, disk, recorder):
        async with disk.hanging(store) as first:
            rest = [asyncio.create_task(store.insert(an_order(f"N{n}"))) for n in range(60)]
            assert not first.done(), "nobody is answered before the commit has returned"
        assert await asyncio.gather(*rest) == [True] * 60
    assert [statement.split(" VALUES ")[0] for statement in recorder.statements] == [ROWS, ROWS]


async def test_deliveries_that_wait_read_and_write_their_orders_together(path: Path) -> None:
    async with opened(path) as (store, disk, recorder):
        orders = [an_order(f"N{n}") for n in range(30)]
        await asyncio.gather(*(store.insert(order) for order in orders))
        recorder.statements.clear()
        async with disk.hanging(store):
            rows = [
                asyncio.create_task(
                    store.receive_and_apply(a_delivery(b"%d" % n), order.id, making(with_job(order, f"J{n}")))
                )
                for n, order in enumerate(orders)
            ]
        assert all(row is not None and not row.is_pending for row in await asyncio.gather(*rows))
    assert [sql.split(" VALUES ")[0] for sql in recorder.statements] == [ROWS, sqlite_order_rows.GET_ALL, ROWS]


async def test_writes_that_waited_for_the_lock_are_committed_together(path: Path) -> None:
    async with opened(path) as (store, _, recorder):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writes = [asyncio.create_task(store.insert(an_order(f"N{n}"))) for n in range(60)]
            writes.append(asyncio.create_task(store.insert(an_order("N0"))))
            await asyncio.to_thread(recorder.wait_for, "BEGIN IMMEDIATE")
            recorder.statements.clear()
        assert await asyncio.gather(*writes) == [*[True] * 60, False]
    assert recorder.statements.count("COMMIT") == 1


async def test_two_programs_that_start_on_a_new_file_at_once_both_write(path: Path) -> None:
    """The second has seen the file without tables, and SQLite keeps what it saw."""

    class LateConnection(sqlite3.Connection):
        is_late = False

        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            if sql == "BEGIN IMMEDIATE" and not self.is_late:
                self.is_late = True
                with closing(sqlite3.connect(path, isolation_level=None)) as first:
                    create_tables(first)
            return super().execute(sql, parameters)  # type: ignore[arg-type]

    store = SqliteStore(path, connection_class=LateConnection)
    await store.open()
    try:
        assert await store.insert(an_order("A"))
    finally:
        await store.close()


Write: TypeAlias = Callable[[SqliteStore], Awaitable[object]]

OLD: Final = an_order("OLD")
TOO_LATE: Final = replace(with_job(OLD, "J"), version=8)
UNUSUAL: Final[dict[str, tuple[Write, object]]] = {
    "an order that is there": (lambda store: store.insert(OLD), False),
    "an order that is not": (lambda store: store.replace(with_job(an_order("NONE"), "J"), 1), False),
    "another version of its order": (lambda store: store.replace(with_job(OLD, "J"), 7), False),
    "an order that needs attention from now on": (lambda store: store.replace(noted(OLD, "raised"), 1), True),
    "a delivery that came before": (
        lambda store: store.receive_and_apply(a_delivery(b"old"), OLD.id, making(with_job(OLD, "J"))),
        replace(a_delivery(b"old"), received=2).settled("applied"),
    ),
    "a delivery and another version of its order": (
        lambda store: store.receive_and_apply(a_delivery(b"new"), OLD.id, making(TOO_LATE)),
        a_delivery(b"new"),
    ),
}


@pytest.mark.parametrize(("write", "answer"), UNUSUAL.values(), ids=UNUSUAL)
async def test_a_write_that_finds_something_unusual_spoils_none_that_waits_with_it(
    path: Path, write: Write, answer: object
) -> None:
    async with opened(path) as (store, disk, recorder):
        await store.insert(OLD)
        await store.receive(a_delivery(b"old"))
        recorder.statements.clear()
        async with disk.hanging(store):
            before = asyncio.create_task(store.insert(an_order("A")))
            unusual = asyncio.ensure_future(write(store))
            after = asyncio.create_task(store.insert(an_order("B")))
        assert (await before, await unusual, await after) == (True, answer, True)
        assert recorder.statements.count("COMMIT") == 1, "they still share one commit"
        there = {order.id for order in await store.scan(Mode.MOCK, None, 10)}
        assert there == {an_order(name).id for name in ("BEFORE-ALL", "OLD", "A", "B")}


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="a matter of Linux")
async def test_threads_that_are_woken_do_not_push_the_event_loop_aside(path: Path) -> None:
    async with opened(path):
        threads = {thread.name: thread.native_id or 0 for thread in threading.enumerate()}
        assert os.sched_getscheduler(threads["database writer"]) == os.SCHED_BATCH
        assert os.sched_getscheduler(threads["database reader"]) == os.SCHED_BATCH
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


async def test_every_writing_connection_flushes_its_commits(path: Path) -> None:
    recorder = Recorder()
    store = SqliteStore(path, connection_class=recorder.connection_class())
    await store.open()
    await store.close()
    assert "PRAGMA journal_mode=WAL" in recorder.statements
    assert "PRAGMA synchronous=FULL" in recorder.statements
    assert "BEGIN" not in recorder.statements, "a deferred transaction fails when another writer was quicker"


@pytest.mark.parametrize("name", QUERIES)
async def test_no_query_scans_a_table(path: Path, name: str) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    numbers = [int(number) for number in re.findall(r"\?(\d+)", QUERIES[name])]
    parameters = [str(n) for n in range(max(numbers, default=QUERIES[name].count("?")))]
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {QUERIES[name]}", parameters).fetchall()
    steps = [step for *_, step in plan]
    assert not [
        step for step in steps if step.startswith("SCAN") and "json_each" not in step and "CONSTANT" not in step
    ], steps
    assert not [step for step in steps if "TEMP B-TREE" in step], steps


SEARCHES: Final = [
    sqlite_search.orders(OrderQuery(Mode.MOCK), 10),
    sqlite_search.orders(OrderQuery(Mode.MOCK, after=Cursor(NOON, "mock/A")), 10),
    sqlite_search.orders(OrderQuery(Mode.MOCK, email="a@b.example"), 10),
    sqlite_search.orders(OrderQuery(Mode.MOCK, status=OrderStatus.PAID), 10),
    sqlite_search.orders(OrderQuery(Mode.MOCK, needs_attention=True), 10),
    sqlite_search.orders(OrderQuery(Mode.MOCK, amount_minor=1), 10),
    sqlite_search.orders(OrderQuery(Mode.MOCK, currency=CurrencyCode("GBP")), 10),
    sqlite_search.orders(OrderQuery(Mode.MOCK, placed_from=NOON, placed_until=NOON), 10),
    sqlite_search.deliveries(DeliveryQuery(Mode.MOCK), 10),
    sqlite_search.deliveries(DeliveryQuery(Mode.MOCK, outcome="applied"), 10),
]


@pytest.mark.parametrize("search", SEARCHES)
async def test_every_search_walks_an_index_in_its_order(path: Path, search: sqlite_search.Statement) -> None:
    steps = await plan(path, search)
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step], steps


@pytest.mark.parametrize(
    "query", [OrderQuery(Mode.MOCK, reference="RS-"), OrderQuery(Mode.MOCK, gateway_reference="2102")]
)
async def test_a_search_for_few_orders_looks_them_up(path: Path, query: OrderQuery) -> None:
    steps = await plan(path, sqlite_search.orders(query, 10))
    assert not [step for step in steps if step.startswith("SCAN orders")], steps


async def plan(path: Path, search: sqlite_search.Statement) -> list[str]:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        return [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {search[0]}", search[1]).fetchall()]


async def test_a_file_of_version_1_is_filled_in_when_it_is_opened(path: Path) -> None:
    document = (Path(__file__).parent / "documents" / "order_schema_1.json").read_text()
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in TABLES_1:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)",
            ("mock/TEST-001", "mock", 4, codec.instant(NOON), '["210221000033558552"]', document),
        )
        connection.execute("PRAGMA user_version=1")
    store = SqliteStore(path)
    await store.open()
    paid = OrderQuery(Mode.MOCK, status=OrderStatus.PAID, email="test@example.com", needs_attention=True)
    for query in (paid, OrderQuery(Mode.MOCK, gateway_reference="210221117473470477")):
        (order,) = await store.search(query, 10)
        assert (order.reference, order.version, order.next_check_at) == ("TEST-001", 4, NOON)
    assert await store.find_by_job(Mode.MOCK, JobReference("210221000033558552")) is not None
    await store.close()


async def test_threads_end_with_the_store(path: Path) -> None:
    before = set(threading.enumerate())
    store = SqliteStore(path)
    await store.open()
    assert len(set(threading.enumerate()) - before) == 2
    await store.close()
    assert set(threading.enumerate()) <= before


async def test_log_is_tidied_away_when_the_last_store_closes(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.insert(an_order())
    await store.close()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def add_notes(path: Path, notes: list[str]) -> None:
    """In a process of its own."""

    async def add() -> None:
        store = SqliteStore(path)
        await store.open()
        await asyncio.gather(*(add_note(store, an_order().id, note) for note in notes))
        await store.close()

    asyncio.run(add())


async def test_processes_that_share_the_file_lose_no_update(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.insert(an_order())
    notes = [[f"note {n} of process {process}" for n in range(10)] for process in range(3)]
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, add_notes, path, some) for some in notes))
    end = await store.get(an_order().id)
    await store.close()
    assert end is not None
    assert sorted(entry.operation for entry in end.history[1:]) == sorted(note for some in notes for note in some)
    assert broken_at(end.history) is None
