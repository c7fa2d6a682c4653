"""Tell the shop what happened to its orders: at least once, in order for each order, for days.

A notification is claimed, sent, and its attempt recorded. Crash points, and what is left: before the claim, it is due
as before; after it, or after the shop took it and before that is recorded, it is sent again under the same id when the
claim has run out. So the shop may see one twice, and never misses one in silence.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec.structs import replace

from ..domain.announcing import trial_event
from ..domain.cases import Case, undelivered
from ..domain.endpoint_health import EndpointHealth
from ..domain.errors import NoSuchNotification, NotificationsOff
from ..domain.events import AttentionRaised, AttentionResolved, Event
from ..domain.model import RULES, Order, OrderId
from ..domain.notifications import Notification, NotificationState
from ..domain.outbox import claimed, delivered, head, interrupted, missed, notification, rearmed
from ..domain.terms import Mode
from ..ports import Clock, NotTaken, OrderStore, ShopAnswer, ShopEndpoint, StoreError, Taken, Work
from .endpoint_record import EndpointRecord
from .orders import Orders

log = logging.getLogger(__name__)

ACTOR: Final = "notify"
BATCH: Final = 20
TAKEN_FOR: Final = timedelta(seconds=60)
"""Longer than an attempt and its records take; after a sender's death its notification falls due again after this."""


def _spread() -> float:
    return random.uniform(-1, 1)  # noqa: S311 - jitter, not a secret


class Notifier:
    def __init__(
        self,
        orders: Orders,
        store: OrderStore,
        clock: Clock,
        mode: Mode,
        shop: ShopEndpoint | None,
        *,
        wake_worker: Callable[[], None],
        spread: Callable[[], float] = _spread,
    ) -> None:
        """Without a ``shop`` nobody is told anything; ``spread`` draws the jitter of a delay, from -1 to 1."""
        self._orders = orders
        self._store = store
        self._clock = clock
        self._mode = mode
        self._shop = shop
        self._wake_worker = wake_worker
        self._spread = spread
        self._record = EndpointRecord(store, clock, mode)

    @property
    def address(self) -> str | None:
        """Where notifications go; None where they are off."""
        return self._shop.address if self._shop is not None else None

    async def run_due(self) -> int:
        """Send the next notification of one batch of orders; returns how many orders there were.

        While the endpoint fails, one at a time tries whether it still does.
        """
        if self._shop is None:
            return 0
        health = await self._record.health()
        if health.is_paused:
            return 0
        now, limit = self._clock.now(), 1 if health.is_failing else BATCH
        due = await self._store.take_due(Work.NOTICE, self._mode, now, now + TAKEN_FOR, limit)
        async with asyncio.TaskGroup() as group:
            for order_id in due:
                group.create_task(self._send_safely(self._shop, order_id))
        return len(due)

    async def redeliver(self, order: Order, sequence: int, *, by: str) -> Order:
        """Have a notification sent again from its first attempt on, the same bytes under the same id.

        Raises:
            NoSuchNotification: there is none of this sequence number, or it is too old to be kept.
            NotificationsOff: no endpoint is set.
        """
        self._endpoint()

        def step(known: Order) -> tuple[Order, Sequence[Event]]:
            if notification(known, sequence) is None:
                raise NoSuchNotification(known.reference, sequence)
            return rearmed(known, sequence, self._clock.now(), by), ()

        order = await self._orders.steer(order, step, actor=ACTOR)
        self._wake_worker()
        return order

    async def send_test(self) -> ShopAnswer:
        """Send an event that is about no order, also to a paused endpoint; it is not kept and not repeated.

        Raises:
            NotificationsOff: no endpoint is set.
        """
        now = self._clock.now()
        return await self._endpoint().deliver(f"test/{secrets.token_hex(8)}", trial_event(self._mode, now), now)

    async def health(self) -> EndpointHealth:
        return await self._record.health()

    async def pause(self, *, by: str, why: str) -> EndpointHealth:
        """Send nothing until ``resume``; what falls due waits, and loses no attempt.

        Raises:
            NotificationsOff: no endpoint is set.
        """
        self._endpoint()
        return await self._record.pause(by, why)

    async def resume(self) -> EndpointHealth:
        """Send what waits, now.

        Raises:
            NotificationsOff: no endpoint is set.
        """
        self._endpoint()
        health = await self._record.resume()
        self._wake_worker()
        return health

    def _endpoint(self) -> ShopEndpoint:
        if self._shop is None:
            raise NotificationsOff
        return self._shop

    async def _send_safely(self, shop: ShopEndpoint, order_id: OrderId) -> None:
        claim = _Claim(self._clock.now())
        try:
            await self._send_next(shop, order_id, claim)
        except asyncio.CancelledError:
            await self._give_back(order_id, claim.made)
            raise
        except StoreError as exc:
            log.warning("telling the shop about %s will be repeated: %s", order_id, exc)
        except Exception:
            log.exception("telling the shop about %s failed and will be repeated; the other orders go on", order_id)

    async def _send_next(self, shop: ShopEndpoint, order_id: OrderId, claim: "_Claim") -> None:
        order = await self._orders.steer(await self._orders.load(order_id), claim.step, actor=ACTOR)
        if claim.made is not None:
            answer = await shop.deliver(claim.made.id, claim.made.body, self._clock.now())
            await _finish(self._record_answer(order, claim.made, answer))

    async def _record_answer(self, order: Order, sent: Notification, answer: ShopAnswer) -> None:
        now = self._clock.now()
        if isinstance(answer, Taken):
            await self._record.note_success()
            await self._orders.steer(order, partial(_delivered, sent, now, answer), actor=ACTOR)
            log.info("notification %s was taken: %s", sent.id, answer.words)
            return
        health = await self._record.note_failure(answer)
        step = partial(_missed, sent, now, answer, self._spread(), health.is_paused)
        order = await self._orders.steer(order, step, actor=ACTOR)
        log.warning("notification %s was not taken, attempt %d: %s", sent.id, sent.attempts + 1, answer.words)

    async def _give_back(self, order_id: OrderId, sent: Notification | None) -> None:
        """Whoever comes next sends it at once; where this fails, it waits until the claim has run out."""
        try:
            order = await self._orders.load(order_id)
            await self._orders.steer(order, partial(_given_back, sent, self._clock.now()), actor=ACTOR)
        except StoreError as exc:
            log.warning("telling the shop about %s waits for %s: %s", order_id, TAKEN_FOR, exc)


class _Claim:
    """A step that claims what is due; ``made`` is what was claimed by it, and by nobody else."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.made: Notification | None = None

    def step(self, order: Order) -> tuple[Order, Sequence[Event]]:
        after = claimed(order, self._now, self._now + TAKEN_FOR)
        self.made = head(after) if after is not order else None
        return after, ()


async def _finish(save: Coroutine[None, None, None]) -> None:
    """Complete a short save also while being stopped; the store's own time limit bounds it."""
    task = asyncio.create_task(save)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _delivered(sent: Notification, at: datetime, answer: Taken, order: Order) -> tuple[Order, Sequence[Event]]:
    after = delivered(order, sent, at, answer.words)
    case = undelivered(sent)
    if not _is_open(order, case):
        return after, ()
    return after, (AttentionResolved(case.code, case.detail, RULES, "the shop took it"),)


def _missed(
    sent: Notification, at: datetime, answer: NotTaken, spread: float, is_paused: bool, order: Order
) -> tuple[Order, Sequence[Event]]:
    after = missed(order, sent, at, answer.words, spread=spread, wait=answer.wait)
    known = notification(after, sent.sequence)
    if after is order or known is None:
        return order, ()
    case = undelivered(sent)
    given_up = known.state is NotificationState.DEAD or is_paused
    if not given_up or order.needs_attention(case.code, case.detail):
        return after, ()
    return after, (AttentionRaised(case.code, case.detail),)


def _given_back(sent: Notification | None, at: datetime, order: Order) -> tuple[Order, Sequence[Event]]:
    """Without a claim the write alone makes the order due again as its outbox says."""
    return (interrupted(order, sent, at) if sent is not None else replace(order)), ()


def _is_open(order: Order, case: Case) -> bool:
    item = order.attention_item(case.code, case.detail)
    return item is not None and item.is_open
