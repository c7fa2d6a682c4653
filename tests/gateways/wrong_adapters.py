"""Cashflows adapters that are wrong on purpose, each in one way, so that the conformance kit can show that it bites."""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import httpx
from msgspec.structs import replace

from backend.conformance.cashflows import CashflowsHarness
from backend.domain.facts import Evidence, EvidenceSource, Hint, JobSnapshot, PaymentFact, SignedFact
from backend.domain.operations import OperationKind
from backend.domain.references import JobReference
from backend.domain.standing import PaymentStanding
from backend.domain.statuses import PaymentStatus
from backend.gateways.cashflows import CashflowsService
from backend.gateways.cashflows.plugin import make
from backend.gateways.cashflows.wire import job_body, read_created, read_job
from backend.gateways.exchange import Reply
from backend.gateways.http import GatewayHttp
from backend.gateways.registry import GatewayContext
from backend.ports import (
    ChangeOutcome,
    CreateOutcome,
    JobRequest,
    NotSent,
    OperationRequest,
    PaymentGateway,
    Refused,
    RetrieveOutcome,
    Unknown,
)


class WrongHarness(CashflowsHarness):
    """The right harness with a wrong adapter: ``CashflowsService`` turned into one of the classes below."""

    def __init__(
        self, wrong: type[CashflowsService], scheme: str = "hmac-sha256", *, auto_capture: bool = True
    ) -> None:
        super().__init__(scheme, auto_capture=auto_capture)
        self._wrong = wrong

    def make(self, context: GatewayContext) -> PaymentGateway:
        gateway = make(context)
        gateway.__class__ = self._wrong
        return gateway

    def holding(self) -> "WrongHarness":
        return WrongHarness(self._wrong, self._scheme, auto_capture=False)


class Resends(CashflowsService):
    """Sends a refund again when no answer came."""

    async def change_payment(self, request: OperationRequest) -> ChangeOutcome:
        outcome = await super().change_payment(request)
        return await super().change_payment(request) if isinstance(outcome, Unknown) else outcome


class HandsOutAnyPage(CashflowsService):
    async def create_payment_job(self, request: JobRequest) -> CreateOutcome:
        understand = partial(read_created, request.own_reference)
        return await self._change("POST", "/payment-jobs", understand, job_body(request))


class TakesSilenceForNothingSent(CashflowsService):
    """Says after a timeout that nothing was sent."""

    async def create_payment_job(self, request: JobRequest) -> CreateOutcome:
        outcome = await super().create_payment_job(request)
        return NotSent(outcome.reason) if isinstance(outcome, Unknown) else outcome


class TakesSilenceForRefusal(CashflowsService):
    async def change_payment(self, request: OperationRequest) -> ChangeOutcome:
        outcome = await super().change_payment(request)
        return Refused(outcome.reason) if isinstance(outcome, Unknown) else outcome


class TakesUnknownForPaid(CashflowsService):
    """Any status that it does not know is good news."""

    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome:
        return _told_otherwise(await super().retrieve_payment_job(reference), _unknown_is_paid)


class ReadsFirstPayment(CashflowsService):
    """``payments[0]``."""

    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome:
        answer = await super().retrieve_payment_job(reference)
        return replace(answer, payments=answer.payments[:1]) if isinstance(answer, JobSnapshot) else answer


class TellsTheOrdersAmount(CashflowsService):
    """Compares nothing itself, and takes away what the domain compares."""

    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome:
        return _told_otherwise(
            await super().retrieve_payment_job(reference),
            lambda fact: replace(fact, asked_amount=None, asked_currency=None, captured_minor=None),
        )


class RoundsAmounts(CashflowsService):
    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome:
        answer = await super().retrieve_payment_job(reference)
        if isinstance(answer, JobSnapshot):
            return answer
        self._http = _Rounding(self._http)
        return await super().retrieve_payment_job(reference)


class TrustsAnySignature(CashflowsService):
    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        """Nothing is checked."""


class TrustsUnsigned(CashflowsService):
    """Takes the status out of a webhook that nobody signed."""

    def read_webhook(self, body: bytes) -> SignedFact | Hint:
        hint = super().read_webhook(body)
        assert isinstance(hint, Hint)
        evidence = Evidence(EvidenceSource.SIGNED_WEBHOOK, "0" * 64, "captured")
        assert hint.payment_reference is not None
        fact = PaymentFact(hint.payment_reference, PaymentStatus.CAPTURED, evidence)
        return SignedFact(fact, hint.own_reference, hint.job_reference)


class AcceptsWithoutSecret(CashflowsService):
    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        if getattr(self._scheme, "webhook_secret", None):
            super().verify_webhook(headers, body)


class BelievesAnotherJob(CashflowsService):
    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome:
        return await self._read(f"/payment-jobs/{reference}", read_job)


class FollowsReferences(CashflowsService):
    """Puts a reference into an address as it came."""

    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome:
        await self._read(f"/payment-jobs/{reference}", read_job)
        return await super().retrieve_payment_job(reference)


class NumbersNoRefunds(CashflowsService):
    async def change_payment(self, request: OperationRequest) -> ChangeOutcome:
        return await super().change_payment(replace(request, own_reference="refund"))


class LogsWhatItSends(CashflowsService):
    """To be helpful."""

    async def _change(self, method: str, path: str, understand: Any, body: bytes = b"") -> Any:
        logging.getLogger(__name__).debug("sending %s", json.loads(body or b"{}"))
        return await super()._change(method, path, understand, body)


class HidesNothing(CashflowsService):
    def scrub(self, text: str) -> str:
        return text


class HidesTooMuch(CashflowsService):
    def scrub(self, text: str) -> str:
        return "[hidden]" if text else text


class GoesOnCalling(CashflowsService):
    """Never stops, whatever the gateway says of its credentials."""

    def refusal(self) -> str | None:
        self._guard.resume()
        return None

    async def _change(self, method: str, path: str, understand: Any, body: bytes = b"") -> Any:
        self._guard.resume()
        self._guard.note(200)
        return await super()._change(method, path, understand, body)


class IgnoresSuspension(CashflowsService):
    def suspend(self, reason: str) -> None:
        """Other processes are no business of its."""


class HasOneAccount(CashflowsService):
    @property
    def account(self) -> str:  # type: ignore[override]
        return "cashflows"


class AllowsEverything(CashflowsService):
    def allowed_operations(self, payment: PaymentStanding, now: datetime) -> frozenset[OperationKind]:
        return super().allowed_operations(payment, now) | frozenset(OperationKind)


class SwallowsCancellation(CashflowsService):
    async def create_payment_job(self, request: JobRequest) -> CreateOutcome:
        try:
            return await super().create_payment_job(request)
        except BaseException as exc:  # noqa: BLE001 - that is what is wrong with it
            return Unknown(type(exc).__name__)


class LetsErrorsOut(CashflowsService):
    """Leaves it to its callers to know httpx."""

    async def cancel_payment_job(self, reference: JobReference) -> Any:
        outcome = await super().cancel_payment_job(reference)
        if isinstance(outcome, Unknown):
            raise httpx.ReadTimeout(outcome.reason)
        return outcome


class _Rounding(GatewayHttp):
    """Makes every amount fit."""

    def __init__(self, inner: GatewayHttp) -> None:
        self._inner = inner

    async def read(self, url: str, *, headers: Mapping[str, str]) -> Reply:
        reply = await self._inner.read(url, headers=headers)
        body = reply.body
        for odd in (b"1234.505", b"1234.4999999", b"1,234.50", b"1.2345e3"):
            body = body.replace(odd, b"1234.50")
        return Reply(reply.status, body)


def _told_otherwise(answer: RetrieveOutcome, change: Any) -> RetrieveOutcome:
    if not isinstance(answer, JobSnapshot):
        return answer
    return replace(answer, payments=tuple(change(fact) for fact in answer.payments))


def _unknown_is_paid(fact: PaymentFact) -> PaymentFact:
    known = fact.evidence.wording.lower() in ("pending", "declined", "paid", "cancelled")
    return fact if known else replace(fact, status=PaymentStatus.CAPTURED)
