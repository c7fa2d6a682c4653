"""What the gateway believes, as plain documents: for tests, for auditors and for the operator page.

Amounts are minor units. An auditor compares these with what the merchant's side believes.
"""

from collections.abc import Mapping
from typing import Any, Final

from .model import Job, Payment
from .notices import Attempt
from .outbox import Entry
from .replies import timestamp


def job_facts(job: Job) -> dict[str, Any]:
    payments = [payment_facts(payment) for payment in job.payments]
    return {
        "reference": job.reference,
        "orderNumber": job.order_number,
        "scheme": str(job.scheme),
        "status": str(job.status),
        "currency": job.currency,
        "amountMinor": job.amount_minor,
        **{name: sum(payment[name] for payment in payments) for name in MONEY},
        "createdAt": timestamp(job.at),
        "expiresAt": timestamp(job.expires_at),
        "pageReference": job.page_reference,
        "payments": payments,
    }


MONEY: Final = ("authorizedMinor", "capturedMinor", "refundedMinor")


def payment_facts(payment: Payment) -> dict[str, Any]:
    return {
        "reference": payment.reference,
        "status": str(payment.status),
        "authorizedMinor": payment.authorized_minor,
        "capturedMinor": payment.captured_minor,
        "refundedMinor": payment.refunded_minor,
        "voided": payment.voided_at is not None,
        "card": payment.card.truncated_number if payment.card else None,
        "failure": payment.failure.message if payment.failure else None,
        "captures": [
            {"reference": item.reference, "amountMinor": item.amount_minor, "status": str(item.status)}
            for item in payment.captures
        ],
        "refunds": [
            {
                "reference": item.reference,
                "number": item.number,
                "amountMinor": item.amount_minor,
                "status": str(item.status),
            }
            for item in payment.refunds
        ],
    }


def webhook_facts(entry: Entry) -> dict[str, Any]:
    notice = entry.notice
    return {
        "id": entry.id,
        "state": str(entry.state),
        "about": notice.about,
        "paymentJobReference": notice.job_reference,
        "paymentReference": notice.payment_reference,
        "orderNumber": notice.order_number,
        "url": notice.url,
        "body": notice.body,
        "headers": dict(notice.headers),
        "fault": notice.fault,
        "queuedAt": timestamp(notice.at),
        "dueAt": timestamp(entry.due_at) if entry.due_at else None,
        "attempts": [_attempt_facts(attempt) for attempt in notice.attempts],
    }


def _attempt_facts(attempt: Attempt) -> Mapping[str, Any]:
    return {
        "at": timestamp(attempt.at),
        "status": attempt.status,
        "answer": attempt.answer,
        "acknowledged": attempt.acknowledged,
    }
