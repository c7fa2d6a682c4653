"""What the shop and the customer agreed on: who pays how much for what, and whose money moves."""

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Struct

from .marks import ADDED_LATER, PERSONAL
from .money import Money
from .personal import Discreet
from .references import OrderReference, UserId

DEFAULT_LOCALE: Final = "en_GB"


class Mode(StrEnum):
    """Whose money moves: nobody's (mock), the gateway's test money (integration), or real money."""

    MOCK = "mock"
    INTEGRATION = "integration"
    PRODUCTION = "production"


class Address(Struct, frozen=True):
    """As a gateway may want it for the bank's checks; ``country`` is ISO 3166-1 alpha-2. What is empty is not told."""

    line_1: str = ""
    line_2: str = ""
    city: str = ""
    postcode: str = ""
    state: str = ""
    country: str = ""


class Customer(Discreet, frozen=True):
    email: Annotated[str, PERSONAL]
    name: Annotated[str, PERSONAL]
    phone: Annotated[str, PERSONAL, ADDED_LATER] = ""
    billing_address: Annotated[Address | None, PERSONAL, ADDED_LATER] = None
    shipping_address: Annotated[Address | None, PERSONAL, ADDED_LATER] = None


class OrderLine(Struct, frozen=True):
    name: str
    quantity: int
    unit_price_minor: int
    sku: Annotated[str, ADDED_LATER] = ""

    @property
    def total_minor(self) -> int:
        return self.quantity * self.unit_price_minor


class OrderTerms(Discreet, frozen=True):
    mode: Mode
    reference: OrderReference
    owner: Annotated[UserId, PERSONAL]
    customer: Customer
    amount: Money
    description: Annotated[str, PERSONAL] = ""
    lines: tuple[OrderLine, ...] = ()
    locale: Annotated[str, ADDED_LATER] = DEFAULT_LOCALE
    """The language to show the payment page in, as in ``en_GB``."""
