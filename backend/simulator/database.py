"""One SQLite connection, in a file or in memory, and the tables of the ledger.

A commit is on disk as far as a killed process is concerned (write-ahead log); a power failure may take back the
last moments. Statements are short, so they run on the event loop's own thread.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LONGEST_WAIT_MS: Final = 5_000
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS jobs (
    reference TEXT PRIMARY KEY, page_reference TEXT NOT NULL UNIQUE, order_number TEXT NOT NULL,
    order_key TEXT NOT NULL, due_at TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_by_order ON jobs (order_number);
CREATE INDEX IF NOT EXISTS jobs_by_order_key ON jobs (order_key);
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY, job_reference TEXT NOT NULL, state TEXT NOT NULL, due_at TEXT,
    claimed_until REAL NOT NULL DEFAULT 0, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS webhooks_due ON webhooks (due_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS webhooks_by_job ON webhooks (job_reference);
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, call TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    order_number TEXT NOT NULL, job_reference TEXT NOT NULL, scheme TEXT NOT NULL, status INTEGER,
    faults TEXT NOT NULL, summary TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS requests_by_order ON requests (order_number);
CREATE TABLE IF NOT EXISTS scripts (
    id INTEGER PRIMARY KEY, order_key TEXT NOT NULL, script TEXT NOT NULL, remaining INTEGER,
    UNIQUE (order_key, script));
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Database:
    """A connection with explicit transactions; outside one, every statement commits by itself."""

    def __init__(self, path: Path | None) -> None:
        """Raises:
        sqlite3.Error, OSError: the file cannot be opened, or is none.
        """
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False, timeout=LONGEST_WAIT_MS / 1000
        )
        self.shared = path is not None
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(SCHEMA)
        except BaseException:
            self._connection.close()
            raise

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(statement, values)

    def one(self, statement: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def all(self, statement: str, *values: object) -> list[sqlite3.Row]:
        return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together; the write lock is taken at once, as reads decide writes.

        A transaction within another one joins it. Never wait for anything inside.
        """
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()
