"""From each older schema of a stored document to the next; what is read is upgraded, and so what is written next."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from ..domain.ledger import retold
from ..domain.model import Order

Document: TypeAlias = dict[str, Any]
Upgrades: TypeAlias = Mapping[int, Callable[[Document], Document]]


STATE_SINCE: Final = 5
"""The state of an order of an older schema is told anew from its history, as the rules have changed since."""


def derived_anew(order: Order) -> Order:
    """The order with the state that today's rules make of its history; nothing more of what happened is announced.

    Raises:
        TellsNoOrder
    """
    told = retold(order.history)
    return replace(
        told,
        history=order.history,
        outbox=order.outbox,
        notified=max(told.notified, order.notified),  # or a number would be given twice
        next_notice_at=order.next_notice_at,
        next_check_at=order.next_check_at,
        last_look_at=order.last_look_at,
        looks_since_news=order.looks_since_news,
        version=order.version,
    )


def _order_2(old: Document) -> Document:
    """Schema 2 knows operations, notifications, and money that does not fit; ``derived_anew`` fills them in."""
    return old | {
        "jobs": [],
        "history": [entry | {"event": _event_2(entry["event"])} for entry in old["history"]],
        "attention": [],
        "misfits": [],
        "operations": [],
        "cancelled_at": None,
        "outbox": [],
        "notified": 0,
    }


def _event_2(event: Document) -> Document:
    match event["kind"]:
        case "payment_observed" | "evidence_set_aside":
            return event | {"fact": event["fact"] | {"refunds": []}}
        case "attention_raised":
            return event | {"amount_minor": 0}
        case _:
            return event


def _order_3(old: Document) -> Document:
    """Schema 3 knows the customer's phone and addresses, the lines' stock numbers, the language of the page, and when
    the gateway took the money."""
    return old | {
        "terms": _terms_3(old["terms"]),
        "jobs": [
            job | {"payments": [payment | {"taken_at": None} for payment in job["payments"]]} for job in old["jobs"]
        ],
        "history": [entry | {"event": _event_3(entry["event"])} for entry in old["history"]],
    }


def _event_3(event: Document) -> Document:
    match event["kind"]:
        case "order_placed":
            return event | {"terms": _terms_3(event["terms"])}
        case "payment_observed" | "evidence_set_aside":
            return event | {"fact": event["fact"] | {"taken_at": None}}
        case _:
            return event


def _order_4(old: Document) -> Document:
    """From schema 4 on, entries of the history are chained by other digests (``domain/older_digests.py``)."""
    return old


def _order_5(old: Document) -> Document:
    """From schema 5 on, what a payment that is authorized or in part captured makes of an order is told otherwise, and
    when a case is open."""
    return old


def _terms_3(terms: Document) -> Document:
    return terms | {
        "customer": terms["customer"] | {"phone": "", "billing_address": None, "shipping_address": None},
        "lines": [line | {"sku": ""} for line in terms["lines"]],
        "locale": "en_GB",
    }


ORDER_UPGRADES: Final[Upgrades] = {1: _order_2, 2: _order_3, 3: _order_4, 4: _order_5}
"""From the schema that is the key to the next one; a function may change the top level of what it is given."""

DELIVERY_UPGRADES: Final[Upgrades] = {}
