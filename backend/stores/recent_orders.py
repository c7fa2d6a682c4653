"""The orders that this process wrote last, as it wrote them: a good guess at how they stand, for which nobody is asked.

A guess is no knowledge, as others write too. Whoever decides on one has it written only where the order is still that
one, and decides anew on what is read where it is not.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from ..domain.model import Order, OrderId

MOST_BYTES: Final = 2 * 1024 * 1024
"""Encoded, which the garbage collector need not look through: about a thousand usual orders."""

KEPT_SECONDS: Final = 30 * 60
"""As long as a payment page is open: what the gateway has to say of a payment mostly comes by then."""


class RecentOrders:
    def __init__(
        self,
        *,
        most_bytes: int = MOST_BYTES,
        kept_seconds: float = KEPT_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_bytes = most_bytes
        self._kept_seconds = kept_seconds
        self._now = now
        self._bytes = 0
        self._kept: OrderedDict[OrderId, _Kept] = OrderedDict()

    def note(self, order: Order) -> None:
        """It was just written."""
        self.forget(order.id)
        encoded = _ENCODER.encode(order)
        self._kept[order.id] = _Kept(encoded, self._now() + self._kept_seconds)
        self._bytes += len(encoded)
        self._drop_oldest()

    def forget(self, order_id: OrderId) -> None:
        kept = self._kept.pop(order_id, None)
        if kept is not None:
            self._bytes -= len(kept.encoded)

    def guess(self, order_id: OrderId) -> Order | None:
        self._drop_oldest()
        kept = self._kept.get(order_id)
        return None if kept is None else _DECODER.decode(kept.encoded)

    def _drop_oldest(self) -> None:
        now = self._now()
        while self._kept:
            order_id, oldest = next(iter(self._kept.items()))
            if self._bytes <= self._most_bytes and now < oldest.until:
                return
            self.forget(order_id)


class _Kept(Struct, frozen=True):
    encoded: bytes
    until: float


_ENCODER: Final = Encoder()
_DECODER: Final = Decoder(Order)
