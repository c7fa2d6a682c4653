"""What operators are shown. Amounts are decimal text in major units, as everywhere in this API."""

from datetime import datetime
from typing import Any, Self

from msgspec import to_builtins
from pydantic import BaseModel, Field

from ...domain.cases import ACTIONS
from ...domain.explain import Explanation
from ...domain.history import HistoryEntry
from ...domain.ledger import defects
from ...domain.model import AttentionItem, Job, Misfit, Order
from ...domain.money import CurrencyCode, wire_amount
from ...domain.offers import Offer
from ...domain.operations import Operation, OperationKind, OperationState
from ...domain.order_status import order_status, totals
from ...domain.risk import at_risk_minor
from ...domain.statuses import JobState, OrderStatus, PaymentStatus
from ..schemas import PaymentView
from ..showing import shown


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
        return shown(cls, job, payments=[PaymentView.of(payment, currency) for payment in job.payments])


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
        return shown(cls, misfit)


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
        return shown(cls, operation, amount=wire_amount(operation.amount_minor, currency))


class OfferView(BaseModel):
    """An operation that may be asked for now."""

    kind: OperationKind
    payment_reference: str
    most: str = Field(description="The largest amount; a void is always of the whole.")

    @classmethod
    def of(cls, offer: Offer, currency: CurrencyCode) -> Self:
        return shown(cls, offer, most=wire_amount(offer.most_minor, currency))


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
        return shown(
            cls,
            item,
            what_to_do=ACTIONS.get(item.code, ""),
            at_risk=wire_amount(item.amount_minor, currency),
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
        details = to_builtins(entry.event)
        return shown(
            cls,
            entry,
            what=details.pop("kind"),
            details=details,
            status_before=entry.before,
            status_after=entry.after,
        )


class ExplanationView(BaseModel):
    known: tuple[str, ...]
    needs_a_person: tuple[str, ...]
    awaited: tuple[str, ...]
    may_do: tuple[str, ...]

    @classmethod
    def of(cls, told: Explanation) -> Self:
        return shown(cls, told)


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


def _row(order: Order) -> dict[str, Any]:
    currency, taken = order.amount.currency, totals(order)
    return {
        "order_reference": order.reference,
        "status": order_status(order),
        "amount": order.amount.to_wire(),
        "currency": currency,
        "captured": wire_amount(taken.captured_minor, currency),
        "refunded": wire_amount(taken.refunded_minor, currency),
        "at_risk": wire_amount(at_risk_minor(order), currency),
        "customer_email": order.terms.customer.email,
        "placed_at": order.placed_at,
        "needs_attention": _open_codes(order),
    }


def _open_codes(order: Order) -> list[str]:
    return sorted({item.code for item in order.attention if item.is_open})
