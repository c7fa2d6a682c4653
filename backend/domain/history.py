"""The order's history: append-only, each entry chained to the one before by its digest.

A changed byte anywhere shows as a digest that no longer fits, or, where personal data was taken out (``erasing.py``),
as a seal that does not. The chain does not prove who wrote it: whoever can rewrite the whole document can rewrite the
whole chain.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.json import Encoder
from msgspec.structs import replace

from .events import EntrySeal, Event, PersonalDataErased
from .older_digests import digest_before_4
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
    return replace(entry, digest=_digest(entry, previous))


def broken_at(history: Iterable[HistoryEntry]) -> int | None:
    """The number of the first entry that does not fit its digest or its place, or None when the chain holds."""
    entries = tuple(history)
    seals = {each.entry: each.digest for entry in entries for each in _seals(entry)}
    previous = START
    for number, entry in enumerate(entries, start=1):
        kept = (entry.digest, seals.get(number))
        fits = _digest(entry, previous) in kept or digest_before_4(entry, previous) in kept
        if entry.number != number or not fits:
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
    """Over the entry as JSON, with the digest of the one before in the place of its own."""
    return sha256(_ENCODER.encode(replace(entry, digest=previous))).hexdigest()


_ENCODER: Final = Encoder(order="sorted")
