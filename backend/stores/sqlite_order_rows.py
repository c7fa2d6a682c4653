"""Orders as the rows of SQLite's table, looked up by their ids: all that are wanted at once in one statement."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from ..domain.model import OrderId

OrderRow: TypeAlias = tuple[str, int, str | None, str | None, str]
"""Id, version, the times of the next look and notice, and the document."""

GET: Final = "SELECT id, version, next_check_at, next_notice_at, document FROM orders WHERE id = ?"
GET_ALL: Final = """
    SELECT id, version, next_check_at, next_notice_at, document FROM orders WHERE id IN (SELECT value FROM json_each(?))
"""


def find_order(connection: sqlite3.Connection, order_id: OrderId) -> OrderRow | None:
    row: OrderRow | None = connection.execute(GET, (order_id,)).fetchone()
    return row


def find_orders(connection: sqlite3.Connection, order_ids: Sequence[OrderId]) -> Mapping[OrderId, OrderRow]:
    """Those that there are, by id."""
    if len(order_ids) == 1:
        row = find_order(connection, order_ids[0])
        return {} if row is None else {order_ids[0]: row}
    rows = connection.execute(GET_ALL, (json.dumps(order_ids),)).fetchall()
    return {row[0]: row for row in rows}
