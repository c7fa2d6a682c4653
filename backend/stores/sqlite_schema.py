"""The tables and indexes of the SQLite store.

Times are fixed-width text (``codec.instant``), so they sort as they are. The gateway's names of an order's payment jobs
are a JSON array on the order; triggers keep the table that they are looked up in, so a write stays one statement.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Final

from ..ports import DocumentTooNew
from . import codec

TABLES_VERSION: Final = 2
"""Kept in ``PRAGMA user_version``. It is about tables; each document carries its own schema besides."""

TABLES_1: Final = (
    """
    CREATE TABLE orders (
        id TEXT PRIMARY KEY,
        mode TEXT NOT NULL,
        version INTEGER NOT NULL,
        next_check_at TEXT,
        job_references TEXT NOT NULL,
        document TEXT NOT NULL
    )
    """,
    "CREATE INDEX orders_due ON orders (mode, next_check_at, id) WHERE next_check_at IS NOT NULL",
    """
    CREATE TABLE order_jobs (
        job_reference TEXT NOT NULL,
        order_id TEXT NOT NULL,
        PRIMARY KEY (job_reference, order_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER orders_inserted AFTER INSERT ON orders WHEN new.job_references <> '[]' BEGIN
        INSERT INTO order_jobs SELECT value, new.id FROM json_each(new.job_references);
    END
    """,
    """
    CREATE TRIGGER orders_job_references_changed AFTER UPDATE OF job_references ON orders
    WHEN new.job_references <> old.job_references BEGIN
        DELETE FROM order_jobs
            WHERE order_id = old.id AND job_reference IN (SELECT value FROM json_each(old.job_references));
        INSERT INTO order_jobs SELECT value, new.id FROM json_each(new.job_references);
    END
    """,
    """
    CREATE TABLE deliveries (
        id TEXT PRIMARY KEY,
        schema INTEGER NOT NULL,
        mode TEXT NOT NULL,
        gateway TEXT NOT NULL,
        body BLOB NOT NULL,
        headers TEXT NOT NULL,
        first_at TEXT NOT NULL,
        last_at TEXT NOT NULL,
        received INTEGER NOT NULL,
        done INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        next_try_at TEXT,
        outcome TEXT NOT NULL
    )
    """,
    "CREATE INDEX deliveries_due ON deliveries (mode, next_try_at, id) WHERE next_try_at IS NOT NULL",
)

TABLES_2: Final = (
    "ALTER TABLE orders ADD COLUMN next_notice_at TEXT",
    "ALTER TABLE orders ADD COLUMN payment_references TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE orders ADD COLUMN status TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE orders ADD COLUMN email TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE orders ADD COLUMN amount_minor INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE orders ADD COLUMN currency TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE orders ADD COLUMN placed_at TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE orders ADD COLUMN needs_attention INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE orders ADD COLUMN at_risk_minor INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE order_payments (
        payment_reference TEXT NOT NULL,
        order_id TEXT NOT NULL,
        PRIMARY KEY (payment_reference, order_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER orders_inserted_payments AFTER INSERT ON orders WHEN new.payment_references <> '[]' BEGIN
        INSERT INTO order_payments SELECT value, new.id FROM json_each(new.payment_references);
    END
    """,
    """
    CREATE TRIGGER orders_payment_references_changed AFTER UPDATE OF payment_references ON orders
    WHEN new.payment_references <> old.payment_references BEGIN
        DELETE FROM order_payments
            WHERE order_id = old.id AND payment_reference IN (SELECT value FROM json_each(old.payment_references));
        INSERT INTO order_payments SELECT value, new.id FROM json_each(new.payment_references);
    END
    """,
    """
    CREATE TABLE records (
        id TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        expires_at TEXT,
        text TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)

INDEXES_2: Final = (
    "CREATE INDEX orders_notice ON orders (mode, next_notice_at, id) WHERE next_notice_at IS NOT NULL",
    "CREATE INDEX orders_placed ON orders (mode, placed_at, id)",
    "CREATE INDEX orders_status ON orders (mode, status, placed_at, id)",
    "CREATE INDEX orders_email ON orders (mode, email, placed_at, id)",
    "CREATE INDEX orders_amount ON orders (mode, amount_minor, placed_at, id)",
    "CREATE INDEX orders_currency ON orders (mode, currency, placed_at, id)",
    "CREATE INDEX orders_attention ON orders (mode, needs_attention, placed_at, id)",
    "CREATE INDEX orders_at_risk ON orders (mode, currency, at_risk_minor) WHERE at_risk_minor > 0",
    "CREATE INDEX deliveries_last ON deliveries (mode, last_at, id)",
    "CREATE INDEX deliveries_outcome ON deliveries (mode, outcome, last_at, id)",
    "CREATE INDEX records_expiry ON records (expires_at) WHERE expires_at IS NOT NULL",
)
"""Made after the columns of older orders are filled."""

FILL: Final = """
    UPDATE orders SET payment_references = ?, status = ?, email = ?, amount_minor = ?, currency = ?, placed_at = ?,
        needs_attention = ?, at_risk_minor = ?
    WHERE id = ?
"""

ORDER_COLUMNS: Final = (
    "version",
    "next_check_at",
    "next_notice_at",
    "job_references",
    "payment_references",
    "status",
    "email",
    "amount_minor",
    "currency",
    "placed_at",
    "needs_attention",
    "at_risk_minor",
    "document",
)
"""What a write of an order sets besides its id and mode; the searchable ones as ``codec.searchable`` has them."""

STEADY_COLUMNS: Final = ("email", "amount_minor", "currency", "placed_at", "needs_attention")
"""Those of them that most changes of an order leave as they are."""

CHANGING_COLUMNS: Final = tuple(column for column in ORDER_COLUMNS if column not in STEADY_COLUMNS)
"""The others: SQLite writes the index of every column that is set."""

DELIVERY_COLUMNS: Final = (
    "id",
    "schema",
    "mode",
    "gateway",
    "body",
    "headers",
    "first_at",
    "last_at",
    "received",
    "done",
    "attempts",
    "next_try_at",
    "outcome",
)
"""As the table above has them."""


def create_tables(connection: sqlite3.Connection) -> None:
    """Bring a new or older file up to date.

    Raises:
        DocumentTooNew: a later version of this program has changed the tables.
    """
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > TABLES_VERSION:
        raise DocumentTooNew("the database file", version, TABLES_VERSION)
    if version < 1:
        _execute(connection, TABLES_1)
    if version < 2:
        _execute(connection, TABLES_2)
        _fill_searchable(connection)
        _execute(connection, INDEXES_2)
    # Written each time, so that a file that cannot be written shows at the start: BEGIN IMMEDIATE lets that pass.
    connection.execute(f"PRAGMA user_version={TABLES_VERSION}")
    connection.execute("COMMIT")


def index_differences(connection: sqlite3.Connection) -> list[str]:
    """How the file's indexes differ from those of a new one, a sentence each."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        create_tables(new)
        wanted = _indexes(new)
    there = _indexes(connection)
    missing = [f"index {name} is missing" for name in wanted if name not in there]
    changed = [f"index {name} is not as declared" for name in wanted if there.get(name, wanted[name]) != wanted[name]]
    return missing + changed


def _indexes(connection: sqlite3.Connection) -> dict[str, str]:
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    return {name: " ".join(sql.split()) for name, sql in rows.fetchall()}


def _execute(connection: sqlite3.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement)


def _fill_searchable(connection: sqlite3.Connection) -> None:
    """What operators search by, for orders that were written before it was kept; what cannot be read stays without."""
    rows = connection.execute("SELECT id, version, next_check_at, document FROM orders").fetchall()
    for order_id, version, next_check_at, text in rows:
        read = partial(
            codec.order_from_json, order_id, text, version=version, next_check_at=next_check_at, next_notice_at=None
        )
        for order in codec.readable([read]):
            told = codec.searchable(order)
            connection.execute(FILL, (codec.list_to_json(codec.payment_references(order)), *told.values(), order_id))
