"""What an auditor has to go by, read from where it lies: the store of orders, the gateway's ledger, what clients noted.

Plain reads of the files and the database, by this module's own few lines: it imports nothing of the program, so a
mistake of the program's in reading or writing cannot hide itself.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from pymongo import MongoClient

Document: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """``orders`` and ``deliveries`` are the store's; ``jobs``, ``webhooks`` and ``requests`` the gateway's.

    ``acknowledged`` is what clients were told, each with a ``kind``: ``created``, ``paid`` (by the gateway's page),
    ``told`` (an order's status), ``operation``; and ``notified``, which the shop was told and took.
    """

    orders: list[Document]
    deliveries: list[Document] = field(default_factory=list)
    jobs: list[Document] = field(default_factory=list)
    webhooks: list[Document] = field(default_factory=list)
    requests: list[Document] = field(default_factory=list)
    acknowledged: list[Document] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)


def gathered(store: "SqliteStore | MongoStore", ledger: Path, acknowledged: Path) -> Evidence:
    orders, deliveries, damage = store.read()
    with closing(_open(ledger)) as connection:
        jobs: list[Document] = [
            json.loads(row["body"]) for row in connection.execute("SELECT body FROM jobs ORDER BY rowid")
        ]
        webhooks: list[Document] = [
            json.loads(row["body"]) for row in connection.execute("SELECT body FROM webhooks ORDER BY id")
        ]
        requests: list[Document] = [dict(row) for row in connection.execute("SELECT * FROM requests ORDER BY id")]
        damage += _damage(connection, "the gateway's ledger")
    told: list[Document] = [json.loads(line) for line in acknowledged.read_text().splitlines()]
    return Evidence(orders, deliveries, jobs, webhooks, requests, told, damage)


@dataclass(frozen=True, slots=True)
class SqliteStore:
    path: Path

    def read(self) -> tuple[list[Document], list[Document], list[str]]:
        with closing(_open(self.path)) as connection:
            orders = [json.loads(row["document"]) for row in connection.execute("SELECT document FROM orders")]
            rows = connection.execute("SELECT id, received, done FROM deliveries").fetchall()
            return orders, [dict(row) for row in rows], _damage(connection, "the store")


@dataclass(frozen=True, slots=True)
class MongoStore:
    url: str
    database: str

    def read(self) -> tuple[list[Document], list[Document], list[str]]:
        with MongoClient[dict[str, Any]](self.url, serverSelectionTimeoutMS=5000) as client:
            database = client[self.database]
            orders: list[Document] = [row["order"] for row in database["orders"].find()]
            deliveries: list[Document] = [row | {"id": row["_id"]} for row in database["deliveries"].find()]
        return orders, deliveries, []


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    return connection


def _damage(connection: sqlite3.Connection, what: str) -> list[str]:
    (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    return [] if verdict == "ok" else [f"{what} is damaged: {verdict}"]
