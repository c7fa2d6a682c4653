"""Erase a customer's personal data from everything that is kept of them; what their money did stays."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct

from ..domain.erasing import erased, is_erased
from ..domain.events import Event
from ..domain.model import Job, Order
from ..domain.schedule import OVERDUE_AFTER
from ..domain.searching import OrderQuery
from ..domain.statuses import MAY_TAKE_MONEY, JobState
from ..domain.terms import Mode
from ..ports import Clock, OrderStore
from .orders import Orders

PAGE: Final = 100
MOST_PAGES: Final = 1000


class Erasure(Struct, frozen=True):
    """References of the orders that were erased, and of those still open, whose customer is still needed."""

    erased: tuple[str, ...]
    still_open: tuple[str, ...]


class Erase:
    def __init__(self, orders: Orders, store: OrderStore, clock: Clock, mode: Mode) -> None:
        self._orders = orders
        self._store = store
        self._clock = clock
        self._mode = mode

    async def customer(self, email: str, *, by: str, reason: str) -> Erasure:
        """Every order of whoever has this address; doing it again goes on where it stopped.

        Raises:
            StoreError: some orders may be erased and others not yet.
        """
        done: list[str] = []
        still_open: list[str] = []
        query = OrderQuery(self._mode, email=email)
        for _ in range(MOST_PAGES):
            # What was erased is not found by the address any more; what is open is, so it is left out by name.
            found = await self._store.search(query, PAGE + len(still_open))
            found = [order for order in found if order.reference not in still_open]
            if not found:
                break
            for order in found:
                step = partial(_step, by, reason, self._clock.now())
                order = await self._orders.steer(order, step, actor=f"operator {by}")
                (done if is_erased(order) else still_open).append(order.reference)
        return Erasure(tuple(done), tuple(still_open))


def may_be_erased(order: Order, now: datetime) -> bool:
    """Not while the customer may still pay."""
    return not any(_may_be_paid(job, now) for job in order.jobs)


def _may_be_paid(job: Job, now: datetime) -> bool:
    """One that the gateway has not named in all that time never ends by its word; nobody held its page either."""
    if job.state is JobState.ORPHAN and job.job_reference is None:
        return now < job.expires_at + OVERDUE_AFTER
    return job.state in MAY_TAKE_MONEY or job.state is JobState.INTENT


def _step(by: str, reason: str, now: datetime, order: Order) -> tuple[Order, Sequence[Event]]:
    return erased(order, by=by, reason=reason) if may_be_erased(order, now) else (order, ())
