"""Erase the customer from an order, and keep what its money facts rest on.

The history is chained by digests over its entries, personal data included. An erased entry keeps its digest, so the
chain after it holds as before; what is left of the entry is sealed by a digest of its own, which stands in the event
that tells of the erasure, and so in the chain. The random id of the write goes too: without it nobody can find by
trying who it was that the old digest was over.
"""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from .events import EntrySeal, Event, PersonalDataErased
from .history import HistoryEntry, seal
from .model import Order
from .personal import ERASED, redacted


def is_erased(order: Order) -> bool:
    return order.terms == redacted(order.terms)


def erased(order: Order, *, by: str, reason: str) -> tuple[Order, Sequence[Event]]:
    """The order without personal data, and the event that tells so; without events where there was none."""
    if is_erased(order):
        return order, ()
    history = tuple(_redacted(entry, order.terms.owner) for entry in order.history)
    seals = tuple(_seals(order.history, history))
    without = replace(order, terms=redacted(order.terms), history=history)
    return without, (PersonalDataErased(by, reason, seals),)


def _redacted(entry: HistoryEntry, owner: str) -> HistoryEntry:
    actor = f"customer {ERASED}" if entry.actor == f"customer {owner}" else entry.actor
    event = redacted(entry.event)
    if (actor, event) == (entry.actor, entry.event):
        return entry
    return replace(entry, actor=actor, event=event, operation="")


def _seals(before: Sequence[HistoryEntry], after: Sequence[HistoryEntry]) -> Iterator[EntrySeal]:
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new:
            yield EntrySeal(new.number, seal(new, after[number - 1].digest if number else None))
