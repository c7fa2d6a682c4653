"""What a webhook says, when it counts as acknowledged, and when it is tried again: pure functions.

Source: Cashflows developer pages, "Handling payment status updates" (three fields, echo of both references, growing
intervals up to a month; the exact counts are unpublished and ours); integration guide, "Webhooks" (signed scheme).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from .model import Job, Payment, Status
from .money import format_amount
from .replies import render
from .signing import Scheme, sign_webhook

GUIDE_STATUS: Final[Mapping[Status, str]] = {
    Status.RESERVED: "authorized",
    Status.PAID: "captured",
    Status.VERIFIED: "captured",
    Status.DECLINED: "declined",
    Status.REJECTED: "declined",
    Status.BLOCKED: "declined",
    Status.FAILED: "failed",
}
"""The guide has no word for cancelled or expired: in its scheme the merchant learns of those by a retrieve."""

EVERY_MINUTE_FOR: Final = timedelta(minutes=30)
DAILY_FOR: Final = timedelta(days=7)
GIVEN_UP_AFTER: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery and its answer; ``status`` is None when no answer came."""

    at: datetime
    status: int | None
    answer: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """One webhook: the exact bytes and headers to send, and what became of it so far."""

    job_reference: str
    payment_reference: str
    order_number: str
    scheme: Scheme
    url: str
    about: str
    body: str
    headers: Mapping[str, str]
    at: datetime
    attempts: tuple[Attempt, ...] = ()
    fault: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The body, parsed."""
        members: dict[str, Any] = json.loads(self.body)
        return members


def changed_payments(before: Job | None, after: Job) -> Sequence[Payment]:
    """The payments to tell about: those whose status changed.

    Where only the job's own status changed, the published scheme tells of that with the last payment's reference;
    the guide's scheme speaks of payments alone.
    """
    known = {payment.reference: payment.status for payment in before.payments} if before else {}
    changed = [
        payment for payment in after.payments if payment.status is not known.get(payment.reference, Status.PENDING)
    ]
    if not changed and before and before.status is not after.status and after.scheme is Scheme.SHA512:
        return [after.last_payment]
    return changed


def notice_of(job: Job, payment: Payment, webhook_secret: str, now: datetime) -> Notice | None:
    """The webhook about a payment's new status; None when the job has no URL or the scheme no word for it."""
    url = job.parameters.get("webhookurl")
    body = _body(job, payment)
    if not url or body is None:
        return None
    notice = Notice(
        job_reference=job.reference,
        payment_reference=payment.reference,
        order_number=job.order_number,
        scheme=job.scheme,
        url=url,
        about=str(job.status if job.cancelled_at or job.expired_at else payment.status),
        body="",
        headers={},
        at=now,
    )
    return sealed(notice, body, webhook_secret)


def sealed(notice: Notice, body: Mapping[str, Any], webhook_secret: str) -> Notice:
    """The notice with ``body`` as its bytes, signed where its scheme signs."""
    raw = render(body)
    headers = {"Content-Type": "application/json", "User-Agent": "Cashflows-Simulator"}
    if notice.scheme is Scheme.HMAC_SHA256:
        headers["X-Signature"] = sign_webhook(webhook_secret, raw)
    return replace(notice, body=raw.decode(), headers=headers)


def acknowledges(notice: Notice, status: int, answer: bytes) -> bool:
    """Whether an answer ends the repeats: 200 with the references that were sent, keys in any case."""
    if status != 200:
        return False
    sent, echoed = _folded(notice.body), _folded(answer)
    if "paymentreference" not in sent or echoed.get("paymentreference") != sent["paymentreference"]:
        return False
    others = ["paymentjobreference"]
    if notice.scheme is Scheme.HMAC_SHA256:
        others.append("orderreference")
    return any(sent.get(name) and echoed.get(name) == sent[name] for name in others)


def next_attempt_at(first_at: datetime, now: datetime) -> datetime | None:
    """When to try again after a failed attempt: every minute, then daily, then weekly; None after a month."""
    age = now - first_at
    if age < EVERY_MINUTE_FOR:
        pause = timedelta(minutes=1)
    elif age < DAILY_FOR:
        pause = timedelta(days=1)
    else:
        pause = timedelta(weeks=1)
    return now + pause if age + pause <= GIVEN_UP_AFTER else None


def _body(job: Job, payment: Payment) -> dict[str, Any] | None:
    references = {"paymentJobReference": job.reference, "paymentReference": payment.reference}
    if job.scheme is Scheme.SHA512:
        return {"notifyType": "PaymentStatusChange", **references}
    word = GUIDE_STATUS.get(payment.status)
    if word is None:
        return None
    return {
        "event": f"payment.{word}",
        "status": word,
        **references,
        "orderReference": job.order_number,
        "amount": format_amount(payment.amount_minor, job.currency),
        "currency": job.currency,
    }


def _folded(text: str | bytes) -> dict[str, Any]:
    """The members of a JSON object with keys in lower case; anything else reads as empty."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {key.lower(): member for key, member in value.items()} if isinstance(value, dict) else {}
