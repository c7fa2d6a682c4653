"""An order is its events applied in turn: this module writes them into the history, and reads it back.

``place`` and ``record`` are the only ways to a new order value, so the only ones that can make an order paid. Replaying
an order's history from nothing gives the order again (``replay``), but for its steering fields.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from .announcing import announced
from .applying import apply
from .cases import with_cases
from .events import MERELY_TRIED, Event, OrderPlaced
from .history import HistoryEntry, broken_at, next_entry
from .model import STEERING, Order, order_id
from .order_status import order_status
from .statuses import OrderStatus
from .terms import OrderTerms


def place(terms: OrderTerms, *, at: datetime, operation: str, actor: str) -> Order:
    """A new order, with its first history entry and no payment job yet."""
    order = Order(id=order_id(terms.mode, terms.reference), terms=terms, placed_at=at)
    status = order_status(order)
    event = OrderPlaced(terms)
    return _with_entry(order, order, event, at=at, operation=operation, actor=actor, statuses=(status, status))


def record(
    order: Order, events: Iterable[Event], *, at: datetime, operation: str, actor: str, tells_shop: bool = True
) -> Order:
    """``order`` after ``events``, each with its history entry and, where there is one, what the shop is told of it.

    ``version`` and the times of the next look and notice are left to the writer; the looks count anew from the news.
    """
    status = order_status(order)
    for event in events:
        after = with_cases(apply(order, event, at), at)
        before, status = status, order_status(after)
        after = announced(order, after, at, before=before, status=status, tells_shop=tells_shop)
        order = _with_entry(order, after, event, at=at, operation=operation, actor=actor, statuses=(before, status))
    return order


class TellsNoOrder(Exception):
    def __init__(self, why: object) -> None:
        super().__init__(f"its history tells of no order ({why})")


def retold(history: Iterable[HistoryEntry]) -> Order:
    """The order that a history tells of, which somebody may have written into.

    Raises:
        TellsNoOrder: it is empty, or an event fits nowhere.
    """
    try:
        order = replay(history)
    except Exception as exc:
        raise TellsNoOrder(type(exc).__name__) from exc
    if order is None:
        raise TellsNoOrder("it is empty")
    return order


def replay(history: Iterable[HistoryEntry]) -> Order | None:
    """The order that a history tells of, or None for an empty one; steering fields are as if nothing had been sent."""
    order: Order | None = None
    for entry in history:
        if order is None:
            assert isinstance(entry.event, OrderPlaced), "a history starts with its order"
            order = place(entry.event.terms, at=entry.at, operation=entry.operation, actor=entry.actor)
        else:
            order = record(order, [entry.event], at=entry.at, operation=entry.operation, actor=entry.actor)
    return order


def defects(order: Order) -> list[str]:
    """What is wrong with an order as stored, a sentence each: a broken chain, or a state that is not its history's."""
    number = broken_at(order.history)
    if number is not None:
        return [f"history entry {number} was changed after it was written"]
    try:
        told = retold(order.history)
    except TellsNoOrder as exc:
        return [str(exc)]
    names = [name for name in Order.__struct_fields__ if name not in STEERING]
    order, told = _without_digests(order), _without_digests(told)
    return [f"{name} is not what the history tells" for name in names if getattr(order, name) != getattr(told, name)]


def _without_digests(order: Order) -> Order:
    """The chain is checked by itself; a sealed entry's digest is over what nobody has any more."""
    return replace(order, history=tuple(replace(entry, digest="") for entry in order.history))


def _with_entry(
    before: Order,
    after: Order,
    event: Event,
    *,
    at: datetime,
    operation: str,
    actor: str,
    statuses: tuple[OrderStatus, OrderStatus],
) -> Order:
    entry = next_entry(
        before.history,
        at=at,
        operation=operation,
        actor=actor,
        event=event,
        before=statuses[0],
        after=statuses[1],
    )
    looks = before.looks_since_news if isinstance(event, MERELY_TRIED) else 0
    return replace(after, history=(*before.history, entry), looks_since_news=looks)
