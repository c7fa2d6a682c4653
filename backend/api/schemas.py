"""What the API takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from ..domain.awaiting import awaited
from ..domain.model import Order, Payment
from ..domain.money import MAX_MINOR, CurrencyCode, Money, parse_currency, wire_amount
from ..domain.order_status import order_status, totals
from ..domain.references import OrderReference, UserId
from ..domain.statuses import OrderStatus, PaymentStatus
from ..domain.terms import DEFAULT_LOCALE, Address, Customer, Mode, OrderLine, OrderTerms
from ..service.start_payment import StartedPayment
from .fields import (
    AddressPart,
    AmountText,
    Country,
    Currency,
    Description,
    Email,
    FreeText,
    Language,
    Name,
    Reference,
    payable,
    payable_text,
)


class StrictRequest(BaseModel):
    """Strict: nothing is converted, and nothing unknown is passed over."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class AddressIn(StrictRequest):
    """For the bank's checks and the gateway's own; every part may be left out."""

    line_1: AddressPart = Field("", examples=["1 High Street"])
    line_2: AddressPart = ""
    city: AddressPart = Field("", examples=["London"])
    postcode: Annotated[FreeText, Field(max_length=16, examples=["SW1A 1AA"])] = ""
    state: AddressPart = ""
    country: Country = Field("", examples=["GB"])

    def address(self) -> Address:
        return Address(**self.model_dump())


class CustomerIn(StrictRequest):
    """Who pays. Only e-mail and name are needed; what else is given is passed on to the gateway."""

    customer_email: Email
    customer_name: Name
    customer_phone: Annotated[FreeText, Field(max_length=32, examples=["+44 20 7946 0018"])] = ""
    billing_address: AddressIn | None = None
    shipping_address: AddressIn | None = None
    locale: Language = DEFAULT_LOCALE

    @property
    def customer(self) -> Customer:
        return Customer(
            email=self.customer_email,
            name=self.customer_name,
            phone=self.customer_phone,
            billing_address=self.billing_address.address() if self.billing_address else None,
            shipping_address=self.shipping_address.address() if self.shipping_address else None,
        )

    @property
    def page_locale(self) -> str:
        return self.locale.replace("-", "_")


class CreatePayment(CustomerIn):
    currency: Currency  # read before the amount, whose decimals it decides
    amount: AmountText
    order_reference: Reference
    description: Description = ""

    @field_validator("amount")
    @classmethod
    def _amount_ispayable(cls, text: str, info: ValidationInfo) -> str:
        return payable_text(text, info)

    def terms(self, mode: Mode, owner: UserId) -> OrderTerms:
        return OrderTerms(
            mode=mode,
            reference=OrderReference(self.order_reference),
            owner=owner,
            customer=self.customer,
            amount=payable(self.amount, parse_currency(self.currency)),
            description=self.description,
            locale=self.page_locale,
        )


class RegisterOrder(CustomerIn):
    """What the shop's server says will be paid, and by whom."""

    currency: Currency  # read before the amount, whose decimals it decides
    amount: AmountText
    customer_id: Annotated[
        FreeText,
        Field(
            min_length=1, max_length=200, examples=["customer-17"], description="Claim `sub` of the customer's token."
        ),
    ]
    description: Description = ""

    @field_validator("amount")
    @classmethod
    def _amount_ispayable(cls, text: str, info: ValidationInfo) -> str:
        return payable_text(text, info)

    def terms(self, mode: Mode, reference: OrderReference) -> OrderTerms:
        return OrderTerms(
            mode=mode,
            reference=reference,
            owner=UserId(self.customer_id),
            customer=self.customer,
            amount=payable(self.amount, parse_currency(self.currency)),
            description=self.description,
            locale=self.page_locale,
        )


class CheckoutLine(StrictRequest):
    name: Name
    sku: Annotated[FreeText, Field(max_length=64, description="Your stock number.")] = ""
    quantity: int = Field(ge=1, le=100_000, examples=[2])
    unit_price: AmountText


class CompleteCheckout(CustomerIn):
    currency: Currency
    lines: list[CheckoutLine] = Field(min_length=1, max_length=100)
    description: Description = ""
    order_reference: Reference | None = Field(
        None, description="Yours, so that sending the request again is the same order; made here if absent."
    )

    @field_validator("lines")
    @classmethod
    def _total_ispayable(cls, lines: list[CheckoutLine], info: ValidationInfo) -> list[CheckoutLine]:
        if "currency" in info.data:
            currency = info.data["currency"]
            total = 0
            for number, line in enumerate(lines, start=1):
                try:
                    total += line.quantity * payable(line.unit_price, currency).minor
                except ValueError as exc:
                    raise ValueError(f"line {number}, unit_price: {exc}") from None
            if total > MAX_MINOR:
                raise ValueError(f"the total must be at most {Money(MAX_MINOR, currency)}")
        return lines

    def terms(self, mode: Mode, owner: UserId, reference: OrderReference) -> OrderTerms:
        currency = parse_currency(self.currency)
        lines = tuple(
            OrderLine(line.name, line.quantity, payable(line.unit_price, currency).minor, line.sku)
            for line in self.lines
        )
        return OrderTerms(
            mode=mode,
            reference=reference,
            owner=owner,
            customer=self.customer,
            amount=Money(sum(line.total_minor for line in lines), currency),
            description=self.description,
            lines=lines,
            locale=self.page_locale,
        )


class PaymentStarted(BaseModel):
    status: Literal["success"] = "success"
    order_reference: str
    payment_job_reference: str
    payment_reference: str | None
    action_url: str = Field(description="Send the customer's browser here.")
    is_mocked: bool = Field(description="True while no real money can move.")
    message: str

    @classmethod
    def of(cls, started: StartedPayment) -> Self:
        return cls(
            order_reference=started.order.reference,
            payment_job_reference=started.job_reference,
            payment_reference=started.payment_reference,
            action_url=started.action_url,
            is_mocked=started.notice is not None,
            message=started.notice or "Send the customer to action_url to pay.",
        )


class CheckoutCompleted(PaymentStarted):
    order_id: str = Field(description="The order's reference, for GET /api/orders/{order_id}.")
    amount: str = Field(description="The total, computed here from the lines.")
    currency: str

    @classmethod
    def of(cls, started: StartedPayment) -> Self:
        amount = started.order.amount
        return cls(
            **PaymentStarted.of(started).model_dump(),
            order_id=started.order.reference,
            amount=amount.to_wire(),
            currency=amount.currency,
        )


class PaymentView(BaseModel):
    payment_reference: str
    status: PaymentStatus
    authorized: str
    captured: str
    refunded: str

    @classmethod
    def of(cls, payment: Payment, currency: CurrencyCode) -> Self:
        return cls(
            payment_reference=payment.reference,
            status=payment.status,
            authorized=wire_amount(payment.authorized_minor, currency),
            captured=wire_amount(payment.captured_minor, currency),
            refunded=wire_amount(payment.refunded_minor, currency),
        )


class PublicOrderView(BaseModel):
    """What whoever holds the return address may see: no name, no e-mail, no reference of the gateway's."""

    order_reference: str
    status: OrderStatus
    amount: str = Field(description="Decimal text in major units of the currency, as all amounts here.")
    currency: str
    awaiting: str | None = Field(description="What has to happen next and by whom; null when nothing is awaited.")
    is_mocked: bool

    @classmethod
    def of(cls, order: Order, now: datetime) -> "PublicOrderView":
        return PublicOrderView(**_seen_by_all(order, now))


def _seen_by_all(order: Order, now: datetime) -> dict[str, Any]:
    return {
        "order_reference": order.reference,
        "status": order_status(order),
        "amount": order.amount.to_wire(),
        "currency": order.amount.currency,
        "awaiting": awaited(order, now),
        "is_mocked": order.terms.mode is Mode.MOCK,
    }


class NoOrderNamed(BaseModel):
    status: Literal["unknown"] = "unknown"
    detail: str = "the address names no order, so nothing can be said of one; nothing was changed"


class OrderView(PublicOrderView):
    """An order's state as known now, for its owner."""

    authorized: str
    captured: str
    refunded: str
    payments: list[PaymentView]
    placed_at: datetime

    @classmethod
    def of(cls, order: Order, now: datetime) -> "OrderView":
        currency = order.amount.currency
        authorized, captured, refunded = totals(order)
        return OrderView(
            **_seen_by_all(order, now),
            authorized=wire_amount(authorized, currency),
            captured=wire_amount(captured, currency),
            refunded=wire_amount(refunded, currency),
            payments=[PaymentView.of(payment, currency) for payment in order.payments],
            placed_at=order.placed_at,
        )


class ProblemDetails(BaseModel):
    """RFC 9457; ``type`` is stable, ``detail`` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, str]] = Field(default_factory=list, description="For a refused value: field and message.")
