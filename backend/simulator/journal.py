"""Every request that reached the gateway, counted, without card data: what an auditor checks for things sent twice."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from .database import Database
from .documents import Document, storable
from .ledger import order_key, stamp

KEPT: Final = 200_000
PRUNED_EVERY: Final = 1_000


class Journal:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self, now: datetime, *, call: str, method: str, path: str, order_number: str, job: str, scheme: str,
        document: Document,
    ) -> int:  # fmt: skip
        """Note an arrived request before anything is done about it; returns its number."""
        summary = json.dumps(storable(dict(document)), ensure_ascii=False)[:4000]
        cursor = self._database.execute(
            "INSERT INTO requests (at, call, method, path, order_number, job_reference, scheme, faults, summary)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, '', ?)",
            *(stamp(now), call, method, path, order_number, job, scheme, summary),
        )
        number = cursor.lastrowid or 0
        if number % PRUNED_EVERY == 0:
            self._database.execute("DELETE FROM requests WHERE id <= ?", number - KEPT)
        return number

    def end(self, number: int, status: int, *, job: str = "", faults: Sequence[str] = ()) -> None:
        """``status`` 0 stands for a reply that was never sent."""
        self._database.execute(
            "UPDATE requests SET status = ?, faults = ?, job_reference = CASE ? WHEN '' THEN job_reference ELSE ? END"
            " WHERE id = ?",
            *(status, ", ".join(faults), job, job, number),
        )

    def counts(self, order_number: str | None = None) -> Sequence[Mapping[str, Any]]:
        """How many requests of each kind came, by order and job."""
        where, values = self._where(order_number)
        return [
            dict(row)
            for row in self._database.all(
                "SELECT call, order_number AS orderNumber, job_reference AS paymentJobReference, count(*) AS count,"  # noqa: S608 no input
                " sum(status BETWEEN 200 AND 299) AS succeeded"
                f" FROM requests {where} GROUP BY call, order_number, job_reference ORDER BY min(id)",
                *values,
            )
        ]

    def entries(self, order_number: str | None = None, limit: int = 500) -> Sequence[Mapping[str, Any]]:
        """The newest requests first."""
        where, values = self._where(order_number)
        rows = self._database.all(f"SELECT * FROM requests {where} ORDER BY id DESC LIMIT ?", *values, limit)  # noqa: S608
        return [dict(row) for row in rows]

    @staticmethod
    def _where(order_number: str | None) -> tuple[str, tuple[str, ...]]:
        if order_number is None:
            return "", ()
        return "WHERE order_number IN (?, ?)", (order_number, order_key(order_number))
