"""Send a capture, a void or a refund to the gateway: at most once, whatever dies in between.

Permission to send is stored before the gateway is called, and given once. Crash points, and what is left: before the
permission, a planned operation that the next look sends; after it, one that may be on the wire. That one is never sent
again: the gateway's account of the payment settles it, and where that tells nothing, a person does.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from ..domain.events import Event, OperationAccepted, OperationNotSent, OperationSettled, OperationSubmitted
from ..domain.model import Order
from ..domain.money import Money
from ..domain.operations import ON_THE_WIRE, Operation, OperationState
from ..domain.planning import is_still_possible
from ..domain.schedule import SENDER_DEAD_AFTER
from ..ports import ChangeOutcome, Clock, Done, NotSent, OperationRequest, PaymentGateway, Refused, Unknown, Waiting
from .orders import Orders, made_by, new_operation

log = logging.getLogger(__name__)

FRESH: Final = SENDER_DEAD_AFTER / 3
"""A permission older than this is not used any more: others may soon take its holder for dead."""


class OperationSender:
    def __init__(self, orders: Orders, gateways: Mapping[str, PaymentGateway], clock: Clock) -> None:
        self._orders = orders
        self._gateways = gateways
        self._clock = clock

    async def send(self, order: Order, number: int, *, actor: str) -> Order:
        """Send the operation unless somebody else has or may have; returns the order with what came of it.

        Raises:
            StoreError: it may or may not have been sent, and is never sent again.
        """
        claim = new_operation()
        order = await self._orders.change(order, partial(self._permit, number), actor=actor, operation=claim)
        if not made_by(order, claim):
            return order
        operation = order.operation(number)
        assert operation is not None, "what was permitted was planned"
        if operation.state is not OperationState.SUBMITTING:
            return order  # it was given up: no longer possible
        outcome = await self._call(order, operation)
        log.info("%s %s of %s: %s", operation.kind, operation.own_reference, order.id, type(outcome).__name__)
        return await self._orders.change(order, partial(_decide_outcome, number, outcome), actor=actor)

    def _permit(self, number: int, order: Order) -> Sequence[Event]:
        operation = order.operation(number)
        if operation is None or not operation.may_be_sent:
            return ()
        job = order.job(operation.job)
        gateway = self._gateways.get(job.gateway) if job is not None else None
        if gateway is None:
            return ()  # a gateway that the settings do not name; it waits, and a person is told
        now = self._clock.now()
        if not is_still_possible(order, operation, lambda _, standing: gateway.allowed_operations(standing, now)):
            why = f"the payment no longer allows a {operation.kind}; nothing was sent"
            return (OperationSettled(number, OperationState.ABANDONED, None, why),)
        return (OperationSubmitted(number),)

    async def _call(self, order: Order, operation: Operation) -> ChangeOutcome:
        job = order.job(operation.job)
        assert job is not None, "operations name jobs that were planned"
        assert job.job_reference is not None, "a job with a payment has the gateway's name"
        assert operation.submitted_at is not None, "it was just permitted"
        if self._clock.now() >= operation.submitted_at + FRESH:
            return NotSent("the permission to send came too late to be used")
        return await self._gateways[job.gateway].change_payment(
            OperationRequest(
                operation.kind,
                operation.own_reference,
                job.job_reference,
                operation.payment_reference,
                Money(operation.amount_minor, order.amount.currency),
            )
        )


def _decide_outcome(number: int, outcome: ChangeOutcome, order: Order) -> Sequence[Event]:
    """What the gateway's answer makes of an operation that was permitted; evidence may have been quicker."""
    operation = order.operation(number)
    assert operation is not None, "what was permitted was planned"
    if operation.state not in ON_THE_WIRE:
        return ()
    match outcome:
        case Done(reference):
            return (OperationSettled(number, OperationState.SUCCEEDED, reference, "the gateway answered: done"),)
        case Waiting(reference):
            return (OperationAccepted(number, reference),) if operation.accepted_at is None else ()
        case Refused(reason):
            return (OperationSettled(number, OperationState.REJECTED, None, f"the gateway refused: {reason}"),)
        case NotSent(reason) if operation.state is OperationState.SUBMITTING:
            return (OperationNotSent(number, reason),)
        case NotSent(reason):
            why = f"nothing was sent: {reason}"
            return (OperationSettled(number, OperationState.REJECTED, None, why),)
        case Unknown(reason) if operation.state is OperationState.SUBMITTING:
            return (OperationSettled(number, OperationState.UNKNOWN, None, f"no clear answer: {reason}"),)
        case Unknown():
            return ()
