"""Turning a create request into a job, and into the card that pays it at once where one is given.

Source: Cashflows developer pages, "Gateway API reference" (create payment job), "Sending us payment details",
"Processing mail and phone payments".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from . import cards
from .cards import CardEntry
from .documents import CARD_FIELDS, Document, parse_time, storable
from .lifecycle import new_payment
from .model import Job, Status
from .money import parse_amount, parse_currency
from .references import Kind, new_page_reference, new_reference
from .refusals import bad_request
from .signing import Scheme

LOCALES: Final = {name.lower(): name for name in ("el_GR", "en_US", "nl_NL", "en_GB", "es_ES")}
METHODS: Final = {
    name.lower(): name
    for name in (
        "Ideal", "PayPal", "Card", "Bancontact", "SepaBanktransfer", "KlarnaPayLater", "KlarnaSliceIt", "KlarnaPayNow",
        "AfterPay", "DirectDebit",
    )
} | {"creditcard": "Card", "debitcard": "Card"}  # fmt: skip
VALIDITY_MONTHS: Final = 6
LONGEST_ORDER_NUMBER: Final = 200
ADDRESSES: Final = frozenset({"returnurlsuccess", "returnurlfailed", "returnurlcancelled", "webhookurl"})
STATUSES: Final = {str(status).lower(): status for status in Status}


@dataclass(frozen=True, slots=True)
class Intake:
    """A new job, and how it is to be settled inside the create call, if at all."""

    job: Job
    card: CardEntry | None = None
    token: str | None = None
    simulated: Status | None = None

    @property
    def moto(self) -> bool:
        return self.job.has_option("IsMoto")


def order_number_of(document: Document) -> str:
    return document.object("order").text("orderNumber").strip()


def read_create(document: Document, scheme: Scheme, now: datetime) -> Intake:
    """Read a create request.

    Raises:
        Refusal: something in it is missing or cannot be used; nothing was created.
    """
    currency = parse_currency(document.get("currency"))
    parameters = Document(document.object("parameters"))
    card = _card(parameters, now)
    token = parameters.text("token") or None
    simulated = _simulated(parameters)
    job = Job(
        reference=new_reference(Kind.JOB, now),
        page_reference=new_page_reference(),
        trace_reference=new_reference(Kind.TRACE, now),
        scheme=scheme,
        at=now,
        updated_at=now,
        expires_at=_expiry(document, now),
        currency=currency,
        amount_minor=parse_amount(document.get("amountToCollect"), currency, "amountToCollect"),
        payments=(),
        type="Credit" if document.text("type").lower() == "credit" else "Payment",
        locale=LOCALES.get(document.text("locale").lower(), "en_GB"),
        time_zone=document.text("timeZone") or "Europe/London",
        order=_order(document, now),
        order_number=_order_number(document),
        methods=_methods(document),
        options=document.texts("options"),
        parameters=_kept(parameters),
        direct=card is not None or token is not None,
        parent_reference=document.text("parentPaymentJobReference") or None,
    )
    shown = "Start" if job.direct or simulated or job.parent_reference else "DisplayHostedPage"
    payment = new_payment(job.amount_minor, now, shown)
    payment = replace(payment, simulated_status=parameters.text("simulatedStatus") or None)
    return Intake(replace(job, payments=(payment,)), card, token, simulated)


def read_card(parameters: Document, now: datetime) -> CardEntry:
    """A card as the API's parameters give it.

    Raises:
        Refusal: it cannot be charged; the message repeats no digit of it.
    """
    number, csc = cards.clean_number(parameters.text("cardNumber")), parameters.text("cardCvc")
    expiry = f"{parameters.text('cardExpiryMonth')}/{parameters.text('cardExpiryYear')}"
    wrong = cards.mistakes(number, expiry, csc, now)
    if wrong:
        raise bad_request("InvalidCard", " ".join(wrong.values()))
    month, year = cards.parse_expiry(expiry) or (0, 0)
    return CardEntry(number, month, year, csc, parameters.text("cardHolderName"))


def _card(parameters: Document, now: datetime) -> CardEntry | None:
    return read_card(parameters, now) if parameters.text("cardNumber") else None


def _simulated(parameters: Document) -> Status | None:
    wanted = parameters.text("simulatedStatus")
    status = STATUSES.get(wanted.lower())
    if wanted and status is None:
        raise bad_request("InvalidSimulatedStatus", "simulatedStatus must be the name of a payment status.")
    return None if status is Status.PENDING else status


def _expiry(document: Document, now: datetime) -> datetime:
    given = document.text("expirationDateTimeUtc")
    if not given:
        return _months_later(now, VALIDITY_MONTHS)
    when = parse_time(given, "expirationDateTimeUtc")
    if when <= now:
        raise bad_request("InvalidExpirationDate", "expirationDateTimeUtc has passed.")
    return when


def _months_later(now: datetime, months: int) -> datetime:
    month = now.month - 1 + months
    year, month = now.year + month // 12, month % 12 + 1
    for day in (now.day, 30, 29, 28):
        try:
            return now.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def _order_number(document: Document) -> str:
    number = order_number_of(document)
    if len(number) > LONGEST_ORDER_NUMBER:
        raise bad_request("InvalidOrderNumber", f"orderNumber is longer than {LONGEST_ORDER_NUMBER} characters.")
    return number


def _order(document: Document, now: datetime) -> Mapping[str, Any]:
    given = document.get("order")
    order = _camel(storable(given)) if isinstance(given, dict) else {}
    wants_customer = "storecustomerinformation" in {option.lower() for option in document.texts("options")}
    if wants_customer and not order.get("customerReference"):
        order["customerReference"] = new_reference(Kind.CUSTOMER, now)
    return order


def _camel(value: Any) -> Any:
    """The same object with keys that start with a small letter, as replies spell them."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _camel(item) for key, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value


def _methods(document: Document) -> tuple[str, ...]:
    wanted = document.texts("paymentMethodsToUse")
    known = dict.fromkeys(METHODS[name.lower()] for name in wanted if name.lower() in METHODS)
    if wanted and not known:
        raise bad_request("InvalidPaymentMethod", "paymentMethodsToUse names no known payment method.")
    return tuple(known) or ("Card",)


def _kept(parameters: Document) -> dict[str, str]:
    """The parameters that may be kept: no card data, and addresses only of the web."""
    dropped = CARD_FIELDS | {"cardexpirymonth", "cardexpiryyear", "cardholdername", "token"}
    kept = {key: parameters.text(key) for key in parameters if key not in dropped and parameters.text(key)}
    for key in ADDRESSES & kept.keys():
        if not _is_web_address(kept[key]):
            raise bad_request("InvalidParameter", f"{key} must be an absolute http or https address.")
    return kept


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and text.isprintable()
