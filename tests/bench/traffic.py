"""What is asked of the programs, and the orders that have to be there before."""

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, Final

from pymongo import MongoClient

from backend.domain.model import Order
from backend.stores import codec
from backend.stores.mongo_rows import order_row
from backend.stores.sqlite_order_rows import INSERT, order_values
from tests.program.host import WEBHOOK_SECRET
from tests.program.shop import customer_token

from .load import Load, Requests, request
from .orders import CAPTURED, CREATE, job_of, open_orders, references_of
from .servers import Server, StoreAt

OWNER: Final = "user-1"
"""Of the orders that ``an_order`` makes."""
BATCH: Final = 1000
BEGUN_AT_ONCE: Final = 16

SERIES: Final = (f"B{number}" for number in count(1))


def authorization() -> bytes:
    return b"Authorization: Bearer " + customer_token(OWNER).encode() + b"\r\n"


def creates(prefix: str = "", series: str | None = None) -> Requests:
    """Each for an order of its own; tokens mean nothing to a rival, and cost it nothing."""
    headers, name = authorization(), (series or next(SERIES)).encode()
    for number in count(1):
        yield request("POST", f"{prefix}/api/payment/create", headers=headers, body=CREATE % (name, number))


class Begun:
    """Webhooks about payments that the program itself was just asked to begin, as they usually are."""

    def __init__(self, program: Server, size: int) -> None:
        self._program = program
        self._size = size
        self._references: list[str] = []

    async def begin(self) -> None:
        series = next(SERIES)
        self._references = [f"{series}-{number}" for number in range(1, self._size + 1)]
        await Load(self._program.port, creates(series=series)).at_once(BEGUN_AT_ONCE, 0, least=self._size)
        await flush(self._program.store)

    def webhooks(self) -> Requests:
        return webhooks(self._references)


def reads(references: Sequence[str]) -> Requests:
    headers = authorization()
    while True:
        for reference in references:
            yield request("GET", f"/api/orders/{reference}", headers=headers)


def webhooks(references: Sequence[str], *, again: bool = False) -> Requests:
    """A signed capture for each order once; ``again`` goes round, for a rival that does not mind."""
    secret, numbers = WEBHOOK_SECRET.encode(), count(1)
    while True:
        for reference in references:
            name, job = reference.encode(), job_of(reference).encode()
            body = CAPTURED % (job, job, name, next(numbers))
            signature = hmac.digest(secret, body, hashlib.sha256).hex().encode()
            yield request("POST", "/api/webhooks/cashflows", headers=b"X-Signature: %s\r\n" % signature, body=body)
        if not again:
            raise AssertionError("too few orders were made for this many webhooks")


async def flush(store: StoreAt) -> None:
    """Have what was written before written out now, and not while somebody is measured."""
    if store.kind == "mongo":
        with MongoClient[dict[str, Any]](store.url) as client:
            client.admin.command("fsync")


# --- orders ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stock:
    """Orders with an open payment page, in a program's store and in its rivals'."""

    references: list[str]

    def part(self, size: int) -> list[str]:
        """References that nobody else was given."""
        assert len(self.references) >= size, "too few orders were made"
        taken, self.references[:] = self.references[:size], self.references[size:]
        return taken


def fill(store: StoreAt, size: int) -> Stock:
    """Into a store that its program has opened; past the program, as one durable write at a time takes too long."""
    orders = open_orders(size)
    if store.kind == "mongo":
        with MongoClient[dict[str, Any]](store.url) as client:
            while batch := [order_row(order) for order in islice(orders, BATCH)]:
                client[store.database]["orders"].insert_many(batch)
    else:
        with closing(sqlite3.connect(store.folder / "orders.sqlite3")) as connection, connection:
            connection.executemany(INSERT, (order_values(order, 0) for order in orders))
    return Stock(references_of(size))


def fill_bare(store: StoreAt, size: int) -> list[str]:
    """The same orders as documents of the same size."""
    rows = ((order.terms.reference, _plain(order)) for order in open_orders(size))
    if store.kind == "mongo":
        with MongoClient[dict[str, Any]](store.url) as client:
            while batch := [{"_id": name, **document} for name, document in islice(rows, BATCH)]:
                client[store.database]["orders"].insert_many(batch)
    else:
        values = ((name, json.dumps(document)) for name, document in rows)
        with closing(sqlite3.connect(store.folder / "bare.sqlite3")) as connection, connection:
            connection.executemany("INSERT INTO orders VALUES (?, ?)", values)
    return references_of(size)


def _plain(order: Order) -> dict[str, Any]:
    known = {"status": "pending", "amount": "10.00", "currency": "GBP"}
    return codec.order_to_document(order) | known
