"""Which payments of an order an operation may be about, what each allows now, and how much is left of it."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from .model import Job, Order
from .operations import UNSETTLED, Operation, OperationKind, OperationState
from .references import PaymentReference
from .standing import PaymentStanding
from .statuses import PaymentStatus

Allowed: TypeAlias = Callable[[Job, PaymentStanding], frozenset[OperationKind]]
"""What a job's gateway would accept for a payment now."""


class Target(Struct, frozen=True):
    """A payment that operations may be about; a misfit counts as one, since its money can be given back."""

    job: Job
    reference: PaymentReference
    standing: PaymentStanding


class Offer(Struct, frozen=True):
    """An operation that may be asked for now, of at most ``most_minor``."""

    kind: OperationKind
    payment_reference: PaymentReference
    most_minor: int


def offers(order: Order, allowed: Allowed) -> Sequence[Offer]:
    """What may be done now; an operation that is under way stands in the way of others of its payment."""
    found = [
        Offer(kind, target.reference, left_minor(order, kind, target))
        for target in targets(order)
        for kind in sorted(allowed(target.job, target.standing))
        if in_the_way(order, kind, target.reference) is None
    ]
    return [offer for offer in found if offer.most_minor > 0]


def targets(order: Order) -> Sequence[Target]:
    found = [
        Target(
            job,
            payment.reference,
            PaymentStanding(
                payment.status,
                payment.authorized_minor,
                payment.captured_minor,
                payment.refunded_minor,
                payment.captured_at,
            ),
        )
        for job in order.jobs
        for payment in job.payments
    ]
    fitting = {target.reference for target in found if target.standing.captured_minor}
    for misfit in order.misfits:
        job = order.job(misfit.job)
        if misfit.kept_minor and misfit.currency == order.amount.currency and misfit.payment_reference not in fitting:
            assert job is not None, "misfits name jobs that were planned"
            taken = misfit.captured_minor
            standing = PaymentStanding(PaymentStatus.CAPTURED, taken, taken, misfit.refunded_minor, None)
            found = [target for target in found if target.reference != misfit.payment_reference]
            found.append(Target(job, misfit.payment_reference, standing))
    return found


def left_minor(order: Order, kind: OperationKind, target: Target) -> int:
    """Minor units that an operation of this kind may still be about, with what others have spoken for left out."""
    standing = target.standing
    others = [op for op in order.operations if op.kind is kind and op.payment_reference == target.reference]
    spoken_for = sum(op.amount_minor for op in others if op.state in UNSETTLED)
    done = sum(op.amount_minor for op in others if op.state is OperationState.SUCCEEDED)
    match kind:
        case OperationKind.CAPTURE:
            return standing.authorized_minor - max(standing.captured_minor, done) - spoken_for
        case OperationKind.REFUND:
            return standing.captured_minor - max(standing.refunded_minor, done) - spoken_for
        case OperationKind.VOID:
            return standing.captured_minor or standing.authorized_minor


def in_the_way(order: Order, kind: OperationKind, payment: PaymentReference) -> Operation | None:
    """Refunds may be under way side by side; a capture or a void has the payment for itself."""
    for operation in order.operations:
        both_refund = kind is OperationKind.REFUND and operation.kind is OperationKind.REFUND
        if operation.payment_reference == payment and operation.state in UNSETTLED and not both_refund:
            return operation
    return None
