"""A gateway whose every outcome is noted before anybody acts on it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from ..domain.facts import Hint, SignedFact
from ..domain.operations import OperationKind
from ..domain.references import JobReference
from ..domain.standing import PaymentStanding
from ..ports import (
    CancelOutcome,
    ChangeOutcome,
    CreateOutcome,
    JobRequest,
    OperationRequest,
    PaymentGateway,
    RetrieveOutcome,
)

Note: TypeAlias = Callable[[object], Awaitable[None]]


class GuardedGateway:
    """``note`` is awaited with each outcome; it must not fail."""

    def __init__(self, inner: PaymentGateway, note: Note) -> None:
        self._inner = inner
        self._note = note
        self.name = inner.name
        self.notice = inner.notice
        self.account = inner.account

    async def create_payment_job(self, request: JobRequest) -> CreateOutcome:
        outcome = await self._inner.create_payment_job(request)
        await self._note(outcome)
        return outcome

    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome:
        outcome = await self._inner.retrieve_payment_job(reference)
        await self._note(outcome)
        return outcome

    async def cancel_payment_job(self, reference: JobReference) -> CancelOutcome:
        outcome = await self._inner.cancel_payment_job(reference)
        await self._note(outcome)
        return outcome

    async def change_payment(self, request: OperationRequest) -> ChangeOutcome:
        outcome = await self._inner.change_payment(request)
        await self._note(outcome)
        return outcome

    async def probe(self) -> str | None:
        """What an adapter that can ask finds wrong with the account; None where it finds nothing or cannot ask."""
        ask = getattr(self._inner, "probe", None)
        return await ask() if ask is not None else None

    def allowed_operations(self, payment: PaymentStanding, now: datetime) -> frozenset[OperationKind]:
        return self._inner.allowed_operations(payment, now)

    def auth_refusals(self) -> int:
        return self._inner.auth_refusals()

    def refusal(self) -> str | None:
        return self._inner.refusal()

    def suspend(self, reason: str) -> None:
        self._inner.suspend(reason)

    def resume(self) -> None:
        self._inner.resume()

    def scrub(self, text: str) -> str:
        return self._inner.scrub(text)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        self._inner.verify_webhook(headers, body)

    def read_webhook(self, body: bytes) -> SignedFact | Hint:
        return self._inner.read_webhook(body)

    def acknowledgement(self, body: bytes) -> Mapping[str, str]:
        return self._inner.acknowledgement(body)
