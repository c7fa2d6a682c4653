"""Start a payment: from an order to a page that takes the money.

The intent is stored before the gateway is called. Crash points, and what is left: before the insert, nothing; before
the call, or after it without an answer, an intent that runs out and is taken for lost (its page was never disclosed, so
nobody can pay it); after the answer is stored, an open job whose page the next call returns.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from ..domain.attempts import Retire, StartJob, UsePage, WaitFor, check_same_order, next_attempt, plan_job
from ..domain.errors import EarlierAttemptOpen
from ..domain.events import Event, JobLost, JobOpened, JobPlanned, JobRecognised, JobRejected
from ..domain.job_tokens import JobTokens
from ..domain.ledger import place, record
from ..domain.model import Job, Order
from ..domain.references import JobReference, PaymentReference
from ..domain.registering import check_registered
from ..domain.statuses import JobState
from ..domain.terms import OrderTerms
from ..ports import Clock, CreateOutcome, JobRequest, NotSent, PaymentGateway, Redirect, Refused, Unknown
from ..stepping_aside import stepping_aside
from .orders import Orders, new_operation
from .reconcile import Reconciler

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.02
LONGEST_PAUSE_SECONDS: Final = 0.25


class PaymentNotStarted(Exception):
    """No page to pay on came of it, and nothing can be charged for it; asking again is safe."""


class GatewayRefused(PaymentNotStarted):
    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(f"the payment gateway refused to start a payment for order {reference} ({reason})")


class GatewayNotReached(PaymentNotStarted):
    def __init__(self, reference: str) -> None:
        super().__init__(f"the payment gateway could not be reached for order {reference}; send the same request again")


class GatewayDidNotAnswer(PaymentNotStarted):
    def __init__(self, reference: str) -> None:
        super().__init__(
            f"the payment gateway gave no clear answer for order {reference}; nothing can be charged for that attempt: "
            "send the same request again"
        )


class StillStarting(PaymentNotStarted):
    def __init__(self, reference: str) -> None:
        super().__init__(f"another request is starting the payment of order {reference}; send this one again shortly")


class Links(Struct, frozen=True):
    """Where the gateway sends the customer and its webhooks; ``public_base_url`` is ours as the world sees it."""

    public_base_url: str
    tokens: JobTokens

    def success(self, order: Order) -> str:
        return f"{self.public_base_url}/api/payment/success?ref={quote(order.reference, safe='')}"

    def cancel(self, order: Order) -> str:
        return f"{self.public_base_url}/api/payment/cancel?ref={quote(order.reference, safe='')}"

    def webhook(self, gateway: str, job: Job) -> str:
        token = self.tokens.token(gateway, job.own_reference)
        return f"{self.public_base_url}/api/webhooks/{gateway}/{token}"


class Limits(Struct, frozen=True):
    """How long things may take; ``intent`` must be longer than the gateway's deadline."""

    intent: timedelta
    page: timedelta
    wait_for_other: timedelta


class StartedPayment(Struct, frozen=True):
    order: Order
    job_reference: JobReference
    payment_reference: PaymentReference | None
    action_url: str
    notice: str | None


class StartPayment:
    def __init__(
        self,
        orders: Orders,
        gateway: PaymentGateway,
        reconciler: Reconciler,
        clock: Clock,
        *,
        links: Links,
        limits: Limits,
        registered_only: bool = False,
    ) -> None:
        """With ``registered_only`` nobody but the shop's server can say what is paid: ``register_order.py``."""
        self._orders = orders
        self._gateway = gateway
        self._reconciler = reconciler
        self._clock = clock
        self._links = links
        self._limits = limits
        self._registered_only = registered_only

    async def __call__(self, terms: OrderTerms, *, actor: str) -> StartedPayment:
        """Return the order's open payment page, starting a payment job where there is none.

        Asking again with the same terms gives the same page, also while the first call is still under way.

        Raises:
            OrderNotRegistered: only registered orders are taken, and this is none of the customer's.
            OrderConflict: the order is another customer's, has another amount, or needs no payment.
            PaymentNotStarted: the gateway gave no page; asking again is safe.
            StoreError: nothing can be promised; asking again is safe.
        """
        if self._registered_only:
            order = check_registered(await self._orders.find(terms.reference), terms)
            check_same_order(order, terms)
            return await self._continue(order, actor)
        operation = new_operation()
        order = await self._orders.insert(self._new_order(terms, operation, actor))
        planned = _planned_by(order, operation)
        if planned is not None:
            return await self._open(order, planned, actor)
        check_same_order(order, terms)
        return await self._continue(order, actor)

    async def _continue(self, order: Order, actor: str) -> StartedPayment:
        """Until the order has an open page, somebody refuses, or waiting for another request has taken too long."""
        give_up_at = self._clock.now() + self._limits.wait_for_other
        pause = FIRST_PAUSE_SECONDS
        retired: int | None = None
        while True:
            match next_attempt(order, self._clock.now()):
                case UsePage(job):
                    return self._started(order, job)
                case StartJob():
                    operation = new_operation()
                    order = await self._orders.change(order, self._decide_start, actor=actor, operation=operation)
                    planned = _planned_by(order, operation)
                    if planned is not None:
                        return await self._open(order, planned, actor)
                case Retire(job) if retired != job.number:
                    retired = job.number
                    order = await self._reconciler.retire(order, job)
                case Retire(job):
                    raise EarlierAttemptOpen(order.reference, job.expires_at)
                case WaitFor():
                    if self._clock.now() >= give_up_at:
                        raise StillStarting(order.reference)
                    with stepping_aside():
                        await self._clock.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                    order = await self._orders.load(order.id)

    async def _open(self, order: Order, job: Job, actor: str) -> StartedPayment:
        """Call the gateway for a job whose intent is stored, and record what came of it."""
        outcome = await self._gateway.create_payment_job(self._request(order, job))
        operation = new_operation()
        order = await self._orders.change(
            order, partial(_decide_outcome, job.number, outcome), actor=actor, operation=operation
        )
        match outcome:
            case Redirect() if order.jobs[job.number - 1].action_url == outcome.action_url:
                return self._started(order, order.jobs[job.number - 1])
            case Redirect():
                raise StillStarting(order.reference)
            case Refused(reason):
                raise GatewayRefused(order.reference, reason)
            case NotSent(reason):
                log.warning("gateway not reached for %s: %s", order.id, reason)
                raise GatewayNotReached(order.reference)
            case Unknown(reason):
                log.warning("no clear answer for %s: %s", order.id, reason)
                raise GatewayDidNotAnswer(order.reference)

    def _new_order(self, terms: OrderTerms, operation: str, actor: str) -> Order:
        now = self._clock.now()
        order = place(terms, at=now, operation=operation, actor=actor)
        return record(order, [self._plan(order, 1, now)], at=now, operation=operation, actor=actor)

    def _decide_start(self, order: Order) -> Sequence[Event]:
        now = self._clock.now()
        attempt = next_attempt(order, now)
        if not isinstance(attempt, StartJob):
            return ()
        return (*attempt.events, self._plan(order, attempt.number, now))

    def _plan(self, order: Order, number: int, now: datetime) -> JobPlanned:
        limits = self._limits
        return plan_job(order, number, self._gateway.name, now, intent=limits.intent, page=limits.page)

    def _request(self, order: Order, job: Job) -> JobRequest:
        success = self._links.success(order)
        return JobRequest(
            own_reference=job.own_reference,
            terms=order.terms,
            expires_at=job.expires_at,
            success_url=success,
            failed_url=success,  # one page serves every outcome: it asks the store
            cancel_url=self._links.cancel(order),
            webhook_url=self._links.webhook(self._gateway.name, job),
        )

    def _started(self, order: Order, job: Job) -> StartedPayment:
        assert job.job_reference is not None, "an open job has the gateway's name"
        assert job.action_url is not None, "an open job has a page"
        return StartedPayment(
            order=order,
            job_reference=job.job_reference,
            payment_reference=job.payments[-1].reference if job.payments else None,
            action_url=job.action_url,
            notice=self._gateway.notice,
        )


def _planned_by(order: Order, operation: str) -> Job | None:
    """The job whose intent ``operation`` wrote, if it still stands.

    While the answer to that write was in doubt, another process may have given the intent up and planned a job of its
    own, which is not the one to be called for here.
    """
    for entry in reversed(order.history):
        if entry.operation == operation and isinstance(entry.event, JobPlanned):
            job = order.jobs[entry.event.job - 1]
            return job if job.state is JobState.INTENT else None
    return None


def _decide_outcome(number: int, outcome: CreateOutcome, order: Order) -> Sequence[Event]:
    """What the gateway's answer makes of the intent; an intent that was given up meanwhile is not opened any more."""
    job = order.jobs[number - 1]
    named = outcome.job_reference if isinstance(outcome, Redirect | Unknown) else None
    recognised = (JobRecognised(number, named),) if named is not None and job.job_reference is None else ()
    if job.state is not JobState.INTENT:
        return recognised
    match outcome:
        case Redirect(job_reference, action_url, payments):
            return (JobOpened(number, job_reference, action_url, payments),)
        case Refused(reason) | NotSent(reason):
            return (JobRejected(number, reason),)
        case Unknown(reason):
            return (JobLost(number, reason), *recognised)
