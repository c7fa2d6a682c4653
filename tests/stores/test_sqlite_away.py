"""When the SQLite file is away: the right error in time, nothing half-written, and recovery without a restart."""

# ruff: noqa: ASYNC240 - the folders are the test's own

import asyncio
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest

from backend.domain.model import Order, OrderId
from backend.domain.terms import Mode
from backend.ports import DocumentTooNew, OrderStore, StoreError, StoreOutcomeUnknown, StoreUnavailable, Work
from backend.stores import SqliteStore
from backend.stores.sqlite_schema import TABLES_VERSION
from tests.contracts.applying import making
from tests.contracts.examples import MINUTE, NOON, a_delivery, an_order, noted
from tests.contracts.faults import LostAnswer, lossy_connection_class

from .sqlite_faults import HangingDisk, full_disk, refused, unreadable

LIMIT_SECONDS: Final = 0.4
GRACE_SECONDS: Final = 5.0
"""What a loaded machine may add; the error must come from the limit, not from the test's own timeout."""

NOBODY: Final = 65534


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def stored(path: Path, reference: str) -> Order | None:
    async with opened(path) as store:
        return await store.get(OrderId(f"mock/{reference}"))


async def fails(call: Awaitable[object], error: type[StoreError], why: str = ".") -> None:
    """Check that ``call`` raises this very class, within the limit."""
    started = time.monotonic()
    with pytest.raises(StoreError, match=why) as caught:
        await call
    assert caught.type is error
    assert time.monotonic() - started < LIMIT_SECONDS + GRACE_SECONDS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


# --- at the start ----------------------------------------------------------------------------------------------------


async def test_missing_folder_is_unavailable_until_it_is_there(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "missing" / "orders.db", timeout_seconds=LIMIT_SECONDS)
    await fails(store.open(), StoreUnavailable, "unable to open")
    await fails(store.ping(), StoreUnavailable, "not open")
    (tmp_path / "missing").mkdir()
    await store.open()
    assert await store.insert(an_order())
    await store.close()


async def test_folder_in_place_of_the_file_is_unavailable(path: Path) -> None:
    path.mkdir()
    await fails(SqliteStore(path).open(), StoreUnavailable, "unable to open")


async def test_file_that_is_no_database_is_unavailable_and_left_alone(path: Path) -> None:
    path.write_bytes(b"precious notes, " * 1000)
    await fails(SqliteStore(path).open(), StoreUnavailable, "not a database")
    assert path.read_bytes() == b"precious notes, " * 1000


async def test_file_of_a_later_version_is_refused(path: Path) -> None:
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version={TABLES_VERSION + 1}")
    await fails(SqliteStore(path).open(), DocumentTooNew, "run the newer version")


async def test_file_locked_at_the_start_is_unavailable_until_it_is_free(path: Path) -> None:
    store = SqliteStore(path, timeout_seconds=LIMIT_SECONDS)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await fails(store.open(), StoreUnavailable, "busy")
    await store.open()
    await store.close()


# --- while it is open ------------------------------------------------------------------------------------------------

WRITES: Final[dict[str, Callable[[OrderStore], Awaitable[object]]]] = {
    "insert": lambda store: store.insert(an_order("NEW")),
    "replace": lambda store: store.replace(noted(an_order("OLD"), "changed"), 1),
    "make_due": lambda store: store.make_due(OrderId("mock/OLD"), NOON),
    "take_due": lambda store: store.take_due(Work.LOOK, Mode.MOCK, NOON, NOON + MINUTE, 10),
    "receive": lambda store: store.receive(a_delivery()),
    "settle": lambda store: store.settle(a_delivery().id, 1, "looked"),
    "postpone": lambda store: store.postpone(a_delivery().id, NOON, "later"),
    "take_deliveries": lambda store: store.take_deliveries(Mode.MOCK, NOON, NOON + MINUTE, 10),
}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_write_to_a_locked_file_is_unavailable(
    path: Path, write: Callable[[OrderStore], Awaitable[object]]
) -> None:
    async with opened(path, timeout_seconds=LIMIT_SECONDS) as store:
        await store.insert(an_order("OLD", due=NOON))
        with locked(path):
            await fails(write(store), StoreUnavailable, "busy")
        await write(store)


async def test_reads_do_not_wait_for_another_writer(path: Path) -> None:
    async with opened(path, timeout_seconds=LIMIT_SECONDS) as store:
        await store.insert(an_order())
        with locked(path):
            await store.ping()
            assert await store.get(an_order().id) == an_order()


async def test_write_whose_time_was_up_is_never_made_later(path: Path) -> None:
    async with opened(path, timeout_seconds=LIMIT_SECONDS) as store:
        with locked(path):
            await fails(store.insert(an_order("LATE")), StoreUnavailable)
        await store.insert(an_order("NEXT"))  # the writer is at work again
    assert await stored(path, "LATE") is None
    assert await stored(path, "NEXT") is not None


async def test_full_disk_refuses_a_write_whole_and_recovers_when_there_is_room(path: Path) -> None:
    async with opened(path, connection_class=full_disk(pages=60)) as store:
        references = [f"N{n}" for n in range(100)]
        written: list[str] = []
        with pytest.raises(StoreUnavailable, match="full"):  # noqa: PT012 - until it is full
            for reference in references:
                await store.insert(an_order(reference, name="long " * 800))
                written.append(reference)
        refused = references[len(written)]
        assert written
        assert await store.get(OrderId(f"mock/{refused}")) is None
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("DELETE FROM orders WHERE id <> 'mock/N0'")
        assert await store.insert(an_order(refused))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert other.execute("SELECT id FROM orders ORDER BY id").fetchall() == [("mock/N0",), (f"mock/{refused}",)]


async def test_write_that_finds_no_room_spoils_none_that_was_to_be_committed_with_it(path: Path) -> None:
    disk = HangingDisk()

    class Connection(full_disk(pages=60), disk.connection_class()):  # type: ignore[misc]
        """Its bases are made for this test, which no checker can follow."""

    async with opened(path, connection_class=Connection) as store:
        names = {"A": "a", "HUGE": "huge " * 100_000, "B": "b"}
        async with disk.hanging(store):
            writes = [asyncio.create_task(store.insert(an_order(ref, name=name))) for ref, name in names.items()]
        first, huge, last = await asyncio.gather(*writes, return_exceptions=True)
        assert (first, last) == (True, True)
        assert isinstance(huge, StoreUnavailable)
    assert [await stored(path, reference) is not None for reference in names] == [True, False, True]


async def test_delivery_that_cannot_be_stored_leaves_its_order_alone_and_what_was_to_be_committed_with_it(
    path: Path,
) -> None:
    disk = HangingDisk()
    order, delivery = an_order("APPLIED"), a_delivery(b"bad")

    class Connection(refused("INSERT INTO", delivery.id), disk.connection_class()):  # type: ignore[misc]
        """Its bases are made for this test, which no checker can follow."""

    async with opened(path, connection_class=Connection) as store:
        await store.insert(order)
        async with disk.hanging(store):
            first = asyncio.create_task(store.insert(an_order("A")))
            applied = asyncio.create_task(store.receive_and_apply(delivery, order.id, making(noted(order, "applied"))))
            last = asyncio.create_task(store.insert(an_order("B")))
        assert (await first, await last) == (True, True)
        await fails(applied, StoreUnavailable, "refused")
        assert await store.get_delivery(delivery.id) is None
        assert await store.get(order.id) == order
    assert [await stored(path, reference) is not None for reference in ("A", "B")] == [True, True]


async def test_order_that_the_writer_cannot_read_leaves_its_delivery_unwritten_for_certain(path: Path) -> None:
    order, delivery = an_order("APPLIED"), a_delivery()
    async with opened(path, connection_class=unreadable(order.id)) as store:
        await store.insert(order)
        await fails(store.receive_and_apply(delivery, order.id, making(noted(order, ""))), StoreUnavailable, "disk I/O")
        assert await store.insert(an_order("AFTER"))
        assert await store.get_delivery(delivery.id) is None
    assert await stored(path, "APPLIED") == order


@pytest.mark.parametrize("at", ["INSERT INTO row_writes", "BEGIN IMMEDIATE", "COMMIT"])
async def test_writer_that_runs_out_of_memory_writes_on_once_there_is_some(path: Path, at: str) -> None:
    class Connection(sqlite3.Connection):
        is_short = False

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if Connection.is_short and sql.startswith(at):
                raise MemoryError
            return super().execute(sql, parameters)

    async with opened(path, connection_class=Connection) as store:
        order = an_order("BEFORE")
        await store.insert(order)
        Connection.is_short = True
        write = store.insert(an_order("SHORT")) if at.startswith("INSERT") else store.make_due(order.id, NOON)
        await fails(write, StoreOutcomeUnknown, "MemoryError")
        Connection.is_short = False
        assert await store.insert(an_order("AFTER"))


async def test_write_whose_caller_left_while_it_waited_for_the_lock_is_not_made(path: Path) -> None:
    async with opened(path, timeout_seconds=10) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            left = asyncio.create_task(store.insert(an_order("LEFT")))
            stays = asyncio.create_task(store.insert(an_order("STAYS")))
            await asyncio.sleep(0)
            left.cancel()
            await asyncio.sleep(0)
            other.execute("ROLLBACK")
        assert await stays
    assert await stored(path, "LEFT") is None


async def test_store_whose_caller_left_while_it_waited_for_the_lock_can_be_closed(path: Path) -> None:
    waits = Event()

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError:
                waits.set()
                raise

    async with opened(path, timeout_seconds=LIMIT_SECONDS, connection_class=Connection) as store:
        with locked(path):
            left = asyncio.create_task(store.insert(an_order("LEFT")))
            await asyncio.to_thread(waits.wait)
            left.cancel()
            await store.close()
    assert await stored(path, "LEFT") is None


async def test_file_that_was_moved_away_is_unavailable_until_it_is_back(path: Path) -> None:
    async with opened(path) as store:
        await store.insert(an_order("BEFORE"))
        path.rename(path.with_suffix(".away"))
        await fails(store.insert(an_order("AWAY")), StoreUnavailable)
        await fails(store.get(an_order("BEFORE").id), StoreUnavailable)
        assert not path.exists(), "an empty file in its place would hide every order"
        path.with_suffix(".away").rename(path)
        assert await store.get(an_order("BEFORE").id) is not None
        assert await store.insert(an_order("AFTER"))
    assert await stored(path, "AWAY") is None
    assert await stored(path, "AFTER") is not None


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write anywhere, so tests of permissions give up being root for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("read_only", ["file", "folder"])
async def test_read_only_place_is_unavailable_until_it_can_be_written(read_only: str) -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    path = folder / "orders.db"
    try:
        async with opened(path) as store:
            await store.insert(an_order("BEFORE"))
        path.chmod(0o444 if read_only == "file" else 0o666)
        folder.chmod(0o555 if read_only == "folder" else 0o777)
        store = SqliteStore(path, timeout_seconds=LIMIT_SECONDS)
        with as_nobody():
            await fails(store.open(), StoreUnavailable)
        path.chmod(0o666)
        folder.chmod(0o777)
        with as_nobody():
            await store.open()
            assert await store.insert(an_order("AFTER"))
            await store.close()
    finally:
        shutil.rmtree(folder)


async def test_file_that_became_read_only_is_unavailable_until_it_can_be_written(path: Path) -> None:
    read_only = ["ON"]

    class ReadOnly(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            super().execute(f"PRAGMA query_only={read_only[-1]}")
            return super().execute(sql, parameters)  # type: ignore[arg-type]

    read_only.append("OFF")
    async with opened(path, connection_class=ReadOnly) as store:
        read_only.append("ON")
        await fails(store.insert(an_order()), StoreUnavailable, "readonly")
        assert await store.get(an_order().id) is None
        read_only.append("OFF")
        assert await store.insert(an_order())


# --- answers that do not come ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("landed", [True, False])
async def test_failed_commit_leaves_all_its_writes_unknown(path: Path, *, landed: bool) -> None:
    fault = LostAnswer(landed)
    async with opened(path, connection_class=lossy_connection_class(fault)) as store:
        fault.armed = True
        names = [f"N{n}" for n in range(20)]
        results = await asyncio.gather(*(store.insert(an_order(name)) for name in names), return_exceptions=True)
        unknown = [name for name, result in zip(names, results, strict=True) if result is not True]
        assert unknown
        assert {type(result) for result in results if result is not True} == {StoreOutcomeUnknown}
        for name in names:
            there = landed or name not in unknown
            assert (await store.get(an_order(name).id) is not None) is there
            assert await store.insert(an_order(name)) is not there


async def test_disk_that_hangs_in_a_commit_leaves_it_unknown_and_later_writes_unmade(path: Path) -> None:
    disk = HangingDisk()
    async with opened(path, timeout_seconds=LIMIT_SECONDS, connection_class=disk.connection_class()) as store:
        disk.go_on.clear()
        disk.reached.clear()
        hanging = asyncio.create_task(store.insert(an_order("HANGS")))
        await asyncio.to_thread(disk.reached.wait)
        behind = asyncio.create_task(store.insert(an_order("BEHIND")))
        await fails(hanging, StoreOutcomeUnknown, "no answer")
        await fails(behind, StoreUnavailable, "busy")
        assert await store.get(an_order("HANGS").id) is None  # reads do not wait for it
        disk.go_on.set()
        assert await store.insert(an_order("NEXT"))
    assert await stored(path, "HANGS") is not None
    assert await stored(path, "BEHIND") is None
    assert await stored(path, "NEXT") is not None


async def test_caller_that_is_cancelled_disturbs_nobody(path: Path) -> None:
    disk = HangingDisk()
    async with opened(path, connection_class=disk.connection_class()) as store:
        disk.go_on.clear()
        disk.reached.clear()
        together = [asyncio.create_task(store.insert(an_order(f"N{n}"))) for n in range(10)]
        await asyncio.to_thread(disk.reached.wait)
        for task in together[::2]:
            task.cancel()
        disk.go_on.set()
        results = await asyncio.gather(*together, return_exceptions=True)
        assert results[1::2] == [True] * 5
        assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
        assert await store.insert(an_order("NEXT"))


async def test_closing_lets_waiting_writes_be_made(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    writes = [asyncio.create_task(store.insert(an_order(f"N{n}"))) for n in range(50)]
    await asyncio.sleep(0)  # let the tasks hand their writes in
    await store.close()
    assert await asyncio.gather(*writes) == [True] * 50
    await fails(store.insert(an_order("LATE")), StoreUnavailable, "not open")
    await store.close()
    assert await stored(path, "N49") is not None


async def test_store_can_be_opened_again(path: Path) -> None:
    store = SqliteStore(path)
    for n in range(3):
        await store.open()
        assert await store.insert(an_order(f"N{n}"))
        await store.close()
