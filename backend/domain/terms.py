"""What the shop and the customer agreed on: who pays how much for what, and whose money moves."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .money import Money
from .personal import PERSONAL
from .references import OrderReference, UserId

DEFAULT_LOCALE: Final = "en_GB"


class Mode(StrEnum):
    """Whose money moves: nobody's (mock), the gateway's test money (integration), or real money."""

    MOCK = "mock"
    INTEGRATION = "integration"
    PRODUCTION = "production"


LATER: Final = {"added_later": True}
"""What orders of schema 2 do not have, see ``history.py``."""
PERSONAL_LATER: Final = {**LATER, **PERSONAL}


@dataclass(frozen=True, slots=True)
class Address:
    """As a gateway may want it for the bank's checks; ``country`` is ISO 3166-1 alpha-2. What is empty is not told."""

    line_1: str = ""
    line_2: str = ""
    city: str = ""
    postcode: str = ""
    state: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    email: str = field(repr=False, metadata=PERSONAL)
    name: str = field(repr=False, metadata=PERSONAL)
    phone: str = field(default="", repr=False, metadata=PERSONAL_LATER)
    billing_address: Address | None = field(default=None, repr=False, metadata=PERSONAL_LATER)
    shipping_address: Address | None = field(default=None, repr=False, metadata=PERSONAL_LATER)


@dataclass(frozen=True, slots=True)
class OrderLine:
    name: str
    quantity: int
    unit_price_minor: int
    sku: str = field(default="", metadata=LATER)

    @property
    def total_minor(self) -> int:
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True, slots=True)
class OrderTerms:
    mode: Mode
    reference: OrderReference
    owner: UserId = field(repr=False, metadata=PERSONAL)
    customer: Customer
    amount: Money
    description: str = field(default="", repr=False, metadata=PERSONAL)
    lines: tuple[OrderLine, ...] = ()
    locale: str = field(default=DEFAULT_LOCALE, metadata=LATER)
    """The language to show the payment page in, as in ``en_GB``."""
