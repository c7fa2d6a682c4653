"""A delivery on its way into the inbox.

Where it can be applied at once, it is stored together with what it made of its order, so that a webhook costs one
durable write. Everything else finds it stored first.
"""

from collections.abc import Callable

from ..domain.deliveries import Delivery
from ..domain.model import Order
from ..ports import OrderStore


class Intake:
    def __init__(self, store: OrderStore, delivery: Delivery, *, is_stored: bool = False) -> None:
        self._store = store
        self._new = delivery
        self._row = delivery if is_stored else None

    @property
    def is_stored(self) -> bool:
        return self._row is not None

    @property
    def is_settled(self) -> bool:
        return self._row is not None and not self._row.is_pending

    async def stored(self) -> Delivery:
        """Its row in the inbox.

        Raises:
            StoreError: it is not known to be stored.
        """
        if self._row is None:
            self._row = await self._store.receive(self._new)
        return self._row

    async def write(self, outcome: Callable[[Order], str], order: Order, expected_version: int) -> bool:
        """Replace the order, and, unless it is stored already, store the delivery with it, as settled by it.

        Raises:
            StoreError: whether either was written is not known.
        """
        if self._row is not None:
            return await self._store.replace(order, expected_version)
        self._row = await self._store.receive_applied(self._new, outcome(order), order, expected_version)
        return self.is_settled
