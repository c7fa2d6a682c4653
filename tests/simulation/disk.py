"""What all processes of a world share: the stored documents, in memory or in a SQLite file, reached through faults."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from unittest.mock import patch

from msgspec.structs import replace

from backend.domain.deliveries import Delivery
from backend.domain.model import Order, OrderId
from backend.ports import Applied, Apply, OrderStore, StoreOutcomeUnknown, StoreUnavailable
from backend.stores import MemoryStore, SqliteStore, codec
from backend.stores.job_thread import Job, Runner
from backend.stores.memory import MemoryDisk
from backend.stores.sqlite import writing_link
from backend.stores.sqlite_file import SqliteLink
from backend.stores.sqlite_runners import Reads, Writes

if TYPE_CHECKING:
    from .world import World

R = TypeVar("R")
T = TypeVar("T")

WRITES = frozenset(
    {
        "insert",
        "replace",
        "make_due",
        "take_due",
        "receive",
        "receive_and_apply",
        "settle",
        "postpone",
        "take_deliveries",
        "reopen",
        "drop_deliveries",
        "write_record",
        "drop_expired_records",
    }
)


class Inline(Generic[R]):
    """Does a store's jobs where they are asked for, instead of in a thread."""

    def __init__(self, runner: Runner[R]) -> None:
        self._runner = runner

    async def run(self, work: Callable[[R], T]) -> T:
        job = Job(work, asyncio.get_running_loop().create_future())
        if not (self._runner.begin() and job.claim() and self._runner.run([job])):
            raise StoreUnavailable("locked by another process")
        job.deliver()
        return cast(T, await job.future)

    async def close(self) -> None:
        self._runner.close()


class InlineSqliteStore(SqliteStore):
    async def open(self) -> None:
        writes = Writes(self._path, writing_link(self._path))
        reads = Reads(self._path, SqliteLink(self._path, sqlite3.Connection, read_only=True))
        self._writer = cast(Any, Inline(writes))
        self._reader = cast(Any, Inline(reads))
        await self._writes.run(lambda _: None)


class Disk:
    """``file`` None keeps everything in memory."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._memory = MemoryDisk()
        self._opened: list[OrderStore] = []

    async def open_store(self) -> OrderStore:
        store: OrderStore = MemoryStore(self._memory) if self._file is None else InlineSqliteStore(self._file)
        await store.open()
        self._opened.append(store)
        return store

    async def close(self) -> None:
        for store in self._opened:
            await store.close()


@contextmanager
def reading_each_text_once() -> Iterator[None]:
    """What is read more often than it is written need not be decoded anew: orders never change."""
    with patch.object(codec, "order_from_json", lru_cache(maxsize=64)(codec.order_from_json)):
        yield


class FaultyStore:
    """A process's way to the disk: slow, cut off, or with the answer lost; the store behind it keeps its contract."""

    def __init__(self, inner: OrderStore, world: "World") -> None:
        self._inner = inner
        self._world = world

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*given: Any, **named: Any) -> Any:
            return await self._call(name, given, named)

        setattr(self, name, call)  # found without this from now on
        return call

    async def _call(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        chance = self._world.chance
        await asyncio.sleep(chance.between("pause", 0.05, 4) if chance.strikes("store_slow") else 0)
        if chance.strikes("store_away"):
            raise StoreUnavailable("the simulated store is away")
        if name == "replace" and chance.strikes("store_lost_race"):
            await self._be_overtaken(given[0])
        if name == "receive_and_apply" and chance.strikes("store_lost_race"):
            given = await self._apply_too_late(*given)
        if name == "receive_and_apply" and chance.strikes("store_half_done"):
            await self._do_half(*given)
            raise StoreOutcomeUnknown("the simulated store died over it")
        if name in ("take_due", "take_deliveries") and chance.strikes("lease_lost"):
            given = _shortened(name, given)
        if name in WRITES and chance.strikes("store_late"):
            self._world.spawn(self._land_late(name, given, named))
            raise StoreOutcomeUnknown("the simulated store gave no answer")
        answer = await self._do(name, given, named)
        await asyncio.sleep(0)
        if name in WRITES and chance.strikes("store_answer_lost"):
            raise StoreOutcomeUnknown("the simulated store's answer was lost")
        return answer

    async def _do(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if name == "receive_and_apply":
            return await self._do_apply(*given)
        answer = await getattr(self._inner, name)(*given, **named)
        if name in WRITES:
            self._world.written(name, given, answer)
        return answer

    async def _do_apply(self, delivery: Delivery, order_id: OrderId, apply: Apply) -> Delivery | None:
        made: list[Order] = []

        def noting(order: Order) -> Applied | None:
            applied = apply(order)
            if applied is not None:
                made.append(applied.order)
            return applied

        row = await self._inner.receive_and_apply(delivery, order_id, noting)
        if row is not None:
            self._world.written("receive_and_apply", made[-1:], row)
        return row

    async def _land_late(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        await asyncio.sleep(self._world.chance.between("pause", 0.01, 3))
        await self._do(name, given, named)

    async def _do_half(self, delivery: Delivery, order_id: OrderId, apply: Apply) -> None:
        """As far as MongoDB may come, where the three documents are written one after the other."""
        applied = await self._made(order_id, apply)
        if applied is None:
            return
        await self._do("receive", (delivery,), {})
        if self._world.chance.likely("store_half_done", 0.5):
            await self._do("replace", (applied.order, applied.order.version - 1), {})

    async def _apply_too_late(
        self, delivery: Delivery, order_id: OrderId, apply: Apply
    ) -> tuple[Delivery, OrderId, Apply]:
        """As on MongoDB, where the order is read, and written later."""
        applied = await self._made(order_id, apply)
        if applied is not None:
            await self._be_overtaken(applied.order)
        return delivery, order_id, lambda _: applied

    async def _made(self, order_id: OrderId, apply: Apply) -> Applied | None:
        order = await self._inner.get(order_id)
        return apply(order) if order is not None else None

    async def _be_overtaken(self, order: Order) -> None:
        """Somebody else writes the order just before: nothing of note, but the version is taken."""
        stored = await self._inner.get(order.id)
        if stored is not None and stored.version == order.version - 1:
            self._world.saw("lost_race")
            await self._do("replace", (replace(stored, version=stored.version + 1), stored.version), {})


def _shortened(name: str, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same, but what is taken falls due again at once: as if the taker had been gone for longer than the lease."""
    until = 3 if name == "take_due" else 2
    now = given[until - 1]
    return (*given[:until], now + timedelta(microseconds=1), *given[until + 1 :])
