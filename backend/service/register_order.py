"""Register an order: the shop's server says what will be paid, and by whom, before a browser asks to pay."""

from msgspec import Struct

from ..domain.ledger import place
from ..domain.model import Order
from ..domain.registering import check_registration, registrar
from ..domain.terms import OrderTerms
from ..ports import Clock
from .orders import Orders, made_by, new_operation


class Registered(Struct, frozen=True):
    order: Order
    is_new: bool


class RegisterOrder:
    def __init__(self, orders: Orders, clock: Clock) -> None:
        self._orders = orders
        self._clock = clock

    async def __call__(self, terms: OrderTerms, *, by: str) -> Registered:
        """Registering the same again is no new registration, also once its payment has started.

        Raises:
            RegistrationDiffers: the reference stands for an order with other terms, or for one that a customer placed.
            StoreError: nothing can be promised; asking again is safe.
        """
        operation = new_operation()
        placed = place(terms, at=self._clock.now(), operation=operation, actor=registrar(by))
        order = await self._orders.insert(placed)
        if made_by(order, operation):
            return Registered(order, is_new=True)
        check_registration(order, terms)
        return Registered(order, is_new=False)
