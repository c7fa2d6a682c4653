"""What each event makes of an order. Used by ``ledger.py`` alone, which writes the history entry beside it."""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from .events import (
    AttentionRaised,
    AttentionResolved,
    Event,
    EvidenceSetAside,
    JobClosed,
    JobLost,
    JobOpened,
    JobPlanned,
    JobRecognised,
    JobRejected,
    JobReopened,
    JobSuperseded,
    OperationAccepted,
    OperationApproved,
    OperationNotSent,
    OperationPlanned,
    OperationSettled,
    OperationSubmitted,
    OperatorLooked,
    OrderCancelled,
    OrderPlaced,
    OrderReinstated,
    PaymentObserved,
    PersonalDataErased,
)
from .model import AttentionItem, Job, Order, Payment
from .observing import observe, set_aside
from .operations import NEXT, Operation, OperationState
from .personal import redacted
from .statuses import JobState


def apply(order: Order, event: Event, at: datetime) -> Order:
    """The state after one event, without its history entry and its cases."""
    match event:
        case OrderPlaced():
            raise AssertionError("an order is placed once")
        case PersonalDataErased():
            return replace(order, terms=redacted(order.terms))
        case OperatorLooked():
            return order
        case OrderCancelled():
            return replace(order, cancelled_at=at)
        case OrderReinstated():
            return replace(order, cancelled_at=None)
        case PaymentObserved():
            return observe(order, event, at)
        case EvidenceSetAside():
            return set_aside(order, event)
        case AttentionRaised():
            return _raise(order, event, at)
        case AttentionResolved():
            return _resolve(order, event, at)
        case JobPlanned() | JobOpened() | JobRejected() | JobLost() | JobRecognised():
            return _apply_to_job(order, event, at)
        case JobSuperseded() | JobClosed() | JobReopened():
            return _apply_to_job(order, event, at)
        case _:
            return _apply_to_operation(order, event, at)


def _apply_to_job(
    order: Order,
    event: JobPlanned | JobOpened | JobRejected | JobLost | JobRecognised | JobSuperseded | JobClosed | JobReopened,
    at: datetime,
) -> Order:
    if isinstance(event, JobPlanned):
        assert order.job(event.job) is None, "each payment job is planned once"
        return replace(order, jobs=(*order.jobs, _planned(event)))
    job = order.job(event.job)
    assert job is not None, "events name jobs that were planned"
    match event:
        case JobOpened():
            job = _opened(job, event, at)
        case JobRejected():
            job = replace(job, state=JobState.REJECTED)
        case JobLost():
            job = replace(job, state=JobState.ORPHAN)
        case JobRecognised():
            job = replace(job, job_reference=event.job_reference)
        case JobSuperseded():
            job = replace(job, state=JobState.SUPERSEDED)
        case JobClosed():
            job = replace(job, state=JobState.CLOSED)
        case JobReopened():
            job = replace(job, state=JobState.OPEN)
        case _:
            assert_never(event)
    return replace(order, jobs=tuple(job if known.number == job.number else known for known in order.jobs))


def _planned(event: JobPlanned) -> Job:
    return Job(
        number=event.job,
        own_reference=event.own_reference,
        gateway=event.gateway,
        state=JobState.INTENT,
        intent_until=event.intent_until,
        expires_at=event.expires_at,
    )


def _opened(job: Job, event: JobOpened, at: datetime) -> Job:
    new = tuple(Payment(reference) for reference in event.payments if job.payment(reference) is None)
    return replace(
        job,
        state=JobState.OPEN,
        job_reference=event.job_reference,
        action_url=event.action_url,
        disclosed_at=at,
        payments=(*job.payments, *new),
    )


def _apply_to_operation(
    order: Order,
    event: OperationPlanned
    | OperationApproved
    | OperationSubmitted
    | OperationNotSent
    | OperationAccepted
    | OperationSettled,
    at: datetime,
) -> Order:
    if isinstance(event, OperationPlanned):
        assert event.operation == len(order.operations) + 1, "operations are numbered as they come"
        return replace(order, operations=(*order.operations, _operation(event, at)))
    operation = order.operation(event.operation)
    assert operation is not None, "events name operations that were planned"
    match event:
        case OperationApproved():
            changed = replace(operation, approved_by=event.by)
        case OperationSubmitted():
            assert operation.may_be_sent, "permission to send is given once"
            changed = replace(_moved(operation, OperationState.SUBMITTING), submitted_at=at)
        case OperationNotSent():
            changed = replace(_moved(operation, OperationState.PLANNED), submitted_at=None, outcome=event.why)
        case OperationAccepted():
            changed = replace(operation, accepted_at=at, gateway_reference=event.gateway_reference)
        case OperationSettled():
            changed = replace(
                _moved(operation, event.state),
                settled_at=None if event.state is OperationState.UNKNOWN else at,
                gateway_reference=event.gateway_reference or operation.gateway_reference,
                outcome=event.why,
            )
        case _:
            assert_never(event)
    operations = tuple(changed if known is operation else known for known in order.operations)
    return replace(order, operations=operations)


def _operation(event: OperationPlanned, at: datetime) -> Operation:
    return Operation(
        number=event.operation,
        own_reference=event.own_reference,
        kind=event.operation_kind,
        job=event.job,
        payment_reference=event.payment_reference,
        amount_minor=event.amount_minor,
        before_minor=event.before_minor,
        state=OperationState.PLANNED,
        asked_by=event.by,
        reason=event.reason,
        planned_at=at,
        idempotency=event.idempotency,
        needs_approval=event.needs_approval,
    )


def _moved(operation: Operation, state: OperationState) -> Operation:
    assert state in NEXT[operation.state], f"an operation does not go from {operation.state} to {state}"
    return replace(operation, state=state)


def _raise(order: Order, event: AttentionRaised, at: datetime) -> Order:
    if order.needs_attention(event.code, event.detail):
        return order
    known = order.attention_item(event.code, event.detail)
    since = at if known is None else known.raised_at
    raised = AttentionItem(event.code, event.detail, raised_at=since, amount_minor=event.amount_minor)
    if known is None:
        return replace(order, attention=(*order.attention, raised))
    return replace(order, attention=tuple(raised if item is known else item for item in order.attention))


def _resolve(order: Order, event: AttentionResolved, at: datetime) -> Order:
    def resolved(item: AttentionItem) -> AttentionItem:
        if not item.is_open or (item.code, item.detail) != (event.code, event.detail):
            return item
        return replace(item, resolved_at=at, resolved_by=event.by, resolution=event.evidence, amount_minor=0)

    return replace(order, attention=tuple(resolved(item) for item in order.attention))
