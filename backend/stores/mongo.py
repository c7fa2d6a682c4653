"""Orders and the inbox in MongoDB: a standalone server, a replica set or a sharded cluster.

Everything that must change together is one document, so no transactions and no sessions. Writes wait for a majority's
journal, decisions rest on majority reads from the primary; both are set on the collections, so that no URL weakens
them. The driver's own retry of writes is off: it repeats once, and never on a standalone server, while the services
repeat with the same expected version until they know.

What is asked at once goes together (``groups.py``): writes in one command (``mongo_writes.py``), orders in one search.

A document can be read in a database shell: ``order`` is what ``codec.py`` makes, the fields beside it are for the
indexes (``mongo_indexes.py``, which also names the shard key and which queries are targeted).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias, TypeVar

import pymongo
from pymongo import AsyncMongoClient, ReturnDocument, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from ..domain.deliveries import Delivery, DeliveryId
from ..domain.model import Order, OrderId
from ..domain.money import CurrencyCode
from ..domain.records import Record, RecordId
from ..domain.references import JobReference
from ..domain.searching import DeliveryQuery, Lag, OrderQuery
from ..domain.statuses import OrderStatus
from ..domain.terms import Mode
from ..ports import StoreUnavailable, Work
from . import codec, mongo_indexes, mongo_search
from .groups import Groups
from .mongo_errors import is_write_conflict, read_error, write_error
from .mongo_indexes import DELIVERIES, ORDERS, RECORDS
from .mongo_rows import (
    delivery_row,
    order_row,
    read_delivery,
    read_order,
    read_record,
    record_row,
    searchable,
    set_or_unset,
)
from .mongo_writes import Write, grouped_writes

log = logging.getLogger(__name__)

Client: TypeAlias = AsyncMongoClient[codec.Document]
Collection: TypeAlias = AsyncCollection[codec.Document]
T = TypeVar("T")

TIMEOUT_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0
INDEXES_SECONDS: Final = 300.0
"""Building an index on a full collection takes its time; only at start."""

DUE_FIELDS: Final = {Work.LOOK: "next_check_at", Work.NOTICE: "next_notice_at"}

FILL_PAGE: Final = 500

NEWEST: Final = 1000
"""Above every wire version."""

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
        most_wire_version: int = NEWEST,
    ) -> None:
        """With ``most_wire_version`` a newer server is treated as one of that version."""
        self._url = url
        self._database = database
        self._timeout_seconds = timeout_seconds
        self._connect_seconds = connect_seconds
        self._listeners = tuple(listeners)
        self._most_wire_version = most_wire_version
        self._client: Client | None = None
        self._writes: Groups[Write, bool] | None = None
        self._gets: Groups[OrderId, codec.Document | None] | None = None

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
            await self._group(self._client)
            await self._create_indexes()
            await self._fill_searchable()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        for group in (self._gets, self._writes):
            if group is not None:
                await group.close()
        await client.close()

    async def ping(self) -> None:
        await self._read(lambda: self._orders.find_one({"_id": "ping"}))

    async def _group(self, client: Client) -> None:
        """Have what is asked at once go together, as far as the server knows how to."""
        hello = await self._read(lambda: client.admin.command("hello"))
        seconds = self._timeout_seconds
        version = min(hello["maxWireVersion"], self._most_wire_version)
        self._writes = grouped_writes(client[self._database], version, seconds)
        self._gets = Groups(self._find_all, seconds, under_way=2)

    async def index_differences(self) -> list[str]:
        """How the server's indexes differ from those that this program declares, a sentence each."""
        orders = await self._read(lambda: mongo_indexes.differences(self._orders))
        deliveries = await self._read(lambda: mongo_indexes.differences(self._deliveries))
        return orders + deliveries + await self._read(lambda: mongo_indexes.differences(self._records))

    # --- orders ---

    async def insert(self, order: Order) -> bool:
        return await self._insert(ORDERS, order_row(order))

    async def replace(self, order: Order, expected_version: int) -> bool:
        return await self._replace(ORDERS, order_row(order), expected_version)

    async def get(self, order_id: OrderId) -> Order | None:
        if self._gets is None:
            raise self._not_open()
        row = await self._gets.ask(order_id)
        return None if row is None else read_order(row)

    async def find_by_job(self, mode: Mode, reference: JobReference) -> Order | None:
        named = {"job_references": reference, "mode": mode.value}
        row = await self._read(lambda: self._orders.find_one(named, sort=[("_id", 1)]))
        return None if row is None else read_order(row)

    async def make_due(self, order_id: OrderId, at: datetime) -> None:
        # $min sets a field that is not there, so an order that wanted no look gets one.
        sooner = {"$min": {"next_check_at": codec.instant(at)}}
        await self._write(Write(ORDERS, sooner, {"_id": order_id}))

    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        rows = await self._take(self._orders, DUE_FIELDS[work], mode, now, until, limit, fields={"_id": 1})
        return [OrderId(row["_id"]) for row in rows]

    async def search(self, query: OrderQuery, limit: int) -> Sequence[Order]:
        rows = await self._page(self._orders, mongo_search.orders(query), "placed_at", limit)
        return codec.readable(partial(read_order, row) for row in rows)

    async def scan(self, mode: Mode, after: OrderId | None, limit: int) -> Sequence[Order]:
        page = {"_id": {"$gt": after or f"{mode}/", "$lt": f"{mode}0"}}  # "0" comes right after "/"
        rows = await self._read(lambda: self._orders.find(page, sort=[("_id", 1)], limit=limit).to_list())
        return [read_order(row) for row in rows]

    async def money_at_risk(self, mode: Mode) -> Mapping[CurrencyCode, int]:
        sums = await self._summed({"mode": mode.value, "at_risk_minor": {"$gt": 0}}, "$currency", "$at_risk_minor")
        return {CurrencyCode(currency): total for currency, total in sums.items()}

    async def count_orders(self, mode: Mode) -> Mapping[OrderStatus, int]:
        counts = await self._summed({"mode": mode.value, "status": {"$in": list(OrderStatus)}}, "$status", 1)
        return {OrderStatus(status): count for status, count in counts.items()}

    async def lag(self, mode: Mode) -> Lag:
        looks = await self._longest_due(self._orders, "next_check_at", mode)
        notices = await self._longest_due(self._orders, "next_notice_at", mode)
        return codec.lag(looks, notices, await self._longest_due(self._deliveries, "next_try_at", mode))

    async def _longest_due(self, collection: Collection, field: str, mode: Mode) -> str | None:
        waiting = {"mode": mode.value, field: {"$gt": ""}}
        row = await self._read(lambda: collection.find_one(waiting, {field: 1}, sort=[(field, 1)]))
        return None if row is None else str(row[field])

    # --- inbox ---

    async def receive(self, delivery: Delivery) -> Delivery:
        new = replace(delivery, received=1)
        if await self._insert(DELIVERIES, delivery_row(new)):
            return new
        news = {"last_at": codec.instant(delivery.last_at), "next_try_at": codec.maybe_instant(delivery.next_try_at)}
        change: codec.Document = {"$inc": {"received": 1}} | set_or_unset(news)
        await self._write(Write(DELIVERIES, change, {"_id": delivery.id}))
        counted = await self.get_delivery(delivery.id)
        return counted if counted is not None else await self.receive(delivery)  # it was dropped meanwhile

    async def settle(self, delivery_id: DeliveryId, seen: int, outcome: str) -> None:
        usual = {"$set": {"done": seen, "outcome": outcome, "attempts": 0}, "$unset": {"next_try_at": ""}}
        if await self._write(Write(DELIVERIES, usual, {"_id": delivery_id, "received": seen})):
            return
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
        await self._write(Write(DELIVERIES, steps, {"_id": delivery_id}))

    async def postpone(self, delivery_id: DeliveryId, until: datetime, outcome: str) -> None:
        pending = {"_id": delivery_id, "$expr": {"$gt": ["$received", "$done"]}}
        change = {"$set": {"next_try_at": codec.instant(until), "outcome": outcome}, "$inc": {"attempts": 1}}
        await self._write(Write(DELIVERIES, change, pending))

    async def take_deliveries(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        rows = await self._take(self._deliveries, "next_try_at", mode, now, until, limit, fields=None)
        return codec.readable(partial(read_delivery, row) for row in rows)

    async def get_delivery(self, delivery_id: DeliveryId) -> Delivery | None:
        row = await self._read(lambda: self._deliveries.find_one({"_id": delivery_id}))
        return None if row is None else read_delivery(row)

    async def search_deliveries(self, query: DeliveryQuery, limit: int) -> Sequence[Delivery]:
        rows = await self._page(self._deliveries, mongo_search.deliveries(query), "last_at", limit)
        return codec.readable(partial(read_delivery, row) for row in rows)

    async def reopen(self, delivery_id: DeliveryId, at: datetime) -> bool:
        change = {
            "$set": {
                "done": {"$min": ["$done", {"$subtract": ["$received", 1]}]},
                "attempts": 0,
                "next_try_at": codec.instant(at),
            }
        }
        return await self._write(Write(DELIVERIES, [change], {"_id": delivery_id}))

    async def drop_deliveries(self, mode: Mode, before: datetime, limit: int) -> int:
        old = {"mode": mode.value, "last_at": {"$lt": codec.instant(before)}, "next_try_at": None}
        return await self._drop(self._deliveries, old, limit)

    # --- records ---

    async def read_record(self, record_id: RecordId) -> Record | None:
        row = await self._read(lambda: self._records.find_one({"_id": record_id}))
        return None if row is None else read_record(row)

    async def write_record(self, record: Record, expected_version: int) -> bool:
        row = record_row(record)
        if expected_version == 0:
            return await self._insert(RECORDS, row)
        return await self._replace(RECORDS, row, expected_version)

    async def list_records(self, prefix: str, after: RecordId | None, limit: int) -> Sequence[Record]:
        page = {"_id": {"$gte": prefix, "$gt": after or "", "$lt": prefix + mongo_search.LAST_CHARACTER}}
        rows = await self._read(lambda: self._records.find(page, sort=[("_id", 1)], limit=limit).to_list())
        return [read_record(row) for row in rows]

    async def drop_expired_records(self, now: datetime, limit: int) -> int:
        over = {"expires_at": {"$lte": codec.instant(now)}}
        return await self._drop(self._records, over, limit)

    # --- what they have in common ---

    async def _insert(self, collection: str, row: codec.Document) -> bool:
        return await self._write(Write(collection, row))

    async def _replace(self, collection: str, row: codec.Document, expected_version: int) -> bool:
        stored = {"_id": row["_id"], "version": expected_version}
        return await self._write(Write(collection, row, stored))

    async def _find_all(self, order_ids: Sequence[OrderId], seconds: float) -> list[codec.Document | None]:
        named = {"_id": {"$in": list(order_ids)}}
        with pymongo.timeout(seconds):
            rows = await self._read(lambda: self._orders.find(named).to_list())
        found = {row["_id"]: row for row in rows}
        return [found.get(order_id) for order_id in order_ids]

    async def _drop(self, collection: Collection, conditions: codec.Document, limit: int) -> int:
        rows = await self._read(lambda: collection.find(conditions, {"_id": 1}, limit=limit).to_list())
        gone = {"_id": {"$in": [row["_id"] for row in rows]}} | conditions
        return (await self._trying(lambda: collection.delete_many(gone))).deleted_count

    async def _summed(self, conditions: codec.Document, by: str, what: str | int) -> dict[str, int]:
        steps: list[codec.Document] = [{"$match": conditions}, {"$group": {"_id": by, "total": {"$sum": what}}}]

        async def add_up() -> list[codec.Document]:
            return await (await self._orders.aggregate(steps)).to_list()

        return {row["_id"]: row["total"] for row in await self._read(add_up)}

    async def _page(
        self, collection: Collection, conditions: codec.Document, at: str, limit: int
    ) -> list[codec.Document]:
        newest = [(at, -1), ("_id", -1)]
        return await self._read(lambda: collection.find(conditions, sort=newest, limit=limit).to_list())

    async def _fill_searchable(self) -> None:
        """What operators search by, for orders that were written before it was kept, a page at a time."""
        for mode in Mode:
            after = ""
            while page := await self._unfilled(mode, after):
                for order in codec.readable(partial(read_order, row) for row in page):
                    stored = {"_id": order.id, "version": order.version}
                    told = {"$set": {name: value for name, value in searchable(order).items() if value is not None}}
                    await self._write(Write(ORDERS, told, stored))
                after = page[-1]["_id"]

    async def _unfilled(self, mode: Mode, after: str) -> list[codec.Document]:
        missing = {"mode": mode.value, "status": None, "_id": {"$gt": after}}
        return await self._read(
            lambda: self._orders.find(missing, sort=[("_id", 1)], limit=FILL_PAGE, hint="status").to_list()
        )

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
        results = await asyncio.gather(*(self._trying(write) for write in writes), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if result is not None and not isinstance(result, BaseException)]

    async def _create_indexes(self) -> None:
        async def create() -> None:
            with pymongo.timeout(INDEXES_SECONDS):
                await mongo_indexes.create_missing(self._orders)
                await mongo_indexes.create_missing(self._deliveries)
                await mongo_indexes.create_missing(self._records)

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

    async def _write(self, write: Write) -> bool:
        """Whether it found its place, see ``mongo_writes.py``."""
        if self._writes is None:
            raise self._not_open()
        return await self._trying(partial(self._writes.ask, write))

    async def _trying(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Do one write; one that met another writer at its document is tried again, as nothing was written."""
        for rest in reversed(range(MOST_CONFLICTS)):
            try:
                return await operation()
            except PyMongoError as exc:
                if not rest or not is_write_conflict(exc):
                    raise write_error(exc) from exc
        raise AssertionError("the last round returns or raises")

    @property
    def _orders(self) -> Collection:
        return self._collection(ORDERS)

    @property
    def _records(self) -> Collection:
        return self._collection(RECORDS)

    @property
    def _deliveries(self) -> Collection:
        return self._collection(DELIVERIES)

    def _not_open(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._database} is not open")

    def _collection(self, name: str) -> Collection:
        if self._client is None:
            raise self._not_open()
        return self._client[self._database].get_collection(
            name,
            write_concern=WriteConcern(w="majority", j=True, wtimeout=round(self._timeout_seconds * 1000)),
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
