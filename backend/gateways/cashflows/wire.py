"""Payment jobs in Cashflows' words and shapes; they go no further than this folder.

Source: Cashflows Gateway API, OpenAPI document v1, and developer pages "Payment processing" and "Handling payment
status updates". Not confirmed on a live account: the numeric spellings of statuses.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from msgspec import json
from pydantic import Field

from ...domain.errors import InvalidAmount, UnknownCurrency
from ...domain.facts import Evidence, EvidenceSource, JobSnapshot, PaymentFact, RefundFact, RefundState
from ...domain.money import CurrencyCode, Money, parse_currency, wire_amount
from ...domain.references import JobReference, OwnReference, PaymentReference
from ...domain.statuses import NO_MONEY, PaymentStatus
from ...domain.terms import DEFAULT_LOCALE, Address, Customer, OrderLine
from ...ports import JobRequest, Redirect, Unknown
from ..reading import Reference, Text, Wire, WireError, parse

STATUSES: Final = {
    # A status that is not here means "not paid, look again"; values were added to the API over time.
    "pending": PaymentStatus.PENDING,
    "10": PaymentStatus.PENDING,
    "commissioned": PaymentStatus.PENDING,
    "verified": PaymentStatus.PENDING,  # a card was checked for a zero amount: no money of ours
    "reserved": PaymentStatus.AUTHORIZED,
    "paid": PaymentStatus.CAPTURED,
    "cancelled": PaymentStatus.CANCELLED,
    "9100": PaymentStatus.CANCELLED,
    "expired": PaymentStatus.EXPIRED,
    "failed": PaymentStatus.FAILED,
    "declined": PaymentStatus.DECLINED,
    "rejected": PaymentStatus.DECLINED,
    "blocked": PaymentStatus.DECLINED,
}

PAID: Final = "paid"
OVER: Final = frozenset({"paid", "cancelled", "expired", "9100"})
"""Job statuses after which a job takes no more money; a failed attempt leaves it open for another."""

LAPSED: Final = NO_MONEY - {PaymentStatus.CANCELLED}
ACCOUNTED: Final = frozenset(
    {PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED, PaymentStatus.CANCELLED, PaymentStatus.VOIDED}
)
"""Where the payment stands that made its job a paid one."""

CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")

COMPLETED: Final = frozenset({"completed", "9010"})
FAILED: Final = frozenset({"failed"})


LOCALES: Final = frozenset({"el_GR", "en_GB", "en_US", "es_ES", "nl_NL"})
"""The languages of the payment page. Source: OpenAPI document v1, "locale"."""


class _Capture(Wire):
    status: Text
    amount_to_capture: Text
    create_date_time_utc: Text | None = None


class _Refund(Wire):
    status: Text
    amount_to_refund: Text
    reference: Reference | None = None
    refund_number: Text | None = None


class _Payment(Wire):
    reference: Reference
    status: Text
    amount_to_collect: Text | None = None
    paid_amount: Text | None = None
    captures: list[_Capture] = Field(default_factory=list)
    refunds: list[_Refund] = Field(default_factory=list)


class _Order(Wire):
    order_number: Text | None = None


class _Job(Wire):
    reference: Reference
    payment_status: Text = "Pending"
    paid_date_time_utc: Text | None = None
    currency: Text | None = None
    amount_to_collect: Text | None = None
    order: _Order = _Order()
    payments: list[_Payment] = Field(default_factory=list)


class _Link(Wire):
    url: str = Field(max_length=2048)


class _Links(Wire):
    action: _Link | None = None


class _Created(Wire):
    data: _Job
    links: _Links = _Links()


class _Retrieved(Wire):
    data: _Job


class _Method(Wire):
    payment_method: Text


class _Methods(Wire):
    data: list[_Method]


class _Error(Wire):
    code: Text


class _ErrorReport(Wire):
    errors: list[_Error] = Field(min_length=1)


class _Failure(Wire):
    error_report: _ErrorReport


def job_body(request: JobRequest) -> bytes:
    """The body of "create payment job", serialised once: these bytes are signed and sent."""
    terms, customer = request.terms, request.terms.customer
    body = {
        "amountToCollect": terms.amount.to_wire(),
        "currency": terms.amount.currency,
        "locale": terms.locale if terms.locale in LOCALES else DEFAULT_LOCALE,
        "expirationDateTimeUtc": request.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "order": {
            "orderNumber": request.own_reference,
            "note": terms.description,
            "billingIdentity": {"emailAddress": customer.email},
            "billingAddress": _address(customer, customer.billing_address),
            **({"shippingAddress": _address(customer, customer.shipping_address)} if customer.shipping_address else {}),
            "orderLines": [_line(number, line, terms.amount.currency) for number, line in enumerate(terms.lines, 1)],
        },
        "parameters": {
            "returnUrlSuccess": request.success_url,
            "returnUrlFailed": request.failed_url,
            "returnUrlCancelled": request.cancel_url,
            "webhookUrl": request.webhook_url,
        },
    }
    return json.encode(body)


def _address(customer: Customer, address: Address | None) -> dict[str, str]:
    first_name, _, last_name = customer.name.rpartition(" ")
    given = address or Address()
    members = {
        "addressLine1": given.line_1,
        "addressLine2": given.line_2,
        "zipCode": given.postcode,
        "city": given.city,
        "stateProvince": given.state,
        "countryIso3166Alpha2": given.country,
        "phoneNumber1": customer.phone,
    }
    told = {name: value for name, value in members.items() if value}
    return {"firstName": first_name, "lastName": last_name} | told


def _line(number: int, line: OrderLine, currency: CurrencyCode) -> dict[str, str | int]:
    return {
        "lineNumber": number,
        "name": line.name,
        **({"skuCode": line.sku} if line.sku else {}),
        "quantity": line.quantity,
        "unitPriceInclVat": wire_amount(line.unit_price_minor, currency),
        "totalLineAmount": wire_amount(line.total_minor, currency),
    }


def read_created(own_reference: OwnReference, body: bytes) -> Redirect | Unknown:
    """The reply to "create payment job"; unknown is what it leaves if it is about another order, or names no page.

    Raises:
        WireError: it cannot be read exactly, or has no job reference.
    """
    reply = parse(_Created, body)
    if reply.data.order.order_number not in (None, own_reference):
        return Unknown("the reply is about another order")  # its page would have the customer pay for that one
    job_reference = JobReference(reply.data.reference)
    if reply.links.action is None:
        return Unknown("the reply names no page", job_reference)
    return Redirect(
        job_reference=job_reference,
        action_url=reply.links.action.url,
        payments=tuple(PaymentReference(payment.reference) for payment in reply.data.payments),
    )


def read_job(body: bytes) -> JobSnapshot:
    """The reply to "retrieve payment job", with every payment in it.

    Raises:
        WireError: it cannot be read exactly.
    """
    job = parse(_Retrieved, body).data
    digest = sha256(body).hexdigest()
    number = job.order.order_number
    facts = tuple(_fact(job, payment, digest) for payment in job.payments)
    return JobSnapshot(
        job_reference=JobReference(job.reference),
        own_reference=OwnReference(number) if number is not None else None,
        payable=not _is_over(job, facts),
        payments=facts,
        not_understood=frozenset(
            PaymentReference(payment.reference) for payment in job.payments if payment.status.lower() not in STATUSES
        ),
    )


def read_methods(body: bytes) -> tuple[str, ...]:
    """The reply to "supported payment methods", as Cashflows names them.

    Raises:
        WireError: it cannot be read.
    """
    return tuple(method.payment_method for method in parse(_Methods, body).data)


def read_error_code(body: bytes) -> str:
    """The first error's code, or plain words for a reply without one; never free text, which may name people."""
    try:
        code = parse(_Failure, body).error_report.errors[0].code
    except WireError:
        return "no error report"
    return code if CODE.fullmatch(code) else "no error code"


def _is_over(job: _Job, facts: Iterable[PaymentFact]) -> bool:
    """A job that was paid by a payment that does not say so yet is asked about again: nobody may pay a second one."""
    word = job.payment_status.lower()
    return word in OVER and (word != PAID or any(fact.status in ACCOUNTED for fact in facts))


def _fact(job: _Job, payment: _Payment, digest: str) -> PaymentFact:
    asked = payment.amount_to_collect or job.amount_to_collect
    if asked is None or job.currency is None:
        raise WireError("the reply states no amount or no currency")
    status = STATUSES.get(payment.status.lower(), PaymentStatus.PENDING)
    captured = _completed([(part.amount_to_capture, part.status) for part in payment.captures], job.currency)
    if status is PaymentStatus.CANCELLED and payment.paid_amount and _minor(payment.paid_amount, job.currency):
        # Cancelled before the midnight batch: the reply goes on showing what had been paid ("Cancellations").
        status = PaymentStatus.VOIDED
    elif status in LAPSED and captured:
        status = PaymentStatus.CAPTURED  # the hold is over, and what was captured of it stays
    if status in (PaymentStatus.CAPTURED, PaymentStatus.VOIDED) and not captured:
        due, paid = _minor(asked, job.currency), _minor(payment.paid_amount or "0", job.currency)
        captured = min(due, paid) if paid else due  # a surcharge is paid beside what is due
    return PaymentFact(
        payment_reference=PaymentReference(payment.reference),
        status=status,
        evidence=Evidence(EvidenceSource.RETRIEVAL, digest, payment.status[:32]),
        asked_amount=asked,
        asked_currency=job.currency,
        captured_minor=captured,
        refunded_minor=_completed([(part.amount_to_refund, part.status) for part in payment.refunds], job.currency),
        refunds=tuple(_refund(part, job.currency) for part in payment.refunds),
        taken_at=_taken_at(job, payment) if captured else None,
    )


def _taken_at(job: _Job, payment: _Payment) -> datetime | None:
    """When the first capture was made; for a job with one payment, else, when it says that it was paid."""
    told = [part.create_date_time_utc for part in payment.captures if part.status.lower() in COMPLETED]
    if not told and len(job.payments) == 1:
        told = [job.paid_date_time_utc]
    return min((when for text in told if text is not None and (when := _time(text)) is not None), default=None)


def _time(text: str) -> datetime | None:
    """A UTC time with a fraction of any length; decides nothing, so one that cannot be read is as good as none."""
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _refund(part: _Refund, currency: str) -> RefundFact:
    """A status that nobody knows is one to look at again."""
    word = part.status.lower()
    state = (
        RefundState.COMPLETED if word in COMPLETED else RefundState.FAILED if word in FAILED else RefundState.PENDING
    )
    return RefundFact(part.refund_number, part.reference, _minor(part.amount_to_refund, currency), state)


def _completed(parts: Iterable[tuple[str, str]], currency: str) -> int:
    return sum(_minor(amount, currency) for amount, status in parts if status.lower() in COMPLETED)


def _minor(amount: str, currency: str) -> int:
    try:
        return Money.from_wire(amount, parse_currency(currency)).minor
    except (InvalidAmount, UnknownCurrency):
        raise WireError("the reply states an amount that is not exact") from None
