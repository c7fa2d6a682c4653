"""What operators do to an order: capture, void, refund, and everything that only a person can decide.

An operation is planned under its number before anything else happens, so a double click, two operators and a repeated
request are one operation; sending it is ``send_operation.py``'s.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct

from ..domain import deciding
from ..domain.card_numbers import refuse_card_numbers
from ..domain.events import Event, OperatorLooked
from ..domain.model import Job, Order
from ..domain.money import Money
from ..domain.offers import Offer, offers
from ..domain.operations import Operation, OperationKind, OperationState
from ..domain.planning import OperationAsk, find_operation, plan_operation, repeated
from ..domain.standing import PaymentStanding
from ..ports import Clock, PaymentGateway
from .orders import Decide, Orders, made_by, new_operation
from .reconcile import Reconciler
from .send_operation import OperationSender


class Asked(Struct, frozen=True):
    """The order as it stands now, and the operation of it that was meant."""

    order: Order
    operation: Operation


class Operations:
    def __init__(
        self,
        orders: Orders,
        reconciler: Reconciler,
        gateways: Mapping[str, PaymentGateway],
        clock: Clock,
        *,
        approve_above: int | None = None,
    ) -> None:
        """A refund of more than ``approve_above`` whole units of its currency needs a second person."""
        self._orders = orders
        self._sender = OperationSender(orders, gateways, clock)
        self._reconciler = reconciler
        self._gateways = gateways
        self._clock = clock
        self._approve_above = approve_above

    async def ask(self, order: Order, ask: OperationAsk) -> Asked:
        """Plan the operation and send it, or return the one that this ask is a repeat of.

        Raises:
            OperationConflict: it is not possible; nothing was recorded and nothing was sent.
            StoreError: it may have been recorded, and is then sent by itself; asking again is safe.
        """
        refuse_card_numbers(ask.reason)
        number, plan = ask.number or len(order.operations) + 1, new_operation()
        decide = partial(self._decide_plan, ask)
        order = await self._orders.change(order, decide, actor=_actor(ask.by), operation=plan)
        known = repeated(order, ask)
        number = known.number if known is not None else number
        if made_by(order, plan):
            return await self._send(order, number, ask.by)
        return await self._send_if_still_unsent(order, number, ask.by)

    async def approve(self, order: Order, number: int, *, by: str) -> Asked:
        """A second person's yes, after which the operation is sent.

        Raises:
            OperationConflict: there is nothing to approve, or ``by`` asked for it.
        """
        order = await self._change(order, partial(deciding.approve, number=number, by=by), by)
        return await self._send_if_still_unsent(order, number, by)

    async def abandon(self, order: Order, number: int, *, by: str, reason: str) -> Asked:
        """Give up an operation that was not sent.

        Raises:
            OperationConflict: it may be on its way.
        """
        order = await self._change(order, partial(deciding.abandon, number=number, by=by, reason=reason), by, reason)
        return Asked(order, find_operation(order, number))

    async def resolve_operation(self, order: Order, number: int, *, carried_out: bool, by: str, evidence: str) -> Asked:
        """Settle an operation that nobody can account for by what a person found in the gateway's portal.

        Raises:
            OperationConflict: its outcome is not unknown.
        """
        decide = partial(deciding.resolve_operation, number=number, carried_out=carried_out, by=by, evidence=evidence)
        order = await self._change(order, decide, by, evidence)
        return Asked(order, find_operation(order, number))

    async def resolve_attention(self, order: Order, code: str, detail: str | None, *, by: str, evidence: str) -> Order:
        """Close what a person has seen to.

        Raises:
            NothingToResolve
        """
        decide = partial(deciding.resolve_attention, code=code, detail=detail, by=by, evidence=evidence)
        return await self._change(order, decide, by, evidence)

    async def cancel(self, order: Order, *, by: str, reason: str) -> Order:
        """Give the order up, and end its open pages at the gateway.

        Raises:
            OrderHoldsMoney: its payments are to be refunded or voided first.
        """
        order = await self._change(order, partial(deciding.cancel, by=by, reason=reason), by, reason)
        return await self._reconciler.look(order)

    async def reinstate(self, order: Order, *, by: str, reason: str) -> Order:
        """Want a cancelled order after all, with what was paid for it."""
        return await self._change(order, partial(deciding.reinstate, by=by, reason=reason), by, reason)

    async def check_now(self, order: Order, *, by: str) -> Order:
        """Ask the gateway about every job of which there may be news."""
        order = await self._change(order, lambda _: (OperatorLooked(by),), by)
        return await self._reconciler.look(order)

    def offers(self, order: Order) -> Sequence[Offer]:
        """What may be done to the order's payments now, as far as we and the gateway's manual know."""
        return offers(order, self._allowed)

    def _decide_plan(self, ask: OperationAsk, order: Order) -> Sequence[Event]:
        if repeated(order, ask) is not None:
            return ()
        limit = self._approve_above
        above = limit if limit is None else Money.whole(limit, order.amount.currency).minor
        return (plan_operation(order, ask, self._allowed, approve_above_minor=above),)

    def _allowed(self, job: Job, standing: PaymentStanding) -> frozenset[OperationKind]:
        gateway = self._gateways.get(job.gateway)
        return frozenset() if gateway is None else gateway.allowed_operations(standing, self._clock.now())

    async def _send_if_still_unsent(self, order: Order, number: int, by: str) -> Asked:
        """What was planned before may have been sent since, as after a backup was put back: the gateway is asked first.

        Where it does not answer, the operation waits for the next look.
        """
        operation = find_operation(order, number)
        job = order.job(operation.job)
        if not operation.may_be_sent or job is None or job.job_reference is None:
            return Asked(order, operation)
        looked = await self._reconciler.look_at_job(order, job, job.job_reference)
        if not looked.answered:
            return Asked(looked.order, operation)
        return await self._send(looked.order, number, by)

    async def _send(self, order: Order, number: int, by: str) -> Asked:
        before = find_operation(order, number)
        if before.may_be_sent:
            order = await self._sender.send(order, number, actor=_actor(by))
            order = await self._see_effect(order, number)
        return Asked(order, find_operation(order, number))

    async def _see_effect(self, order: Order, number: int) -> Order:
        """What the operation did to the money is the gateway's account of the payment to tell, not its reply."""
        operation = find_operation(order, number)
        job = order.job(operation.job)
        sent = operation.state not in (OperationState.PLANNED, OperationState.ABANDONED)
        if not sent or job is None or job.job_reference is None:
            return order
        return (await self._reconciler.look_at_job(order, job, job.job_reference)).order

    async def _change(self, order: Order, decide: Decide, by: str, words: str = "") -> Order:
        refuse_card_numbers(words)
        return await self._orders.change(order, decide, actor=_actor(by))


def _actor(by: str) -> str:
    return f"operator {by}"
