"""Orders, and deliveries that change one, written together as the rows of one statement, a transaction by itself.

A thread that comes back from a statement waits for the interpreter, a millisecond and more while the event loop is
busy; and where it holds the file's lock, every other process waits with it. So what waits is given to one INSERT into a
view, whose triggers know what to do with each row: SQLite takes the lock, writes, flushes and lets go in one call.

It is all or nothing. A row that does not find what it usually finds (its order is there already, or in another version,
or its delivery came before) ends the statement with nothing written, and each write is then made alone.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Final, Generic, TypeAlias, TypeVar

from ..domain.model import OrderId
from .sqlite_file import ONE_STATEMENTS_FAULT
from .sqlite_order_rows import ORDER_ROW, OrderRow, Row, find_order, find_orders, insert, replace_usually
from .sqlite_schema import DELIVERY_COLUMNS

T = TypeVar("T")

DELIVERY_ROW: Final = tuple(f"delivery_{column}" for column in DELIVERY_COLUMNS)
NO_DELIVERY: Final[Row] = (None,) * len(DELIVERY_ROW)

_COLUMNS: Final = (*ORDER_ROW, *DELIVERY_ROW)
_ONE_ROW: Final = f"({', '.join('?' * len(_COLUMNS))})"


def _new(column: str) -> str:
    return f"new.{column}"


_LOOK_AGAIN: Final = "SELECT 1 FROM orders, deliveries LIMIT 0"
"""Makes SQLite read the tables' names again if another process has made them since this connection was opened: for a
table that only a trigger names it would not (3.40.1: "no such table", until the connection is closed)."""

_UNLESS_WRITTEN: Final = "SELECT RAISE(ABORT, 'not as usual') WHERE changes() = 0;"
_DECLARATIONS: Final = (
    "PRAGMA temp_store=MEMORY",
    f"CREATE TEMP VIEW row_writes ({', '.join(_COLUMNS)}) AS SELECT {', '.join(['NULL'] * len(_COLUMNS))}",
    f"""
    CREATE TEMP TRIGGER new_order INSTEAD OF INSERT ON row_writes WHEN new.expected_version = 0 BEGIN
        {insert(_new)};
        {_UNLESS_WRITTEN}
    END
    """,
    f"""
    CREATE TEMP TRIGGER changed_order INSTEAD OF INSERT ON row_writes WHEN new.expected_version > 0 BEGIN
        {replace_usually(_new)};
        {_UNLESS_WRITTEN}
    END
    """,
    f"""
    CREATE TEMP TRIGGER new_delivery INSTEAD OF INSERT ON row_writes WHEN new.delivery_id IS NOT NULL BEGIN
        INSERT INTO deliveries VALUES ({", ".join(map(_new, DELIVERY_ROW))}) ON CONFLICT (id) DO NOTHING;
        {_UNLESS_WRITTEN}
    END
    """,  # noqa: S608 - ours
)


class NotAsUsual(Exception):
    """One of the writes has to be made alone; none was made."""


@dataclass(frozen=True, slots=True)
class RowWrite(Generic[T]):
    """``answer`` is the caller's once ``row`` is written; ``alone`` makes the same write whatever it finds."""

    row: Row
    answer: T
    alone: Callable[[sqlite3.Connection], T]

    def __call__(self, connection: sqlite3.Connection) -> T:
        return self.alone(connection)


@dataclass(frozen=True, slots=True)
class DecidedWrite(Generic[T]):
    """What is written, if anything, ``decide`` makes of the order as it is stored; the answer is None for nothing."""

    order_id: OrderId
    decide: Callable[[OrderRow | None], RowWrite[T] | None]

    def __call__(self, connection: sqlite3.Connection) -> T | None:
        write = self.decide(find_order(connection, self.order_id))
        return None if write is None else write.alone(connection)


ROW_WORK: Final = (RowWrite, DecidedWrite)
RowWork: TypeAlias = RowWrite[T] | DecidedWrite[T]


def declare_row_writes(connection: sqlite3.Connection) -> None:
    """On this connection, not in the file: what it says is of this version of the program."""
    connection.execute(_LOOK_AGAIN)
    for statement in _DECLARATIONS:
        connection.execute(statement)


def decided(connection: sqlite3.Connection, works: Sequence[RowWork[object]]) -> list[RowWrite[object] | None]:
    """What each of them writes, None for nothing.

    Raises:
        NotAsUsual: one cannot decide.
        sqlite3.Error: the orders could not be read.
    """
    wanted = [work.order_id for work in works if isinstance(work, DecidedWrite)]
    try:
        orders = find_orders(connection, wanted) if wanted else {}
        return [work.decide(orders.get(work.order_id)) if isinstance(work, DecidedWrite) else work for work in works]
    except sqlite3.Error:
        raise
    except Exception as exc:
        raise NotAsUsual from exc


def write_rows(connection: sqlite3.Connection, writes: Sequence[RowWrite[object] | None]) -> None:
    """Make what there is to write, of at most as many as a round of jobs has.

    Raises:
        NotAsUsual
        sqlite3.Error: something is wrong with the file.
    """
    rows = [write.row for write in writes if write is not None]
    if not rows:
        return
    try:
        connection.execute(_insert(len(rows)), [*chain.from_iterable(rows)])
    except (*ONE_STATEMENTS_FAULT, ValueError, OverflowError) as exc:
        raise NotAsUsual from exc


@cache
def _insert(rows: int) -> str:
    return f"INSERT INTO row_writes VALUES {', '.join([_ONE_ROW] * rows)}"  # noqa: S608 - ours
