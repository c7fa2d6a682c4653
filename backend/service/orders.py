"""The ways in which an order is ever written: ``insert``, ``change``, and ``steer`` for what no history tells of.

A change is read, decided by a pure function, and written if nobody wrote in between; a lost race is decided anew on
what the other left. When the store cannot say whether a write landed, the order is read again: the operation's id in
its history is the proof. Deciding again is always safe, because it never calls the gateway.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypeVar

from msgspec.structs import replace

from ..domain.events import Event
from ..domain.ledger import record
from ..domain.model import Order, OrderId, order_id
from ..domain.outbox import next_notice
from ..domain.references import JobReference, OrderReference
from ..domain.schedule import asked_again, next_check
from ..domain.terms import Mode
from ..following import follow_order
from ..names import new_name
from ..ports import Clock, OrderStore, StoreOutcomeUnknown, StoreUnavailable

Decide: TypeAlias = Callable[[Order], Sequence[Event]]
"""From the order as it stands to what happens to it; called again after a lost race, so it must have no effect."""

Step: TypeAlias = Callable[[Order], tuple[Order, Sequence[Event]]]
"""The order with its outbox brought on, and what happens to the order with it; as ``Decide``, without effect."""

Found = TypeVar("Found", Order, Order | None)

MOST_ROUNDS: Final = 30
LONGEST_PAUSE_SECONDS: Final = 0.2
WRITE_LIMIT: Final = timedelta(seconds=5)


class Orders:
    def __init__(
        self,
        store: OrderStore,
        clock: Clock,
        mode: Mode,
        *,
        limit: timedelta = WRITE_LIMIT,
        tells_shop: bool = False,
    ) -> None:
        """After ``limit`` a write whose outcome stays unknown is given up: the store is away, and its caller waits.

        Without ``tells_shop`` nothing new is queued for the shop; what was queued before stays.
        """
        self._store = store
        self._clock = clock
        self._mode = mode
        self.limit = limit
        self._tells_shop = tells_shop

    async def insert(self, order: Order) -> Order:
        """Add ``order`` unless its id is taken; returns the order that is stored now, this one or the other.

        Raises:
            StoreError: nothing is known to be stored; the same call may be made again.
        """
        began = self._clock.now()
        if order.outbox and not self._tells_shop:
            order = replace(order, outbox=())
        order = replace(order, next_check_at=next_check(order, began), next_notice_at=next_notice(order))
        _follow(order)
        for _ in range(MOST_ROUNDS):
            try:
                if await self._store.insert(order):
                    return order
            except StoreOutcomeUnknown:
                if self._clock.now() >= began + self.limit:
                    raise
                await self._pause()
                continue
            stored = await self._store.get(order.id)
            if stored is not None:
                return stored
        raise StoreUnavailable(f"order {order.id} could not be stored in {MOST_ROUNDS} tries")

    async def change(self, order: Order, decide: Decide, *, actor: str, operation: str | None = None) -> Order:
        """Apply what ``decide`` makes of the order, once; returns the order as it stands then.

        Whether it was this call that changed it, ``made_by`` tells of the ``operation`` given.

        Raises:
            StoreError: the change may or may not have been made; nothing else has.
        """

        def step(known: Order) -> tuple[Order, Sequence[Event]]:
            return known, decide(known)

        return await self._write(order, step, actor, operation or new_operation())

    async def steer(self, order: Order, step: Step, *, actor: str) -> Order:
        """Write how far telling the shop came, and what happens to the order with it; returns the order as it is then.

        Without events the history does not tell of it, so a step must see by itself that it was taken already.

        Raises:
            StoreError: the step may or may not have been taken.
        """
        return await self._write(order, step, actor, new_operation())

    def after(self, order: Order, events: Sequence[Event], *, actor: str, operation: str) -> Order:
        """The order after ``events``, as it is to be written: its next version, with its next look and notice."""
        now = self._clock.now()
        changed = record(order, events, at=now, operation=operation, actor=actor, tells_shop=self._tells_shop)
        return replace(
            changed,
            version=order.version + 1,
            next_check_at=next_check(changed, now) if events else changed.next_check_at,
            next_notice_at=next_notice(changed),
        )

    async def _write(self, order: Order, step: Step, actor: str, operation: str) -> Order:
        began = self._clock.now()
        for _ in range(MOST_ROUNDS):
            _follow(order)
            stepped, events = step(order)
            if stepped is order and not events:
                return order
            changed = self.after(stepped, events, actor=actor, operation=operation)
            try:
                if await self._store.replace(changed, order.version):
                    return _follow(changed)
            except StoreOutcomeUnknown:
                if self._clock.now() >= began + self.limit:
                    raise
                await self._pause()
            order = await self.load(order.id)
            if made_by(order, operation):
                return order
        raise StoreUnavailable(f"order {order.id} was changed by others {MOST_ROUNDS} times in a row")

    async def claim_look(self, order: Order) -> Order | None:
        """Say that the gateway is about to be asked, so that nobody else does for a while.

        None if the order changed meanwhile: by another's claim, or by news that should be seen first.
        """
        claimed = replace(order, version=order.version + 1, last_look_at=self._clock.now())
        return claimed if await self._store.replace(claimed, order.version) else None

    async def note_look(self, order: Order, began: datetime, *, answered: bool) -> None:
        """Remember that the gateway was asked at ``began`` and had no news, so that the next look comes later.

        Without an answer it is no look that the order has had. If the order changed meanwhile, that change has set its
        next look, and this one is dropped.
        """
        now = self._clock.now()
        asked = replace(order, version=order.version + 1, looks_since_news=order.looks_since_news + 1)
        if answered:
            asked = replace(asked, last_look_at=began)
        next_look = next_check(asked, now) if answered else asked_again(asked, now)
        await self._store.replace(replace(asked, next_check_at=next_look), order.version)

    async def load(self, order_id: OrderId) -> Order:
        """The order as stored.

        Raises:
            StoreUnavailable: also when it is gone, which no code of ours ever does.
        """
        order = await self._store.get(order_id)
        if order is None:
            raise StoreUnavailable(f"order {order_id} is gone from the store")
        return _follow(order)

    async def find(self, reference: OrderReference) -> Order | None:
        return _follow(await self._store.get(order_id(self._mode, reference)))

    async def find_by_job(self, reference: JobReference) -> Order | None:
        return _follow(await self._store.find_by_job(self._mode, reference))

    async def _pause(self) -> None:
        await self._clock.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: S311 - jitter, not a secret


def _follow(order: Found) -> Found:
    """Have what is logged from here on name the order."""
    if order is not None:
        follow_order(order.reference, tuple(payment.reference for payment in order.payments))
    return order


def new_operation() -> str:
    return new_name()


def made_by(order: Order, operation: str) -> bool:
    """Whether ``operation`` is among what was written to the order."""
    return any(entry.operation == operation for entry in reversed(order.history))
