"""The programs that ours is held against. ``python -m tests.bench.anchors PORT``, settings in the environment.

*Bare* does the same I/O and nothing else: no token, no history, no rules, one JSON text an order. Its durable writes
are as many as ours and go through our own group commit, and its calls through httpx over aiohttp, so the difference is
what the program's promises cost. *Blocking* calls the gateway with ``requests`` inside an async handler, as naive
integrations do.
"""

import hashlib
import hmac
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import requests
import uvicorn
from fastapi import FastAPI, Request
from httpx_aiohttp import AiohttpTransport
from pydantic import BaseModel
from pymongo import AsyncMongoClient, UpdateOne, WriteConcern

from backend.ports import StoreError
from backend.stores.job_thread import JobThread
from backend.stores.sqlite_file import SqliteLink
from backend.stores.sqlite_runners import Reads, Writes

TABLES: Final = """
    CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, document TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS deliveries (id TEXT PRIMARY KEY, body BLOB NOT NULL);
"""
SET_STATUS: Final = "UPDATE orders SET document = json_set(document, '$.status', ?) WHERE id = ?"
DURABLE: Final = WriteConcern(w="majority", j=True)
SECONDS: Final = 10.0
AS_MANY: Final = httpx.Limits(max_connections=1024)
"""Calls that wait for the gateway at once, as ours has them."""


def create_tables(connection: sqlite3.Connection) -> None:
    connection.executescript(TABLES)


class Store(Protocol):
    async def open(self) -> None: ...
    async def insert(self, order_id: str, document: dict[str, Any]) -> None: ...
    async def replace(self, order_id: str, document: dict[str, Any]) -> None: ...
    async def get(self, order_id: str) -> dict[str, Any]: ...
    async def receive(self, delivery_id: str, body: bytes, order_id: str, status: str) -> None: ...


class Sqlite:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "bare.sqlite3"

    async def open(self) -> None:
        link = SqliteLink(self._path, sqlite3.Connection, create=create_tables)
        self._writer = JobThread("writer", Writes(self._path, link), SECONDS, StoreError)
        await self._writer.run(lambda _: None)
        reads = Reads(self._path, SqliteLink(self._path, sqlite3.Connection, read_only=True))
        self._reader = JobThread("reader", reads, SECONDS, StoreError)

    async def insert(self, order_id: str, document: dict[str, Any]) -> None:
        await self._write("INSERT INTO orders VALUES (?, ?)", (order_id, json.dumps(document)))

    async def replace(self, order_id: str, document: dict[str, Any]) -> None:
        await self._write("UPDATE orders SET document = ? WHERE id = ?", (json.dumps(document), order_id))

    async def get(self, order_id: str) -> dict[str, Any]:
        def read(connection: sqlite3.Connection) -> Any:
            return connection.execute("SELECT document FROM orders WHERE id = ?", (order_id,)).fetchone()[0]

        found: dict[str, Any] = json.loads(await self._reader.run(read))
        return found

    async def receive(self, delivery_id: str, body: bytes, order_id: str, status: str) -> None:
        def write(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO deliveries VALUES (?, ?) ON CONFLICT DO NOTHING", (delivery_id, body))
            return connection.execute(SET_STATUS, (status, order_id)).rowcount

        await self._writer.run(write)

    async def _write(self, statement: str, values: tuple[object, ...]) -> None:
        await self._writer.run(lambda connection: connection.execute(statement, values).rowcount)


class Mongo:
    def __init__(self, url: str, database: str) -> None:
        self._url, self._database = url, database

    async def open(self) -> None:
        self._client = AsyncMongoClient[dict[str, Any]](self._url, retryWrites=False)
        database = self._client[self._database]
        self._orders = database.get_collection("orders", write_concern=DURABLE)
        self._deliveries = database.get_collection("deliveries", write_concern=DURABLE)

    async def insert(self, order_id: str, document: dict[str, Any]) -> None:
        await self._orders.insert_one({"_id": order_id, **document})

    async def replace(self, order_id: str, document: dict[str, Any]) -> None:
        await self._orders.replace_one({"_id": order_id}, {"_id": order_id, **document})

    async def get(self, order_id: str) -> dict[str, Any]:
        found = await self._orders.find_one({"_id": order_id})
        assert found is not None, "it was seeded"
        return found

    async def receive(self, delivery_id: str, body: bytes, order_id: str, status: str) -> None:
        kept = {"$setOnInsert": {"body": body}}
        new = UpdateOne({"_id": delivery_id}, kept, upsert=True, namespace=self._deliveries.full_name)
        change = UpdateOne({"_id": order_id}, {"$set": {"status": status}}, namespace=self._orders.full_name)
        await self._client.bulk_write([new, change], write_concern=DURABLE)


class Create(BaseModel):
    amount: str
    currency: str
    order_reference: str
    customer_email: str
    customer_name: str


class Started(BaseModel):
    order_reference: str
    payment_job_reference: str
    action_url: str


class State(BaseModel):
    order_reference: str
    status: str
    amount: str
    currency: str


class Acknowledged(BaseModel):
    payment_reference: str
    order_reference: str


def gateway_body(asked: Create) -> bytes:
    return json.dumps(
        {
            "amountToCollect": asked.amount,
            "currency": asked.currency,
            "order": {"orderNumber": asked.order_reference, "billingIdentity": {"emailAddress": asked.customer_email}},
        }
    ).encode()


def make_app(store: Store, gateway_url: str, secret: bytes) -> FastAPI:
    jobs = f"{gateway_url}/api/gateway/payment-jobs"

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await store.open()
        async with httpx.AsyncClient(transport=AiohttpTransport(limits=AS_MANY), timeout=SECONDS) as client:
            app.state.client = client
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    session = requests.Session()

    @app.post("/api/payment/create")
    async def bare(asked: Create) -> Started:
        order = asked.model_dump()
        await store.insert(asked.order_reference, order | {"status": "intent"})
        reply = await app.state.client.post(jobs, content=gateway_body(asked))
        return await _opened(asked, order, reply.json())

    @app.post("/blocking/api/payment/create")
    async def blocking(asked: Create) -> Started:
        order = asked.model_dump()
        await store.insert(asked.order_reference, order | {"status": "intent"})
        reply = session.post(jobs, data=gateway_body(asked), timeout=SECONDS)
        return await _opened(asked, order, reply.json())

    async def _opened(asked: Create, order: dict[str, Any], told: Any) -> Started:
        started = Started(
            order_reference=asked.order_reference,
            payment_job_reference=told["data"]["reference"],
            action_url=told["links"]["action"]["url"],
        )
        await store.replace(asked.order_reference, order | started.model_dump() | {"status": "open"})
        return started

    @app.get("/api/orders/{reference}")
    async def state(reference: str) -> State:
        order = await store.get(reference)
        return State(
            order_reference=reference, status=order["status"], amount=order["amount"], currency=order["currency"]
        )

    @app.post("/api/webhooks/cashflows")
    async def webhook(request: Request) -> Acknowledged:
        body = await request.body()
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(signature, request.headers["x-signature"])
        told = json.loads(body)
        await store.receive(hashlib.sha256(body).hexdigest(), body, told["orderReference"], told["status"])
        return Acknowledged(payment_reference=told["paymentReference"], order_reference=told["orderReference"])

    return app


def main() -> None:
    url = os.environ.get("MONGO_URL")
    store: Store = Mongo(url, os.environ["DB_NAME"]) if url else Sqlite(Path(os.environ["DATA_DIR"]))
    app = make_app(store, os.environ["CASHFLOWS_GATEWAY_URL"], os.environ["CASHFLOWS_WEBHOOK_SECRET"].encode())
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
