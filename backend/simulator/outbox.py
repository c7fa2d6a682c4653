"""Webhooks that wait, and those that were sent, with every answer; durable with the change they tell about."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter

from .database import Database
from .ledger import stamp
from .notices import Attempt, Notice
from .refusals import not_found

NOTICE: Final = TypeAdapter(Notice)
CLAIM_SECONDS: Final = 30.0
"""Real seconds that one process may take for an attempt before another may try; longer than an attempt's limit."""


class State(StrEnum):
    PENDING = "pending"
    ACKNOWLEDGED = "acknowledged"
    GIVEN_UP = "given up"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    state: State
    due_at: datetime | None
    notice: Notice

    def notice_again(self, now: datetime) -> Notice:
        """The same webhook as if it were new."""
        return replace(self.notice, at=now, attempts=())


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, notice: Notice, due_at: datetime, *, lost: bool = False) -> int:
        state = State.LOST if lost else State.PENDING
        cursor = self._database.execute(
            "INSERT INTO webhooks (job_reference, state, due_at, body) VALUES (?, ?, ?, ?)",
            *(notice.job_reference, state, None if lost else stamp(due_at), NOTICE.dump_json(notice).decode()),
        )
        return cursor.lastrowid or 0

    def entry(self, number: int) -> Entry:
        row = self._database.one("SELECT * FROM webhooks WHERE id = ?", number)
        if row is None:
            raise not_found("Webhook")
        return self._entry(row)

    def entries(self, *, job_reference: str | None = None, limit: int = 200) -> Sequence[Entry]:
        """The newest first."""
        if job_reference is None:
            rows = self._database.all("SELECT * FROM webhooks ORDER BY id DESC LIMIT ?", limit)
        else:
            rows = self._database.all(
                "SELECT * FROM webhooks WHERE job_reference = ? ORDER BY id DESC LIMIT ?", job_reference, limit
            )
        return [self._entry(row) for row in rows]

    def claim_due(self, now: datetime, limit: int) -> Sequence[Entry]:
        """Take due webhooks for an attempt; no other process gets them while the claim lasts."""
        if limit <= 0:
            return []
        with self._database.transaction():
            rows = self._database.all(
                "SELECT * FROM webhooks WHERE state = 'pending' AND due_at <= ? AND claimed_until < ?"
                " ORDER BY due_at, id LIMIT ?",
                *(stamp(now), time.time(), limit),
            )
            for row in rows:
                self._claim(row["id"])
        return [self._entry(row) for row in rows]

    def claim(self, number: int) -> Entry:
        """Take one webhook whatever its state."""
        with self._database.transaction():
            entry = self.entry(number)
            self._claim(number)
        return entry

    def record(self, number: int, attempt: Attempt, due_at: datetime | None) -> None:
        """Note an attempt's answer and end the claim; without a next time an unacknowledged one is given up."""
        with self._database.transaction():
            entry = self.entry(number)
            state, due = entry.state, due_at
            if attempt.acknowledged:
                state, due = State.ACKNOWLEDGED, None
            elif entry.state is State.PENDING and due_at is None:
                state = State.GIVEN_UP
            elif entry.state is not State.PENDING:
                due = None
            notice = replace(entry.notice, attempts=(*entry.notice.attempts, attempt))
            self._database.execute(
                "UPDATE webhooks SET state = ?, due_at = ?, claimed_until = 0, body = ? WHERE id = ?",
                *(state, stamp(due) if due else None, NOTICE.dump_json(notice).decode(), number),
            )

    def release(self, number: int) -> None:
        """Give a claim back without an attempt having ended."""
        self._database.execute("UPDATE webhooks SET claimed_until = 0 WHERE id = ?", number)

    def set_state(self, number: int, state: State, due_at: datetime | None) -> None:
        self.entry(number)
        self._database.execute(
            "UPDATE webhooks SET state = ?, due_at = ?, claimed_until = 0 WHERE id = ?",
            *(state, stamp(due_at) if due_at else None, number),
        )

    def next_due(self) -> datetime | None:
        """When the next unclaimed webhook is due."""
        row = self._database.one(
            "SELECT min(due_at) AS due_at FROM webhooks WHERE state = 'pending' AND claimed_until < ?", time.time()
        )
        return datetime.fromisoformat(row["due_at"]) if row and row["due_at"] else None

    def _claim(self, number: int) -> None:
        self._database.execute(
            "UPDATE webhooks SET claimed_until = ? WHERE id = ?", time.time() + CLAIM_SECONDS, number
        )

    @staticmethod
    def _entry(row: sqlite3.Row) -> Entry:
        due_at = datetime.fromisoformat(row["due_at"]) if row["due_at"] else None
        return Entry(row["id"], State(row["state"]), due_at, NOTICE.validate_json(row["body"]))
