"""How the MongoDB store asks: through indexes, with concerns that no URL weakens, and with errors told apart."""

import asyncio
import gc
import logging
import os
import signal
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from msgspec.structs import replace
from pymongo import AsyncMongoClient, MongoClient, monitoring
from pymongo.asynchronous.database import AsyncDatabase

from backend.domain.model import Order, OrderId
from backend.domain.notifications import Notification, NotificationType
from backend.domain.records import Record, RecordId
from backend.domain.references import JobReference
from backend.domain.searching import DeliveryQuery, OrderQuery
from backend.domain.statuses import OrderStatus
from backend.domain.terms import Mode
from backend.ports import Applied, Apply, OrderStore, StoreOutcomeUnknown, StoreUnavailable, Work
from backend.stores import MongoStore, mongo_writes
from backend.stores.mongo_indexes import INDEXES
from backend.stores.mongo_link import NEWEST
from backend.stores.mongo_rows import order_row
from tests.contracts.examples import MINUTE, NOON, a_delivery, an_order, noted, with_job
from tests.contracts.mongo_proxy import BadAnswer, lossy_proxy
from tests.mongodb_engine.engine import MongoEngine
from tests.mongodb_engine.explain import COLLECTION_SCAN, winning_stages

LIMIT_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 5.0

MANY: Final = 100
LIMIT: Final = 5
ASKING: Final = frozenset({"find", "update", "delete", "findAndModify"})
WRITING: Final = frozenset({"bulkWrite", "insert", "update", "delete", "findAndModify"})

CALLS: Final[dict[str, Callable[[OrderStore], Awaitable[object]]]] = {
    "ping": lambda store: store.ping(),
    "insert": lambda store: store.insert(an_order("NEW")),
    "replace": lambda store: store.replace(noted(an_order("OLD"), "changed"), 1),
    "get": lambda store: store.get(OrderId("mock/OLD")),
    "find_by_job": lambda store: store.find_by_job(Mode.MOCK, JobReference("J9")),
    "make_due": lambda store: store.make_due(OrderId("mock/OLD"), NOON),
    "take_due": lambda store: store.take_due(Work.LOOK, Mode.MOCK, NOON, NOON + MINUTE, LIMIT),
    "receive": lambda store: store.receive(a_delivery()),
    "settle": lambda store: store.settle(a_delivery().id, 1, "looked"),
    "postpone": lambda store: store.postpone(a_delivery().id, NOON, "later"),
    "search": lambda store: store.search(OrderQuery(Mode.MOCK, status=OrderStatus.PENDING), LIMIT),
    "search_email": lambda store: store.search(OrderQuery(Mode.MOCK, email="ann@example.com"), LIMIT),
    "search_attention": lambda store: store.search(OrderQuery(Mode.MOCK, needs_attention=True), LIMIT),
    "search_amount": lambda store: store.search(OrderQuery(Mode.MOCK, amount_minor=1000), LIMIT),
    "scan": lambda store: store.scan(Mode.MOCK, None, LIMIT),
    "lag": lambda store: store.lag(Mode.MOCK),
    "get_delivery": lambda store: store.get_delivery(a_delivery().id),
    "search_deliveries": lambda store: store.search_deliveries(DeliveryQuery(Mode.MOCK), LIMIT),
    "reopen": lambda store: store.reopen(a_delivery().id, NOON),
    "read_record": lambda store: store.read_record(RecordId("kind/1")),
    "write_record": lambda store: store.write_record(Record(RecordId("kind/1"), "x"), 0),
    "list_records": lambda store: store.list_records("kind/", None, LIMIT),
    "drop_expired_records": lambda store: store.drop_expired_records(NOON, LIMIT),
    "take_deliveries": lambda store: store.take_deliveries(Mode.MOCK, NOON, NOON + MINUTE, LIMIT),
}


class Commands(monitoring.CommandListener):
    """What the driver sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.sent.append(dict(event.command))

    @property
    def names(self) -> list[str]:
        return [next(iter(command)) for command in self.sent]

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


@asynccontextmanager
async def opened(url: str, database: str, **options: Any) -> AsyncIterator[MongoStore]:
    store = MongoStore(url, database, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def database(mongodb_url: str, mongodb_database_name: str) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    """The documents as an operator sees them."""
    async with AsyncMongoClient[dict[str, Any]](mongodb_url) as client:
        yield client[mongodb_database_name]


# --- what is asked ---------------------------------------------------------------------------------------------------


async def test_no_query_scans_a_collection_or_an_index(
    mongodb_url: str, mongodb_database_name: str, database: AsyncDatabase[dict[str, Any]]
) -> None:
    commands = Commands()
    async with opened(mongodb_url, mongodb_database_name, listeners=[commands]) as store:
        for n in range(MANY):
            await store.insert(with_job(an_order(f"N{n}", due=NOON), f"J{n}"))
            await store.receive(a_delivery(b"%d" % n))
        await store.insert(an_order("OLD", due=NOON))
        commands.sent.clear()
        for call in CALLS.values():
            await call(store)
    asked = [each for command in commands.sent for each in asking(command)]
    assert len(asked) >= len(CALLS) - 1
    for command in asked:
        explained = await database.command("explain", explainable(command), verbosity="executionStats")
        assert not winning_stages(explained) & {COLLECTION_SCAN, "SORT"}, command
        # A walk through a whole index is no collection scan, and costs the same.
        statistics = explained["executionStats"]
        assert statistics["totalKeysExamined"] <= LIMIT + 1, command
        assert statistics["totalDocsExamined"] <= LIMIT, command


def asking(command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The command, where it has to find documents; each of the updates that go together in one."""
    if not ASKING.isdisjoint(command):
        yield command
    for operation in command.get("ops", ()):
        if "update" in operation:
            collection = command["nsInfo"][operation["update"]]["ns"].rpartition(".")[2]
            change = {"q": operation["filter"], "u": operation["updateMods"]}
            yield {"update": collection, "updates": [change]}


def explainable(command: dict[str, Any]) -> dict[str, Any]:
    """The command without what belongs to its sending."""
    about_sending = {"$db", "lsid", "maxTimeMS", "writeConcern", "readConcern", "$readPreference", "txnNumber"}
    return {name: value for name, value in command.items() if name not in about_sending}


async def test_no_url_weakens_what_is_promised(mongodb_url: str, mongodb_database_name: str) -> None:
    commands = Commands()
    weak = f"{mongodb_url}&w=1&journal=false&readConcernLevel=local&readPreference=secondaryPreferred&retryWrites=true"
    async with opened(weak, mongodb_database_name, listeners=[commands]) as store:
        commands.sent.clear()
        for call in CALLS.values():
            await call(store)
    for command in commands.sent:
        assert 0 < command["maxTimeMS"] <= 5000, command
        assert "txnNumber" not in command
        if not WRITING.isdisjoint(command):
            assert command["writeConcern"] == {"w": "majority", "j": True}, command
        else:
            assert command["readConcern"] == {"level": "majority"}, command
            assert command.get("$readPreference", {"mode": "primary"})["mode"] in ("primary", "primaryPreferred")


async def test_document_can_be_read_in_a_shell(
    mongodb_url: str, mongodb_database_name: str, database: AsyncDatabase[dict[str, Any]]
) -> None:
    async with opened(mongodb_url, mongodb_database_name) as store:
        order = with_job(an_order("A"), "J1")
        await store.insert(order)
    found = await database["orders"].find_one({"order.terms.customer.email": "ann@example.com"})
    assert found is not None
    assert found["order"]["terms"]["amount"] == {"minor": 1000, "currency": "GBP"}
    assert (found["_id"], found["mode"], found["version"], found["job_references"]) == ("mock/A", "mock", 2, ["J1"])
    assert "next_check_at" not in found, "an order that wants no look is in no index of what is due"


async def test_orders_of_an_older_program_are_filled_in_for_searches(
    mongodb_url: str, mongodb_database_name: str, database: AsyncDatabase[dict[str, Any]]
) -> None:
    async with opened(mongodb_url, mongodb_database_name) as store:
        await store.insert(an_order("A"))
        await store.insert(an_order("B"))
    gone = {"status": "", "email": "", "placed_at": "", "needs_attention": "", "amount_minor": "", "currency": ""}
    await database["orders"].update_one({"_id": "mock/A"}, {"$unset": gone})
    async with opened(mongodb_url, mongodb_database_name) as store:
        found = await store.search(OrderQuery(Mode.MOCK, email="ann@example.com"), 10)
        assert [order.reference for order in found] == ["B", "A"]


# --- what is written with a delivery ---------------------------------------------------------------------------------

OPEN: Final = with_job(an_order("A"), "J1")
OLD_SERVER: Final = 21


def applying(note: str) -> Apply:
    return lambda order: Applied(noted(order, note), "applied")


async def begun(store: MongoStore, order: Order = OPEN) -> Order:
    """Written as when its payment page is opened."""
    placed = an_order(order.reference)
    await store.insert(placed)
    assert await store.replace(order, placed.version)
    return order


OTHERS: Final = {
    "history": with_job(an_order("A"), "OTHER"),
    "outbox": replace(OPEN, outbox=(Notification("mock/A/1", 1, NotificationType.PAID, "", NOON),)),
    "look": replace(OPEN, last_look_at=NOON),
    "looks": replace(OPEN, looks_since_news=1),
}
"""Of the same version, as after a backup was put back."""


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("most_wire_version", [NEWEST, OLD_SERVER])
@pytest.mark.parametrize("other", [None, *OTHERS])
async def test_order_that_is_another_one_now_is_not_written_over(
    mongodb_url: str,
    mongodb_database_name: str,
    database: AsyncDatabase[dict[str, Any]],
    other: str | None,
    most_wire_version: int,
    is_known: bool,
) -> None:
    """Nor does one come back that was removed by hand."""
    delivery = a_delivery()
    async with opened(mongodb_url, mongodb_database_name, most_wire_version=most_wire_version) as store:
        order = await begun(store)
        if is_known:
            await store.receive(delivery)
        await database["orders"].delete_one({"_id": order.id})
        if other is not None:
            assert OTHERS[other].version == order.version
            await database["orders"].insert_one(order_row(OTHERS[other]))
        row = await store.receive_and_apply(delivery, order.id, applying("applied"))
        assert row == replace(delivery, received=1 + is_known)
        assert await store.get(order.id) == (None if other is None else OTHERS[other])


class ComesAgain(Commands):
    """Each delivery is counted once more when its order was changed, as by another process."""

    def __init__(self, url: str, database: str) -> None:
        super().__init__()
        self._url, self._database = url, database

    def succeeded(self, _event: monitoring.CommandSucceededEvent) -> None:
        if self.sent[-1].get("update") == "orders":
            with MongoClient[dict[str, Any]](self._url) as client:
                client[self._database]["deliveries"].update_many({}, {"$inc": {"received": 1}})


async def test_delivery_that_comes_again_before_it_is_settled_stays_pending(
    mongodb_url: str, mongodb_database_name: str
) -> None:
    again = ComesAgain(mongodb_url, mongodb_database_name)
    options = {"most_wire_version": OLD_SERVER, "listeners": [again]}
    async with opened(mongodb_url, mongodb_database_name, **options) as store:
        order = await begun(store)
        assert await store.receive_and_apply(a_delivery(), order.id, applying("applied")) is not None
        row = await store.get_delivery(a_delivery().id)
        assert row is not None
        assert (row.received, row.done, row.is_pending) == (2, 1, True)


async def test_order_that_was_written_here_is_not_read_for_its_first_delivery(
    mongodb_url: str, mongodb_database_name: str
) -> None:
    commands = Commands()
    async with opened(mongodb_url, mongodb_database_name, listeners=[commands]) as store:
        order = await begun(store)
        commands.sent.clear()
        for note in ("authorized", "captured"):
            await store.receive_and_apply(a_delivery(note.encode()), order.id, applying(note))
            order = noted(order, note)
        assert commands.names == ["bulkWrite", "find", "bulkWrite"]
        assert await store.get(order.id) == order


async def test_order_that_could_not_be_written_here_is_read(mongodb_url: str, mongodb_database_name: str) -> None:
    commands = Commands()
    async with opened(mongodb_url, mongodb_database_name, listeners=[commands]) as store:
        order = await begun(store)
        assert not await store.insert(order)
        assert not await store.replace(replace(noted(order, "too late"), version=9), 8)
        commands.sent.clear()
        await store.receive_and_apply(a_delivery(), order.id, applying("applied"))
        assert commands.names == ["find", "bulkWrite"]


async def test_order_whose_write_was_not_answered_is_read(mongodb_url: str, mongodb_database_name: str) -> None:
    """Nobody knows whether it is still what was written before."""
    fault = BadAnswer({"ok": 0.0, "code": 91, "codeName": "ShutdownInProgress", "errmsg": "shutting down"})
    commands = Commands()
    async with (
        lossy_proxy(mongodb_url, fault) as url,
        opened(url, mongodb_database_name, listeners=[commands]) as store,
    ):
        order = await begun(store)
        fault.times = 1
        with pytest.raises(StoreOutcomeUnknown):
            await store.replace(noted(order, "not answered"), order.version)
        commands.sent.clear()
        row = await store.receive_and_apply(a_delivery(), order.id, applying("captured"))
        assert commands.names == ["find", "bulkWrite"]
        assert row is not None
        assert not row.is_pending


async def test_after_a_wrong_guess_orders_are_read_for_a_while(mongodb_url: str, mongodb_database_name: str) -> None:
    commands = Commands()
    async with (
        opened(mongodb_url, mongodb_database_name, listeners=[commands]) as store,
        opened(mongodb_url, mongodb_database_name) as elsewhere,
    ):
        orders = [await begun(store, with_job(an_order(f"N{n}"), f"J{n}")) for n in range(3)]
        await elsewhere.replace(noted(orders[0], "elsewhere"), orders[0].version)
        for n, order in enumerate(orders):
            commands.sent.clear()
            row = await store.receive_and_apply(a_delivery(b"%d" % n), order.id, applying("applied"))
            assert row is not None
            assert row.is_pending is (n == 0)
            assert commands.names[0] == ("find" if n else "bulkWrite")


async def test_a_wrong_guess_among_many_at_once_spoils_no_other(mongodb_url: str, mongodb_database_name: str) -> None:
    async with (
        opened(mongodb_url, mongodb_database_name) as store,
        opened(mongodb_url, mongodb_database_name) as elsewhere,
    ):
        orders = [await begun(store, with_job(an_order(f"N{n:02}"), f"J{n}")) for n in range(16)]
        changed = [noted(order, "elsewhere") for order in orders[::5]]
        for order in changed:
            await elsewhere.replace(order, order.version - 1)
        rows = await asyncio.gather(
            *(
                store.receive_and_apply(a_delivery(b"%d" % n), order.id, applying("applied"))
                for n, order in enumerate(orders)
            )
        )
        for n, (order, row) in enumerate(zip(orders, rows, strict=True)):
            assert row is not None
            assert row.is_pending is (n % 5 == 0)
            assert await store.get(order.id) == noted(order, "elsewhere" if n % 5 == 0 else "applied")


# --- indexes ---------------------------------------------------------------------------------------------------------


async def test_indexes_are_made_at_the_start_and_fit(mongodb_url: str, mongodb_database_name: str) -> None:
    async with opened(mongodb_url, mongodb_database_name) as store:
        assert await store.index_differences() == []


async def test_differences_of_indexes_are_reported(
    mongodb_url: str,
    mongodb_database_name: str,
    database: AsyncDatabase[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened(mongodb_url, mongodb_database_name) as store:
        await database["orders"].drop_index("due")
        assert await store.index_differences() == ["index orders.due is missing"]
    await database["orders"].create_index([("mode", 1)], name="due")
    await database["deliveries"].create_index([("gateway", 1)], name="by_hand")
    with caplog.at_level(logging.WARNING):
        async with opened(mongodb_url, mongodb_database_name) as store:
            assert await store.index_differences() == [
                "index orders.due is not as this program declares it: drop it, then start again",
                "index deliveries.by_hand is none of this program's",
            ]
    assert "index orders.due is not as this program declares it" in caplog.text
    await database["orders"].drop_index("due")
    async with opened(mongodb_url, mongodb_database_name) as store:
        assert await store.index_differences() == ["index deliveries.by_hand is none of this program's"]


def test_every_index_has_a_name_of_its_own() -> None:
    assert len({(index.collection, index.name) for index in INDEXES}) == len(INDEXES)


# --- answers that are no success -------------------------------------------------------------------------------------

CONFLICT: Final = {"ok": 0.0, "code": 112, "codeName": "WriteConflict", "errmsg": "WriteConflict error"}
WRITE_CALLS: Final = ["insert", "replace", "make_due", "receive", "settle", "postpone", "take_due", "take_deliveries"]


@pytest.mark.parametrize("call", WRITE_CALLS)
async def test_write_conflict_is_tried_again(mongodb_url: str, mongodb_database_name: str, call: str) -> None:
    fault = BadAnswer(CONFLICT)
    async with lossy_proxy(mongodb_url, fault) as url, opened(url, mongodb_database_name) as store:
        await store.insert(an_order("OLD", due=NOON))
        await store.receive(a_delivery())
        fault.times = 3
        await CALLS[call](store)
        assert fault.times < 0


async def test_write_conflict_without_end_is_unavailable(mongodb_url: str, mongodb_database_name: str) -> None:
    fault = BadAnswer(CONFLICT)
    async with lossy_proxy(mongodb_url, fault) as url, opened(url, mongodb_database_name) as store:
        fault.times = 1000
        with pytest.raises(StoreUnavailable, match="WriteConflict"):
            await store.insert(an_order())


@pytest.mark.parametrize(
    "answer",
    [
        {"ok": 0.0, "code": 10107, "codeName": "NotWritablePrimary", "errmsg": "not primary"},
        {"ok": 0.0, "code": 189, "codeName": "PrimarySteppedDown", "errmsg": "stepped down"},
        {"ok": 0.0, "code": 91, "codeName": "ShutdownInProgress", "errmsg": "shutting down"},
        {"ok": 0.0, "code": 50, "codeName": "MaxTimeMSExpired", "errmsg": "time limit"},
        {"ok": 1.0, "n": 0, "writeErrors": [{"index": 0, "code": 89, "errmsg": "a shard gave no answer"}]},
        {"ok": 1.0, "n": 1, "writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
        {"ok": 1.0, "n": 1, "writeConcernError": {"code": 91, "errmsg": "Replication is being shut down"}},
        {"ok": 1.0, "n": 1, "writeConcernError": {"code": 50, "errmsg": "operation exceeded time limit"}},
    ],
    ids=str,
)
async def test_answer_that_leaves_a_write_open_is_unknown(
    mongodb_url: str, mongodb_database_name: str, answer: dict[str, Any]
) -> None:
    fault = BadAnswer(answer)
    async with lossy_proxy(mongodb_url, fault) as url, opened(url, mongodb_database_name) as store:
        for call in ("insert", "replace", "receive"):
            fault.times = 1
            with pytest.raises(StoreOutcomeUnknown):
                await CALLS[call](store)
        assert await store.insert(an_order("NEXT")), "recovery needs no restart"


async def test_write_that_a_shard_left_open_is_unknown_beside_one_that_was_refused(
    mongodb_url: str, mongodb_database_name: str
) -> None:
    rows = [{"ok": 0.0, "idx": n, "code": code, "errmsg": "", "n": 0} for n, code in enumerate((89, 121, 11000))]
    fault = BadAnswer({"ok": 1.0, "nErrors": 3, "cursor": {"id": 0, "firstBatch": rows}}, times=1)
    async with lossy_proxy(mongodb_url, fault) as url, opened(url, mongodb_database_name) as store:
        writes = (store.insert(an_order(f"N{n}")) for n in range(3))
        answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(each) for each in answers[:2]] == [StoreOutcomeUnknown, StoreUnavailable]
    assert answers[2] is False


@pytest.mark.parametrize("text", ["\ud800", "x" * 17_000_000], ids=["no text", "too large"])
async def test_write_that_cannot_be_sent_fails_no_other(
    mongodb_url: str, mongodb_database_name: str, text: str
) -> None:
    async with opened(mongodb_url, mongodb_database_name) as store:
        order = await begun(store)
        failed, inserted, applied = await asyncio.gather(
            store.write_record(Record(RecordId("kind/1"), text), 0),
            store.insert(an_order("B")),
            store.receive_and_apply(a_delivery(), order.id, applying("applied")),
            return_exceptions=True,
        )
        assert isinstance(failed, Exception)
        assert inserted is True
        assert await store.get_delivery(a_delivery().id) == applied
        assert await store.get(order.id) == noted(order, "applied")


def refusing_bulk_writes(code: int) -> BadAnswer:
    return BadAnswer({"ok": 0.0, "code": code, "errmsg": "no such command"}, 1000, frozenset({b"bulkWrite"}))


@pytest.mark.parametrize("code", [59, 115, 40415])
async def test_server_that_takes_no_bulk_write_whatever_its_version_is_sent_each_write_by_itself(
    mongodb_url: str, mongodb_database_name: str, code: int
) -> None:
    """As in the middle of MongoDB's own upgrade to 8.0, or once a node of 7.0 is the primary."""
    commands = Commands()
    async with (
        lossy_proxy(mongodb_url, refusing_bulk_writes(code)) as url,
        opened(url, mongodb_database_name, listeners=[commands]) as store,
    ):
        many = [an_order(f"N{n}") for n in range(8)]
        assert all(await asyncio.gather(*(store.insert(order) for order in many)))
        assert await asyncio.gather(*(store.insert(order) for order in [*many, an_order("N8")])) == [False] * 8 + [True]
        order = await begun(store)
        row = await store.receive_and_apply(a_delivery(), order.id, applying("applied"))
        assert row is not None
        assert not row.is_pending
        assert await store.get(order.id) == noted(order, "applied")
    assert commands.names.count("bulkWrite") == 1, "it is remembered"


async def test_server_that_took_no_bulk_write_is_asked_again_after_a_while(
    mongodb_url: str, mongodb_database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_writes, "ALONE_SECONDS", 0)
    fault, commands = refusing_bulk_writes(115), Commands()
    async with (
        lossy_proxy(mongodb_url, fault) as url,
        opened(url, mongodb_database_name, listeners=[commands]) as store,
    ):
        await asyncio.gather(*(store.insert(an_order(f"A{n}")) for n in range(2)))
        fault.times = 0
        commands.sent.clear()
        assert all(await asyncio.gather(*(store.insert(an_order(f"B{n}")) for n in range(2))))
        assert commands.names == ["bulkWrite"]


# --- when the server is away -----------------------------------------------------------------------------------------


@pytest.fixture
def driver_may_drop_sockets() -> Iterator[None]:
    """Forgive sockets that are closed by the garbage collector.

    PyMongo 4.20 closes the socket of a connect that failed, but not of one that ``client.close()`` cancels
    (``pool_shared._async_create_connection``), which its monitors are in the midst of while a server is away.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


async def timed(call: Awaitable[object]) -> type[Exception]:
    """The class of error that ``call`` ends in, within the limit."""
    started = time.monotonic()
    with pytest.raises((StoreUnavailable, StoreOutcomeUnknown)) as caught:
        await call
    assert time.monotonic() - started < LIMIT_SECONDS + GRACE_SECONDS
    return caught.type


async def test_url_that_is_none_is_unavailable_and_not_repeated() -> None:
    with pytest.raises(StoreUnavailable, match="MongoDB: InvalidURI") as caught:
        await MongoStore("http://user:secret@127.0.0.1", "test").open()
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("driver_may_drop_sockets")
async def test_no_server_is_unavailable_within_the_limit() -> None:
    nobody = "mongodb://127.0.0.1:9/?directConnection=true"
    store = MongoStore(nobody, "test", timeout_seconds=LIMIT_SECONDS)
    assert await timed(store.open()) is StoreUnavailable
    assert await timed(store.ping()) is StoreUnavailable


@pytest.mark.usefixtures("driver_may_drop_sockets")
async def test_server_that_is_killed_is_away_until_it_is_back(mongodb_engine: MongoEngine) -> None:
    async with opened(mongodb_engine.url, "test", timeout_seconds=LIMIT_SECONDS) as store:
        assert await store.insert(an_order("BEFORE"))
        mongodb_engine.kill()
        first = await timed(store.insert(an_order("AWAY")))
        assert first in (StoreUnavailable, StoreOutcomeUnknown)  # it was sent, or the driver knew already
        assert await timed(store.insert(an_order("AWAY"))) is StoreUnavailable
        assert await timed(store.get(OrderId("mock/BEFORE"))) is StoreUnavailable
        assert await timed(store.ping()) is StoreUnavailable
        await asyncio.to_thread(mongodb_engine.start)
        assert await store.get(OrderId("mock/BEFORE")) == an_order("BEFORE")
        assert await store.insert(an_order("AWAY"))


@pytest.mark.usefixtures("driver_may_drop_sockets")
async def test_server_that_hangs_leaves_writes_unknown_and_reads_unavailable(mongodb_engine: MongoEngine) -> None:
    async with opened(mongodb_engine.url, "test", timeout_seconds=LIMIT_SECONDS) as store:
        assert await store.insert(an_order("BEFORE"))
        os.kill(mongodb_engine.pid, signal.SIGSTOP)
        try:
            assert await timed(store.insert(an_order("HANGS"))) is StoreOutcomeUnknown
            assert await timed(store.get(OrderId("mock/BEFORE"))) is StoreUnavailable
        finally:
            os.kill(mongodb_engine.pid, signal.SIGCONT)
        await asyncio.to_thread(mongodb_engine.restart)
        assert await store.get(OrderId("mock/BEFORE")) == an_order("BEFORE")
        await store.insert(an_order("HANGS"))
        assert await store.get(OrderId("mock/HANGS")) == an_order("HANGS")


async def test_caller_that_is_cancelled_disturbs_nobody(mongodb_url: str, mongodb_database_name: str) -> None:
    async with opened(mongodb_url, mongodb_database_name) as store:
        writes = [asyncio.create_task(store.insert(an_order(f"N{n}"))) for n in range(20)]
        await asyncio.sleep(0)
        for task in writes[::2]:
            task.cancel()
        results = await asyncio.gather(*writes, return_exceptions=True)
        assert results[1::2] == [True] * 10
        assert await store.insert(an_order("NEXT"))
