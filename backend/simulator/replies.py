"""Rendering jobs, payments, captures, refunds and errors as the gateway spells them.

camelCase keys, enum names, references and amounts as strings, seven fractional digits; parts that are absent are
left out. Source: Cashflows developer pages, "Gateway API reference" (replies, error report).
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from .model import Capture, Failure, Job, PartStatus, Payment, Refund, Status, Step
from .money import format_amount
from .references import Kind
from .refusals import Refusal

RETURN_URLS: Final = {
    "returnUrlSuccess": "returnurlsuccess",
    "returnUrlFailed": "returnurlfailed",
    "returnUrlCancelled": "returnurlcancelled",
}
JOB_ATTRIBUTES: Final = {
    "webhookUrl": "webhookurl",
    "googleAnalyticsClientId": "googleanalyticsclientid",
    "allowedParentFrameDomains": "allowedparentframedomains",
    "paymentPageReference": "paymentpagereference",
}
PAYMENT_ATTRIBUTES: Final = {
    "originatingIpAddress": "originatingipaddress",
    "originHeader": "originheader",
    "userAgent": "useragent",
    "descriptor": "descriptor",
    "idealBic": "idealbic",
    "eWalletType": "ewallettype",
}


def timestamp(when: datetime) -> str:
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "0Z"


def job_document(job: Job, configuration_id: str, now: datetime) -> dict[str, Any]:
    holder = job.money_holder
    collected = holder if holder and holder.status in {Status.PAID, Status.VERIFIED} else None
    return _present(
        reference=job.reference,
        createDateTimeUtc=timestamp(job.at),
        type=job.type,
        traceReference=job.trace_reference,
        configurationId=configuration_id,
        domain="cashflows.com",
        locale=job.locale,
        timeZone=job.time_zone,
        order=_order(job),
        orderHistory=[],
        paymentMethodsToUse=list(job.methods),
        currency=job.currency,
        amountToCollect=format_amount(job.amount_minor, job.currency),
        amountCollected=format_amount(collected.paid_minor, job.currency) if collected else None,
        paidAmount=format_amount(collected.paid_minor, job.currency) if collected else None,
        paidDateTimeUtc=timestamp(collected.captured_at) if collected and collected.captured_at else None,
        expirationDateTimeUtc=timestamp(job.expires_at),
        lastUpdateTimeUtc=timestamp(job.updated_at),
        parentPaymentJobReference=job.parent_reference,
        flags=_flags(job) or None,
        attributes=_picked(job.parameters, JOB_ATTRIBUTES),
        paymentStatus=str(job.status),
        payments=[payment_document(job, payment, now) for payment in job.payments],
    )


def payment_document(job: Job, payment: Payment, now: datetime) -> dict[str, Any]:
    shown = payment.paid_minor or payment.status is Status.VERIFIED
    return _present(
        reference=payment.reference,
        createDateTimeUtc=timestamp(payment.at),
        paymentMethods=["Card"] if payment.card else list(job.methods),
        status=str(payment.status),
        amountToCollect=format_amount(payment.amount_minor, job.currency),
        surchargeAmount="0" if shown else None,
        paidAmount=format_amount(payment.paid_minor, job.currency) if shown else None,
        lastErrorReport=_error_report(payment.failure) if payment.failure else None,
        steps=[_step(step, payment, job) for step in payment.steps],
        attributes=_payment_attributes(job, payment),
        captures=[capture_document(item, job) for item in payment.captures] or None,
        refunds=[
            refund_document(item, job) for item in payment.refunds if not item.visible_at or item.visible_at <= now
        ]
        or None,
    )


def capture_document(capture: Capture, job: Job) -> dict[str, Any]:
    return {
        "reference": capture.reference,
        "createDateTimeUtc": timestamp(capture.at),
        "status": str(capture.status),
        "amountToCapture": format_amount(capture.amount_minor, job.currency),
        "isFinalCapture": capture.final,
        "attributes": {"paymentMethodTransactionId": capture.reference[-12:]},
    }


def refund_document(refund: Refund, job: Job) -> dict[str, Any]:
    failed = refund.status is PartStatus.FAILED
    return _present(
        reference=refund.reference,
        createDateTimeUtc=timestamp(refund.at),
        refundNumber=refund.number or None,
        status=str(refund.status),
        amountToRefund=format_amount(refund.amount_minor, job.currency),
        steps=[
            {
                "reference": f"{refund.reference[:4]}{Kind.REFUND_STEP}{refund.reference[7:]}",
                "createDateTimeUtc": timestamp(refund.at),
                "action": "Start",
                "status": str(refund.status),
                "description": "Merchant funds insufficient [D108]" if failed else "Refund",
                "resultAttributes": {},
            }
        ],
        attributes={"paymentMethodTransactionId": refund.reference[-12:]},
    )


def return_url(job: Job, payment: Payment, parameter: str) -> str | None:
    """The merchant's URL with its own query kept and the references appended; None when the merchant gave none.

    Source: Cashflows developer pages, "Hosted Payment Page" (return URLs); values in lower-case hex.
    """
    given = job.parameters.get(parameter)
    if not given:
        return None
    added = {"paymentjobref": job.reference, "paymentref": payment.reference, "ordernumber": job.order_number}
    if parameter == "returnurlcancelled":
        added["status"] = "cancelled"
    return _with_query(given, tuple(added.items()))


@lru_cache(maxsize=1_000)  # a job is read more often than it changes
def _with_query(given: str, added: tuple[tuple[str, str], ...]) -> str:
    parts = urlsplit(given)
    query = "&".join(filter(None, [parts.query, *(f"{name}={_encoded(value)}" for name, value in added)]))
    return urlunsplit(parts._replace(query=query))


def error_document(refusal: Refusal, locale: str = "en_GB") -> dict[str, Any]:
    return {
        "errorReport": _error_report(Failure(refusal.code, refusal.message), locale, fatal=True),
        "links": {"documentation": {"url": "https://developer.cashflows.com/", "type": "text/html"}},
    }


def render(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _order(job: Job) -> dict[str, Any]:
    return {**job.order, "createDateTimeUtc": timestamp(job.at), "orderLines": job.order.get("orderLines", [])}


def _flags(job: Job) -> dict[str, bool]:
    flags = {
        "moto": job.has_option("IsMoto"),
        "direct": job.direct,
        "recurringParent": job.has_option("IsRecurringPaymentJobParent"),
        "generateToken": job.has_option("GenerateToken"),
        "storeCardDetails": job.has_option("StoreCardDetails"),
        "frictionless": job.has_option("Frictionless"),
    }
    return {name: True for name, on in flags.items() if on}


def _payment_attributes(job: Job, payment: Payment) -> dict[str, str]:
    attributes = _picked(job.parameters, PAYMENT_ATTRIBUTES)
    attributes |= {name: url for name, key in RETURN_URLS.items() if (url := return_url(job, payment, key))}
    if payment.simulated_status:
        attributes["simulatedStatus"] = payment.simulated_status
    if payment.token:
        attributes["token"] = payment.token
    if payment.authorized_at:
        attributes["paymentMethodTransactionId"] = payment.reference[-12:]
        attributes["cashFlowsAcquiringDetails"] = json.dumps(
            {"AuthCode": payment.reference[-6:], "Message": "Authorised", "Status": "Success"}
        )
    elif payment.failure:
        attributes["cashFlowsAcquiringDetails"] = json.dumps({"Message": payment.failure.message, "Status": "Failed"})
    if payment.voided_at and payment.paid_minor:
        attributes["paymentMethodVoidTransactionId"] = payment.steps[-1].reference[-12:]
    return attributes


def _picked(parameters: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {shown: parameters[key] for shown, key in names.items() if parameters.get(key)}


def _step(step: Step, payment: Payment, job: Job) -> dict[str, Any]:
    return {
        "reference": step.reference,
        "createDateTimeUtc": timestamp(step.at),
        "action": step.action,
        "paymentMethods": ["Card"] if payment.card else list(job.methods),
        "status": step.status,
        "amountToCollect": format_amount(payment.amount_minor, job.currency),
    }


def _error_report(failure: Failure, locale: str = "en_GB", *, fatal: bool = False) -> dict[str, Any]:
    error = {
        "code": failure.code,
        "message": failure.message,
        "parameters": [],
        "translatedMessage": failure.message,
    }
    return {"errors": [error], "warnings": [], "language": locale, "isFatalError": fatal}


def _encoded(value: str) -> str:
    """Percent-encoded with lower-case hex, as the gateway does."""
    return re.sub(r"%[0-9A-F]{2}", lambda escape: escape[0].lower(), quote(value, safe=""))
