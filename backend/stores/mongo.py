"""Orders and the inbox in MongoDB: a standalone server, a replica set or a sharded cluster.

Everything that must change together is one document, so no transactions and no sessions. Writes wait for a majority's
journal, decisions rest on majority reads from the primary; both are set on the collections, so that no URL weakens
them. The driver's own retry of writes is off: it repeats once, and never on a standalone server, while the services
repeat with the same expected version until they know.

A document can be read in a database shell: ``order`` is what ``codec.py`` makes, the fields beside it are for the
indexes (``mongo_indexes.py``, which also names the shard key and which queries are targeted).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from msgspec.structs import replace
from pymongo import ReturnDocument
from pymongo.monitoring import CommandListener

from ..domain.deliveries import Delivery, DeliveryId
from ..domain.model import Order, OrderId
from ..domain.money import CurrencyCode
from ..domain.records import Record, RecordId
from ..domain.references import JobReference
from ..domain.searching import DeliveryQuery, Lag, OrderQuery
from ..domain.statuses import OrderStatus
from ..domain.terms import Mode
from ..ports import Applied, Apply, UnreadableOrder, Work
from . import codec, mongo_search
from .mongo_indexes import DELIVERIES, ORDERS, RECORDS
from .mongo_link import NEWEST, Collection, MongoLink
from .mongo_preparing import index_differences, prepare
from .mongo_rows import (
    delivery_row,
    order_row,
    read_delivery,
    read_order,
    read_record,
    record_row,
    set_or_unset,
    where_it_is,
)
from .mongo_writes import Write
from .recent_orders import RecentOrders

TIMEOUT_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0
DUE_FIELDS: Final = {Work.LOOK: "next_check_at", Work.NOTICE: "next_notice_at"}

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
        self._link = MongoLink(
            url,
            database,
            timeout_seconds=timeout_seconds,
            connect_seconds=connect_seconds,
            listeners=listeners,
            most_wire_version=most_wire_version,
        )
        self._recent = RecentOrders()

    async def open(self) -> None:
        """Connect and create what indexes are missing. May be tried again when it failed.

        Raises:
            StoreUnavailable: no server was reached, the URL is none, or an index could not be made.
        """
        await self._link.open()
        try:
            await prepare(self._link)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._recent.forget_all()
        await self._link.close()

    async def ping(self) -> None:
        await self._link.ping()

    async def index_differences(self) -> list[str]:
        """How the server's indexes differ from those that this program declares, a sentence each."""
        return await index_differences(self._link)

    # --- orders ---

    async def insert(self, order: Order) -> bool:
        return await self._insert(ORDERS, order_row(order))

    async def replace(self, order: Order, expected_version: int) -> bool:
        self._recent.forget(order.id)
        is_replaced = await self._replace(ORDERS, order_row(order), expected_version)
        if is_replaced:
            self._recent.note(order)
        return is_replaced

    async def get(self, order_id: OrderId) -> Order | None:
        row = await self._link.get_order(order_id)
        return None if row is None else read_order(row)

    async def find_by_job(self, mode: Mode, reference: JobReference) -> Order | None:
        named = {"job_references": reference, "mode": mode.value}
        row = await self._link.read(lambda: self._link.orders.find_one(named, sort=[("_id", 1)]))
        return None if row is None else read_order(row)

    async def make_due(self, order_id: OrderId, at: datetime) -> None:
        # $min sets a field that is not there, so an order that wanted no look gets one.
        sooner = {"$min": {"next_check_at": codec.instant(at)}}
        await self._link.write(Write(ORDERS, sooner, {"_id": order_id}))

    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        rows = await self._take(self._link.orders, DUE_FIELDS[work], mode, now, until, limit, fields={"_id": 1})
        return [OrderId(row["_id"]) for row in rows]

    async def search(self, query: OrderQuery, limit: int) -> Sequence[Order]:
        rows = await self._page(self._link.orders, mongo_search.orders(query), "placed_at", limit)
        return codec.readable(partial(read_order, row) for row in rows)

    async def scan(self, mode: Mode, after: OrderId | None, limit: int) -> Sequence[Order | UnreadableOrder]:
        page = {"_id": {"$gt": after or f"{mode}/", "$lt": f"{mode}0"}}  # "0" comes right after "/"
        rows = await self._link.read(lambda: self._link.orders.find(page, sort=[("_id", 1)], limit=limit).to_list())
        return codec.scanned((row["_id"], partial(read_order, row)) for row in rows)

    async def money_at_risk(self, mode: Mode) -> Mapping[CurrencyCode, int]:
        sums = await self._summed({"mode": mode.value, "at_risk_minor": {"$gt": 0}}, "$currency", "$at_risk_minor")
        return {CurrencyCode(currency): total for currency, total in sums.items()}

    async def count_orders(self, mode: Mode) -> Mapping[OrderStatus, int]:
        counts = await self._summed({"mode": mode.value, "status": {"$in": list(OrderStatus)}}, "$status", 1)
        return {OrderStatus(status): count for status, count in counts.items()}

    async def lag(self, mode: Mode) -> Lag:
        looks = await self._longest_due(self._link.orders, "next_check_at", mode)
        notices = await self._longest_due(self._link.orders, "next_notice_at", mode)
        return codec.lag(looks, notices, await self._longest_due(self._link.deliveries, "next_try_at", mode))

    async def _longest_due(self, collection: Collection, field: str, mode: Mode) -> str | None:
        waiting = {"mode": mode.value, field: {"$gt": ""}}
        row = await self._link.read(lambda: collection.find_one(waiting, {field: 1}, sort=[(field, 1)]))
        return None if row is None else str(row[field])

    # --- inbox ---

    async def receive(self, delivery: Delivery) -> Delivery:
        new = replace(delivery, received=1)
        if await self._insert(DELIVERIES, delivery_row(new)):
            return new
        return await self._count(delivery)

    async def receive_and_apply(self, delivery: Delivery, order_id: OrderId, apply: Apply) -> Delivery | None:
        """On a guess at the order, where there is one, which saves a way to the server."""
        guess = self._recent.guess(order_id)
        guessed = apply(guess) if guess is not None else None
        if guess is not None and guessed is not None:
            row = await self._receive_applied(delivery, guess, guessed)
            if row.is_pending:
                self._recent.was_wrong()
            return row
        order = await self.get(order_id)
        applied = apply(order) if order is not None else None
        if order is None or applied is None:
            return None
        return await self._receive_applied(delivery, order, applied)

    async def _receive_applied(self, delivery: Delivery, order: Order, applied: Applied) -> Delivery:
        """``applied`` is what was made of ``order``."""
        new, outcome = replace(delivery, received=1), applied.outcome
        change = Write(ORDERS, order_row(applied.order), where_it_is(order, applied.order.version - 1))
        settled = Write(DELIVERIES, delivery_row(new.settled(outcome)), {"_id": delivery.id, "received": 1})
        steps = (Write(DELIVERIES, delivery_row(new)), change, settled)
        self._recent.forget(order.id)
        done = await self._link.write_in_turn(*steps)
        if done == len(steps):
            return new.settled(outcome)
        row = new if done else await self._count(delivery)
        is_replaced = done > 1 or (not done and await self._link.write(change))
        if not is_replaced:
            return row
        await self.settle(row.id, row.received, outcome)
        return row.settled(outcome)

    async def _count(self, delivery: Delivery) -> Delivery:
        news = {"last_at": codec.instant(delivery.last_at), "next_try_at": codec.maybe_instant(delivery.next_try_at)}
        change: codec.Document = {"$inc": {"received": 1}} | set_or_unset(news)
        await self._link.write(Write(DELIVERIES, change, {"_id": delivery.id}))
        counted = await self.get_delivery(delivery.id)
        return counted if counted is not None else await self.receive(delivery)  # it was dropped meanwhile

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
        await self._link.write(Write(DELIVERIES, steps, {"_id": delivery_id}))

    async def postpone(self, delivery_id: DeliveryId, until: datetime, outcome: str) -> None:
        pending = {"_id": delivery_id, "$expr": {"$gt": ["$received", "$done"]}}
        change = {"$set": {"next_try_at": codec.instant(until), "outcome": outcome}, "$inc": {"attempts": 1}}
        await self._link.write(Write(DELIVERIES, change, pending))

    async def take_deliveries(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        rows = await self._take(self._link.deliveries, "next_try_at", mode, now, until, limit, fields=None)
        return codec.readable(partial(read_delivery, row) for row in rows)

    async def get_delivery(self, delivery_id: DeliveryId) -> Delivery | None:
        row = await self._link.read(lambda: self._link.deliveries.find_one({"_id": delivery_id}))
        return None if row is None else read_delivery(row)

    async def search_deliveries(self, query: DeliveryQuery, limit: int) -> Sequence[Delivery]:
        rows = await self._page(self._link.deliveries, mongo_search.deliveries(query), "last_at", limit)
        return codec.readable(partial(read_delivery, row) for row in rows)

    async def reopen(self, delivery_id: DeliveryId, at: datetime) -> bool:
        change = {
            "$set": {
                "done": {"$min": ["$done", {"$subtract": ["$received", 1]}]},
                "attempts": 0,
                "next_try_at": codec.instant(at),
            }
        }
        return await self._link.write(Write(DELIVERIES, [change], {"_id": delivery_id}))

    async def drop_deliveries(self, mode: Mode, before: datetime, limit: int) -> int:
        old = {"mode": mode.value, "last_at": {"$lt": codec.instant(before)}, "next_try_at": None}
        return await self._drop(self._link.deliveries, old, limit)

    # --- records ---

    async def read_record(self, record_id: RecordId) -> Record | None:
        row = await self._link.read(lambda: self._link.records.find_one({"_id": record_id}))
        return None if row is None else read_record(row)

    async def write_record(self, record: Record, expected_version: int) -> bool:
        row = record_row(record)
        if expected_version == 0:
            return await self._insert(RECORDS, row)
        return await self._replace(RECORDS, row, expected_version)

    async def list_records(self, prefix: str, after: RecordId | None, limit: int) -> Sequence[Record]:
        page = {"_id": {"$gte": prefix, "$gt": after or "", "$lt": prefix + mongo_search.LAST_CHARACTER}}
        rows = await self._link.read(lambda: self._link.records.find(page, sort=[("_id", 1)], limit=limit).to_list())
        return [read_record(row) for row in rows]

    async def drop_expired_records(self, now: datetime, limit: int) -> int:
        over = {"expires_at": {"$lte": codec.instant(now)}}
        return await self._drop(self._link.records, over, limit)

    # --- what they have in common ---

    async def _insert(self, collection: str, row: codec.Document) -> bool:
        return await self._link.write(Write(collection, row))

    async def _replace(self, collection: str, row: codec.Document, expected_version: int) -> bool:
        return await self._link.write(_replacement(collection, row, expected_version))

    async def _drop(self, collection: Collection, conditions: codec.Document, limit: int) -> int:
        rows = await self._link.read(lambda: collection.find(conditions, {"_id": 1}, limit=limit).to_list())
        gone = {"_id": {"$in": [row["_id"] for row in rows]}} | conditions
        return (await self._link.trying(lambda: collection.delete_many(gone))).deleted_count

    async def _summed(self, conditions: codec.Document, by: str, what: str | int) -> dict[str, int]:
        steps: list[codec.Document] = [{"$match": conditions}, {"$group": {"_id": by, "total": {"$sum": what}}}]

        async def add_up() -> list[codec.Document]:
            return await (await self._link.orders.aggregate(steps)).to_list()

        return {row["_id"]: row["total"] for row in await self._link.read(add_up)}

    async def _page(
        self, collection: Collection, conditions: codec.Document, at: str, limit: int
    ) -> list[codec.Document]:
        newest = [(at, -1), ("_id", -1)]
        return await self._link.read(lambda: collection.find(conditions, sort=newest, limit=limit).to_list())

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
            page = await self._link.read(found)
            taken += await self._all([partial(take, row) for row in page])
            if len(taken) == limit or not page:
                break
        return taken

    async def _all(self, writes: Sequence[Callable[[], Awaitable[codec.Document | None]]]) -> list[codec.Document]:
        """What the writes returned. When one failed, nothing: what the others took falls due again by itself."""
        results = await asyncio.gather(*(self._link.trying(write) for write in writes), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if result is not None and not isinstance(result, BaseException)]


def _replacement(collection: str, row: codec.Document, expected_version: int) -> Write:
    return Write(collection, row, {"_id": row["_id"], "version": expected_version})
