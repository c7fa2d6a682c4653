"""What the shop and the customer agreed on: who pays how much for what, and whose money moves."""

from dataclasses import dataclass
from enum import StrEnum

from .money import Money
from .references import OrderReference, UserId


class Mode(StrEnum):
    """Whose money moves: nobody's (mock), the gateway's test money (integration), or real money."""

    MOCK = "mock"
    INTEGRATION = "integration"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Customer:
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    name: str
    quantity: int
    unit_price_minor: int

    @property
    def total_minor(self) -> int:
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True, slots=True)
class OrderTerms:
    mode: Mode
    reference: OrderReference
    owner: UserId
    customer: Customer
    amount: Money
    description: str = ""
    lines: tuple[OrderLine, ...] = ()
