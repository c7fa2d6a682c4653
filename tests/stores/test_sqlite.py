"""How the SQLite store works, where that is a promise: group commit, flushed commits, no scans, no threads left."""

import asyncio
import multiprocessing
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from backend.domain.history import broken_at
from backend.stores import SqliteStore, sqlite
from tests.contracts.examples import an_order
from tests.contracts.order_store import add_note

from .sqlite_faults import HangingDisk, Recorder

QUERIES: Final = {name: sql for name, sql in vars(sqlite).items() if name.isupper() and isinstance(sql, str)}


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
    parameters = [str(n) for n in range(QUERIES[name].count("?"))]
    with closing(sqlite3.connect(path)) as connection:
        count = max((int(n) for n in "123" if f"?{n}" in QUERIES[name]), default=len(parameters))
        plan = connection.execute(f"EXPLAIN QUERY PLAN {QUERIES[name]}", parameters[:count]).fetchall()
    steps = [step for *_, step in plan]
    assert not [step for step in steps if step.startswith("SCAN") and "json_each" not in step], steps
    assert not [step for step in steps if "TEMP B-TREE" in step], steps


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
