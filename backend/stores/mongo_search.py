"""Operators' searches as MongoDB filters; values stand only where a value is compared, never as an operator."""

from typing import Any, Final

from ..domain.searching import Cursor, DeliveryQuery, OrderQuery
from . import codec

LAST_CHARACTER: Final = "\U0010ffff"
"""Sorts after everything that an order reference may hold."""


def orders(query: OrderQuery) -> codec.Document:
    wanted: list[codec.Document] = [{"mode": query.mode.value}]
    if query.reference is not None:
        start = f"{query.mode}/{query.reference}"
        wanted.append({"_id": {"$gte": start, "$lt": start + LAST_CHARACTER}})
    if query.gateway_reference is not None:
        of_job = {"job_references": query.gateway_reference}
        wanted.append({"$or": [of_job, {"payment_references": query.gateway_reference}]})
    placed: dict[str, Any] = {}
    if query.placed_from is not None:
        placed["$gte"] = codec.instant(query.placed_from)
    if query.placed_until is not None:
        placed["$lt"] = codec.instant(query.placed_until)
    if placed:
        wanted.append({"placed_at": placed})
    equal = {
        "email": None if query.email is None else query.email.lower(),
        "status": None if query.status is None else query.status.value,
        "amount_minor": query.amount_minor,
        "currency": query.currency,
        "needs_attention": query.needs_attention,
    }
    wanted += [{name: {"$eq": value}} for name, value in equal.items() if value is not None]
    return {"$and": wanted + _after("placed_at", query.after)}


def deliveries(query: DeliveryQuery) -> codec.Document:
    wanted: list[codec.Document] = [{"mode": query.mode.value}]
    if query.pending is not None:
        wanted.append({"next_try_at": {"$gt": ""} if query.pending else None})
    if query.outcome is not None:
        wanted.append({"outcome": {"$eq": query.outcome}})
    return {"$and": wanted + _after("last_at", query.after)}


def _after(at: str, cursor: Cursor | None) -> list[codec.Document]:
    if cursor is None:
        return []
    edge = codec.instant(cursor.at)
    return [{at: {"$lte": edge}}, {"$or": [{at: {"$lt": edge}}, {"_id": {"$lt": cursor.id}}]}]
