"""Replies and documents made wrong, each by one small function.

They edit the document that would have been sent, so everything that is not meant to be wrong stays right.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

QUOTED_AMOUNT: Final = re.compile(rb'("[A-Za-z]*[aA]mount[A-Za-z]*":)"([0-9.]+)"')
JSON_TYPE: Final = "application/json; charset=utf-8"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply as bytes."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": JSON_TYPE})


def error_answer(status: int, code: str, message: str, **headers: str) -> Answer:
    """An answer in the shape of the gateway's error report."""
    report = {"errors": [{"code": code, "message": message, "parameters": [], "translatedMessage": message}]}
    body = json.dumps({"errorReport": {**report, "warnings": [], "language": "en_GB", "isFatalError": True}})
    return Answer(status, body.encode(), {"Content-Type": JSON_TYPE} | headers)


def html_page(answer: Answer) -> Answer:
    page = b"<!doctype html><title>Service</title><h1>We will be back shortly</h1>"
    return Answer(answer.status, page, {"Content-Type": "text/html; charset=utf-8"})


def malformed(answer: Answer) -> Answer:
    return replace(answer, body=answer.body.replace(b":", b"=", 3))


def truncated(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def empty(answer: Answer) -> Answer:
    return replace(answer, body=b"")


def not_utf8(answer: Answer) -> Answer:
    return replace(answer, body=answer.body.replace(b'"data"', b'"d\xff\xfeta"', 1))


def enormous(answer: Answer) -> Answer:
    """The true reply with 8 MiB of spaces after it: still JSON, far too large to be honest."""
    return replace(answer, body=answer.body + b" " * (8 * 1024 * 1024))


def twice_keyed(answer: Answer) -> Answer:
    """The amount stands in ``data`` a second time, and differs."""
    return replace(answer, body=answer.body.replace(b'"data":{', b'"data":{"amountToCollect":"0.01",', 1))


def lost(answer: Answer) -> None:  # noqa: ARG001 one of the replacements, which all take the answer
    return None


def wrong_amount(document: Document) -> Document:
    """One minor unit less, wherever an amount is told."""
    amounts = {"amountToCollect", "paidAmount", "amountCollected", "amount", "amountToRefund", "amountToCapture"}
    return _edited(document, lambda key, value: _one_less(value) if key in amounts else value)


def _one_less(value: Any) -> Any:
    exact = Decimal(value)
    exponent = exact.as_tuple().exponent
    unit = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    return str(exact - unit if exact else exact + unit)


def wrong_currency(document: Document) -> Document:
    return _edited(document, lambda key, value: ("USD" if value != "USD" else "EUR") if key == "currency" else value)


def other_job(document: Document) -> Document:
    """The reply for another job of the same merchant: references and order number are not those asked for."""
    names = {"reference", "orderNumber", "url"}
    return _edited(document, lambda key, value: _other_digits(value) if key in names else value)


def foreign_references(document: Document) -> Document:
    """A webhook that belongs to another merchant."""
    names = {"paymentJobReference", "paymentReference", "orderReference"}
    return _edited(document, lambda key, value: _other_digits(value) if key in names else value)


def _other_digits(value: Any) -> Any:
    return str(value).translate(str.maketrans("0123456789", "1234567890"))


def pascal_case(document: Document) -> Document:
    return _renamed(document, lambda key: key[:1].upper() + key[1:])


STATUS_NUMBERS: Final = {"Pending": 10, "Cancelled": 9100, "Completed": 9010, "Start": 100}
CURRENCY_NUMBERS: Final = {"GBP": 826, "EUR": 978, "USD": 840, "CHF": 756, "JPY": 392, "AUD": 36, "CAD": 124}
ENUM_NUMBERS: Final = {"status": STATUS_NUMBERS, "paymentStatus": STATUS_NUMBERS, "action": STATUS_NUMBERS,
                       "currency": CURRENCY_NUMBERS, "locale": {"en_GB": 2057}}  # fmt: skip


def numeric_enums(document: Document) -> Document:
    """Numbers where samples have published one; words that have no published number stay words.

    Source: sample replies of the Cashflows OpenAPI document.
    """
    return _edited(
        document,
        lambda key, value: ENUM_NUMBERS[key].get(value, value) if key in ENUM_NUMBERS else value,
    )


def numeric_references(document: Document) -> Document:
    """18-digit references as JSON numbers, which do not survive a float."""
    names = {"reference", "paymentJobReference", "paymentReference", "configurationId", "traceReference"}
    return _edited(document, lambda key, value: int(value) if key in names and str(value).isdigit() else value)


def numeric_amounts(answer: Answer) -> Answer:
    """Amounts as JSON numbers: ``"10.00"`` arrives as ``10``, ``"10.50"`` as ``10.5``."""
    return replace(answer, body=QUOTED_AMOUNT.sub(_bare, answer.body))


def _bare(match: re.Match[bytes]) -> bytes:
    return match[1] + format(Decimal(match[2].decode()).normalize(), "f").encode()


def unknown_status(document: Document) -> Document:
    names = {"status", "paymentStatus"}
    return _edited(document, lambda key, value: "Quarantined" if key in names else value)


def stale(document: Document) -> Document:
    """As if nothing had happened yet: every status Pending, nothing collected, captured or refunded."""
    gone = {"amountCollected", "paidAmount", "paidDateTimeUtc", "captures", "refunds", "lastErrorReport"}
    words = {"status", "paymentStatus"}
    pending = _edited(document, lambda key, value: "Pending" if key in words else value)
    return _pruned(pending, gone)


def without_data(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != "data"}


def error_inside(document: Document) -> Document:  # noqa: ARG001 one of the edits, which all take the document
    """200, and yet an error report instead of the data."""
    report = {"errors": [{"code": "GenericError", "message": "Something went wrong.", "parameters": []}]}
    return {"errorReport": {**report, "warnings": [], "language": "en_GB", "isFatalError": True}}


def short_times(document: Document) -> Document:
    return _edited(
        document, lambda key, value: f"{value[:22]}Z" if key.endswith("TimeUtc") and isinstance(value, str) else value
    )


def hostile_action(document: Document) -> Document:
    """An action URL that leads somewhere else, without TLS."""
    links = document.get("links", {})
    return {**document, "links": {**links, "action": {"url": "http://evil.example/payment?ref=0", "type": "text/html"}}}


def without_action(document: Document) -> Document:
    links = {key: value for key, value in document.get("links", {}).items() if key != "action"}
    return {**document, "links": links}


def _edited(document: Document, edit: Callable[[str, Any], Any]) -> Document:
    """The same document with ``edit`` applied to every member that is no object or list."""
    return {
        key: _inside(value, lambda part: _edited(part, edit)) if isinstance(value, dict | list) else edit(key, value)
        for key, value in document.items()
    }


def _renamed(document: Document, rename: Callable[[str], str]) -> Document:
    return {rename(key): _inside(value, lambda part: _renamed(part, rename)) for key, value in document.items()}


def _pruned(document: Document, names: set[str]) -> Document:
    return {
        key: _inside(value, lambda part: _pruned(part, names)) for key, value in document.items() if key not in names
    }


def _inside(value: Any, change: Callable[[Document], Document]) -> Any:
    """``change`` applied to an object, or to the objects of a list; anything else as it is."""
    if isinstance(value, dict):
        return change(value)
    return [_inside(item, change) for item in value] if isinstance(value, list) else value
