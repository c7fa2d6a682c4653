"""What operators are shown. Amounts are decimal text in major units, as everywhere in this API."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from ...domain.cases import ACTIONS
from ...domain.deliveries import Delivery
from ...domain.explain import Explanation
from ...domain.history import HistoryEntry
from ...domain.ledger import defects
from ...domain.model import AttentionItem, Job, Misfit, Order
from ...domain.money import CurrencyCode, Money
from ...domain.offers import Offer
from ...domain.operations import Operation, OperationKind, OperationState
from ...domain.order_status import captured_minor, order_status, refunded_minor
from ...domain.risk import at_risk_minor
from ...domain.statuses import JobState, OrderStatus, PaymentStatus
from ..schemas import PaymentView


class OrderRow(BaseModel):
    """One line of a search."""

    order_reference: str
    status: OrderStatus
    amount: str
    currency: str
    captured: str
    refunded: str
    at_risk: str
    customer_email: str
    placed_at: datetime
    needs_attention: list[str] = Field(description="Codes of what a person must look at.")

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(**_row(order))


class JobView(BaseModel):
    number: int
    gateway: str
    state: JobState
    own_reference: str = Field(description="Our name for it at the gateway (its order number).")
    job_reference: str | None = Field(description="The gateway's name for it.")
    expires_at: datetime
    payments: list[PaymentView]

    @classmethod
    def of(cls, job: Job, currency: CurrencyCode) -> Self:
        return cls(
            number=job.number,
            gateway=job.gateway,
            state=job.state,
            own_reference=job.own_reference,
            job_reference=job.job_reference,
            expires_at=job.expires_at,
            payments=[PaymentView.of(payment, currency) for payment in job.payments],
        )


class MisfitView(BaseModel):
    """A payment that the gateway describes otherwise than it was asked for."""

    code: str
    detail: str
    payment_reference: str
    status: PaymentStatus
    currency: str | None
    captured_minor: int
    refunded_minor: int

    @classmethod
    def of(cls, misfit: Misfit) -> Self:
        return cls(
            code=misfit.code,
            detail=misfit.detail,
            payment_reference=misfit.payment_reference,
            status=misfit.status,
            currency=misfit.currency,
            captured_minor=misfit.captured_minor,
            refunded_minor=misfit.refunded_minor,
        )


class OperationView(BaseModel):
    number: int
    kind: OperationKind
    state: OperationState
    amount: str
    payment_reference: str
    own_reference: str = Field(description="Our name for it; the gateway lists a refund under it.")
    gateway_reference: str | None
    asked_by: str
    reason: str
    planned_at: datetime
    needs_approval: bool
    approved_by: str | None
    submitted_at: datetime | None
    settled_at: datetime | None
    outcome: str = Field(description="Why it is in this state, in words.")

    @classmethod
    def of(cls, operation: Operation, currency: CurrencyCode) -> Self:
        return cls(
            number=operation.number,
            kind=operation.kind,
            state=operation.state,
            amount=Money(operation.amount_minor, currency).to_wire(),
            payment_reference=operation.payment_reference,
            own_reference=operation.own_reference,
            gateway_reference=operation.gateway_reference,
            asked_by=operation.asked_by,
            reason=operation.reason,
            planned_at=operation.planned_at,
            needs_approval=operation.needs_approval,
            approved_by=operation.approved_by,
            submitted_at=operation.submitted_at,
            settled_at=operation.settled_at,
            outcome=operation.outcome,
        )


class OfferView(BaseModel):
    """An operation that may be asked for now."""

    kind: OperationKind
    payment_reference: str
    most: str = Field(description="The largest amount; a void is always of the whole.")

    @classmethod
    def of(cls, offer: Offer, currency: CurrencyCode) -> Self:
        most = Money(offer.most_minor, currency).to_wire()
        return cls(kind=offer.kind, payment_reference=offer.payment_reference, most=most)


class AttentionView(BaseModel):
    code: str
    detail: str
    what_to_do: str
    at_risk: str
    raised_at: datetime
    is_open: bool
    resolved_at: datetime | None
    resolved_by: str
    resolution: str

    @classmethod
    def of(cls, item: AttentionItem, currency: CurrencyCode) -> Self:
        return cls(
            code=item.code,
            detail=item.detail,
            what_to_do=ACTIONS.get(item.code, ""),
            at_risk=Money(item.amount_minor, currency).to_wire(),
            raised_at=item.raised_at,
            is_open=item.is_open,
            resolved_at=item.resolved_at,
            resolved_by=item.resolved_by,
            resolution=item.resolution,
        )


class HistoryEntryView(BaseModel):
    """Who, what, when, from which evidence; chained to the entry before by ``digest``."""

    number: int
    at: datetime
    actor: str
    what: str
    details: dict[str, Any] = Field(description="The event as it was recorded, with its evidence.")
    status_before: OrderStatus
    status_after: OrderStatus
    digest: str

    @classmethod
    def of(cls, entry: HistoryEntry) -> Self:
        details = asdict(entry.event)
        return cls(
            number=entry.number,
            at=entry.at,
            actor=entry.actor,
            what=details.pop("kind"),
            details=details,
            status_before=entry.before,
            status_after=entry.after,
            digest=entry.digest,
        )


class ExplanationView(BaseModel):
    known: list[str]
    needs_a_person: list[str]
    awaited: list[str]
    may_do: list[str]

    @classmethod
    def of(cls, told: Explanation) -> Self:
        return cls(
            known=list(told.known),
            needs_a_person=list(told.needs_a_person),
            awaited=list(told.awaited),
            may_do=list(told.may_do),
        )


class OperatorOrderView(OrderRow):
    """One order with everything that is known of it."""

    customer_name: str
    owner: str
    description: str
    is_cancelled: bool
    jobs: list[JobView]
    misfits: list[MisfitView]
    operations: list[OperationView]
    next_operation: int = Field(description="The `number` to send with the next operation.")
    offers: list[OfferView]
    attention: list[AttentionView]
    explanation: ExplanationView
    next_check_at: datetime | None
    history: list[HistoryEntryView]
    defects: list[str] = Field(description="What the history does not bear out; empty when all is well.")

    @classmethod
    def whole(cls, order: Order, told: Explanation, offers: list[Offer]) -> Self:
        currency = order.amount.currency
        return cls(
            **_row(order),
            customer_name=order.terms.customer.name,
            owner=order.terms.owner,
            description=order.terms.description,
            is_cancelled=order.cancelled_at is not None,
            jobs=[JobView.of(job, currency) for job in order.jobs],
            misfits=[MisfitView.of(misfit) for misfit in order.misfits],
            operations=[OperationView.of(operation, currency) for operation in order.operations],
            next_operation=len(order.operations) + 1,
            offers=[OfferView.of(offer, currency) for offer in offers],
            attention=[AttentionView.of(item, currency) for item in order.attention],
            explanation=ExplanationView.of(told),
            next_check_at=order.next_check_at,
            history=[HistoryEntryView.of(entry) for entry in order.history],
            defects=defects(order),
        )


class OperationDone(BaseModel):
    """What came of an operation, and of the order by it; names no customer."""

    order_reference: str
    status: OrderStatus
    operation: OperationView

    @classmethod
    def of(cls, order: Order, operation: Operation) -> Self:
        return cls(
            order_reference=order.reference,
            status=order_status(order),
            operation=OperationView.of(operation, order.amount.currency),
        )


class OrderChanged(BaseModel):
    """The order after what was done to it; names no customer."""

    order_reference: str
    status: OrderStatus
    needs_attention: list[str]
    next_check_at: datetime | None

    @classmethod
    def of(cls, order: Order) -> Self:
        return cls(
            order_reference=order.reference,
            status=order_status(order),
            needs_attention=_open_codes(order),
            next_check_at=order.next_check_at,
        )


class DeliveryProgress(BaseModel):
    """One distinct webhook body, and what became of it; nothing of the body."""

    id: str
    gateway: str
    first_at: datetime
    last_at: datetime
    received: int
    is_pending: bool
    attempts: int
    next_try_at: datetime | None
    outcome: str

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryProgress":
        return DeliveryProgress(
            id=delivery.id,
            gateway=delivery.gateway,
            first_at=delivery.first_at,
            last_at=delivery.last_at,
            received=delivery.received,
            is_pending=delivery.is_pending,
            attempts=delivery.attempts,
            next_try_at=delivery.next_try_at,
            outcome=delivery.outcome,
        )


class DeliveryView(DeliveryProgress):
    body: str = Field(description="As it came; what is not UTF-8 is replaced.")
    headers: dict[str, str]

    @classmethod
    def whole(cls, delivery: Delivery, scrub: Callable[[str], str]) -> Self:
        return cls(
            **DeliveryProgress.of(delivery).model_dump(),
            body=scrub(delivery.body.decode("utf-8", "replace")),
            headers=dict(delivery.headers),
        )


def _row(order: Order) -> dict[str, Any]:
    currency = order.amount.currency
    return {
        "order_reference": order.reference,
        "status": order_status(order),
        "amount": order.amount.to_wire(),
        "currency": currency,
        "captured": Money(captured_minor(order), currency).to_wire(),
        "refunded": Money(refunded_minor(order), currency).to_wire(),
        "at_risk": Money(at_risk_minor(order), currency).to_wire(),
        "customer_email": order.terms.customer.email,
        "placed_at": order.placed_at,
        "needs_attention": _open_codes(order),
    }


def _open_codes(order: Order) -> list[str]:
    return sorted({item.code for item in order.attention if item.is_open})
