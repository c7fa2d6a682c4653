"""The order's history: append-only, each entry chained to the one before by its digest.

A changed byte anywhere shows as a digest that no longer fits, or, where personal data was taken out (``erasing.py``),
as a seal that does not. The chain does not prove who wrote it: whoever can rewrite the whole document can rewrite the
whole chain.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from .events import EntrySeal, Event, PersonalDataErased
from .marks import ADDED_LATER, marked
from .statuses import OrderStatus

START = "0" * 64
"""What the first entry is chained to."""


class HistoryEntry(Struct, frozen=True):
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
    if isinstance(value, Struct):
        told = asdict(value)
        for field in marked(type(value), ADDED_LATER):
            if told[field.name] == field.default:
                del told[field.name]
        tag = value.__struct_config__.tag
        return told if tag is None else told | {"kind": tag}
    raise TypeError(f"{type(value).__name__} has no place in a history")


_DIGESTED: Final = tuple(name for name in HistoryEntry.__struct_fields__ if name != "digest")
_ENCODER: Final = json.JSONEncoder(default=_plain, sort_keys=True, separators=(",", ":"))
"""One for all: making one costs as much as encoding an entry."""
