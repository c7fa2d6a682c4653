"""One document that cannot be read is reported, and keeps nobody from the others."""

import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from pymongo import AsyncMongoClient

from backend.domain.model import SCHEMA
from backend.domain.terms import Mode
from backend.ports import DocumentTooNew, DocumentUnreadable, OrderStore, Work
from backend.stores import MemoryStore, MongoStore, SqliteStore
from tests.contracts.examples import MINUTE, NOON, a_delivery, an_order

SPOILT = a_delivery(b"spoilt")
Spoil: TypeAlias = Callable[[], Awaitable[None]]
Place: TypeAlias = tuple[OrderStore, Spoil]
"""An open store, and how to give the spoilt delivery and every order a later schema behind its back."""


@pytest.fixture
def memory_place() -> Place:
    store = MemoryStore()

    async def spoil() -> None:
        store.disk.deliveries[SPOILT.id]["schema"] = 99
        for order in store.disk.orders.values():
            order.text = order.text.replace(f'"schema":{SCHEMA}', '"schema":99')

    return store, spoil


@pytest.fixture
async def sqlite_place(tmp_path: Path) -> AsyncIterator[Place]:
    path = tmp_path / "orders.db"
    store = SqliteStore(path)
    await store.open()

    async def spoil() -> None:
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE deliveries SET schema = 99 WHERE id = ?", (SPOILT.id,))
            other.execute("UPDATE orders SET document = json_set(document, '$.schema', 99)")

    yield store, spoil
    await store.close()


@pytest.fixture
async def mongo_place(mongodb_url: str, mongodb_database_name: str) -> AsyncIterator[Place]:
    store = MongoStore(mongodb_url, mongodb_database_name)
    await store.open()

    async def spoil() -> None:
        async with AsyncMongoClient[dict[str, Any]](mongodb_url) as client:
            database = client[mongodb_database_name]
            await database["deliveries"].update_one({"_id": SPOILT.id}, {"$set": {"schema": 99}})
            await database["orders"].update_many({}, {"$set": {"order.schema": 99}})

    yield store, spoil
    await store.close()


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


async def test_delivery_of_a_later_version_does_not_hold_up_the_others(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    store, spoil = place
    await store.receive(SPOILT)
    await store.receive(a_delivery(b"sound"))
    await spoil()
    with caplog.at_level(logging.ERROR):
        rows = await store.take_deliveries(Mode.MOCK, NOON, NOON + MINUTE, 10)
    assert [row.body for row in rows] == [b"sound"]
    assert f"{SPOILT.id} was written in schema 99" in caplog.text
    with pytest.raises(DocumentTooNew):
        await store.receive(SPOILT)


async def test_order_of_a_later_version_is_refused_when_it_is_read(place: Place) -> None:
    store, spoil = place
    order = an_order(due=NOON)
    await store.receive(SPOILT)
    await store.insert(order)
    await spoil()
    with pytest.raises(DocumentTooNew, match="run the newer version"):
        await store.get(order.id)
    assert await store.take_due(Work.LOOK, Mode.MOCK, NOON, NOON + timedelta(days=1), 10) == [order.id]


async def test_order_without_its_document_is_unreadable(
    mongodb_url: str, mongodb_database_name: str, mongo_place: Place
) -> None:
    store, _ = mongo_place
    async with AsyncMongoClient[dict[str, Any]](mongodb_url) as client:
        await client[mongodb_database_name]["orders"].insert_one({"_id": an_order().id})
    with pytest.raises(DocumentUnreadable, match=r"version.* is missing"):
        await store.get(an_order().id)
