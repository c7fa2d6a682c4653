"""How the SQLite store works, where that is a promise: group commit, flushed commits, no scans, no threads left."""

import asyncio
import multiprocessing
import re
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from backend.domain.history import broken_at
from backend.domain.money import CurrencyCode
from backend.domain.references import JobReference
from backend.domain.searching import Cursor, DeliveryQuery, OrderQuery
from backend.domain.statuses import OrderStatus
from backend.domain.terms import Mode
from backend.stores import SqliteStore, codec, sqlite, sqlite_search
from backend.stores.sqlite_schema import TABLES_1
from tests.contracts.examples import NOON, an_order
from tests.contracts.order_store import add_note

from .sqlite_faults import HangingDisk, Recorder

QUERIES: Final = {name: sql for name, sql in vars(sqlite).items() if name[0].isupper() and isinstance(sql, str)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


async def test_writes_that_wait_are_committed_together(path: Path) -> None:
    disk, recorder = HangingDisk(), Recorder()
    disk.go_on.set()

    class Connection(recorder.connection_class(), disk.connection_class()):  # type: ignore[misc]
        pass

    store = SqliteStore(path, connection_class=Connection)
    await store.open()
    recorder.statements.clear()
    disk.reached.clear()
    disk.go_on.clear()
    first = asyncio.create_task(store.insert(an_order("FIRST")))
    await asyncio.to_thread(disk.reached.wait)
    rest = [asyncio.create_task(store.insert(an_order(f"N{n}"))) for n in range(100)]
    await asyncio.sleep(0)  # let the tasks hand their writes in
    assert not first.done(), "nobody is answered before COMMIT has returned"
    disk.go_on.set()
    assert await asyncio.gather(first, *rest) == [True] * 101
    await store.close()
    assert recorder.statements.count("COMMIT") == 2


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
