"""Orders as this process wrote them last, while their payment page is open: a good guess at how they stand.

A guess is no knowledge, as others write too. Whoever decides on one has it written only where the order still is that
one, and decides anew on what is read where it is not. That takes longer than to read at once, so after a wrong guess
there is none for a while: where others write most of what comes here, it would be wrong again.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from msgspec import Struct

from ..domain.model import Order, OrderId
from ..domain.order_status import order_status
from ..domain.statuses import JobState, OrderStatus
from . import codec

MOST_BYTES: Final = 2 * 1024 * 1024
"""Of text, which the garbage collector need not look through: about a thousand usual orders."""

KEPT_SECONDS: Final = 30 * 60
"""As long as a payment page is open: what the gateway has to say of a payment mostly comes by then."""

NONE_AFTER_A_WRONG_ONE: Final = 64
"""So many times nothing is guessed."""

AWAITED: Final = frozenset({OrderStatus.PENDING, OrderStatus.AUTHORIZED})


class RecentOrders:
    def __init__(self, *, most_bytes: int = MOST_BYTES, kept_seconds: float = KEPT_SECONDS) -> None:
        self._most_bytes = most_bytes
        self._kept_seconds = kept_seconds
        self._bytes = 0
        self._kept: OrderedDict[OrderId, _Kept] = OrderedDict()
        self._alarm: asyncio.TimerHandle | None = None
        self._resting = 0

    def __len__(self) -> int:
        return len(self._kept)

    def note(self, order: Order) -> None:
        """It was just written."""
        self.forget(order.id)
        if not _awaits_payment(order):
            return
        kept = _Kept.of(order, until=asyncio.get_running_loop().time() + self._kept_seconds)
        if len(kept.text) > self._most_bytes:
            return
        self._kept[order.id] = kept
        self._bytes += len(kept.text)
        while self._bytes > self._most_bytes:
            self.forget(next(iter(self._kept)))
        self._set_alarm()

    def forget(self, order_id: OrderId) -> None:
        kept = self._kept.pop(order_id, None)
        if kept is not None:
            self._bytes -= len(kept.text)

    def forget_all(self) -> None:
        self._kept.clear()
        self._bytes = 0
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def guess(self, order_id: OrderId) -> Order | None:
        """Each order is guessed once: most payments are heard of once."""
        kept = self._kept.get(order_id)
        self.forget(order_id)
        if self._resting:
            self._resting -= 1
            return None
        return None if kept is None else kept.order(order_id)

    def was_wrong(self) -> None:
        self._resting = NONE_AFTER_A_WRONG_ONE

    def _set_alarm(self) -> None:
        if self._alarm is None and self._kept:
            oldest = next(iter(self._kept.values()))
            self._alarm = asyncio.get_running_loop().call_at(oldest.until, self._forget_old)

    def _forget_old(self) -> None:
        self._alarm = None
        now = asyncio.get_running_loop().time()
        for order_id in [order_id for order_id, kept in self._kept.items() if kept.until <= now]:
            self.forget(order_id)
        self._set_alarm()


class _Kept(Struct, frozen=True):
    text: str
    version: int
    next_check_at: str | None
    next_notice_at: str | None
    until: float

    @classmethod
    def of(cls, order: Order, until: float) -> "_Kept":
        beside = (codec.maybe_instant(order.next_check_at), codec.maybe_instant(order.next_notice_at))
        return cls(codec.order_to_json(order), order.version, *beside, until)

    def order(self, order_id: OrderId) -> Order:
        return codec.order_from_json(
            order_id,
            self.text,
            version=self.version,
            next_check_at=self.next_check_at,
            next_notice_at=self.next_notice_at,
        )


def _awaits_payment(order: Order) -> bool:
    job = order.latest_job
    return job is not None and job.state is JobState.OPEN and order_status(order) in AWAITED
