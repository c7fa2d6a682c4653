"""Stores that each break one promise, as a plausible implementation would; the contract suite must catch every one."""

# ruff: noqa: ARG002 - ignoring an argument is how some of them are broken

import asyncio
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from backend.domain.deliveries import Delivery, DeliveryId
from backend.domain.model import Order, OrderId
from backend.domain.references import JobReference
from backend.domain.terms import Mode
from backend.ports import Applied, Apply, OrderStore, StoreOutcomeUnknown, StoreUnavailable, UnreadableOrder, Work
from backend.stores import MemoryStore
from backend.stores.memory import MemoryDisk

from . import applying, inbox, order_store, searching
from .faults import LossyDisk, LostAnswer
from .order_store import Check


@dataclass
class BrokenBench:
    """A memory bench whose stores are of the broken class."""

    store_class: Callable[[MemoryDisk], OrderStore]
    disk: MemoryDisk

    async def store(self) -> OrderStore:
        return self.store_class(self.disk)

    async def lossy_store(self, *, landed: bool) -> OrderStore:
        return self.store_class(LossyDisk(self.disk, LostAnswer(landed, armed=True)))

    async def spoil(self, order_id: OrderId) -> None:
        self.disk.orders[order_id].text = "{"

    async def close(self) -> None: ...


class InsertChecksThenWrites(MemoryStore):
    """Uniqueness by looking first."""

    async def insert(self, order: Order) -> bool:
        if order.id in self.disk.orders:
            return False
        await asyncio.sleep(0)
        self.disk.orders.pop(order.id, None)
        return await super().insert(order)


class InsertOverwrites(MemoryStore):
    """INSERT OR REPLACE, or an upsert."""

    async def insert(self, order: Order) -> bool:
        self.disk.orders.pop(order.id, None)
        return await super().insert(order)


class ReplaceChecksThenWrites(MemoryStore):
    """Compares the version in one step and writes in another: two writers pass the comparison."""

    async def replace(self, order: Order, expected_version: int) -> bool:
        known = await self.get(order.id)
        if known is None or known.version != expected_version:
            return False
        await asyncio.sleep(0)
        return await super().replace(order, self.disk.orders[order.id].version)


class ReplaceIgnoresTheVersion(MemoryStore):
    async def replace(self, order: Order, expected_version: int) -> bool:
        known = self.disk.orders.get(order.id)
        return known is not None and await super().replace(order, known.version)


class ReadsFromACache(MemoryStore):
    """What it once read or wrote, it never reads again."""

    def __init__(self, disk: MemoryDisk) -> None:
        super().__init__(disk)
        self._cache: dict[OrderId, Order | None] = {}

    async def get(self, order_id: OrderId) -> Order | None:
        if order_id not in self._cache:
            self._cache[order_id] = await super().get(order_id)
        return self._cache[order_id]


class WritesLater(MemoryStore):
    """Acknowledges before the write has reached the disk; its own reads do not show that."""

    def __init__(self, disk: MemoryDisk) -> None:
        super().__init__(MemoryDisk(dict(disk.orders), dict(disk.deliveries)))


class TakesForEver(MemoryStore):
    """Forgets to make the work due again, so it dies with its taker."""

    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        taken = await super().take_due(work, mode, now, until, limit)
        for order_id in taken:
            self.disk.orders[order_id].next_check_at = None
        return taken


class TakesRowsForEver(MemoryStore):
    async def take_deliveries(self, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        taken = await super().take_deliveries(mode, now, until, limit)
        for row in taken:
            await self.settle(row.id, row.received, "taken")
        return taken


class LooksThenTakes(MemoryStore):
    """Finds what is due in one step and marks it in another: two workers get the same order."""

    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        before = {order_id: order.next_check_at for order_id, order in self.disk.orders.items()}
        taken = await super().take_due(work, mode, now, until, limit)
        for order_id in taken:
            self.disk.orders[order_id].next_check_at = before[order_id]
        await asyncio.sleep(0)
        await super().take_due(work, mode, now, until, limit)
        return taken


class DueIsExclusive(MemoryStore):
    """``<`` where ``<=`` was meant."""

    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        return await super().take_due(work, mode, now - timedelta(microseconds=1), until, limit)


class TakesWithoutLimit(MemoryStore):
    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        return await super().take_due(work, mode, now, until, len(self.disk.orders))


class TakesTheNewestFirst(MemoryStore):
    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        return sorted(await super().take_due(work, mode, now, until, len(self.disk.orders)), reverse=True)[:limit]


class TakingBumpsTheVersion(MemoryStore):
    async def take_due(self, work: Work, mode: Mode, now: datetime, until: datetime, limit: int) -> Sequence[OrderId]:
        taken = await super().take_due(work, mode, now, until, limit)
        for order_id in taken:
            self.disk.orders[order_id].version += 1
        return taken


class MakeDueSetsBack(MemoryStore):
    async def make_due(self, order_id: OrderId, at: datetime) -> None:
        known = self.disk.orders.get(order_id)
        if known is not None:
            known.next_check_at = None
        await super().make_due(order_id, at)


class TakesUnknownForFailed(MemoryStore):
    """An exception from the driver means that it did not happen, does it not?"""

    async def insert(self, order: Order) -> bool:
        try:
            return await super().insert(order)
        except StoreOutcomeUnknown as exc:
            raise StoreUnavailable(str(exc)) from exc


class TakesUnknownForALostRace(MemoryStore):
    async def replace(self, order: Order, expected_version: int) -> bool:
        try:
            return await super().replace(order, expected_version)
        except StoreOutcomeUnknown:
            return False


class RepeatsOnUnknown(MemoryStore):
    """Tries again by itself, and so counts a delivery twice that came once."""

    async def receive(self, delivery: Delivery) -> Delivery:
        try:
            return await super().receive(delivery)
        except StoreOutcomeUnknown:
            return await super().receive(delivery)


class KeepsMilliseconds(MemoryStore):
    """As a BSON date would."""

    async def insert(self, order: Order) -> bool:
        at = order.placed_at
        return await super().insert(replace(order, placed_at=at.replace(microsecond=at.microsecond // 1000 * 1000)))


class KeepsAmountsAsFloats(MemoryStore):
    async def insert(self, order: Order) -> bool:
        rounded = replace(order.amount, minor=min(int(float(order.amount.minor)), 2**63 - 1))
        return await super().insert(replace(order, terms=replace(order.terms, amount=rounded)))


class NormalisesText(MemoryStore):
    async def insert(self, order: Order) -> bool:
        plain = unicodedata.normalize("NFC", order.terms.description)
        return await super().insert(replace(order, terms=replace(order.terms, description=plain)))


class CutsHistory(MemoryStore):
    """Keeps the last ten entries, to save room."""

    async def replace(self, order: Order, expected_version: int) -> bool:
        return await super().replace(replace(order, history=order.history[-10:]), expected_version)


class FindsTheLatestJobOnly(MemoryStore):
    async def find_by_job(self, mode: Mode, reference: JobReference) -> Order | None:
        found = await super().find_by_job(mode, reference)
        latest = found.latest_job if found is not None else None
        return found if latest is not None and latest.job_reference == reference else None


class MixesModes(MemoryStore):
    async def find_by_job(self, mode: Mode, reference: JobReference) -> Order | None:
        found = [await super(MixesModes, self).find_by_job(each, reference) for each in Mode]
        return next((order for order in found if order is not None), None)


class CountsByReadingFirst(MemoryStore):
    async def receive(self, delivery: Delivery) -> Delivery:
        known = self._delivery(delivery.id)
        await asyncio.sleep(0)
        self._put(delivery if known is None else replace(known, received=known.received + 1))
        return self._delivery(delivery.id) or delivery


class SettlesBlindly(MemoryStore):
    """Marks all that was received as done, also what came while the worker was looking."""

    async def settle(self, delivery_id: DeliveryId, seen: int, outcome: str) -> None:
        await super().settle(delivery_id, 10**6, outcome)


class SettlesBackwards(MemoryStore):
    async def settle(self, delivery_id: DeliveryId, seen: int, outcome: str) -> None:
        row = self._delivery(delivery_id)
        if row is not None:
            self._put(replace(row, done=min(seen, row.received)))


class PostponesWhatIsDone(MemoryStore):
    async def postpone(self, delivery_id: DeliveryId, until: datetime, outcome: str) -> None:
        row = self._delivery(delivery_id)
        if row is not None:
            self._put(replace(row, next_try_at=until, attempts=row.attempts + 1, done=0, outcome=outcome))


class KeepsBodiesAsText(MemoryStore):
    async def receive(self, delivery: Delivery) -> Delivery:
        text = delivery.body.decode(errors="replace")
        return await super().receive(replace(delivery, body=text.encode()))


class SettlesWithoutTheOrder(MemoryStore):
    """Takes the row for done, whatever became of the order."""

    async def _receive_applied(self, delivery: Delivery, applied: Applied) -> Delivery:
        await super()._receive_applied(delivery, applied)
        await self.settle(delivery.id, delivery.received, applied.outcome)
        return self._delivery(delivery.id) or delivery


class StoresNoDeliveryWithoutTheOrder(MemoryStore):
    """One transaction, undone as a whole where the order was changed by others."""

    async def _receive_applied(self, delivery: Delivery, applied: Applied) -> Delivery:
        known = self.disk.orders.get(applied.order.id)
        if known is None or known.version != applied.order.version - 1:
            return delivery
        return await super()._receive_applied(delivery, applied)


class AppliesOverOthers(MemoryStore):
    async def _receive_applied(self, delivery: Delivery, applied: Applied) -> Delivery:
        known = self.disk.orders[applied.order.id]
        next_version = replace(applied.order, version=known.version + 1)
        return await super()._receive_applied(delivery, replace(applied, order=next_version))


class SettlesTheFirstOnly(MemoryStore):
    """Writes what an insert would, also where the row has been counted before."""

    async def _receive_applied(self, delivery: Delivery, applied: Applied) -> Delivery:
        row = await self.receive(delivery)
        if await self.replace(applied.order, applied.order.version - 1):
            await self.settle(row.id, 1, applied.outcome)
        return self._delivery(row.id) or row


class SettlesFirst(MemoryStore):
    """In the wrong order, so that what is cut short leaves a settled row and an unchanged order."""

    async def _receive_applied(self, delivery: Delivery, applied: Applied) -> Delivery:
        order, expected_version = applied.order, applied.order.version - 1
        settled = replace(delivery, done=1, next_try_at=None, outcome=applied.outcome)
        known = self.disk.orders.get(order.id)
        is_current = known is not None and known.version == expected_version
        row = await self.receive(settled if is_current else delivery)
        await self.replace(order, expected_version)
        return row


class StoresWhatMakesNothing(MemoryStore):
    """Receives first, and asks what it makes of the order then."""

    async def receive_and_apply(self, delivery: Delivery, order_id: OrderId, apply: Apply) -> Delivery | None:
        await self.receive(delivery)
        return await super().receive_and_apply(delivery, order_id, apply)


class AppliesToWhatItReadBefore(ReadsFromACache):
    """Its deliveries are held against an order that others may have changed since, and only against that."""


class TrustsItsGuess(ReadsFromACache):
    """Writes what it made of an order that others may have changed since, in whatever version that is now."""

    async def replace(self, order: Order, expected_version: int) -> bool:
        stored = await MemoryStore.get(self, order.id)
        return stored is not None and await super().replace(order, stored.version)


class ScansOnlyWhatItCanRead(MemoryStore):
    async def scan(self, mode: Mode, after: OrderId | None, limit: int) -> Sequence[Order | UnreadableOrder]:
        return [order for order in await super().scan(mode, after, limit) if isinstance(order, Order)]


BROKEN: Final[dict[type[MemoryStore], Check]] = {
    InsertChecksThenWrites: order_store.one_of_100_racing_inserts_wins,
    InsertOverwrites: order_store.an_order_is_inserted_once,
    ReplaceChecksThenWrites: order_store.no_update_is_lost_under_contention,
    ReplaceIgnoresTheVersion: order_store.a_replacement_needs_the_version_that_is_stored,
    ReadsFromACache: order_store.a_read_sees_the_newest_write_of_another,
    WritesLater: order_store.what_is_written_is_there_for_another_connection,
    TakesForEver: order_store.taken_work_falls_due_again_when_its_taker_is_not_heard_of,
    TakesRowsForEver: inbox.taken_rows_fall_due_again_when_their_taker_is_not_heard_of,
    LooksThenTakes: order_store.two_takers_never_get_the_same_order,
    DueIsExclusive: order_store.an_order_falls_due_at_its_time_and_not_before,
    TakesWithoutLimit: order_store.due_orders_come_in_order_and_in_bounded_pages,
    TakesTheNewestFirst: order_store.due_orders_come_in_order_and_in_bounded_pages,
    TakingBumpsTheVersion: order_store.taking_leaves_the_version_so_the_taker_can_write,
    MakeDueSetsBack: order_store.make_due_brings_forward_and_never_back,
    TakesUnknownForFailed: order_store.a_write_that_landed_without_an_answer_is_unknown_and_there,
    TakesUnknownForALostRace: order_store.a_write_that_landed_without_an_answer_is_unknown_and_there,
    RepeatsOnUnknown: inbox.a_delivery_whose_answer_was_lost_is_unknown,
    KeepsMilliseconds: order_store.times_come_back_to_the_microsecond,
    KeepsAmountsAsFloats: order_store.amounts_come_back_to_the_minor_unit,
    NormalisesText: order_store.odd_texts_come_back_to_the_character,
    CutsHistory: order_store.the_history_survives_with_its_chain,
    FindsTheLatestJobOnly: order_store.an_order_is_found_by_any_of_its_jobs,
    MixesModes: order_store.an_order_is_found_by_any_of_its_jobs,
    CountsByReadingFirst: inbox.each_of_100_racing_receives_is_counted,
    SettlesBlindly: inbox.settling_less_than_was_received_leaves_the_rest_pending,
    SettlesBackwards: inbox.settling_never_goes_back_or_beyond,
    PostponesWhatIsDone: inbox.postponing_does_not_wake_a_settled_row,
    SettlesWithoutTheOrder: applying.where_the_order_was_changed_by_others_the_row_waits,
    StoresNoDeliveryWithoutTheOrder: applying.where_the_order_was_changed_by_others_the_row_waits,
    StoresWhatMakesNothing: applying.a_delivery_that_makes_nothing_is_not_stored,
    AppliesToWhatItReadBefore: applying.what_only_the_newest_version_makes_is_made,
    TrustsItsGuess: applying.what_another_process_wrote_is_neither_missed_nor_lost,
    AppliesOverOthers: applying.a_known_row_waits_where_the_order_was_changed_by_others,
    SettlesTheFirstOnly: applying.a_known_row_is_counted_and_settled_with_the_order,
    SettlesFirst: applying.cut_short_it_never_settles_without_the_order,
    ScansOnlyWhatItCanRead: searching.a_scan_names_what_it_cannot_read_and_goes_on,
    KeepsBodiesAsText: inbox.a_delivery_comes_back_as_it_was_received,
}
"""Each with the check that must catch it."""
