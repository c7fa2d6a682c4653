"""Answers that get lost on the way: below the stores, so that what is tested is how the stores take it."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from backend.ports import StoreOutcomeUnknown
from backend.stores.memory import MemoryDisk

T = TypeVar("T")


@dataclass
class LostAnswer:
    """Once ``armed``, the answer to the next write is lost: after it landed, or before."""

    landed: bool
    armed: bool = False

    def strikes(self) -> bool:
        struck, self.armed = self.armed, False
        return struck


class LossyDisk(MemoryDisk):
    def __init__(self, disk: MemoryDisk, fault: LostAnswer) -> None:
        super().__init__(disk.orders, disk.deliveries)
        self._fault = fault

    def write(self, change: Callable[[], T]) -> T:
        if not self._fault.strikes():
            return change()
        if self._fault.landed:
            change()
        raise StoreOutcomeUnknown("the answer was lost")


def begins(connection: sqlite3.Connection, sql: str) -> bool:
    """Whether this statement begins a transaction that writes."""
    return sql == "BEGIN IMMEDIATE" or _is_a_transaction(connection, sql)


def commits(connection: sqlite3.Connection, sql: str) -> bool:
    """Whether this statement commits what was written."""
    return sql == "COMMIT" or _is_a_transaction(connection, sql)


def _is_a_transaction(connection: sqlite3.Connection, sql: str) -> bool:
    return sql.startswith("INSERT INTO row_writes") and not connection.in_transaction


def lossy_connection_class(fault: LostAnswer) -> type[sqlite3.Connection]:
    """Connections whose commit says "disk I/O error", after it was done or instead of it.

    Seen with a real disk: a commit that failed so was there after the file was opened again.
    """

    class LossyConnection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if not (fault.armed and commits(self, sql)):
                return super().execute(sql, parameters)
            if sql != "COMMIT":
                super().execute("BEGIN IMMEDIATE")
                self._do(sql, parameters)
            fault.strikes()
            super().execute("COMMIT" if fault.landed else "ROLLBACK")
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error

        def _do(self, sql: str, parameters: Any) -> None:
            try:
                super().execute(sql, parameters)
            except sqlite3.Error:
                super().execute("ROLLBACK")
                raise

    return LossyConnection


def careless_connection_class() -> type[sqlite3.Connection]:
    """Connections that really commit every eighth time only, yet say that they did: what a crash test must find."""
    numbers = count()

    class CarelessConnection(sqlite3.Connection):
        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            if sql == "BEGIN IMMEDIATE" and self.in_transaction:
                return self.cursor()
            if commits(self, sql) and next(numbers) % 8:
                if sql == "COMMIT":
                    return self.cursor()
                super().execute("BEGIN IMMEDIATE")
            return super().execute(sql, parameters)  # type: ignore[arg-type]

    return CarelessConnection
