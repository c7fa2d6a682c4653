"""Orders that the shop's server registers before anybody pays, so that no browser chooses its own price.

What was registered does not change: an order with other terms is another order, under another reference.
"""

from typing import Final

from .errors import OrderNotRegistered, RegistrationDiffers
from .model import Order
from .terms import OrderTerms

REGISTRAR: Final = "service "
"""What an actor's name starts with where the shop's server acts."""


def registrar(name: str) -> str:
    return REGISTRAR + name


def is_registered(order: Order) -> bool:
    """Whether the shop's server placed it, and not a customer."""
    return order.history[0].actor.startswith(REGISTRAR)


def check_registration(order: Order, asked: OrderTerms) -> None:
    """Hold a repeated registration against the order that has its reference.

    Raises:
        RegistrationDiffers
    """
    if not is_registered(order) or order.terms != asked:
        raise RegistrationDiffers(order.reference)


def check_registered(order: Order | None, asked: OrderTerms) -> Order:
    """The order that may be paid, where only registered ones may.

    Raises:
        OrderNotRegistered: also where it is another customer's, so that a stranger learns nothing.
    """
    if order is None or not is_registered(order) or order.terms.owner != asked.owner:
        raise OrderNotRegistered(asked.reference)
    return order
