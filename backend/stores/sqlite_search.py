"""Operators' searches as SQL: fixed pieces, chosen by the conditions that a query makes; values are always bound."""

from collections.abc import Sequence
from typing import Final, TypeAlias

from ..domain.searching import Cursor, DeliveryQuery, OrderQuery
from . import codec

Statement: TypeAlias = tuple[str, tuple[object, ...]]

LAST_CHARACTER: Final = "\U0010ffff"
"""Sorts after everything that an order reference may hold."""

OF_REFERENCE: Final = """id IN (
    SELECT order_id FROM order_jobs WHERE job_reference = ?
    UNION SELECT order_id FROM order_payments WHERE payment_reference = ?
)"""


def orders(query: OrderQuery, limit: int) -> Statement:
    conditions: list[tuple[str, Sequence[object]]] = [("mode = ?", [query.mode])]
    if query.reference is not None:
        start = f"{query.mode}/{query.reference}"
        conditions.append(("id >= ? AND id < ?", [start, start + LAST_CHARACTER]))
    if query.email is not None:
        conditions.append(("email = ?", [query.email.lower()]))
    if query.gateway_reference is not None:
        conditions.append((OF_REFERENCE, [query.gateway_reference] * 2))
    if query.status is not None:
        conditions.append(("status = ?", [query.status]))
    if query.placed_from is not None:
        conditions.append(("placed_at >= ?", [codec.instant(query.placed_from)]))
    if query.placed_until is not None:
        conditions.append(("placed_at < ?", [codec.instant(query.placed_until)]))
    if query.amount_minor is not None:
        conditions.append(("amount_minor = ?", [query.amount_minor]))
    if query.currency is not None:
        conditions.append(("currency = ?", [query.currency]))
    if query.needs_attention is not None:
        conditions.append(("needs_attention = ?", [query.needs_attention]))
    columns = "id, version, next_check_at, next_notice_at, CAST(document AS BLOB)"  # as ``sqlite.SCAN`` has them
    return _page(f"SELECT {columns} FROM orders", conditions, "placed_at", query.after, limit)  # noqa: S608 - ours


def deliveries(query: DeliveryQuery, limit: int) -> Statement:
    conditions: list[tuple[str, Sequence[object]]] = [("mode = ?", [query.mode])]
    if query.pending is not None:
        conditions.append(("next_try_at IS NOT NULL" if query.pending else "received <= done", []))
    if query.outcome is not None:
        conditions.append(("outcome = ?", [query.outcome]))
    return _page("SELECT * FROM deliveries", conditions, "last_at", query.after, limit)


def _page(
    select: str, conditions: list[tuple[str, Sequence[object]]], at: str, after: Cursor | None, limit: int
) -> Statement:
    if after is not None:
        conditions.append((f"({at}, id) < (?, ?)", [codec.instant(after.at), after.id]))
    where = " AND ".join(condition for condition, _ in conditions)
    values = [value for _, bound in conditions for value in bound]
    return f"{select} WHERE {where} ORDER BY {at} DESC, id DESC LIMIT ?", (*values, limit)
