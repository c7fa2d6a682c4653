"""What people do with deliveries in the inbox: foresee, replay, acknowledge and count them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from ..domain.deliveries import Delivery, DeliveryId
from ..domain.events import Event
from ..domain.facts import Hint
from ..domain.ledger import record
from ..domain.model import Order
from ..domain.order_status import order_status
from ..domain.searching import DeliveryQuery
from ..domain.terms import Mode
from ..ports import Clock, OrderStore, PaymentGateway, WebhookUnreadable
from .delivery_subject import ACTOR, Outcome, find_subject, learn_fact, read_delivery, tells_enough
from .orders import Orders

MOST_COUNTED: Final = 100


class Inbox:
    def __init__(
        self,
        orders: Orders,
        store: OrderStore,
        gateways: Mapping[str, PaymentGateway],
        clock: Clock,
        mode: Mode,
        *,
        wake_worker: Callable[[], None],
    ) -> None:
        self._orders = orders
        self._store = store
        self._gateways = gateways
        self._clock = clock
        self._mode = mode
        self._wake_worker = wake_worker

    async def replay(self, delivery_id: DeliveryId) -> Delivery | None:
        """Have a delivery worked through again; None if there is no such row."""
        if not await self._store.reopen(delivery_id, self._clock.now()):
            return None
        self._wake_worker()
        return await self._store.get_delivery(delivery_id)

    async def acknowledge(self, delivery_id: DeliveryId) -> Delivery | None:
        """A person has seen a delivery that nothing matched; None if there is no such row."""
        delivery = await self._store.get_delivery(delivery_id)
        if delivery is not None and delivery.outcome == Outcome.GIVEN_UP:
            await self._store.settle(delivery.id, delivery.received, Outcome.ACKNOWLEDGED)
            delivery = await self._store.get_delivery(delivery_id)
        return delivery

    async def unmatched(self) -> int:
        """How many deliveries aged out and nobody has acknowledged, counted up to ``MOST_COUNTED``."""
        query = DeliveryQuery(self._mode, outcome=Outcome.GIVEN_UP)
        return len(await self._store.search_deliveries(query, MOST_COUNTED))

    async def preview(self, delivery_id: DeliveryId) -> str | None:
        """What working through a delivery again would do, in words; nothing is written and nobody asked."""
        delivery = await self._store.get_delivery(delivery_id)
        if delivery is None:
            return None
        gateway = self._gateways.get(delivery.gateway)
        if gateway is None:
            return f"nothing: no gateway named {delivery.gateway} is configured here"
        try:
            reading = read_delivery(gateway, delivery)
        except WebhookUnreadable as exc:
            return f"nothing: it cannot be read: {exc}"
        found = await find_subject(self._orders, reading)
        if found is None:
            return "nothing now: no such order or payment is known here; it would be tried again for a day"
        order, job = found
        if isinstance(reading, Hint) or not tells_enough(job, reading.fact):
            return f"the gateway would be asked about payment job {job.number} of order {order.reference}"
        return _foreseen(order, learn_fact(job.number, reading.fact, order), self._clock.now())


def _foreseen(order: Order, events: Sequence[Event], at: datetime) -> str:
    if not events:
        return f"nothing: order {order.reference} knows it already, and is {order_status(order)}"
    after = record(order, events, at=at, operation="preview", actor=ACTOR)
    told = ", ".join(event.kind.replace("_", " ") for event in events)
    return f"order {order.reference} would record {told}, and go from {order_status(order)} to {order_status(after)}"
