"""Orders and deliveries to stored documents and back; untyped values stop here.

What comes back equals what went in, to the microsecond, the minor unit and the character. Every document carries the
schema it was written in: an older one is upgraded when read (and so when next written), a newer one is refused, because
writing it back would drop what a later version added. Fields that are missing or unknown are refused for that reason
too.

``version`` and ``next_check_at`` are not part of an order's document: the stores change them by themselves, so they
live beside it, once.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar

from msgspec import json, to_builtins

from ..domain.deliveries import Delivery
from ..domain.ledger import TellsNoOrder
from ..domain.model import SCHEMA, STEERING, Order, OrderId
from ..domain.order_status import order_status
from ..domain.records import Record, RecordId
from ..domain.risk import at_risk_minor
from ..domain.searching import Lag
from ..ports import DocumentTooNew, DocumentUnreadable, DocumentUnusable, UnreadableOrder
from .stored_shape import StoredShape
from .upgrades import DELIVERY_UPGRADES, ORDER_UPGRADES, STATE_SINCE, derived_anew
from .upgrades import Document as Document
from .upgrades import Upgrades as Upgrades

log = logging.getLogger(__name__)

T = TypeVar("T")

DELIVERY_SCHEMA: Final = 1
PLACED: Final = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
"""How msgspec says where in a document something is wrong."""
INVALID: Final = re.compile(r"^(Invalid (?:enum )?value).*", re.DOTALL)
"""It tells the word as well, which may be of the customer's data."""
BESIDE: Final = frozenset({"version", "next_check_at", "next_notice_at"})
"""The fields of an order that the stores keep beside its document."""
STEERING_KEPT: Final = sorted(STEERING - BESIDE - {"schema"})
"""Those that its document holds, and its history does not tell."""


# --- instants --------------------------------------------------------------------------------------------------------


def instant(at: datetime) -> str:
    """Text of one width, so that it sorts as the times do, and can be read in a database shell."""
    assert at.tzinfo is not None, "times are aware"
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def maybe_instant(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


# --- orders ----------------------------------------------------------------------------------------------------------


def order_to_document(order: Order) -> Document:
    return _ORDER.to_document(order)


def order_to_json(order: Order) -> str:
    return _ORDER.to_json(order)


def steering(order: Order) -> Document:
    """What of an order's document its history does not tell."""
    told: Document = to_builtins({name: getattr(order, name) for name in STEERING_KEPT})
    return told


def order_from_document(
    order_id: str,
    document: object,
    *,
    version: int,
    next_check_at: str | None,
    next_notice_at: str | None,
    upgrades: Upgrades = ORDER_UPGRADES,
) -> Order:
    """Read an order as a store keeps it.

    Raises:
        DocumentTooNew, DocumentUnreadable
    """
    current = _upgraded(order_id, document, SCHEMA, upgrades)
    beside = _beside(order_id, version, next_check_at, next_notice_at)
    order = _read(order_id, lambda: _ORDER.from_document(current, **beside))
    if isinstance(document, Mapping) and 0 < document["schema"] < STATE_SINCE:
        order = _told_anew(order)
    return _of_its_name(order_id, order)


def order_from_json(
    order_id: str,
    text: str,
    *,
    version: int,
    next_check_at: str | None,
    next_notice_at: str | None,
    upgrades: Upgrades = ORDER_UPGRADES,
) -> Order:
    """As ``order_from_document``, for a document kept as JSON."""
    beside = _beside(order_id, version, next_check_at, next_notice_at)
    order = _read(order_id, lambda: _ORDER.from_json(text, **beside))  # today's schema in one pass
    if order is None or order.schema != SCHEMA:
        return order_from_document(
            order_id,
            _read(order_id, lambda: json.decode(text)),
            version=version,
            next_check_at=next_check_at,
            next_notice_at=next_notice_at,
            upgrades=upgrades,
        )
    return _of_its_name(order_id, order)


def _told_anew(order: Order) -> Order:
    try:
        return derived_anew(order)
    except TellsNoOrder as exc:
        raise DocumentUnreadable(order.id, str(exc)) from exc


def job_references(order: Order) -> list[str]:
    """What the gateway calls the order's payment jobs, for the stores to index."""
    return sorted({job.job_reference for job in order.jobs if job.job_reference is not None})


def payment_references(order: Order) -> list[str]:
    """What the gateway calls the order's payments, those that do not fit included."""
    misfits = {misfit.payment_reference for misfit in order.misfits}
    return sorted({payment.reference for payment in order.payments} | misfits)


def list_to_json(names: list[str]) -> str:
    return json.encode(names).decode()


def searchable(order: Order) -> Document:
    """What operators search by, beside the document; each of these has an index."""
    return {
        "status": order_status(order).value,
        "email": order.terms.customer.email.lower(),
        "amount_minor": order.amount.minor,
        "currency": order.amount.currency,
        "placed_at": instant(order.placed_at),
        "needs_attention": any(item.is_open for item in order.attention),
        "at_risk_minor": at_risk_minor(order),
    }


def _beside(order_id: str, version: object, next_check_at: str | None, next_notice_at: str | None) -> Document:
    if not isinstance(version, int):
        raise DocumentUnreadable(order_id, "its version is no number")
    try:
        times = {"next_check_at": _maybe_datetime(next_check_at), "next_notice_at": _maybe_datetime(next_notice_at)}
    except (TypeError, ValueError):
        raise DocumentUnreadable(order_id, "the time of its next look or notice is none") from None
    return {"version": version, **times}


def utf8(document_id: str, text: bytes) -> str:
    """Raises:
    DocumentUnreadable
    """
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise DocumentUnreadable(document_id, "its text is no UTF-8") from None


def _of_its_name(order_id: str, order: Order) -> Order:
    if order.id != order_id:
        raise DocumentUnreadable(order_id, f"it says that it is {order.id}")
    return order


def _maybe_datetime(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def lag(look_at: str | None, notice_at: str | None, delivery_at: str | None) -> Lag:
    return Lag(_maybe_datetime(look_at), _maybe_datetime(notice_at), _maybe_datetime(delivery_at))


# --- deliveries ------------------------------------------------------------------------------------------------------


def delivery_to_document(delivery: Delivery) -> Document:
    """One flat row; the body stays bytes, and the times that are searched or compared are instants."""
    return {
        "id": delivery.id,
        "schema": DELIVERY_SCHEMA,
        "mode": delivery.mode.value,
        "gateway": delivery.gateway,
        "body": delivery.body,
        "headers": [list(header) for header in delivery.headers],
        "first_at": instant(delivery.first_at),
        "last_at": instant(delivery.last_at),
        "received": delivery.received,
        "done": delivery.done,
        "attempts": delivery.attempts,
        "next_try_at": maybe_instant(delivery.next_try_at),
        "outcome": delivery.outcome,
    }


def delivery_from_document(delivery_id: str, document: object, *, upgrades: Upgrades = DELIVERY_UPGRADES) -> Delivery:
    """Read a delivery as a store keeps it.

    Raises:
        DocumentTooNew, DocumentUnreadable
    """
    current = _upgraded(delivery_id, document, DELIVERY_SCHEMA, upgrades)
    del current["schema"]
    return _read(delivery_id, lambda: _DELIVERY.from_document(current))


def headers_to_json(document: Document) -> str:
    return json.encode(document["headers"]).decode()


def headers_from_json(delivery_id: str, text: str) -> object:
    return _read(delivery_id, lambda: json.decode(text))


def record(record_id: str, version: int, expires_at: str | None, text: str) -> Record:
    return Record(RecordId(record_id), text, version, _maybe_datetime(expires_at))


def scanned(rows: Iterable[tuple[str, Callable[[], Order]]]) -> list[Order | UnreadableOrder]:
    """Each order under its id, or what is wrong with it."""
    found: list[Order | UnreadableOrder] = []
    for order_id, read in rows:
        try:
            found.append(read())
        except DocumentUnusable as exc:
            found.append(UnreadableOrder(OrderId(order_id), exc.why))
    return found


def readable(readers: Iterable[Callable[[], T]]) -> list[T]:
    """What can be read of a page. What cannot must not keep the rest from being worked through: it is logged."""
    found: list[T] = []
    for read in readers:
        try:
            found.append(read())
        except DocumentUnusable as exc:
            log.error("%s", exc)  # noqa: TRY400 - the message says it all
    return found


# --- reading what may be of another version --------------------------------------------------------------------------


def _upgraded(document_id: str, document: object, known: int, upgrades: Upgrades) -> Document:
    """A copy of the top level of ``document``, in the ``known`` schema."""
    current: Document = dict(document) if isinstance(document, Mapping) else {}
    schema = current.get("schema")
    if not isinstance(schema, int):
        raise DocumentUnreadable(document_id, "it does not say which schema it was written in")
    if schema > known:
        raise DocumentTooNew(document_id, schema, known)
    for step in range(schema, known):
        if step not in upgrades:
            raise DocumentUnreadable(document_id, f"nothing upgrades schema {step}")
        current = upgrades[step](current) | {"schema": step + 1}
    return current


def _read(document_id: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as exc:
        told, where = str(exc), "its text"
        if (placed := PLACED.fullmatch(told)) is not None:
            told, where = placed.groups()
        told = INVALID.sub(r"\1", told)
        raise DocumentUnreadable(document_id, f"{where}: {told}") from None


_ORDER: Final = StoredShape(Order, beside=BESIDE)
_DELIVERY: Final = StoredShape(Delivery)
