"""A customer comes back from the payment page. Whatever the address says decides nothing: the store is asked.

That somebody came back is a reason to look, though: the webhook may be late, or its scheme may have no word for what
happened (a cancelled payment, for one).
"""

from collections.abc import Callable
from typing import Final

from ..domain.model import Order
from ..domain.order_status import order_status
from ..domain.references import OrderReference
from ..domain.schedule import rests_until
from ..domain.statuses import OrderStatus
from ..ports import Clock, OrderStore
from .orders import Orders

UNDECIDED: Final = frozenset({OrderStatus.PENDING, OrderStatus.FAILED})


class CustomerReturn:
    def __init__(self, orders: Orders, store: OrderStore, clock: Clock, *, wake_worker: Callable[[], None]) -> None:
        self._orders = orders
        self._store = store
        self._clock = clock
        self._wake_worker = wake_worker

    async def __call__(self, reference: OrderReference) -> Order | None:
        """The order as known now; if it is undecided, the gateway is asked about it soon.

        Raises:
            StoreUnavailable
        """
        order = await self._orders.find(reference)
        if order is not None and order_status(order) in UNDECIDED:
            now = self._clock.now()
            if rests_until(order, now) <= now and (order.next_check_at is None or order.next_check_at > now):
                await self._store.make_due(order.id, now)
                self._wake_worker()
        return order
