"""Acme Pay behind the gateway port, in a package of its own. Acme speaks JSON and counts in minor units."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

from backend import ports
from backend.domain import facts
from backend.domain.money import Money, parse_currency
from backend.domain.operations import OperationKind
from backend.domain.references import JobReference, OwnReference, PaymentReference
from backend.domain.standing import PaymentStanding
from backend.domain.statuses import PaymentStatus
from backend.gateways import calls, registry
from backend.gateways.adapter import GuardedAdapter
from backend.gateways.reading import Reference, Text, Wire, WireError, parse

STATES = {"waiting": "pending", "paid": "captured", "declined": "declined", "cancelled": "cancelled"}
REFUNDS = {"done": facts.RefundState.COMPLETED, "failed": facts.RefundState.FAILED}
Told = TypeVar("Told")
NotDone: TypeAlias = ports.Refused | ports.NotSent | ports.Unknown


class Refund(Wire):
    id: Reference
    number: Text
    amount: int
    state: Text


class Payment(Wire):
    id: Reference
    state: Text
    refunds: list[Refund]


class Checkout(Wire):
    id: Reference
    number: Text
    open: bool
    amount: int
    currency: Text
    page: Text
    payments: list[Payment]


class Event(Wire):
    checkout: Reference
    payment: Reference
    number: Text
    state: Text


class AcmeGateway(GuardedAdapter):
    name = "acme"

    def __init__(self, context: registry.GatewayContext) -> None:
        key, self._webhook_secret = context.require("ACME_KEY"), context.settings.get("ACME_WEBHOOK_SECRET", "")
        super().__init__("Acme", "ACME_KEY", secrets=[key, self._webhook_secret])
        self._http, self._url = context.http, context.require("ACME_URL")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.account = hashlib.sha256(f"{self._url}\0{key}".encode()).hexdigest()

    async def create_payment_job(self, request: ports.JobRequest) -> ports.CreateOutcome:
        amount, email = request.terms.amount, request.terms.customer.email
        told = {"number": request.own_reference, "amount": amount.minor, "currency": amount.currency, "email": email}
        urls = {"success": request.success_url, "cancel": request.cancel_url, "notify": request.webhook_url}
        return await self._change("checkouts", told | urls | {"expires": request.expires_at.isoformat()}, self._created)

    async def retrieve_payment_job(self, reference: JobReference) -> ports.RetrieveOutcome:
        get = partial(self._http.read, f"{self._url}/checkouts/{quote(reference, safe='')}", headers=self._headers)
        return await calls.read(self._guard, get, partial(_snapshot, reference))

    async def cancel_payment_job(self, reference: JobReference) -> ports.CancelOutcome:
        return await self._change(f"checkouts/{quote(reference, safe='')}/cancel", {}, lambda _: ports.Cancelled())

    async def change_payment(self, request: ports.OperationRequest) -> ports.ChangeOutcome:
        if request.kind is not OperationKind.REFUND:
            return ports.Refused("Acme takes no captures and no voids")
        told = {"number": request.own_reference, "amount": request.amount.minor}
        return await self._change(f"payments/{quote(request.payment_reference, safe='')}/refunds", told, _refunded)

    def allowed_operations(self, payment: PaymentStanding, now: datetime) -> frozenset[OperationKind]:  # noqa: ARG002
        refundable = payment.status is PaymentStatus.CAPTURED and payment.refunded_minor < payment.captured_minor
        return frozenset({OperationKind.REFUND} if refundable else ())

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        if not self._webhook_secret:
            raise ports.WebhookNotConfigured("ACME_WEBHOOK_SECRET")
        signature = hmac.new(self._webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature.encode(), headers.get("acme-signature", "").encode()):
            raise ports.WebhookRejected("acme-signature does not fit the body")

    def read_webhook(self, body: bytes) -> facts.SignedFact | facts.Hint:
        try:
            told = parse(Event, body)
        except WireError as exc:
            raise ports.WebhookUnreadable(str(exc)) from exc
        number, job, payment = OwnReference(told.number), JobReference(told.checkout), PaymentReference(told.payment)
        if told.state not in STATES:  # a reason to look and no more
            return facts.Hint(number, job, payment)
        evidence = facts.Evidence(facts.EvidenceSource.SIGNED_WEBHOOK, hashlib.sha256(body).hexdigest(), told.state)
        return facts.SignedFact(facts.PaymentFact(payment, PaymentStatus(STATES[told.state]), evidence), number, job)

    async def _change(self, path: str, told: dict[str, Any], understand: Callable[[bytes], Told]) -> Told | NotDone:
        body = json.dumps(told).encode()
        post = partial(self._http.send, "POST", f"{self._url}/{path}", body=body, headers=self._headers)
        return await calls.change(self._guard, post, understand)

    def _created(self, body: bytes) -> ports.Redirect:
        made = parse(Checkout, body)
        if not made.page.startswith(f"{self._url}/"):
            raise WireError("the page is none of Acme's")
        return ports.Redirect(JobReference(made.id), made.page, tuple(PaymentReference(p.id) for p in made.payments))


def _refunded(body: bytes) -> ports.ChangeOutcome:
    refund = parse(Refund, body)
    carried = ports.Done(refund.id) if refund.state == "done" else ports.Waiting(refund.id)
    return ports.Refused("failed") if refund.state == "failed" else carried


def _snapshot(reference: JobReference, body: bytes) -> facts.JobSnapshot:
    told = parse(Checkout, body)
    if told.id != reference:
        raise WireError("the reply is about another checkout")
    payments = tuple(_fact(told, payment, hashlib.sha256(body).hexdigest()) for payment in told.payments)
    odd = frozenset(PaymentReference(payment.id) for payment in told.payments if payment.state not in STATES)
    return facts.JobSnapshot(reference, OwnReference(told.number), told.open, payments, odd)


def _fact(told: Checkout, payment: Payment, digest: str) -> facts.PaymentFact:
    refunds = tuple(
        facts.RefundFact(refund.number, refund.id, refund.amount, REFUNDS.get(refund.state, facts.RefundState.PENDING))
        for refund in payment.refunds
    )
    return facts.PaymentFact(
        payment_reference=PaymentReference(payment.id),
        status=PaymentStatus(STATES.get(payment.state, "pending")),
        evidence=facts.Evidence(facts.EvidenceSource.RETRIEVAL, digest, payment.state),
        asked_amount=Money(told.amount, parse_currency(told.currency)).to_wire(),
        asked_currency=told.currency,
        refunded_minor=sum(refund.amount_minor for refund in refunds if refund.state is facts.RefundState.COMPLETED),
        refunds=refunds,
    )
