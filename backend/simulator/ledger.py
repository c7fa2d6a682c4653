"""The jobs the gateway knows, the card tokens it issued, and how far its clock was moved."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import TypeAdapter

from .database import Database
from .model import Card, Job, Status

JOB: Final = TypeAdapter(Job)
CARD: Final = TypeAdapter(Card)
ATTEMPT_ENDING: Final = re.compile(r"(?<=.)~[0-9]{1,3}$")
CLOCK_FACT: Final = "clock_offset_seconds"


def order_key(order_number: str) -> str:
    """What the attempts at one order share: the order number without an ending such as ``~2``.

    A convention between merchants and this simulator; to the gateway every order number is just text.
    """
    return ATTEMPT_ENDING.sub("", order_number)


def stamp(when: datetime) -> str:
    """A time as text that sorts as time does."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: Job) -> None:
        self._database.execute(
            "INSERT INTO jobs (reference, page_reference, order_number, order_key, due_at, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *(job.reference, job.page_reference, job.order_number, order_key(job.order_number)),
            *(_due(job), JOB.dump_json(job).decode()),
        )

    def save(self, job: Job) -> None:
        self._database.execute(
            "UPDATE jobs SET due_at = ?, body = ? WHERE reference = ?",
            *(_due(job), JOB.dump_json(job).decode(), job.reference),
        )

    def job(self, reference: str) -> Job | None:
        row = self._database.one("SELECT body FROM jobs WHERE reference = ?", reference)
        return JOB.validate_json(row["body"]) if row else None

    def job_of_page(self, page_reference: str) -> Job | None:
        row = self._database.one("SELECT body FROM jobs WHERE page_reference = ?", page_reference)
        return JOB.validate_json(row["body"]) if row else None

    def jobs(self, *, order_number: str | None = None, limit: int = 100) -> Sequence[Job]:
        """The newest jobs first; with an order number, those of that order and of its later attempts."""
        if order_number is None:
            rows = self._database.all("SELECT body FROM jobs ORDER BY rowid DESC LIMIT ?", limit)
        else:
            rows = self._database.all(
                "SELECT body FROM jobs WHERE order_number = ? OR order_key = ? ORDER BY rowid DESC LIMIT ?",
                *(order_number, order_number, limit),
            )
        return [JOB.validate_json(row["body"]) for row in rows]

    def count(self) -> int:
        row = self._database.one("SELECT count(*) AS total FROM jobs")
        return row["total"] if row else 0

    def has_order(self, order_number: str) -> bool:
        return self._database.one("SELECT 1 FROM jobs WHERE order_number = ?", order_number) is not None

    def due(self, now: datetime, limit: int = 100) -> Sequence[str]:
        """References of jobs on which time alone changes something."""
        rows = self._database.all(
            "SELECT reference FROM jobs WHERE due_at <= ? ORDER BY due_at LIMIT ?", stamp(now), limit
        )
        return [row["reference"] for row in rows]

    def next_due(self) -> datetime | None:
        row = self._database.one("SELECT min(due_at) AS due_at FROM jobs WHERE due_at IS NOT NULL")
        return datetime.fromisoformat(row["due_at"]) if row and row["due_at"] else None

    def add_token(self, token: str, card: Card) -> None:
        self._database.execute("INSERT INTO tokens VALUES (?, ?)", token, CARD.dump_json(card).decode())

    def card_of_token(self, token: str) -> Card | None:
        row = self._database.one("SELECT body FROM tokens WHERE token = ?", token)
        return CARD.validate_json(row["body"]) if row else None

    def clock_offset(self) -> timedelta:
        row = self._database.one("SELECT value FROM facts WHERE name = ?", CLOCK_FACT)
        return timedelta(seconds=float(row["value"])) if row else timedelta()

    def save_clock_offset(self, offset: timedelta) -> None:
        self._database.execute(
            "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            *(CLOCK_FACT, str(offset.total_seconds())),
        )


def _due(job: Job) -> str | None:
    moments = [refund.settles_at for payment in job.payments for refund in payment.refunds]
    moments += [payment.settles_at for payment in job.payments if payment.status is Status.COMMISSIONED]
    if job.is_open:
        moments.append(job.expires_at)
    known = [moment for moment in moments if moment is not None]
    return stamp(min(known)) if known else None
