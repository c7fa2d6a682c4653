"""The way to a MongoDB: one client, collections with concerns that no URL weakens, and what an error means.

What is asked at once goes together (``groups.py``): writes in one command (``mongo_writes.py``), orders in one search.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeAlias, TypeVar

import pymongo
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from ..domain.model import OrderId
from ..ports import StoreUnavailable
from .codec import Document
from .groups import Groups
from .mongo_errors import is_write_conflict, read_error, write_error
from .mongo_indexes import DELIVERIES, ORDERS, RECORDS
from .mongo_writes import InTurn, Write, grouped_writes

Client: TypeAlias = AsyncMongoClient[Document]
Collection: TypeAlias = AsyncCollection[Document]
T = TypeVar("T")

NEWEST: Final = 1000
"""Above every wire version."""

READS_UNDER_WAY: Final = 2

MOST_CONFLICTS: Final = 20
"""How often a write is tried again that met another writer at its document."""


class MongoLink:
    def __init__(
        self,
        url: str,
        database: str,
        *,
        timeout_seconds: float,
        connect_seconds: float,
        listeners: Sequence[CommandListener],
        most_wire_version: int,
    ) -> None:
        self.database = database
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._connect_seconds = connect_seconds
        self._listeners = tuple(listeners)
        self._most_wire_version = most_wire_version
        self._client: Client | None = None
        self._collections: dict[str, Collection] = {}
        self._writes: Groups[InTurn, int] | None = None
        self._gets: Groups[OrderId, Document | None] | None = None

    async def open(self) -> None:
        """Connect, and learn how much the server takes at once.

        Raises:
            StoreUnavailable: no server was reached, or the URL is none.
        """
        assert self._client is None, "a store is opened once"
        try:
            client = self._client = self._new_client()
        except PyMongoError as exc:
            raise read_error(exc) from exc
        self._collections = {name: self._collection(client, name) for name in (ORDERS, DELIVERIES, RECORDS)}
        try:
            await self.ping()
            hello = await self.read(lambda: client.admin.command("hello"))
        except BaseException:
            await self.close()
            raise
        version = min(hello["maxWireVersion"], self._most_wire_version)
        self._writes = grouped_writes(client[self.database], version, self._timeout_seconds)
        self._gets = Groups(self._find_all, self._timeout_seconds, under_way=READS_UNDER_WAY)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        for group in (self._gets, self._writes):
            if group is not None:
                await group.close()
        self._collections = {}
        await client.close()

    async def ping(self) -> None:
        await self.read(lambda: self.orders.find_one({"_id": "ping"}))

    async def read(self, operation: Callable[[], Awaitable[T]]) -> T:
        try:
            return await operation()
        except PyMongoError as exc:
            raise read_error(exc) from exc

    async def get_order(self, order_id: OrderId) -> Document | None:
        if self._gets is None:
            raise self._not_open()
        return await self._gets.ask(order_id)

    async def write(self, write: Write) -> bool:
        """Whether it found its place, see ``mongo_writes.py``."""
        return await self.write_in_turn(write) == 1

    async def write_in_turn(self, *writes: Write) -> int:
        """How many of the writes found their place; after one that did not, none is done."""
        if self._writes is None:
            raise self._not_open()
        return await self.trying(partial(self._writes.ask, InTurn(writes)))

    async def trying(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Do one write; one that met another writer at its document is tried again, as nothing was written."""
        for rest in reversed(range(MOST_CONFLICTS)):
            try:
                return await operation()
            except PyMongoError as exc:
                if not rest or not is_write_conflict(exc):
                    raise write_error(exc) from exc
        raise AssertionError("the last round returns or raises")

    @property
    def orders(self) -> Collection:
        return self._opened(ORDERS)

    @property
    def deliveries(self) -> Collection:
        return self._opened(DELIVERIES)

    @property
    def records(self) -> Collection:
        return self._opened(RECORDS)

    async def _find_all(self, order_ids: Sequence[OrderId], seconds: float) -> list[Document | None]:
        # One id by itself takes the server no plan (MongoDB manual, "Explain Results", EXPRESS_IXSCAN).
        named = {"_id": order_ids[0] if len(order_ids) == 1 else {"$in": list(order_ids)}}
        with pymongo.timeout(seconds):
            rows = await self.read(lambda: self.orders.find(named).to_list())
        found = {row["_id"]: row for row in rows}
        return [found.get(order_id) for order_id in order_ids]

    def _new_client(self) -> Client:
        limit_ms = round(self._timeout_seconds * 1000)
        return AsyncMongoClient(
            self._url,
            timeoutMS=limit_ms,  # bounds an operation as a whole: finding a server, a connection, the answer
            serverSelectionTimeoutMS=limit_ms,
            connectTimeoutMS=round(self._connect_seconds * 1000),
            retryWrites=False,
            event_listeners=self._listeners,
        )

    def _not_open(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self.database} is not open")

    def _opened(self, name: str) -> Collection:
        if name not in self._collections:
            raise self._not_open()
        return self._collections[name]

    def _collection(self, client: Client, name: str) -> Collection:
        return client[self.database].get_collection(
            name,
            write_concern=WriteConcern(w="majority", j=True, wtimeout=round(self._timeout_seconds * 1000)),
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
