"""What the contract checks work on: a place that holds documents, and stores connected to it."""

import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any, Protocol

from pymongo import AsyncMongoClient

from backend.domain.model import OrderId
from backend.ports import OrderStore
from backend.stores import MemoryStore, MongoStore, SqliteStore
from backend.stores.memory import MemoryDisk
from backend.stores.mongo_link import NEWEST

from .faults import LossyDisk, LostAnswer, lossy_connection_class
from .mongo_proxy import lossy_proxy


class Bench(Protocol):
    async def store(self) -> OrderStore:
        """Another store, open, on the same documents."""

    async def lossy_store(self, *, landed: bool) -> OrderStore:
        """The same, but the answer to its next write is lost: after the write landed, or before."""

    async def spoil(self, order_id: OrderId) -> None:
        """Make a stored order one that nobody can read, behind every store's back."""

    async def close(self) -> None: ...


class MemoryBench:
    def __init__(self) -> None:
        self.disk = MemoryDisk()

    async def store(self) -> OrderStore:
        return MemoryStore(self.disk)

    async def lossy_store(self, *, landed: bool) -> OrderStore:
        return MemoryStore(LossyDisk(self.disk, LostAnswer(landed, armed=True)))

    async def spoil(self, order_id: OrderId) -> None:
        self.disk.orders[order_id].text = "{"

    async def close(self) -> None: ...


class SqliteBench:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "orders.db"
        self._open = AsyncExitStack()

    async def store(self) -> OrderStore:
        return await self._opened(SqliteStore(self.path))

    async def lossy_store(self, *, landed: bool) -> OrderStore:
        fault = LostAnswer(landed)
        store = await self._opened(SqliteStore(self.path, connection_class=lossy_connection_class(fault)))
        fault.armed = True
        return store

    async def spoil(self, order_id: OrderId) -> None:
        with closing(sqlite3.connect(self.path)) as other, other:
            other.execute("UPDATE orders SET document = '{' WHERE id = ?", (order_id,))

    async def close(self) -> None:
        await self._open.aclose()

    async def _opened(self, store: SqliteStore) -> SqliteStore:
        await store.open()
        self._open.push_async_callback(store.close)
        return store


class MongoBench:
    def __init__(self, url: str, database: str, most_wire_version: int = NEWEST) -> None:
        self._url = url
        self._database = database
        self._most_wire_version = most_wire_version
        self._open = AsyncExitStack()

    async def store(self) -> OrderStore:
        return await self._opened(MongoStore(self._url, self._database, most_wire_version=self._most_wire_version))

    async def lossy_store(self, *, landed: bool) -> OrderStore:
        fault = LostAnswer(landed)
        url = await self._open.enter_async_context(lossy_proxy(self._url, fault))
        store = await self._opened(MongoStore(url, self._database, most_wire_version=self._most_wire_version))
        fault.armed = True
        return store

    async def spoil(self, order_id: OrderId) -> None:
        async with AsyncMongoClient[dict[str, Any]](self._url) as client:
            await client[self._database]["orders"].update_one({"_id": order_id}, {"$unset": {"order.terms": ""}})

    async def close(self) -> None:
        await self._open.aclose()

    async def _opened(self, store: MongoStore) -> MongoStore:
        await store.open()
        self._open.push_async_callback(store.close)
        return store
