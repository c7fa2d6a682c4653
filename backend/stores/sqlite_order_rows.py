"""Orders as rows of SQLite's table, looked up, all that are wanted at once in one statement, and written."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from ..domain.model import Order, OrderId
from ..ports import DocumentUnreadable
from . import codec
from .sqlite_file import is_no_utf8
from .sqlite_schema import CHANGING_COLUMNS, ORDER_COLUMNS, STEADY_COLUMNS

Row: TypeAlias = tuple[object, ...]
OrderRow: TypeAlias = tuple[str, int, str | None, str | None, str | bytes]
"""Id, version, the times of the next look and notice, and the document."""

ORDER_ROW: Final = ("id", "mode", "expected_version", *ORDER_COLUMNS)
"""An order as it is written, in the place of its ``expected_version``, 0 for none."""

Place: TypeAlias = Callable[[str], str]
"""Where a statement has the value for a column of ``ORDER_ROW``."""


def insert(place: Place) -> str:
    columns = ("id", "mode", *ORDER_COLUMNS)
    values = ", ".join(map(place, columns))
    return f"INSERT INTO orders ({', '.join(columns)}) VALUES ({values}) ON CONFLICT (id) DO NOTHING"  # noqa: S608 - ours


def replace(place: Place) -> str:
    return f"UPDATE orders SET {_are(ORDER_COLUMNS, place, ', ')} WHERE {_which(place)}"  # noqa: S608 - ours


def replace_usually(place: Place) -> str:
    """The same where the columns that most changes leave alone are as they were."""
    steady = _are(STEADY_COLUMNS, place, " AND ")
    return f"UPDATE orders SET {_are(CHANGING_COLUMNS, place, ', ')} WHERE {_which(place)} AND {steady}"  # noqa: S608 - ours


def _are(columns: Sequence[str], place: Place, separator: str) -> str:
    return separator.join(f"{column} = {place(column)}" for column in columns)


def _which(place: Place) -> str:
    return f"id = {place('id')} AND version = {place('expected_version')}"


def _number(column: str) -> str:
    return f"?{ORDER_ROW.index(column) + 1}"


INSERT: Final = insert(_number)
REPLACE: Final = replace(_number)
REPLACE_USUALLY: Final = replace_usually(_number)
GET: Final = "SELECT id, version, next_check_at, next_notice_at, document FROM orders WHERE id = ?"
GET_ALL: Final = """
    SELECT id, version, next_check_at, next_notice_at, document FROM orders WHERE id IN (SELECT value FROM json_each(?))
"""


def find_order(connection: sqlite3.Connection, order_id: OrderId) -> OrderRow | None:
    try:
        row: OrderRow | None = connection.execute(GET, (order_id,)).fetchone()
    except sqlite3.OperationalError as exc:
        if is_no_utf8(exc):
            raise DocumentUnreadable(order_id, "its text is no UTF-8") from None  # SQLite's message holds the text
        raise
    return row


def find_orders(connection: sqlite3.Connection, order_ids: Sequence[OrderId]) -> Mapping[OrderId, OrderRow]:
    """Those that there are, by id."""
    if len(order_ids) == 1:
        row = find_order(connection, order_ids[0])
        return {} if row is None else {order_ids[0]: row}
    rows = connection.execute(GET_ALL, (json.dumps(order_ids),)).fetchall()
    return {row[0]: row for row in rows}


def insert_order(row: Row, connection: sqlite3.Connection) -> bool:
    """Whether its id was free."""
    return connection.execute(INSERT, row).rowcount == 1


def replace_order(row: Row, connection: sqlite3.Connection) -> bool:
    """Whether its expected version was there."""
    return any(connection.execute(statement, row).rowcount == 1 for statement in (REPLACE_USUALLY, REPLACE))


def order_values(order: Order, expected_version: int) -> Row:
    """As ``ORDER_ROW`` has it."""
    return (
        order.id,
        order.terms.mode,
        expected_version,
        order.version,
        codec.maybe_instant(order.next_check_at),
        codec.maybe_instant(order.next_notice_at),
        codec.list_to_json(codec.job_references(order)),
        codec.list_to_json(codec.payment_references(order)),
        *codec.searchable(order).values(),
        codec.order_to_json(order),
    )


def read_order(row: OrderRow) -> Order:
    order_id, version, next_check_at, next_notice_at, text = row
    if isinstance(text, bytes):
        text = codec.utf8(order_id, text)
    return codec.order_from_json(
        order_id, text, version=version, next_check_at=next_check_at, next_notice_at=next_notice_at
    )
