"""The tables and indexes of the SQLite store.

Times are fixed-width text (``codec.instant``), so they sort as they are. The gateway's names of an order's payment jobs
are a JSON array on the order; triggers keep the table that they are looked up in, so a write stays one statement.
"""

import sqlite3
from typing import Final

from ..ports import DocumentTooNew

TABLES_VERSION: Final = 1
"""Kept in ``PRAGMA user_version``. It is about tables; each document carries its own schema besides."""

TABLES: Final = (
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
    if version == 0:
        for statement in TABLES:
            connection.execute(statement)
    # Written each time, so that a file that cannot be written shows at the start: BEGIN IMMEDIATE lets that pass.
    connection.execute(f"PRAGMA user_version={TABLES_VERSION}")
    connection.execute("COMMIT")
