"""The order's history: append-only, each entry chained to the one before by its digest.

A changed byte anywhere shows as a digest that no longer fits. The chain does not prove who wrote it: whoever can
rewrite the whole document can rewrite the whole chain.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from hashlib import sha256

from .events import Event
from .statuses import OrderStatus

START = "0" * 64
"""What the first entry is chained to."""

ADDED_LATER = "added_later"
"""Marks a field of an event that an earlier schema did not have: at its default it is left out of the digest, so that
the chains of older entries still hold."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """``operation`` names the write that made the entry: a writer that lost its answer finds its own work by it."""

    number: int
    at: datetime
    operation: str
    actor: str
    event: Event
    before: OrderStatus
    after: OrderStatus
    digest: str


def next_entry(
    history: tuple[HistoryEntry, ...],
    *,
    at: datetime,
    operation: str,
    actor: str,
    event: Event,
    before: OrderStatus,
    after: OrderStatus,
) -> HistoryEntry:
    previous = history[-1].digest if history else START
    entry = HistoryEntry(len(history) + 1, at, operation, actor, event, before, after, digest="")
    return HistoryEntry(entry.number, at, operation, actor, event, before, after, digest=_digest(entry, previous))


def broken_at(history: Iterable[HistoryEntry]) -> int | None:
    """The number of the first entry that does not fit its digest or its place, or None when the chain holds."""
    previous = START
    for number, entry in enumerate(history, start=1):
        if entry.number != number or entry.digest != _digest(entry, previous):
            return number
        previous = entry.digest
    return None


def _digest(entry: HistoryEntry, previous: str) -> str:
    content = {field.name: getattr(entry, field.name) for field in fields(entry) if field.name != "digest"}
    text = json.dumps([previous, content], default=_plain, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        told = {field.name: getattr(value, field.name) for field in fields(value)}
        added = {field.name: field.default for field in fields(value) if field.metadata.get(ADDED_LATER)}
        return {name: part for name, part in told.items() if name not in added or part != added[name]}
    raise TypeError(f"{type(value).__name__} has no place in a history")
