"""The webhooks of both schemes, read.

``hmac-sha256``: a signed statement of a payment's status. ``sha512``: three members, no status and no signature.

Source of ``sha512``: developer page "Handling payment status updates".
"""

from hashlib import sha256

from ...domain.facts import Evidence, EvidenceSource, Hint, PaymentFact, SignedFact
from ...domain.references import JobReference, OwnReference, PaymentReference
from ...domain.statuses import PaymentStatus
from ...ports import WebhookUnreadable
from ..reading import Reference, Shape, Text, Wire, WireError, parse

SIGNED_STATUSES = {
    "authorized": PaymentStatus.AUTHORIZED,
    "captured": PaymentStatus.CAPTURED,
    "declined": PaymentStatus.DECLINED,
    "failed": PaymentStatus.FAILED,
}


class _Signed(Wire):
    payment_reference: Reference
    order_reference: Text
    payment_job_reference: Reference | None = None
    status: Text | None = None
    event: Text | None = None
    amount: Text | None = None
    currency: Text | None = None


class _Notice(Wire):
    payment_job_reference: Reference
    payment_reference: Reference | None = None


class _Echo(Wire):
    payment_job_reference: Text | None = None
    payment_reference: Text | None = None
    order_reference: Text | None = None


def read_signed(body: bytes) -> SignedFact | Hint:
    """A verified delivery; one whose status nobody knows is worth a look and no more.

    Raises:
        WebhookUnreadable: not JSON, a reference or the status is missing, or ``status`` and ``event`` contradict.
    """
    told = _read(_Signed, body)
    job_reference = JobReference(told.payment_job_reference) if told.payment_job_reference else None
    own_reference, payment_reference = OwnReference(told.order_reference), PaymentReference(told.payment_reference)
    wording = _wording(told)
    status = SIGNED_STATUSES.get(wording)
    if status is None:
        return Hint(own_reference, job_reference, payment_reference)
    fact = PaymentFact(
        payment_reference=payment_reference,
        status=status,
        evidence=Evidence(EvidenceSource.SIGNED_WEBHOOK, sha256(body).hexdigest(), wording),
        asked_amount=told.amount,
        asked_currency=told.currency,
    )
    return SignedFact(fact, own_reference, job_reference)


def read_notice(body: bytes) -> Hint:
    """An unsigned delivery.

    Raises:
        WebhookUnreadable: not JSON, or the job reference is missing.
    """
    told = _read(_Notice, body)
    payment_reference = PaymentReference(told.payment_reference) if told.payment_reference else None
    return Hint(None, JobReference(told.payment_job_reference), payment_reference)


def echo(body: bytes) -> dict[str, str]:
    """The references that the delivery carries, under the names that Cashflows wants to read back."""
    told = _read(_Echo, body)
    references = {
        "paymentJobReference": told.payment_job_reference,
        "paymentReference": told.payment_reference,
        "orderReference": told.order_reference,
    }
    return {name: reference for name, reference in references.items() if reference is not None}


def _read(shape: type[Shape], body: bytes) -> Shape:
    try:
        return parse(shape, body)
    except WireError as exc:
        raise WebhookUnreadable(str(exc)) from exc


def _wording(told: _Signed) -> str:
    """The delivery's word for the payment's status; if it has two, the one that nobody knows."""
    words = {word.lower().removeprefix("payment.")[:32] for word in (told.status, told.event) if word is not None}
    unknown = sorted(words - SIGNED_STATUSES.keys())
    if not unknown and len(words) != 1:
        raise WebhookUnreadable("say the payment's status once, as status or as event payment.<status>")
    return unknown[0] if unknown else words.pop()
