"""A disk that is full or read-only, as callers see it: a clear 503, nothing half-written, and no restart."""

import sqlite3
from pathlib import Path

import pytest

from backend.config import Settings
from backend.stores import SqliteStore
from tests.contracts.faults import begins

from .program import Program, problem, program

ROOMY, TIGHT = 1_000_000, 1


class Disk:
    """Where SQLite's file lies; what is wrong with it is switched on and off while the program runs."""

    def __init__(self) -> None:
        self.trouble: str | None = None

    def store(self, settings: Settings) -> SqliteStore:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
                if begins(self, sql):
                    # SQLite raises the limit to the pages that are there: the file may not grow any more.
                    super().execute(f"PRAGMA max_page_count={TIGHT if disk.trouble == 'full' else ROOMY}")
                    super().execute(f"PRAGMA query_only={'ON' if disk.trouble == 'read-only' else 'OFF'}")
                return super().execute(sql, parameters)  # type: ignore[arg-type]

        return SqliteStore(settings.data_dir / "orders.sqlite3", connection_class=Connection)


async def refused_create(here: Program) -> str:
    """Create orders until the store takes no more; returns the reference of the one that was refused."""
    for number in range(200):
        reference = f"NEW-{number}"
        answer = await here.create(order_reference=reference, description="x" * 400)
        if answer.status_code != 200:
            problem(answer, 503, "store-unavailable")
            assert int(answer.headers["retry-after"]) > 0
            return reference
    raise AssertionError("the store took everything")


@pytest.mark.parametrize("trouble", ["full", "read-only"])
async def test_a_disk_that_takes_no_writes_is_a_503_and_loses_nothing(tmp_path: Path, trouble: str) -> None:
    disk = Disk()
    async with program(tmp_path, store=disk.store) as here:
        started = (await here.create()).json()
        told = {
            "status": "captured",
            "event": "payment.captured",
            "paymentReference": started["payment_reference"],
            "orderReference": "TEST-001",
        }
        disk.trouble = trouble
        refused = await refused_create(here)
        assert (await here.order()).json()["status"] == "pending", "what is known can still be read"
        assert (await here.client.get("/healthz")).status_code == 200
        if trouble == "read-only":
            delivery = await here.webhook(told)
            problem(delivery, 503, "store-unavailable")
            assert int(delivery.headers["retry-after"]) > 0
        disk.trouble = None
        again = await here.create(order_reference=refused, description="x" * 400)
        assert again.status_code == 200, "the same request again, with no restart"
        assert (await here.webhook(told)).status_code == 200
        order = (await here.order()).json()
        assert (order["status"], order["captured"]) == ("paid", "10.00")
