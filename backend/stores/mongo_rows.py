"""How MongoDB keeps orders, deliveries and records: what ``codec.py`` makes, with the index fields beside it."""

from typing import Any

from ..domain.deliveries import Delivery
from ..domain.model import Order
from ..domain.records import Record
from ..ports import DocumentUnreadable
from . import codec


def order_row(order: Order) -> codec.Document:
    """The order with the fields that it is found by. What is not there is left out, for the partial indexes."""
    row: codec.Document = {
        "_id": order.id,
        "mode": order.terms.mode.value,
        "version": order.version,
        "next_check_at": codec.maybe_instant(order.next_check_at),
        "next_notice_at": codec.maybe_instant(order.next_notice_at),
        "job_references": codec.job_references(order) or None,
        **searchable(order),
        "order": codec.order_to_document(order),
    }
    return {name: value for name, value in row.items() if value is not None}


def searchable(order: Order) -> codec.Document:
    told = codec.searchable(order)
    told["at_risk_minor"] = told["at_risk_minor"] or None
    return told | {"payment_references": codec.payment_references(order) or None}


def where_it_is(order: Order, version: int) -> codec.Document:
    """Where this very order is stored, in this version: with its history, which the last digest is over, and steering.

    A version alone is a number, which comes again, with another order, when a backup was put back.
    """
    last_digest = {"$arrayElemAt": ["$order.history.digest", -1]}
    same = [{"$eq": [last_digest, order.history[-1].digest]}]
    same += [{"$eq": [f"$order.{name}", {"$literal": value}]} for name, value in codec.steering(order).items()]
    return {"_id": order.id, "version": version, "$expr": {"$and": same}}


def read_order(row: codec.Document) -> Order:
    try:
        version, document = row["version"], row["order"]
    except KeyError as exc:
        raise DocumentUnreadable(row["_id"], f"{exc} is missing") from None
    return codec.order_from_document(
        row["_id"],
        document,
        version=version,
        next_check_at=row.get("next_check_at"),
        next_notice_at=row.get("next_notice_at"),
    )


def read_delivery(row: codec.Document) -> Delivery:
    document = {"next_try_at": None} | row | {"id": row["_id"]}
    del document["_id"]
    return codec.delivery_from_document(row["_id"], document)


def delivery_row(delivery: Delivery) -> codec.Document:
    row = codec.delivery_to_document(delivery)
    if row["next_try_at"] is None:
        del row["next_try_at"]
    return {"_id": row.pop("id"), **row}


def read_record(row: codec.Document) -> Record:
    return codec.record(row["_id"], row["version"], row.get("expires_at"), row["text"])


def record_row(record: Record) -> codec.Document:
    row: codec.Document = {"_id": record.id, "version": record.version, "text": record.text}
    return row if record.expires_at is None else row | {"expires_at": codec.instant(record.expires_at)}


def set_or_unset(fields: dict[str, Any]) -> codec.Document:
    change: codec.Document = {"$set": {name: value for name, value in fields.items() if value is not None}}
    gone = {name: "" for name, value in fields.items() if value is None}
    return change | {"$unset": gone} if gone else change
