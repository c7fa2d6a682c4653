"""The order's history: append-only, each entry chained to the one before by its digest.

A changed byte anywhere shows as a digest that no longer fits, or, where personal data was taken out (``erasing.py``),
as a seal that does not. The chain does not prove who wrote it: whoever can rewrite the whole document can rewrite the
whole chain.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Final

from .events import EntrySeal, Event, PersonalDataErased
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
    entries = tuple(history)
    seals = {each.entry: each.digest for entry in entries for each in _seals(entry)}
    previous = START
    for number, entry in enumerate(entries, start=1):
        digest = _digest(entry, previous)
        if entry.number != number or digest not in (entry.digest, seals.get(number)):
            return number
        previous = entry.digest
    return None


def seal(entry: HistoryEntry, previous: str | None) -> str:
    """The digest of what is left of an entry, after the one whose digest is ``previous``."""
    return _digest(entry, previous or START)


def _seals(entry: HistoryEntry) -> tuple[EntrySeal, ...]:
    """Those of entries before it: nothing can be sealed ahead."""
    if not isinstance(entry.event, PersonalDataErased):
        return ()
    return tuple(each for each in entry.event.seals if each.entry < entry.number)


def _digest(entry: HistoryEntry, previous: str) -> str:
    content = {name: getattr(entry, name) for name in _DIGESTED}
    return sha256(_ENCODER.encode([previous, content]).encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        names, added = _fields(type(value))
        told = {name: getattr(value, name) for name in names}
        for name, default in added:
            if told[name] == default:
                del told[name]
        return told
    raise TypeError(f"{type(value).__name__} has no place in a history")


@cache
def _fields(kind: type) -> tuple[tuple[str, ...], tuple[tuple[str, object], ...]]:
    """The names of a dataclass's fields; and those added later, with their defaults."""
    known = fields(kind)
    added = tuple((field.name, field.default) for field in known if field.metadata.get(ADDED_LATER))
    return tuple(field.name for field in known), added


_DIGESTED: Final = tuple(field.name for field in fields(HistoryEntry) if field.name != "digest")
_ENCODER: Final = json.JSONEncoder(default=_plain, sort_keys=True, separators=(",", ":"))
"""One for all: making one costs as much as encoding an entry."""
