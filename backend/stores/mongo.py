"""Orders and the inbox in MongoDB: a standalone server, a replica set or a sharded cluster.

Everything that must change together is one document, so no transactions and no sessions. Writes wait for a majority's
journal, decisions rest on majority reads from the primary; both are set on the collections, so that no URL weakens
them. The driver's own retry of writes is off: it repeats once, and never on a standalone server, while the services
repeat with the same expected version until they know.

A document can be read in a database shell: ``order`` is what ``codec.py`` makes, the fields beside it are for the
indexes (``mongo_indexes.py``, which also names the shard key and which queries are targeted).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import pymongo
from pymongo import AsyncMongoClient, ReturnDocument, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from ..domain.deliveries import Delivery, DeliveryId
from ..domain.model import Order, OrderId
from ..domain.references import JobReference
from ..domain.terms import Mode
from ..ports import DocumentUnreadable, StoreUnavailable
from . import codec, mongo_indexes
from .mongo_errors import is_write_conflict, read_error, write_error
from .mongo_indexes import DELIVERIES, ORDERS

log = logging.getLogger(__name__)

Client: TypeAlias = AsyncMongoClient[codec.Document]
Collection: TypeAlias = AsyncCollection[codec.Document]
T = TypeVar("T")

TIMEOUT_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0
INDEXES_SECONDS: Final = 300.0
"""Building an index on a full collection takes its time; only at start."""

MOST_CONFLICTS: Final = 20
"""How often a write is tried again that met another writer at its document."""

MOST_ROUNDS: Final = 20
"""How often a taker looks again when others took what it had found."""


class MongoStore:
    def __init__(
        self,
        url: str,
        database: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        listeners: Sequence[CommandListener] = (),
    ) -> None:
        self._url = url
        self._database = database
        self._timeout_seconds = timeout_seconds
        self._connect_seconds = connect_seconds
        self._listeners = tuple(listeners)
        self._client: Client | None = None

    async def open(self) -> None:
        """Connect and create what indexes are missing. May be tried again when it failed.

        Raises:
            StoreUnavailable: no server was reached, the URL is none, or an index could not be made.
        """
        assert self._client is None, "a store is opened once"
        try:
            self._client = self._new_client()
        except PyMongoError as exc:
            raise read_error(exc) from exc
        try:
            await self.ping()
            await self._create_indexes()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ping(self) -> None:
        await self._read(lambda: self._orders.find_one({"_id": "ping"}))

    async def index_differences(self) -> list[str]:
        """How the server's indexes differ from those that this program declares, a sentence each."""
        orders = await self._read(lambda: mongo_indexes.differences(self._orders))
        deliveries = await self._read(lambda: mongo_indexes.differences(self._deliveries))
        return orders + deliveries

    # --- orders ---

    async def insert(self, order: Order) -> bool:
        async def insert() -> bool:
            try:
                await self._orders.insert_one(order_row(order))
            except DuplicateKeyError:
                return False
            return True

        return await self._write(insert)

    async def replace(self, order: Order, expected_version: int) -> bool:
        stored = {"_id": order.id, "version": expected_version}
        result = await self._write(lambda: self._orders.replace_one(stored, order_row(order)))
        return result.matched_count == 1

    async def get(self, order_id: OrderId) -> Order | None:
        return _order(await self._read(lambda: self._orders.find_one({"_id": order_id})))

    async def find_by_job(self, mode: Mode, reference: JobReference) -> Order | None:
        named = {"job_references": reference, "mode": mode.value}
        return _order(await self._read(lambda: self._orders.find_one(named, sort=[("_id", 1)])))

    async def make_due(self, order_id: OrderId, at: datetime) -> None:
        # $min sets a field that is not there, so an order that wanted no look gets one.
        sooner = {"$min": {"next_check_at": codec.instant(at)}}
        await self._write(lambda: self._orders.update_one({"_id": order_id}, sooner))

    async def take_due(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        rows = await self._take(self._orders, "next_check_at", mode, now, until, limit, fields={"_id": 1})
        return [OrderId(row["_id"]) for row in rows]

    # --- inbox ---

    async def receive(self, delivery: Delivery) -> Delivery:
        row = codec.delivery_to_document(delivery)
        news = {"last_at": row.pop("last_at"), "next_try_at": row.pop("next_try_at")}
        del row["id"], row["received"]
        change: codec.Document = {"$setOnInsert": row, "$inc": {"received": 1}} | _set_or_unset(news)
        counted = await self._write(
            lambda: self._deliveries.find_one_and_update(
                {"_id": delivery.id}, change, upsert=True, return_document=ReturnDocument.AFTER
            )
        )
        assert counted is not None, "an upsert leaves a document"
        return _delivery(counted)

    async def settle(self, delivery_id: DeliveryId, seen: int, outcome: str) -> None:
        done = {"$max": ["$done", {"$min": [seen, "$received"]}]}
        more = {"$gt": ["$received", "$done"]}
        steps = [
            {"$set": {"done": done, "outcome": {"$literal": outcome}}},
            {
                "$set": {
                    "attempts": {"$cond": [more, "$attempts", 0]},
                    "next_try_at": {"$cond": [more, "$next_try_at", "$$REMOVE"]},
                }
            },
        ]
        await self._write(lambda: self._deliveries.update_one({"_id": delivery_id}, steps))

    async def postpone(self, delivery_id: DeliveryId, until: datetime, outcome: str) -> None:
        pending = {"_id": delivery_id, "$expr": {"$gt": ["$received", "$done"]}}
        change = {"$set": {"next_try_at": codec.instant(until), "outcome": outcome}, "$inc": {"attempts": 1}}
        await self._write(lambda: self._deliveries.update_one(pending, change))

    async def take_deliveries(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        rows = await self._take(self._deliveries, "next_try_at", mode, now, until, limit, fields=None)
        return codec.readable(partial(_delivery, row) for row in rows)

    # --- what both have in common ---

    async def _take(
        self,
        collection: Collection,
        field: str,
        mode: Mode,
        now: datetime,
        until: datetime,
        limit: int,
        fields: dict[str, int] | None,
    ) -> list[codec.Document]:
        """Push ``field`` from before ``now`` to ``until`` in up to ``limit`` documents, and return those.

        The search asks all shards, then each document is taken by its id: a sorted ``findAndModify`` without the shard
        key is refused by clusters before MongoDB 7.0. Of two takers that found the same document one gets it.
        """
        assert now < until, "what is taken is taken for a while"
        assert limit > 0, "a page has a size"
        due = {"mode": mode.value, field: {"$lte": codec.instant(now)}}
        pushed = {"$set": {field: codec.instant(until)}}
        taken: list[codec.Document] = []

        async def found() -> list[codec.Document]:
            order = [(field, 1), ("_id", 1)]
            return await collection.find(due, {"_id": 1}, sort=order, limit=limit - len(taken)).to_list()

        async def take(row: codec.Document) -> codec.Document | None:
            return await collection.find_one_and_update(
                due | row, pushed, projection=fields, return_document=ReturnDocument.AFTER
            )

        for _ in range(MOST_ROUNDS):
            page = await self._read(found)
            taken += await self._all([partial(take, row) for row in page])
            if len(taken) == limit or not page:
                break
        return taken

    async def _all(self, writes: Sequence[Callable[[], Awaitable[codec.Document | None]]]) -> list[codec.Document]:
        """What the writes returned. When one failed, nothing: what the others took falls due again by itself."""
        results = await asyncio.gather(*(self._write(write) for write in writes), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if result is not None and not isinstance(result, BaseException)]

    async def _create_indexes(self) -> None:
        async def create() -> None:
            with pymongo.timeout(INDEXES_SECONDS):
                await mongo_indexes.create_missing(self._orders)
                await mongo_indexes.create_missing(self._deliveries)

        await self._read(create)  # nothing to be unsure of: creating again does no harm
        differences = await self.index_differences()
        for difference in differences:
            log.warning("%s: %s", self._database, difference)
        if any("missing" in difference for difference in differences):
            raise StoreUnavailable(f"{self._database} lacks indexes: {'; '.join(differences)}")

    def _new_client(self) -> Client:
        limit_ms = round(self._timeout_seconds * 1000)
        return AsyncMongoClient(
            self._url,
            timeoutMS=limit_ms,  # bounds an operation as a whole: finding a server, a connection, the answer
            serverSelectionTimeoutMS=limit_ms,
            connectTimeoutMS=round(self._connect_seconds * 1000),
            retryWrites=False,
            event_listeners=self._listeners,
        )

    async def _read(self, operation: Callable[[], Awaitable[T]]) -> T:
        try:
            return await operation()
        except PyMongoError as exc:
            raise read_error(exc) from exc

    async def _write(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Do one write; one that met another writer at its document is tried again, as nothing was written."""
        for rest in reversed(range(MOST_CONFLICTS)):
            try:
                return await operation()
            except PyMongoError as exc:
                # Two upserts that race to create a document: one is told that it is there now.
                if rest and (is_write_conflict(exc) or isinstance(exc, DuplicateKeyError)):
                    continue
                raise write_error(exc) from exc
        raise AssertionError("the last round returns or raises")

    @property
    def _orders(self) -> Collection:
        return self._collection(ORDERS)

    @property
    def _deliveries(self) -> Collection:
        return self._collection(DELIVERIES)

    def _collection(self, name: str) -> Collection:
        if self._client is None:
            raise StoreUnavailable(f"{self._database} is not open")
        return self._client[self._database].get_collection(
            name,
            write_concern=WriteConcern(w="majority", j=True, wtimeout=round(self._timeout_seconds * 1000)),
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )


def order_row(order: Order) -> codec.Document:
    """The order with the fields that it is found by. What is not there is left out, for the partial indexes."""
    row: codec.Document = {
        "_id": order.id,
        "mode": order.terms.mode.value,
        "version": order.version,
        "next_check_at": codec.maybe_instant(order.next_check_at),
        "job_references": codec.job_references(order) or None,
        "order": codec.order_to_document(order),
    }
    return {name: value for name, value in row.items() if value is not None}


def _order(row: codec.Document | None) -> Order | None:
    if row is None:
        return None
    try:
        version, document = row["version"], row["order"]
    except KeyError as exc:
        raise DocumentUnreadable(row["_id"], f"{exc} is missing") from None
    return codec.order_from_document(row["_id"], document, version=version, next_check_at=row.get("next_check_at"))


def _delivery(row: codec.Document) -> Delivery:
    document = {"next_try_at": None} | row | {"id": row["_id"]}
    del document["_id"]
    return codec.delivery_from_document(row["_id"], document)


def _set_or_unset(fields: dict[str, Any]) -> codec.Document:
    change: codec.Document = {"$set": {name: value for name, value in fields.items() if value is not None}}
    gone = {name: "" for name, value in fields.items() if value is None}
    return change | {"$unset": gone} if gone else change
