"""Orders and the inbox in one SQLite file, which any number of processes on one machine may share.

A write that returned is flushed to the disk (``sqlite_file.py``); writes that wait are flushed together
(``sqlite_runners.py``). The file must be on a local disk: file locks on network file systems are not to be trusted
(sqlite.org/wal.html).

The usual writes of orders, and of deliveries that change one, go together in one statement
(``sqlite_row_writes.py``). Of the others each is one statement that changes data, plus at most a SELECT before it in
the same transaction; what needs two is undone as a whole (``sqlite_runners.all_or_nothing``).
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, cast

from ..domain.deliveries import Delivery, DeliveryId
from ..domain.model import Order, OrderId
from ..domain.money import CurrencyCode
from ..domain.records import Record, RecordId
from ..domain.references import JobReference
from ..domain.searching import DeliveryQuery, Lag, OrderQuery
from ..domain.statuses import OrderStatus
from ..domain.terms import Mode
from ..ports import Applied, Apply, StoreOutcomeUnknown, StoreUnavailable, UnreadableOrder, Work
from . import codec, sqlite_search
from .job_thread import JobThread
from .sqlite_file import ConnectionClass, SqliteLink
from .sqlite_order_rows import OrderRow, Row, find_order, insert_order, order_values, read_order, replace_order
from .sqlite_row_writes import NO_DELIVERY, DecidedWrite, RowWrite, declare_row_writes
from .sqlite_runners import Reads, Writes, all_or_nothing
from .sqlite_schema import (
    DELIVERY_COLUMNS,
    create_tables,
    index_differences,
)

TIMEOUT_SECONDS: Final = 5.0

FIND_BY_JOB: Final = """
    SELECT id, version, next_check_at, next_notice_at, document FROM order_jobs JOIN orders ON id = order_id
    WHERE job_reference = ? AND mode = ? ORDER BY order_id LIMIT 1
"""
MAKE_DUE: Final = "UPDATE orders SET next_check_at = ?1 WHERE id = ?2 AND coalesce(next_check_at > ?1, TRUE)"
DUE: Final = {
    Work.LOOK: "SELECT id FROM orders WHERE mode = ? AND next_check_at <= ? ORDER BY next_check_at, id LIMIT ?",
    Work.NOTICE: "SELECT id FROM orders WHERE mode = ? AND next_notice_at <= ? ORDER BY next_notice_at, id LIMIT ?",
}
TAKE_DUE: Final = {
    Work.LOOK: "UPDATE orders SET next_check_at = ? WHERE id IN (SELECT value FROM json_each(?))",
    Work.NOTICE: "UPDATE orders SET next_notice_at = ? WHERE id IN (SELECT value FROM json_each(?))",
}

RECEIVE: Final = """
    INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE
        SET received = received + 1, last_at = excluded.last_at, next_try_at = excluded.next_try_at
    RETURNING *
"""
RECEIVE_SETTLED: Final = """
    INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE
        SET received = received + 1, last_at = excluded.last_at, done = received + 1, outcome = excluded.outcome,
            attempts = 0, next_try_at = NULL
    RETURNING *
"""
SETTLE: Final = """
    UPDATE deliveries SET
        done = max(done, min(?1, received)),
        outcome = ?2,
        attempts = iif(received > max(done, ?1), attempts, 0),
        next_try_at = iif(received > max(done, ?1), next_try_at, NULL)
    WHERE id = ?3
"""
POSTPONE: Final = """
    UPDATE deliveries SET next_try_at = ?, outcome = ?, attempts = attempts + 1 WHERE id = ? AND received > done
"""
PENDING: Final = """
    SELECT * FROM deliveries WHERE mode = ? AND next_try_at <= ? AND received > done
    ORDER BY next_try_at, id LIMIT ?
"""
GET_DELIVERY: Final = "SELECT * FROM deliveries WHERE id = ?"
REOPEN: Final = """
    UPDATE deliveries SET done = min(done, received - 1), attempts = 0, next_try_at = ? WHERE id = ?
"""
DROP_DELIVERIES: Final = """
    DELETE FROM deliveries WHERE id IN (
        SELECT id FROM deliveries WHERE mode = ? AND last_at < ? AND received <= done ORDER BY last_at, id LIMIT ?
    )
"""
SCAN: Final = """
    SELECT id, version, next_check_at, next_notice_at, CAST(document AS BLOB) FROM orders
    WHERE id > ? AND id < ? ORDER BY id LIMIT ?
"""
"""As bytes: text that is no UTF-8 would spoil the whole page, and not only its own row."""
COUNT: Final = "SELECT status, count(*) FROM orders WHERE mode = ? AND status <> '' GROUP BY status"

AT_RISK: Final = """
    SELECT currency, sum(at_risk_minor) FROM orders WHERE mode = ? AND at_risk_minor > 0 GROUP BY currency
"""
LAG: Final = """
    SELECT (SELECT min(next_check_at) FROM orders WHERE mode = ?1 AND next_check_at IS NOT NULL),
        (SELECT min(next_notice_at) FROM orders WHERE mode = ?1 AND next_notice_at IS NOT NULL),
        (SELECT min(next_try_at) FROM deliveries WHERE mode = ?1 AND next_try_at IS NOT NULL)
"""
GET_RECORD: Final = "SELECT id, version, expires_at, text FROM records WHERE id = ?"
INSERT_RECORD: Final = """
    INSERT INTO records (version, expires_at, text, id) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""
REPLACE_RECORD: Final = "UPDATE records SET version = ?, expires_at = ?, text = ? WHERE id = ? AND version = ?"
LIST_RECORDS: Final = """
    SELECT id, version, expires_at, text FROM records WHERE id >= ? AND id > ? AND id < ? ORDER BY id LIMIT ?
"""
DROP_RECORDS: Final = """
    DELETE FROM records WHERE id IN (SELECT id FROM records WHERE expires_at <= ? LIMIT ?)
"""
TAKE_DELIVERIES: Final = "UPDATE deliveries SET next_try_at = ? WHERE id IN (SELECT value FROM json_each(?))"

Worker: TypeAlias = JobThread[sqlite3.Connection]


class SqliteStore:
    """``connection_class`` lets tests put faults between this store and SQLite."""

    def __init__(
        self,
        path: Path,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        connection_class: ConnectionClass = sqlite3.Connection,
    ) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._connection_class = connection_class
        self._writer: Worker | None = None
        self._reader: Worker | None = None

    async def open(self) -> None:
        """Open the file, making it if it is missing; its folder must be there. May be tried again when it failed."""
        assert self._writer is None, "a store is opened once"
        writes = Writes(self._path, writing_link(self._path, self._connection_class))
        reads = Reads(self._path, SqliteLink(self._path, self._connection_class, read_only=True))
        self._writer = JobThread("database writer", writes, self._timeout_seconds, StoreOutcomeUnknown)
        self._reader = JobThread("database reader", reads, self._timeout_seconds, StoreUnavailable)
        try:
            await self._writer.run(lambda _: None)
            await self.ping()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let writes that wait be committed, and end the threads."""
        # The reader first: the last connection to close is the one that tidies the log away, and must be able to write.
        reader, self._reader = self._reader, None
        writer, self._writer = self._writer, None
        try:
            if reader is not None:
                await reader.close()
        finally:
            if writer is not None:
                await writer.close()

    async def ping(self) -> None:
        await self._reads.run(lambda connection: connection.execute("SELECT 1 FROM orders LIMIT 1").fetchone())

    async def index_differences(self) -> list[str]:
        """How the file's indexes differ from those that this program declares, a sentence each."""
        return await self._reads.run(index_differences)

    # --- orders ---

    async def insert(self, order: Order) -> bool:
        row = order_values(order, 0)
        return await self._writes.run(RowWrite((*row, *NO_DELIVERY), True, partial(insert_order, row)))

    async def replace(self, order: Order, expected_version: int) -> bool:
        row = order_values(order, expected_version)
        return await self._writes.run(RowWrite((*row, *NO_DELIVERY), True, partial(replace_order, row)))

    async def get(self, order_id: OrderId) -> Order | None:
        row = await self._reads.run(lambda connection: find_order(connection, order_id))
        return None if row is None else read_order(row)

    async def find_by_job(self, mode: Mode, reference: JobReference) -> Order | None:
        values = (reference, mode)
        row = await self._reads.run(lambda connection: connection.execute(FIND_BY_JOB, values).fetchone())
        return None if row is None else read_order(row)

    async def make_due(self, order_id: OrderId, at: datetime) -> None:
        values = (codec.instant(at), order_id)
        await self._writes.run(lambda connection: connection.execute(MAKE_DUE, values).rowcount)

    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        assert now < until, "what is taken is taken for a while"
        assert limit > 0, "a page has a size"
        values = (mode, codec.instant(now), limit)

        def take(connection: sqlite3.Connection) -> list[OrderId]:
            due = [OrderId(row[0]) for row in connection.execute(DUE[work], values)]
            if due:
                connection.execute(TAKE_DUE[work], (codec.instant(until), json.dumps(due)))
            return due

        return await self._writes.run(take)

    async def search(self, query: OrderQuery, limit: int) -> Sequence[Order]:
        statement, values = sqlite_search.orders(query, limit)
        rows = await self._reads.run(lambda connection: connection.execute(statement, values).fetchall())
        return codec.readable(partial(read_order, row) for row in rows)

    async def scan(self, mode: Mode, after: OrderId | None, limit: int) -> Sequence[Order | UnreadableOrder]:
        values = (after or f"{mode}/", f"{mode}0", limit)  # "0" comes right after "/"
        rows = await self._reads.run(lambda connection: connection.execute(SCAN, values).fetchall())
        return codec.scanned((row[0], partial(read_order, row)) for row in rows)

    async def money_at_risk(self, mode: Mode) -> Mapping[CurrencyCode, int]:
        rows = await self._reads.run(lambda connection: connection.execute(AT_RISK, (mode,)).fetchall())
        return {CurrencyCode(currency): total for currency, total in rows}

    async def count_orders(self, mode: Mode) -> Mapping[OrderStatus, int]:
        rows = await self._reads.run(lambda connection: connection.execute(COUNT, (mode,)).fetchall())
        return {OrderStatus(status): count for status, count in rows}

    async def lag(self, mode: Mode) -> Lag:
        row = await self._reads.run(lambda connection: connection.execute(LAG, (mode,)).fetchone())
        return codec.lag(*row)

    # --- inbox ---

    async def receive(self, delivery: Delivery) -> Delivery:
        values = _delivery_values(delivery)
        stored = await self._writes.run(partial(_received, RECEIVE, values))
        return delivery if stored == values else _delivery(stored)

    async def receive_and_apply(self, delivery: Delivery, order_id: OrderId, apply: Apply) -> Delivery | None:
        """In the writer's thread, so that it waits for one thread, once."""

        def decide(found: OrderRow | None) -> RowWrite[Delivery] | None:
            applied = apply(read_order(found)) if found is not None else None
            return None if applied is None else _application(delivery, applied)

        return await self._writes.run(DecidedWrite(order_id, decide))

    async def settle(self, delivery_id: DeliveryId, seen: int, outcome: str) -> None:
        values = (seen, outcome, delivery_id)
        await self._writes.run(lambda connection: connection.execute(SETTLE, values).rowcount)

    async def postpone(self, delivery_id: DeliveryId, until: datetime, outcome: str) -> None:
        values = (codec.instant(until), outcome, delivery_id)
        await self._writes.run(lambda connection: connection.execute(POSTPONE, values).rowcount)

    async def take_deliveries(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        assert now < until, "what is taken is taken for a while"
        assert limit > 0, "a page has a size"
        values = (mode, codec.instant(now), limit)
        pushed_to = codec.instant(until)

        def take(connection: sqlite3.Connection) -> list[Row]:
            rows = connection.execute(PENDING, values).fetchall()
            if rows:
                connection.execute(TAKE_DELIVERIES, (pushed_to, json.dumps([row[0] for row in rows])))
            return rows

        rows = await self._writes.run(take)
        return codec.readable(partial(_delivery, row, next_try_at=pushed_to) for row in rows)

    async def get_delivery(self, delivery_id: DeliveryId) -> Delivery | None:
        row = await self._reads.run(lambda connection: connection.execute(GET_DELIVERY, (delivery_id,)).fetchone())
        return None if row is None else _delivery(row)

    async def search_deliveries(self, query: DeliveryQuery, limit: int) -> Sequence[Delivery]:
        statement, values = sqlite_search.deliveries(query, limit)
        rows = await self._reads.run(lambda connection: connection.execute(statement, values).fetchall())
        return codec.readable(partial(_delivery, row) for row in rows)

    async def reopen(self, delivery_id: DeliveryId, at: datetime) -> bool:
        values = (codec.instant(at), delivery_id)
        return await self._writes.run(lambda connection: connection.execute(REOPEN, values).rowcount == 1)

    async def drop_deliveries(self, mode: Mode, before: datetime, limit: int) -> int:
        values = (mode, codec.instant(before), limit)
        return await self._writes.run(lambda connection: connection.execute(DROP_DELIVERIES, values).rowcount)

    # --- records ---

    async def read_record(self, record_id: RecordId) -> Record | None:
        row = await self._reads.run(lambda connection: connection.execute(GET_RECORD, (record_id,)).fetchone())
        return None if row is None else codec.record(*row)

    async def write_record(self, record: Record, expected_version: int) -> bool:
        kept = (record.version, codec.maybe_instant(record.expires_at), record.text)
        statement = REPLACE_RECORD if expected_version else INSERT_RECORD
        values = (*kept, record.id, expected_version) if expected_version else (*kept, record.id)
        return await self._writes.run(lambda connection: connection.execute(statement, values).rowcount == 1)

    async def list_records(self, prefix: str, after: RecordId | None, limit: int) -> Sequence[Record]:
        values = (prefix, after or "", prefix + sqlite_search.LAST_CHARACTER, limit)
        rows = await self._reads.run(lambda connection: connection.execute(LIST_RECORDS, values).fetchall())
        return [codec.record(*row) for row in rows]

    async def drop_expired_records(self, now: datetime, limit: int) -> int:
        values = (codec.instant(now), limit)
        return await self._writes.run(lambda connection: connection.execute(DROP_RECORDS, values).rowcount)

    # --- threads ---

    @property
    def _writes(self) -> Worker:
        if self._writer is None:
            raise StoreUnavailable(f"{self._path} is not open")
        return self._writer

    @property
    def _reads(self) -> Worker:
        if self._reader is None:
            raise StoreUnavailable(f"{self._path} is not open")
        return self._reader


def writing_link(path: Path, connection_class: ConnectionClass = sqlite3.Connection) -> SqliteLink:
    """A connection as this store's writes need it."""
    return SqliteLink(path, connection_class, create=create_tables, prepare=declare_row_writes)


def _application(delivery: Delivery, applied: Applied) -> RowWrite[Delivery]:
    settled = delivery.settled(applied.outcome)
    row, done = order_values(applied.order, applied.order.version - 1), _delivery_values(settled)

    def write(connection: sqlite3.Connection) -> Delivery:
        if not replace_order(row, connection):
            return _delivery(_received(RECEIVE, _delivery_values(delivery), connection))
        with all_or_nothing():
            return _delivery(_received(RECEIVE_SETTLED, done, connection))

    return RowWrite((*row, *done), settled, write)


def _received(statement: str, values: Row, connection: sqlite3.Connection) -> Row:
    (stored,) = connection.execute(statement, values).fetchall()
    return cast(Row, stored)


def _delivery_values(delivery: Delivery) -> Row:
    row = codec.delivery_to_document(delivery)
    row["headers"] = codec.headers_to_json(row)
    return tuple(row[column] for column in DELIVERY_COLUMNS)


def _delivery(row: Row, **changed: object) -> Delivery:
    document = dict(zip(DELIVERY_COLUMNS, row, strict=True)) | changed
    delivery_id = str(document["id"])
    document["headers"] = codec.headers_from_json(delivery_id, str(document["headers"]))
    return codec.delivery_from_document(delivery_id, document)
