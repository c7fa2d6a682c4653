"""Captures, voids and refunds: what a payment allows, how each is asked for, and what the reply means.

Source: Cashflows developer pages "Managing capture requests", "Cancellations" and "Refunds". Not confirmed on a live
account: the time zone of the cut-off for voids, and partial captures of card payments.
"""

import json
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from ...domain.operations import OperationKind
from ...domain.standing import PaymentStanding
from ...domain.statuses import PaymentStatus
from ...ports import ChangeOutcome, Done, OperationRequest, Refused, Unknown, Waiting
from ..reading import Reference, Text, Wire, parse
from .wire import COMPLETED, STATUSES

CUT_OFF_ZONE: Final = ZoneInfo("Europe/London")
"""A captured payment can be voided until the midnight batch; the manual does not say where that midnight is."""

ACCEPTED: Final = frozenset({"pending", "10"})


class _Carried(Wire):
    """The reply to a capture or a refund."""

    reference: Reference
    status: Text


class _CarriedReply(Wire):
    data: _Carried


def allowed_operations(payment: PaymentStanding, now: datetime) -> frozenset[OperationKind]:
    match payment.status:
        case PaymentStatus.AUTHORIZED:
            allowed = {OperationKind.VOID}
            if payment.captured_minor < payment.authorized_minor:
                allowed.add(OperationKind.CAPTURE)
        case PaymentStatus.CAPTURED:
            allowed = set()
            if payment.refunded_minor < payment.captured_minor:
                allowed.add(OperationKind.REFUND)
            if payment.refunded_minor == 0 and payment.captured_at is not None and _same_day(payment.captured_at, now):
                allowed.add(OperationKind.VOID)
        case _:
            allowed = set()
    return frozenset(allowed)


def call_for(request: OperationRequest) -> tuple[str, str, bytes]:
    """Method, path below ``/payment-jobs/{job}/payments/{payment}`` and body; serialised once, signed as it is."""
    match request.kind:
        case OperationKind.CAPTURE:
            return "POST", "captures", json.dumps({"amountToCapture": request.amount.to_wire()}).encode()
        case OperationKind.REFUND:
            told = {"amountToRefund": request.amount.to_wire(), "refundNumber": request.own_reference}
            return "POST", "refunds", json.dumps(told).encode()
        case OperationKind.VOID:
            return "PATCH", "cancel", b""


def read_outcome(kind: OperationKind, body: bytes) -> ChangeOutcome:
    """A 2xx reply's meaning.

    Raises:
        WireError: it cannot be read, which leaves the outcome open.
    """
    carried = parse(_CarriedReply, body).data
    word = carried.status.lower()
    if kind is OperationKind.VOID:
        # The reply is the payment itself; its reference names no operation.
        return Done(None) if STATUSES.get(word) is PaymentStatus.CANCELLED else Unknown("the payment is not cancelled")
    if word in COMPLETED:
        return Done(carried.reference)
    if word in ACCEPTED:
        return Waiting(carried.reference)
    return Refused("Failed") if word == "failed" else Unknown("the reply has a status that nobody knows")


def _same_day(captured_at: datetime, now: datetime) -> bool:
    return captured_at.astimezone(CUT_OFF_ZONE).date() == now.astimezone(CUT_OFF_ZONE).date()
