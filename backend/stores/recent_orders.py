"""Orders as this process wrote them last, while their payment page is open: a good guess at how they stand.

A guess is no knowledge, as others write too. Whoever decides on one has it written only where the order still is that
one, and decides anew on what is read where it is not. That takes longer than to read at once, so after a wrong guess
there is none for a while: where others write most of what comes here, it would be wrong again.
"""

from collections import OrderedDict
from itertools import count
from typing import Final, TypeAlias

from msgspec import Struct

from ..domain.model import Order, OrderId
from ..domain.order_status import order_status
from ..domain.statuses import JobState, OrderStatus
from ..time_limit import TimeLimit
from . import codec

MOST_BYTES: Final = 2 * 1024 * 1024
"""Of text, which the garbage collector need not look through: about a thousand usual orders."""

KEPT_SECONDS: Final = 30 * 60
"""As long as a payment page is open: what the gateway has to say of a payment mostly comes by then."""

NONE_AFTER_A_WRONG_ONE: Final = 64
"""So many times nothing is guessed."""

AWAITED: Final = frozenset({OrderStatus.PENDING, OrderStatus.AUTHORIZED})

_Place: TypeAlias = tuple[OrderId, int]
"""What is limited in time: not the text itself, which is to go as soon as the order is forgotten."""


class RecentOrders:
    def __init__(self, *, most_bytes: int = MOST_BYTES, kept_seconds: float = KEPT_SECONDS) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[OrderId, _Kept] = OrderedDict()
        self._numbers = count()
        self._limit: TimeLimit[_Place] = TimeLimit(kept_seconds, is_over=self._is_given_up, give_up=self._give_up)
        self._resting = 0

    def __len__(self) -> int:
        return len(self._kept)

    def note(self, order: Order) -> None:
        """It was just written."""
        self.forget(order.id)
        if not _awaits_payment(order):
            return
        kept = _Kept.of(order, next(self._numbers))
        if len(kept.text) > self._most_bytes:
            return
        self._kept[order.id] = kept
        self._bytes += len(kept.text)
        while self._bytes > self._most_bytes:
            self.forget(next(iter(self._kept)))
        self._limit.begin((order.id, kept.number))

    def forget(self, order_id: OrderId) -> None:
        kept = self._kept.pop(order_id, None)
        if kept is not None:
            self._bytes -= len(kept.text)

    def forget_all(self) -> None:
        self._kept.clear()
        self._bytes = 0

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

    def _is_given_up(self, place: _Place) -> bool:
        order_id, number = place
        kept = self._kept.get(order_id)
        return kept is None or kept.number != number

    def _give_up(self, place: _Place) -> None:
        self.forget(place[0])


class _Kept(Struct, frozen=True):
    text: str
    version: int
    next_check_at: str | None
    next_notice_at: str | None
    number: int
    """Tells it from what is kept of the order before and after."""

    @classmethod
    def of(cls, order: Order, number: int) -> "_Kept":
        beside = (codec.maybe_instant(order.next_check_at), codec.maybe_instant(order.next_notice_at))
        return cls(codec.order_to_json(order), order.version, *beside, number)

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
