"""A store for tests and simulation: encoded documents in dicts, behind the same codec as the real ones.

Nothing is shared by reference with the caller. It outlives no process: only a ``MemoryDisk`` handed to the next store
does. Every method runs without giving way, so each is atomic in one event loop.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from msgspec.structs import replace

from ..domain.deliveries import Delivery, DeliveryId
from ..domain.model import Order, OrderId
from ..domain.money import CurrencyCode
from ..domain.records import Record, RecordId
from ..domain.references import JobReference
from ..domain.searching import Cursor, DeliveryQuery, Lag, OrderQuery
from ..domain.statuses import OrderStatus
from ..domain.terms import Mode
from ..ports import Applied, Apply, UnreadableOrder, Work
from . import codec

T = TypeVar("T")

DUE_FIELDS: Final = {Work.LOOK: "next_check_at", Work.NOTICE: "next_notice_at"}


@dataclass(slots=True)
class StoredOrder:
    mode: Mode
    version: int
    next_check_at: str | None
    next_notice_at: str | None
    job_references: list[str]
    payment_references: list[str]
    searchable: codec.Document
    text: str


@dataclass
class MemoryDisk:
    """What survives: give it to a second store to read what the first one wrote."""

    orders: dict[OrderId, StoredOrder] = field(default_factory=dict)
    deliveries: dict[DeliveryId, codec.Document] = field(default_factory=dict)
    records: dict[RecordId, Record] = field(default_factory=dict)

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

    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        assert now < until, "what is taken is taken for a while"
        assert limit > 0, "a page has a size"

        def change() -> list[OrderId]:
            taken = _longest_due(self._due(DUE_FIELDS[work], mode), now, limit)
            for order_id in taken:
                setattr(self.disk.orders[order_id], DUE_FIELDS[work], codec.instant(until))
            return taken

        return self.disk.write(change)

    async def search(self, query: OrderQuery, limit: int) -> Sequence[Order]:
        def fits(order_id: OrderId, order: StoredOrder) -> bool:
            told, names = order.searchable, (*order.job_references, *order.payment_references)
            return (
                order.mode is query.mode
                and (query.reference is None or order_id.startswith(f"{query.mode}/{query.reference}"))
                and (query.email is None or told["email"] == query.email.lower())
                and (query.gateway_reference is None or query.gateway_reference in names)
                and query.status in (None, told["status"])
                and (query.placed_from is None or told["placed_at"] >= codec.instant(query.placed_from))
                and (query.placed_until is None or told["placed_at"] < codec.instant(query.placed_until))
                and query.amount_minor in (None, told["amount_minor"])
                and query.currency in (None, told["currency"])
                and query.needs_attention in (None, told["needs_attention"])
            )

        found = {
            (str(order.searchable["placed_at"]), order_id): order
            for order_id, order in self.disk.orders.items()
            if fits(order_id, order)
        }
        names = _page(found, query.after, limit)
        return codec.readable(partial(_order, OrderId(name[1]), found[name[0], OrderId(name[1])]) for name in names)

    async def scan(self, mode: Mode, after: OrderId | None, limit: int) -> Sequence[Order | UnreadableOrder]:
        names = sorted(name for name, order in self.disk.orders.items() if order.mode is mode and name > (after or ""))
        return codec.scanned((name, partial(_order, name, self.disk.orders[name])) for name in names[:limit])

    async def money_at_risk(self, mode: Mode) -> Mapping[CurrencyCode, int]:
        total: Counter[CurrencyCode] = Counter()
        for order in self.disk.orders.values():
            if order.mode is mode:
                total[order.searchable["currency"]] += order.searchable["at_risk_minor"]
        return +total

    async def count_orders(self, mode: Mode) -> Mapping[OrderStatus, int]:
        return Counter(
            OrderStatus(order.searchable["status"]) for order in self.disk.orders.values() if order.mode is mode
        )

    async def lag(self, mode: Mode) -> Lag:
        looks, notices = (min((at for at, _ in self._due(name, mode)), default=None) for name in DUE_FIELDS.values())
        deliveries = min((at for at, _ in self._pending(mode)), default=None)
        return codec.lag(looks, notices, deliveries)

    def _due(self, field_name: str, mode: Mode) -> list[tuple[str, OrderId]]:
        waiting = ((getattr(order, field_name), name) for name, order in self.disk.orders.items() if order.mode is mode)
        return [(at, name) for at, name in waiting if at is not None]

    # --- inbox ---

    async def receive(self, delivery: Delivery) -> Delivery:
        def change() -> Delivery:
            known = self._delivery(delivery.id)
            row = delivery if known is None else _counted(known, delivery)
            self._put(row)
            return row

        return self.disk.write(change)

    async def receive_and_apply(self, delivery: Delivery, order_id: OrderId, apply: Apply) -> Delivery | None:
        order = await self.get(order_id)
        applied = apply(order) if order is not None else None
        return None if applied is None else await self._receive_applied(delivery, applied)

    async def _receive_applied(self, delivery: Delivery, applied: Applied) -> Delivery:
        row = await self.receive(delivery)
        if await self.replace(applied.order, applied.order.version - 1):
            await self.settle(row.id, row.received, applied.outcome)
        return self._delivery(row.id) or row

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
            taken = _longest_due(self._pending(mode), now, limit)
            for delivery_id in taken:
                self.disk.deliveries[delivery_id]["next_try_at"] = codec.instant(until)
            return codec.readable(partial(self._row, delivery_id) for delivery_id in taken)

        return self.disk.write(change)

    async def get_delivery(self, delivery_id: DeliveryId) -> Delivery | None:
        return self._delivery(delivery_id)

    async def search_deliveries(self, query: DeliveryQuery, limit: int) -> Sequence[Delivery]:
        found = {
            (row["last_at"], delivery_id)
            for delivery_id, row in self.disk.deliveries.items()
            if row["mode"] == query.mode
            and query.pending in (None, row["received"] > row["done"])
            and query.outcome in (None, row["outcome"])
        }
        return codec.readable(partial(self._row, DeliveryId(name)) for _, name in _page(found, query.after, limit))

    async def reopen(self, delivery_id: DeliveryId, at: datetime) -> bool:
        def change() -> bool:
            known = self._delivery(delivery_id)
            if known is not None:
                done = min(known.done, known.received - 1)
                self._put(replace(known, done=done, attempts=0, next_try_at=at))
            return known is not None

        return self.disk.write(change)

    async def drop_deliveries(self, mode: Mode, before: datetime, limit: int) -> int:
        def change() -> int:
            edge = codec.instant(before)
            old = [
                (row["last_at"], delivery_id)
                for delivery_id, row in self.disk.deliveries.items()
                if row["mode"] == mode and row["received"] <= row["done"] and row["last_at"] < edge
            ]
            gone = sorted(old)[:limit]
            for _, delivery_id in gone:
                del self.disk.deliveries[delivery_id]
            return len(gone)

        return self.disk.write(change)

    # --- records ---

    async def read_record(self, record_id: RecordId) -> Record | None:
        return self.disk.records.get(record_id)

    async def write_record(self, record: Record, expected_version: int) -> bool:
        def change() -> bool:
            known = self.disk.records.get(record.id)
            if (0 if known is None else known.version) != expected_version:
                return False
            self.disk.records[record.id] = record
            return True

        return self.disk.write(change)

    async def list_records(self, prefix: str, after: RecordId | None, limit: int) -> Sequence[Record]:
        names = sorted(name for name in self.disk.records if name.startswith(prefix) and name > (after or ""))
        return [self.disk.records[name] for name in names[:limit]]

    async def drop_expired_records(self, now: datetime, limit: int) -> int:
        def change() -> int:
            over = [r.id for r in self.disk.records.values() if r.expires_at is not None and r.expires_at <= now]
            for record_id in over[:limit]:
                del self.disk.records[record_id]
            return len(over[:limit])

        return self.disk.write(change)

    def _pending(self, mode: Mode) -> list[tuple[str, DeliveryId]]:
        return [
            (row["next_try_at"], delivery_id)
            for delivery_id, row in self.disk.deliveries.items()
            if row["mode"] == mode and row["received"] > row["done"] and row["next_try_at"] is not None
        ]

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
        next_notice_at=codec.maybe_instant(order.next_notice_at),
        job_references=codec.job_references(order),
        payment_references=codec.payment_references(order),
        searchable=codec.searchable(order),
        text=codec.order_to_json(order),
    )


def _order(order_id: OrderId, stored: StoredOrder) -> Order:
    return codec.order_from_json(
        order_id,
        stored.text,
        version=stored.version,
        next_check_at=stored.next_check_at,
        next_notice_at=stored.next_notice_at,
    )


def _counted(known: Delivery, again: Delivery) -> Delivery:
    return replace(known, received=known.received + 1, last_at=again.last_at, next_try_at=again.next_try_at)


def _settled(known: Delivery, seen: int, outcome: str) -> Delivery:
    done = max(known.done, min(seen, known.received))
    if done < known.received:
        return replace(known, done=done, outcome=outcome)
    return known.settled(outcome)


def _longest_due(waiting: Iterable[tuple[str, T]], now: datetime, limit: int) -> list[T]:
    edge = codec.instant(now)
    return [name for _, name in sorted((at, name) for at, name in waiting if at <= edge)[:limit]]


def _page(found: Iterable[tuple[str, str]], after: Cursor | None, limit: int) -> list[tuple[str, str]]:
    """The newest first, from after the cursor."""
    edge = None if after is None else (codec.instant(after.at), after.id)
    return sorted((name for name in found if edge is None or name < edge), reverse=True)[:limit]
