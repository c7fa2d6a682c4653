"""A store for tests and simulation: encoded documents in dicts, behind the same codec as the real ones.

Nothing is shared by reference with the caller. It outlives no process: only a ``MemoryDisk`` handed to the next store
does. Every method runs without giving way, so each is atomic in one event loop.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from ..domain.deliveries import Delivery, DeliveryId
from ..domain.model import Order, OrderId
from ..domain.references import JobReference
from ..domain.terms import Mode
from . import codec

T = TypeVar("T")


@dataclass(slots=True)
class StoredOrder:
    mode: Mode
    version: int
    next_check_at: str | None
    job_references: list[str]
    text: str


@dataclass
class MemoryDisk:
    """What survives: give it to a second store to read what the first one wrote."""

    orders: dict[OrderId, StoredOrder] = field(default_factory=dict)
    deliveries: dict[DeliveryId, codec.Document] = field(default_factory=dict)

    def write(self, change: Callable[[], T]) -> T:
        """Every change passes here, so that a subclass can fail it, or lose its answer."""
        return change()


class MemoryStore:
    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self.disk = disk or MemoryDisk()

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None: ...

    # --- orders ---

    async def insert(self, order: Order) -> bool:
        stored = _stored(order)

        def change() -> bool:
            return self.disk.orders.setdefault(order.id, stored) is stored

        return self.disk.write(change)

    async def replace(self, order: Order, expected_version: int) -> bool:
        stored = _stored(order)

        def change() -> bool:
            known = self.disk.orders.get(order.id)
            if known is None or known.version != expected_version:
                return False
            self.disk.orders[order.id] = stored
            return True

        return self.disk.write(change)

    async def get(self, order_id: OrderId) -> Order | None:
        known = self.disk.orders.get(order_id)
        return None if known is None else _order(order_id, known)

    async def find_by_job(self, mode: Mode, reference: JobReference) -> Order | None:
        found = (
            order_id
            for order_id, order in self.disk.orders.items()
            if order.mode is mode and reference in order.job_references
        )
        first = min(found, default=None)
        return None if first is None else await self.get(first)

    async def make_due(self, order_id: OrderId, at: datetime) -> None:
        due = codec.instant(at)

        def change() -> None:
            known = self.disk.orders.get(order_id)
            if known is not None and (known.next_check_at is None or due < known.next_check_at):
                known.next_check_at = due

        self.disk.write(change)

    async def take_due(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        assert now < until, "what is taken is taken for a while"
        assert limit > 0, "a page has a size"

        def change() -> list[OrderId]:
            waiting = (
                (order.next_check_at, order_id)
                for order_id, order in self.disk.orders.items()
                if order.mode is mode and order.next_check_at is not None
            )
            taken = _longest_due(waiting, now, limit)
            for order_id in taken:
                self.disk.orders[order_id].next_check_at = codec.instant(until)
            return taken

        return self.disk.write(change)

    # --- inbox ---

    async def receive(self, delivery: Delivery) -> Delivery:
        def change() -> Delivery:
            known = self._delivery(delivery.id)
            row = delivery if known is None else _counted(known, delivery)
            self._put(row)
            return row

        return self.disk.write(change)

    async def settle(self, delivery_id: DeliveryId, seen: int, outcome: str) -> None:
        def change() -> None:
            known = self._delivery(delivery_id)
            if known is not None:
                self._put(_settled(known, seen, outcome))

        self.disk.write(change)

    async def postpone(self, delivery_id: DeliveryId, until: datetime, outcome: str) -> None:
        def change() -> None:
            known = self._delivery(delivery_id)
            if known is not None and known.is_pending:
                self._put(replace(known, next_try_at=until, attempts=known.attempts + 1, outcome=outcome))

        self.disk.write(change)

    async def take_deliveries(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        assert now < until, "what is taken is taken for a while"
        assert limit > 0, "a page has a size"

        def change() -> list[Delivery]:
            waiting = (
                (row["next_try_at"], delivery_id)
                for delivery_id, row in self.disk.deliveries.items()
                if row["mode"] == mode and row["received"] > row["done"] and row["next_try_at"] is not None
            )
            taken = _longest_due(waiting, now, limit)
            for delivery_id in taken:
                self.disk.deliveries[delivery_id]["next_try_at"] = codec.instant(until)
            return codec.readable(partial(self._row, delivery_id) for delivery_id in taken)

        return self.disk.write(change)

    def _delivery(self, delivery_id: DeliveryId) -> Delivery | None:
        return self._row(delivery_id) if delivery_id in self.disk.deliveries else None

    def _row(self, delivery_id: DeliveryId) -> Delivery:
        return codec.delivery_from_document(delivery_id, self.disk.deliveries[delivery_id])

    def _put(self, delivery: Delivery) -> None:
        self.disk.deliveries[delivery.id] = codec.delivery_to_document(delivery)


def _stored(order: Order) -> StoredOrder:
    return StoredOrder(
        mode=order.terms.mode,
        version=order.version,
        next_check_at=codec.maybe_instant(order.next_check_at),
        job_references=codec.job_references(order),
        text=codec.order_to_json(order),
    )


def _order(order_id: OrderId, stored: StoredOrder) -> Order:
    return codec.order_from_json(order_id, stored.text, version=stored.version, next_check_at=stored.next_check_at)


def _counted(known: Delivery, again: Delivery) -> Delivery:
    return replace(known, received=known.received + 1, last_at=again.last_at, next_try_at=again.next_try_at)


def _settled(known: Delivery, seen: int, outcome: str) -> Delivery:
    done = max(known.done, min(seen, known.received))
    if done < known.received:
        return replace(known, done=done, outcome=outcome)
    return replace(known, done=done, outcome=outcome, attempts=0, next_try_at=None)


def _longest_due(waiting: Iterable[tuple[str, T]], now: datetime, limit: int) -> list[T]:
    edge = codec.instant(now)
    return [name for _, name in sorted((at, name) for at, name in waiting if at <= edge)[:limit]]
