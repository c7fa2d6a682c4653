"""Ask the gateway what became of an order's payment jobs, and record what it says through the same rules as a webhook.

Webhooks get lost, and intents are left behind by crashes; every open order therefore has a next look, and workers on
any number of hosts share the looks by taking them (a taken look falls due again if its taker dies).
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from msgspec import Struct

from ..domain.cases import Case, may_hold, outlived, unaccounted, unknown_to_gateway, unseen, waiting
from ..domain.events import MERELY_TRIED, AttentionRaised, Event, JobLost, JobSuperseded, OperationSettled
from ..domain.facts import JobSnapshot
from ..domain.learning import learn_job
from ..domain.model import Job, Order, OrderId
from ..domain.operations import UNSETTLED, Operation, OperationState
from ..domain.order_status import HELD, totals
from ..domain.references import JobReference
from ..domain.schedule import is_forsaken, is_overdue, is_unaccounted, is_unsent, was_never_seen
from ..domain.statuses import MAY_TAKE_MONEY, JobState
from ..domain.terms import Mode
from ..ports import Cancelled, Clock, NoSuchJob, OrderStore, PaymentGateway, StoreError, Unavailable, Work
from .easing import Easing
from .orders import Decide, Orders
from .send_operation import OperationSender

log = logging.getLogger(__name__)

ACTOR: Final = "reconcile"
BATCH: Final = 20
TAKEN_FOR: Final = timedelta(seconds=30)
"""Longer than one look can take; after a taker's death its orders fall due again after this."""


class Looked(Struct, frozen=True):
    """The order after a look; ``answered`` is whether the gateway said anything at all."""

    order: Order
    answered: bool


class Reconciler:
    def __init__(
        self, orders: Orders, store: OrderStore, gateways: Mapping[str, PaymentGateway], clock: Clock, mode: Mode
    ) -> None:
        self._orders = orders
        self._store = store
        self._gateways = gateways
        self._clock = clock
        self._mode = mode
        self._easing = Easing()
        self._sender = OperationSender(orders, gateways, clock)

    async def run_due(self) -> int:
        """Look at one batch of due orders; returns how many there were, none while the gateway is left alone."""
        now = self._clock.now()
        limit = self._easing.most(BATCH, now)
        if not limit:
            return 0
        due = await self._store.take_due(Work.LOOK, self._mode, now, now + TAKEN_FOR, limit)
        async with asyncio.TaskGroup() as group:
            for order_id in due:
                group.create_task(self._look_safely(order_id))
        self._easing.end_batch(self._clock.now())
        return len(due)

    async def look(self, order: Order) -> Order:
        """Ask about every job of which there may be news; an order whose jobs had no news is looked at later next time.

        Raises:
            StoreError: what was learned may not be recorded; the order stays due.
        """
        told, began, answered = len(order.history), self._clock.now(), True
        waited_for = {each.number for each in order.operations if _is_waited_for(each)}
        order = await self._orders.change(order, self._give_up_on_the_dead, actor=ACTOR)
        for job in _worth_a_look(order):
            assert job.job_reference is not None, "only a job that the gateway named is worth a look"
            looked = await self.look_at_job(order, job, job.job_reference)
            order, answered = looked.order, answered and looked.answered
            if looked.answered:
                order = await self._send_waiting(order, job, job.job_reference)
        for job in _pages_not_wanted(order):
            order = await self.retire(order, job)
        order = await self._orders.change(order, partial(self._call_a_person, waited_for), actor=ACTOR)
        if all(isinstance(entry.event, MERELY_TRIED) for entry in order.history[told:]):
            await self._orders.note_look(order, began, answered=answered)
        return order

    async def look_at_job(self, order: Order, job: Job, reference: JobReference) -> Looked:
        """Ask the gateway about one job by its name there, and record what fits the order."""
        gateway = self._gateways.get(job.gateway)
        if gateway is None:
            log.error("%s has a job at gateway %s, which the setting GATEWAYS does not name", order.id, job.gateway)
            return Looked(order, answered=False)
        answer = await gateway.retrieve_payment_job(reference)
        if gateway.refusal() is None:  # else nobody was asked
            self._easing.note(answered=not isinstance(answer, Unavailable))
        decide: Decide
        match answer:
            case Unavailable(reason):
                log.warning("could not ask about %s of %s: %s", reference, order.id, reason)
                return Looked(order, answered=False)
            case NoSuchJob() if job.job_reference is None:
                # The name was somebody's word for a job that the gateway never named to us: no news of ours.
                log.warning("a webhook names job %s of %s, which the gateway does not know", reference, order.id)
                return Looked(order, answered=True)
            case NoSuchJob():
                decide = partial(_raise_attention, unknown_to_gateway(job))
            case JobSnapshot():
                decide = partial(_learn_snapshot, job.number, answer)
        return Looked(await self._orders.change(order, decide, actor=ACTOR), answered=True)

    async def _send_waiting(self, order: Order, job: Job, reference: JobReference) -> Order:
        """Send what was planned and not sent, now that the gateway has shown that it answers, and see its effect."""
        waiting = [each.number for each in order.operations if each.job == job.number and each.may_be_sent]
        for number in waiting:
            order = await self._sender.send(order, number, actor=ACTOR)
        return (await self.look_at_job(order, job, reference)).order if waiting else order

    async def retire(self, order: Order, job: Job) -> Order:
        """End a disclosed job at the gateway; whether it is dead, the order tells afterwards."""
        assert job.job_reference is not None, "a disclosed job has the gateway's name"
        if job.gateway in self._gateways:
            outcome = await self._gateways[job.gateway].cancel_payment_job(job.job_reference)
            log.info("cancelling %s of %s: %s", job.job_reference, order.id, type(outcome).__name__)
            if isinstance(outcome, Cancelled):
                order = await self._orders.change(order, partial(_supersede, job.number), actor=ACTOR)
        return (await self.look_at_job(order, job, job.job_reference)).order

    def _give_up_on_the_dead(self, order: Order) -> Sequence[Event]:
        """What time alone tells: of jobs whose creator is gone, and of operations whose sender is."""
        now = self._clock.now()
        lost = [job for job in order.jobs if job.state is JobState.INTENT and now >= job.intent_until]
        forsaken = [operation for operation in order.operations if is_forsaken(operation, now)]
        why = "whoever was sending it did not come back"
        return (
            *(JobLost(job.number, "whoever was creating it did not come back") for job in lost),
            *(OperationSettled(each.number, OperationState.UNKNOWN, None, why) for each in forsaken),
        )

    def _call_a_person(self, waited_for: Collection[int], order: Order) -> Sequence[Event]:
        """For what has been open for too long, once the gateway was asked: nobody may have asked it for hours.

        Operations are those that were waited for before that. One whose sender was just given up has another look
        first: this clock may be wrong, and the sender alive.
        """
        now = self._clock.now()
        events: list[Event] = []
        for job in order.jobs:
            if is_overdue(job, now):
                events.extend(_raise_attention(outlived(job), order))
        for operation in order.operations:
            if operation.number in waited_for and is_unaccounted(operation, now):
                events.extend(_raise_attention(unaccounted(operation), order))
            if was_never_seen(order, operation, now):
                events.extend(_raise_attention(unseen(operation), order))
            if is_unsent(operation, now):
                events.extend(_raise_attention(waiting(operation), order))
        return events

    async def _look_safely(self, order_id: OrderId) -> None:
        try:
            await self.look(await self._orders.load(order_id))
        except asyncio.CancelledError:
            await self._give_back(order_id)
            raise
        except StoreError as exc:
            log.warning("look at %s will be repeated: %s", order_id, exc)
        except Exception:
            log.exception("look at %s failed and will be repeated; the other orders go on", order_id)

    async def _give_back(self, order_id: OrderId) -> None:
        """Whoever comes next looks at once; where this fails, the order falls due when the taking runs out."""
        try:
            await self._store.make_due(order_id, self._clock.now())
        except StoreError as exc:
            log.warning("%s falls due again in %s: %s", order_id, TAKEN_FOR, exc)


def _worth_a_look(order: Order) -> Sequence[Job]:
    """The jobs that may still take money, hold some, or wait for an operation; of an order without any, all."""
    busy = {operation.job for operation in order.operations if operation.state in UNSETTLED}
    busy |= {misfit.job for misfit in order.misfits if misfit.kept_minor}
    named = [job for job in order.jobs if job.job_reference is not None]
    live = [job for job in named if job.state in MAY_TAKE_MONEY or job.number in busy or _holds_money(job)]
    return live or named


def _is_waited_for(operation: Operation) -> bool:
    """Whether all that is left is to learn what came of it."""
    return operation.state is OperationState.UNKNOWN or operation.accepted_at is not None


def _holds_money(job: Job) -> bool:
    return any(payment.captured_minor or payment.status in HELD for payment in job.payments)


def _pages_not_wanted(order: Order) -> Sequence[Job]:
    """Open pages of an order that was given up or is paid by another job: nobody should pay there."""
    if order.cancelled_at is None and totals(order).captured_minor < order.amount.minor:
        return ()
    return [job for job in order.jobs if job.state is JobState.OPEN and not _holds_money(job)]


def _supersede(number: int, order: Order) -> Sequence[Event]:
    """The gateway's word that it takes no more money lets another job start; the job is watched all the same."""
    is_open = order.jobs[number - 1].state is JobState.OPEN
    return (JobSuperseded(number, "the gateway accepted to cancel it"),) if is_open else ()


def _learn_snapshot(number: int, snapshot: JobSnapshot, order: Order) -> Sequence[Event]:
    return learn_job(order, order.jobs[number - 1], snapshot)


def _raise_attention(case: Case, order: Order) -> Sequence[Event]:
    if order.needs_attention(case.code, case.detail) or not may_hold(case, order):
        return ()
    return (AttentionRaised(case.code, case.detail, case.amount_minor),)
