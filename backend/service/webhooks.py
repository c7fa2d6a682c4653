"""Webhooks: verify, store, apply, acknowledge; what cannot be applied now is tried again from the inbox.

Crash points: before the row is stored the gateway has no acknowledgement and repeats; from then on the row is pending
until it was worked through, whoever does it. Applying is idempotent, so a row may be worked through twice. The usual
webhook is stored and applied in one write, which never leaves the order changed without the row.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ..domain.card_numbers import refuse_card_numbers
from ..domain.deliveries import Delivery, delivery_id
from ..domain.facts import Hint, SignedFact
from ..domain.job_tokens import JobTokens
from ..domain.model import Order, order_id
from ..domain.references import OwnReference, split_own_reference
from ..domain.schedule import LOOK_AT_MOST_EVERY, rests_until
from ..domain.terms import Mode
from ..following import follow_order
from ..ports import Applied, Clock, OrderStore, PaymentGateway, StoreError, WebhookRejected, WebhookUnreadable
from .delivery_subject import (
    ACTOR,
    JOB,
    Outcome,
    find_job,
    find_subject,
    is_told_by_the_account,
    learn_fact,
    outcome_of,
    read_delivery,
    tells_enough,
)
from .orders import Orders, new_operation
from .reconcile import Looked, Reconciler
from .sightings import Sightings

log = logging.getLogger(__name__)

KEPT_HEADERS: Final = ("content-type", "user-agent", "x-request-id")
TAKEN_AS: Final = "taken-as"
"""Kept beside the headers: whose address it came to, if that had a token, and how far it may be believed."""
BATCH: Final = 20
TAKEN_FOR: Final = timedelta(seconds=30)
BACKOFF: Final = tuple(timedelta(seconds=s) for s in (2, 10, 60, 300, 900, 3600))
GIVE_UP_AFTER: Final = timedelta(hours=24)


class NoSuchGateway(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"no gateway named {name} is configured here")


class Accepted(Struct, frozen=True):
    acknowledgement: Mapping[str, str]
    outcome: Outcome


class Webhooks:
    def __init__(
        self,
        orders: Orders,
        store: OrderStore,
        gateways: Mapping[str, PaymentGateway],
        reconciler: Reconciler,
        clock: Clock,
        mode: Mode,
        *,
        job_tokens: JobTokens,
        wake_worker: Callable[[], None],
    ) -> None:
        self._orders = orders
        self._store = store
        self._gateways = gateways
        self._reconciler = reconciler
        self._clock = clock
        self._mode = mode
        self._job_tokens = job_tokens
        self._wake_worker = wake_worker
        self._sightings = Sightings()

    async def accept(
        self, gateway_name: str, headers: Mapping[str, str], body: bytes, token: str | None = None
    ) -> Accepted:
        """Take one delivery in. When this returns, it is stored, and applied if that needed no question to the gateway.

        ``headers`` has lower-case names; ``token`` is the one in the address of a payment job.

        Raises:
            NoSuchGateway: none of this name is configured.
            WebhookRejected, WebhookNotConfigured: nothing was stored, and the store was not asked.
            CardNumberNotAccepted: the same; it would have been unsigned, at no job's address.
            WebhookUnreadable: it is stored, but says nothing that can be acted on.
            StoreError: it is not known to be stored, so it must not be acknowledged.
        """
        gateway = self._gateways.get(gateway_name)
        if gateway is None:
            raise NoSuchGateway(gateway_name)
        gateway.verify_webhook(headers, body)
        named = self._job_of(gateway_name, token) if token is not None else None
        new = self._new_delivery(gateway_name, headers, body, named)
        try:
            reading = read_delivery(gateway, new)
            if isinstance(reading, Hint):
                _keep_out_card_numbers(new, named)
        except WebhookUnreadable:
            _keep_out_card_numbers(new, named)
            delivery = await self._store.receive(_taken_as("unreadable", new))
            await self._store.settle(delivery.id, delivery.received, Outcome.UNREADABLE)
            raise
        acknowledgement = gateway.acknowledgement(body)
        new = _taken_as("hint" if isinstance(reading, Hint) else "fact", new)
        return Accepted(acknowledgement, await self._take_in(new, reading))

    async def run_pending(self) -> int:
        """Work through one batch of pending deliveries; returns how many there were."""
        now = self._clock.now()
        pending = await self._store.take_deliveries(self._mode, now, now + TAKEN_FOR, BATCH)
        self._sightings.see(pending)
        async with asyncio.TaskGroup() as group:
            for delivery in pending:
                group.create_task(self._work_safely(delivery))
        return len(pending)

    async def _work_safely(self, delivery: Delivery) -> None:
        try:
            await self._work(delivery)
        except asyncio.CancelledError:
            await self._give_back(delivery)
            raise
        except StoreError as exc:
            log.warning("delivery %s will be tried again: %s", delivery.id, exc)
        except Exception:
            log.exception("delivery %s failed and will be tried again; the others go on", delivery.id)

    async def _give_back(self, delivery: Delivery) -> None:
        """Whoever comes next works on it at once; where this fails, it falls due when the taking runs out."""
        try:
            await self._store.postpone(delivery.id, self._clock.now(), Outcome.LATER)
        except StoreError as exc:
            log.warning("delivery %s falls due again in %s: %s", delivery.id, TAKEN_FOR, exc)

    async def _work(self, delivery: Delivery) -> None:
        gateway = self._gateways.get(delivery.gateway)
        if gateway is None:
            await self._postpone(delivery, Outcome.UNMATCHED)
            return
        try:
            reading = read_delivery(gateway, delivery)
        except WebhookUnreadable:
            await self._store.settle(delivery.id, delivery.received, Outcome.UNREADABLE)
            return
        if await self._apply(delivery, reading) is Outcome.CONFIRMING:
            await self._confirm(delivery, reading)

    async def _take_in(self, new: Delivery, reading: SignedFact | Hint) -> Outcome:
        """Store a new delivery and do what can be done with it without the gateway.

        Raises:
            StoreError: it is not known to be stored.
        """
        delivery = await self._store_applied(new, reading)
        if delivery is None:
            delivery = await self._store.receive(new)
        if not delivery.is_pending:
            return Outcome(delivery.outcome)
        try:
            outcome = await self._apply(delivery, reading)
            if outcome is Outcome.CONFIRMING:
                await self._store.postpone(delivery.id, self._clock.now(), outcome)
                self._wake_worker()
        except StoreError as exc:
            log.warning("delivery %s is stored and will be applied later: %s", delivery.id, exc)
            return Outcome.LATER
        return outcome

    async def _store_applied(self, new: Delivery, reading: SignedFact | Hint) -> Delivery | None:
        """Store a fact that is news about a payment known here, and apply it; None with anything else.

        Raises:
            StoreError: the store hangs, and would hang again; a gateway does not wait for ever.
        """
        named = split_own_reference(reading.own_reference) if reading.own_reference is not None else None
        if isinstance(reading, Hint) or named is None:
            return None
        apply, began = partial(self._applied, reading, new_operation()), self._clock.now()
        try:
            delivery = await self._store.receive_and_apply(new, order_id(self._mode, named[0]), apply)
        except StoreError as exc:
            if self._clock.now() >= began + self._orders.limit / 2:  # a call takes the whole limit, or next to nothing
                raise
            log.warning("delivery %s is stored before it is applied: %s", new.id, exc)
            return None
        if delivery is not None:
            follow_order(named[0], (reading.fact.payment_reference,))
        return delivery

    def _applied(self, reading: SignedFact, operation: str, order: Order) -> Applied | None:
        """What the fact makes of the order, if it tells enough and is news."""
        job, fact = find_job(order, reading), reading.fact
        if job is None or not tells_enough(job, fact):
            return None
        events = learn_fact(job.number, fact, order)
        if not events:
            return None
        changed = self._orders.after(order, events, actor=ACTOR, operation=operation)
        return Applied(changed, outcome_of(job.number, fact, changed))

    async def _apply(self, delivery: Delivery, reading: SignedFact | Hint) -> Outcome:
        """Do what can be done without the gateway; after CONFIRMING the row is still to be dealt with."""
        found = await find_subject(self._orders, reading)
        if found is None:
            return await self._postpone(delivery, Outcome.UNMATCHED)
        order, job = found
        if isinstance(reading, Hint) or not tells_enough(job, reading.fact):
            return Outcome.CONFIRMING
        order = await self._orders.change(order, partial(learn_fact, job.number, reading.fact), actor=ACTOR)
        outcome = outcome_of(job.number, reading.fact, order)
        await self._store.settle(delivery.id, delivery.received, outcome)
        return outcome

    async def _confirm(self, delivery: Delivery, reading: SignedFact | Hint) -> None:
        """Ask the gateway. A hint is dealt with by having asked, a fact once its payment is known there."""
        looked = await self._look(delivery, reading)
        if looked is None:
            return
        if not looked.answered:
            await self._postpone(delivery, Outcome.CONFIRMING)
        elif isinstance(reading, Hint) or is_told_by_the_account(looked.order, reading):
            await self._store.settle(delivery.id, delivery.received, Outcome.APPLIED)
        elif await self._apply(delivery, reading) is Outcome.CONFIRMING:
            await self._postpone(delivery, Outcome.UNMATCHED)

    async def _look(self, delivery: Delivery, reading: SignedFact | Hint) -> Looked | None:
        """Have the reconciler ask about the job; None, and the row dealt with, if that is not possible or needed now.

        The look is claimed first: of any number of deliveries about an order, on any number of hosts, one asks.
        """
        found = await find_subject(self._orders, reading)
        reference = found and (found[1].job_reference or reading.job_reference)
        if found is None or reference is None:
            await self._postpone(delivery, Outcome.UNMATCHED)
            return None
        order, job = found
        now = self._clock.now()
        if isinstance(reading, Hint) and self._sightings.was_answered_since(delivery, order.id, reference):
            await self._store.settle(delivery.id, delivery.received, Outcome.APPLIED)
            return None
        rested_at = rests_until(order, now)
        claimed = await self._orders.claim_look(order) if now >= rested_at else None
        if claimed is None:
            again_at = rested_at if rested_at > now else now + LOOK_AT_MOST_EVERY
            await self._store.postpone(delivery.id, again_at, Outcome.CONFIRMING)
            return None
        question = self._sightings.ask()
        looked = await self._reconciler.look_at_job(claimed, job, reference)
        if looked.answered:
            self._sightings.answer(order.id, reference, question)
        await self._orders.note_look(looked.order, now, answered=looked.answered)
        return looked

    def _job_of(self, gateway_name: str, token: str) -> OwnReference:
        own_reference = self._job_tokens.read(gateway_name, token)
        if own_reference is None:
            raise WebhookRejected("its address holds no token that was made here")
        return own_reference

    async def _postpone(self, delivery: Delivery, outcome: Outcome) -> Outcome:
        now = self._clock.now()
        if now >= delivery.first_at + GIVE_UP_AFTER and delivery.attempts >= len(BACKOFF):
            log.error("delivery %s stays unmatched; compare it with the gateway's portal", delivery.id)
            await self._store.settle(delivery.id, delivery.received, Outcome.GIVEN_UP)
            return Outcome.GIVEN_UP
        pause = BACKOFF[min(delivery.attempts, len(BACKOFF) - 1)]
        await self._store.postpone(delivery.id, now + pause, outcome)
        return outcome

    def _new_delivery(
        self, gateway_name: str, headers: Mapping[str, str], body: bytes, named: OwnReference | None
    ) -> Delivery:
        now = self._clock.now()
        kept = [(name, headers[name][:200]) for name in KEPT_HEADERS if name in headers]
        return Delivery(
            id=delivery_id(self._mode, gateway_name, body),
            mode=self._mode,
            gateway=gateway_name,
            body=body,
            headers=(*kept, *([(JOB, named)] if named is not None else [])),
            first_at=now,
            last_at=now,
            next_try_at=now + TAKEN_FOR,
        )


def _keep_out_card_numbers(delivery: Delivery, named: OwnReference | None) -> None:
    """Whoever can show neither a signature nor a job's own address may have anything at all stored here, but not this.

    Raises:
        CardNumberNotAccepted
    """
    if named is None:
        refuse_card_numbers(delivery.body.decode("utf-8", "replace"))


def _taken_as(what: str, delivery: Delivery) -> Delivery:
    return replace(delivery, headers=(*delivery.headers, (TAKEN_AS, what)))
