"""What the tests of the MongoDB store rest on: these answers come from MongoDB, and acknowledged means journaled."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConfigurationError, ConnectionFailure, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from .engine import (
    CACHE_MB,
    MONGOD_LEAST_CACHE_GB,
    REQUIRE_VARIABLE,
    URL_VARIABLE,
    EngineError,
    Mongod,
    MongoEngine,
    RunningServer,
    find_server,
    require_engine_or_skip,
    require_or_skip,
)
from .explain import COLLECTION_SCAN, winning_stages

Document = dict[str, Any]
Collection = AsyncCollection[Document]

REPOSITORY: Final = Path(__file__).resolve().parents[2]
DURABLE: Final = WriteConcern(w="majority", j=True, wtimeout=5000)
MAJORITY: Final = ReadConcern("majority")
WRITERS: Final = 16
LIMIT_SECONDS: Final = 20


def open_client(url: str) -> AsyncMongoClient[Document]:
    return AsyncMongoClient(url, serverSelectionTimeoutMS=2000, socketTimeoutMS=5000)


def durable(client: AsyncMongoClient[Document], database: str) -> Collection:
    return client[database].get_collection("orders", write_concern=DURABLE, read_concern=MAJORITY)


@pytest.fixture
async def orders(mongodb_url: str, mongodb_database_name: str) -> AsyncIterator[Collection]:
    async with open_client(mongodb_url) as client:
        yield durable(client, mongodb_database_name)


async def test_document_is_inserted_replaced_and_found(orders: Collection) -> None:
    await orders.insert_one({"_id": "test:A-1", "revision": 1})
    replaced = await orders.replace_one({"_id": "test:A-1", "revision": 1}, {"revision": 2, "note": "é😀"})

    assert replaced.modified_count == 1
    assert await orders.find_one({"_id": "test:A-1"}) == {"_id": "test:A-1", "revision": 2, "note": "é😀"}


async def test_replacing_a_revision_that_is_gone_changes_nothing(orders: Collection) -> None:
    await orders.insert_one({"_id": "test:A-1", "revision": 2})

    replaced = await orders.replace_one({"_id": "test:A-1", "revision": 1}, {"revision": 9})

    assert replaced.matched_count == 0
    assert await orders.find_one() == {"_id": "test:A-1", "revision": 2}


async def test_one_of_many_racing_inserts_of_an_id_wins(orders: Collection) -> None:
    async def create(writer: int) -> bool:
        try:
            await orders.insert_one({"_id": "test:A-1", "writer": writer})
        except DuplicateKeyError:
            return False
        return True

    created = await asyncio.gather(*(create(writer) for writer in range(50)))

    assert created.count(True) == 1
    assert await orders.find_one() == {"_id": "test:A-1", "writer": created.index(True)}


async def test_one_of_many_racing_replacements_of_a_revision_wins(orders: Collection) -> None:
    await orders.insert_one({"_id": "test:A-1", "revision": 1})

    async def replace(writer: int) -> int:
        document = {"revision": 2, "writer": writer}
        return (await orders.replace_one({"_id": "test:A-1", "revision": 1}, document)).modified_count

    assert sum(await asyncio.gather(*(replace(writer) for writer in range(50)))) == 1


async def test_unique_index_refuses_a_second_document(orders: Collection) -> None:
    await orders.create_index("gateway_reference", name="by_reference", unique=True, sparse=True)
    await orders.insert_many([{"_id": "a", "gateway_reference": "X"}, {"_id": "b"}, {"_id": "c"}])

    with pytest.raises(DuplicateKeyError):
        await orders.insert_one({"_id": "d", "gateway_reference": "X"})
    assert (await orders.index_information())["by_reference"]["unique"] is True


@pytest.mark.parametrize(
    ("query", "scans_the_collection"),
    [({"_id": "3"}, False), ({"due_at": {"$lte": 5}}, False), ({"unindexed": 1}, True)],
)
async def test_explain_tells_an_index_from_a_collection_scan(
    orders: Collection, query: Document, scans_the_collection: bool
) -> None:
    await orders.insert_many([{"_id": str(number), "due_at": number} for number in range(20)])
    await orders.create_index("due_at")

    explained = await orders.database.command("explain", {"find": orders.name, "filter": query})

    assert (COLLECTION_SCAN in winning_stages(explained)) is scans_the_collection


async def test_update_is_explained_too(orders: Collection) -> None:
    await orders.insert_one({"_id": "a", "due_at": 1})
    update = {"update": orders.name, "updates": [{"q": {"due_at": 1}, "u": {"$set": {"due_at": 2}}}]}

    explained = await orders.database.command("explain", update)

    assert COLLECTION_SCAN in winning_stages(explained)


async def test_acknowledged_writes_survive_sigkill(mongodb_engine: MongoEngine) -> None:
    acknowledged: list[int] = []
    async with open_client(mongodb_engine.url) as client:
        writing = asyncio.create_task(write_until_cut_off(durable(client, "crash"), acknowledged))
        await wait_for_writes(acknowledged, 200)
        await asyncio.to_thread(mongodb_engine.kill)
        await writing
    before = len(acknowledged)
    await asyncio.to_thread(mongodb_engine.start)

    async with open_client(mongodb_engine.url) as client:
        kept = {document["_id"] async for document in durable(client, "crash").find()}

    assert before >= 200
    assert set(acknowledged) <= kept
    # What was under way may have landed without its answer getting through: at most one write a writer.
    assert len(kept) - before <= WRITERS


async def test_sigkill_loses_writes_that_were_not_journaled(tmp_path: Path) -> None:
    """The test above bites: only waiting for the journal makes the difference.

    The journal is written ten times a second anyway, so a single kill may come just after that: hence the attempts.
    """
    with MongoEngine(tmp_path / "data", require_engine_or_skip(), flushes=False) as engine:
        for attempt in range(10):
            acknowledged: list[int] = []
            async with open_client(engine.url) as client:
                orders = client["hasty"].get_collection(f"orders{attempt}", write_concern=WriteConcern(w=1, j=False))
                writing = asyncio.create_task(write_until_cut_off(orders, acknowledged))
                await wait_for_writes(acknowledged, 300)
                await asyncio.to_thread(engine.kill)
                await writing
            await asyncio.to_thread(engine.start)
            async with open_client(engine.url) as client:
                kept = {document["_id"] async for document in client["hasty"][f"orders{attempt}"].find()}
            if not set(acknowledged) <= kept:
                return
    pytest.fail("every write was kept; so the crash test could not tell a durable write from a hasty one")


async def write_until_cut_off(orders: Collection, acknowledged: list[int]) -> None:
    async def write(writer: int) -> None:
        for number in range(writer, 1_000_000, WRITERS):
            try:
                await orders.insert_one({"_id": number, "filler": "x" * 500})
            except ConnectionFailure:
                return
            acknowledged.append(number)

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))


async def wait_for_writes(acknowledged: list[int], count: int) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while len(acknowledged) < count:  # noqa: ASYNC110 (the writers have nobody to tell)
            await asyncio.sleep(0.01)


async def test_indexes_and_an_open_client_survive_a_restart(mongodb_engine: MongoEngine) -> None:
    url = mongodb_engine.url
    async with open_client(url) as client:
        orders = durable(client, "restart")
        await orders.create_index("due_at", name="due")
        await orders.insert_one({"_id": "test:A-1"})

        await asyncio.to_thread(mongodb_engine.restart)

        assert mongodb_engine.url == url
        assert await orders.find_one() == {"_id": "test:A-1"}
        assert "due" in await orders.index_information()


async def test_engine_is_an_async_context_manager(tmp_path: Path) -> None:
    async with (
        MongoEngine(tmp_path / "data", require_engine_or_skip()) as engine,
        open_client(engine.url) as client,
    ):
        assert await client.admin.command("ping") == {"ok": 1.0}
    with pytest.raises(EngineError, match="not running"):
        _ = engine.pid


async def test_cache_is_bounded(mongodb_engine: MongoEngine) -> None:
    async with open_client(mongodb_engine.url) as client:
        status = await client.admin.command("serverStatus")

    least = MONGOD_LEAST_CACHE_GB * 1024 if isinstance(require_engine_or_skip(), Mongod) else CACHE_MB
    assert status["wiredTiger"]["cache"]["maximum bytes configured"] == least * 1024 * 1024


async def test_sessions_are_refused_by_the_driver_rather_than_pretended(mongodb_engine: MongoEngine) -> None:
    if isinstance(require_engine_or_skip(), Mongod):
        pytest.skip("a mongod has sessions")
    async with open_client(mongodb_engine.url) as client, client.start_session() as session:
        with pytest.raises(ConfigurationError):
            await client["any"]["orders"].insert_one({}, session=session)


async def test_two_engines_run_side_by_side(mongodb_engine: MongoEngine, tmp_path: Path) -> None:
    with MongoEngine(tmp_path / "other", require_engine_or_skip()) as other:
        assert other.url != mongodb_engine.url
        async with open_client(mongodb_engine.url) as one, open_client(other.url) as two:
            await durable(one, "same").insert_one({"_id": "only in one"})
            assert await durable(two, "same").find_one() is None


def test_stop_is_clean_and_leaves_no_socket_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongodb_engine: MongoEngine
) -> None:
    sockets = tmp_path / "s"
    sockets.mkdir()
    monkeypatch.setenv("TMPDIR", str(sockets))
    engine = MongoEngine(tmp_path / "data", require_engine_or_skip())
    engine.start()
    assert engine.stop() == 0
    engine.start()
    engine.kill()

    assert list(sockets.iterdir()) == []
    assert engine.stop() is None


def test_port_in_use_is_an_error_at_once(mongodb_engine: MongoEngine, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        engine = MongoEngine(tmp_path / "data", require_engine_or_skip(), port=taken.getsockname()[1])
        with pytest.raises(EngineError, match="ended with status"):
            engine.start()


def test_engine_ends_when_the_test_runner_is_killed(tmp_path: Path) -> None:
    require_engine_or_skip()
    script = (
        "import sys, time; from pathlib import Path; from tests.mongodb_engine.engine import MongoEngine; "
        "engine = MongoEngine(Path(sys.argv[1])); engine.start(); print(engine.url, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        port = urlsplit(runner.stdout.readline()).port or 0
        assert is_listening(port)
        runner.kill()

    deadline = time.monotonic() + LIMIT_SECONDS
    while is_listening(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_listening(port)


def is_listening(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except ConnectionRefusedError:
        return False


async def test_stopped_process_is_a_server_that_hangs(mongodb_engine: MongoEngine) -> None:
    async with AsyncMongoClient[Document](mongodb_engine.url, timeoutMS=500, serverSelectionTimeoutMS=500) as client:
        await client.admin.command("ping")
        os.kill(mongodb_engine.pid, signal.SIGSTOP)
        with pytest.raises(ConnectionFailure):
            await durable(client, "hang").insert_one({"_id": 1})
        os.kill(mongodb_engine.pid, signal.SIGCONT)


def test_named_server_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "mongodb://named.example/")

    assert find_server() == RunningServer("mongodb://named.example/")


def test_mongod_on_the_path_comes_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.touch(mode=0o755)
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_server() == Mongod(program)


@pytest.mark.parametrize(("required", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_a_server_the_test_is_skipped_or_failed(
    required: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(REQUIRE_VARIABLE, required)

    with pytest.raises(outcome, match="install"):
        require_or_skip()
