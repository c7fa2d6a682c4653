"""The named cases that a person must look at, computed from the order as it stands.

A case is raised when it first holds and closed by itself when it no longer does; one that a person closed is not raised
again. What only time can tell (a job that outlived its expiry, an operation that nobody can account for) is raised by
an event, and closed here by the same rule.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from .facts import PaymentFact
from .model import RULES, AttentionItem, Job, Misfit, Order, Payment
from .money import Money
from .notifications import Notification
from .operations import ON_THE_WIRE, Operation, OperationKind, OperationState
from .order_status import HELD, held_minor, totals, was_captured_here
from .settling import is_shown
from .statuses import MAY_TAKE_MONEY, JobState, PaymentStatus, contradict

JOB_OUTLIVED: Final = "job_outlived_its_expiry"
JOB_UNKNOWN: Final = "job_unknown_to_gateway"
OPERATION_UNKNOWN: Final = "operation_unknown"
OPERATION_UNSEEN: Final = "operation_unseen"
OPERATION_WAITING: Final = "operation_waiting"
NOTIFICATION_FAILING: Final = "notification_failing"
STATUS_UNKNOWN: Final = "status_unknown"

ACTIONS: Final = {
    "paid_twice": "refund one of the payments",
    "paid_on_earlier_job": "nothing now: the newer page is being cancelled; if it is paid too, refund that payment",
    "paid_after_cancellation": "refund it, or reinstate the order",
    "authorized_after_cancellation": "void it, or reinstate the order",
    "authorized_twice": "void the payment that is not wanted",
    "overpaid": "refund the payment, and have the customer pay again",
    "underpaid": "refund the payment, and have the customer pay again",
    "currency_differs": "refund the payment in the gateway's portal, and have the customer pay again",
    "amount_differs": "compare the payment with the gateway's portal",
    "refunded_more_than_captured": "compare the payment with the gateway's portal",
    "reference_differs": "compare the payment job with the gateway's portal",
    "evidence_contradicts": "check the payment in the gateway's portal",
    "refund_made_elsewhere": "find out who refunded it in the gateway's portal, and acknowledge",
    "void_made_elsewhere": "find out who voided it in the gateway's portal, and acknowledge",
    STATUS_UNKNOWN: "see in the gateway's portal what it means; until a known status comes it counts as not paid",
    JOB_OUTLIVED: "cancel the payment job in the gateway's portal",
    JOB_UNKNOWN: "check that the credentials belong to the account that the order was started with",
    OPERATION_UNKNOWN: "look it up in the gateway's portal, and resolve it with what you found",
    OPERATION_UNSEEN: "see in the gateway's portal whether it was carried out, and acknowledge",
    OPERATION_WAITING: "see why the gateway is not reached, or abandon the operation",
    NOTIFICATION_FAILING: "repair the shop's endpoint, and send the notification again",
}
"""What a person does about each case, by its code."""


class Case(Struct, frozen=True):
    code: str
    detail: str
    amount_minor: int = 0


def with_cases(order: Order, at: datetime) -> Order:
    """``order`` with its attention items brought up to date."""
    standing = {(case.code, case.detail): case for case in _standing(order)}
    if not standing and not order.attention:
        return order
    known = {(item.code, item.detail) for item in order.attention}
    items = [_updated(item, standing.get((item.code, item.detail)), order, at) for item in order.attention]
    items += [_raised(case, at) for key, case in standing.items() if key not in known]
    attention = tuple(items)
    return order if attention == order.attention else replace(order, attention=attention)


def outlived(job: Job) -> Case:
    until = f"{job.expires_at:%Y-%m-%d %H:%M}"
    return Case(JOB_OUTLIVED, f"payment job {job.job_reference} should have ended at {until} UTC")


def unknown_to_gateway(job: Job) -> Case:
    return Case(JOB_UNKNOWN, f"the gateway does not know payment job {job.job_reference}")


def unaccounted(operation: Operation) -> Case:
    """An operation whose outcome no evidence has settled in time."""
    what = f"{operation.kind} {operation.own_reference} of payment {operation.payment_reference}"
    return Case(OPERATION_UNKNOWN, f"nobody knows whether {what} was carried out", operation.amount_minor)


def unseen(operation: Operation) -> Case:
    """An operation that was said to be carried out, and that the gateway's account does not show in time."""
    what = f"{operation.kind} {operation.own_reference}"
    detail = f"{what} is said to be carried out, and payment {operation.payment_reference} does not show it"
    return Case(OPERATION_UNSEEN, detail, operation.amount_minor)


def not_understood(fact: PaymentFact) -> Case:
    """A status that no version of this program knows; the gateway is asked again until it says another."""
    return Case(STATUS_UNKNOWN, f"payment {fact.payment_reference} is “{fact.evidence.wording}” at the gateway")


def waiting(operation: Operation) -> Case:
    what = f"{operation.kind} {operation.own_reference} of payment {operation.payment_reference}"
    return Case(OPERATION_WAITING, f"{what} could not be sent yet")


def undelivered(notification: Notification) -> Case:
    what = f"notification {notification.sequence} ({notification.type})"
    return Case(NOTIFICATION_FAILING, f"{what} could not be delivered to the shop")


def may_hold(item: AttentionItem | Case, order: Order) -> bool:
    """Whether what an event raises can hold of the order; what nothing here knows stays for a person to close."""
    known = {JOB_OUTLIVED, JOB_UNKNOWN, OPERATION_UNKNOWN, OPERATION_UNSEEN, OPERATION_WAITING, *COMPUTED}
    return item.code not in known or any((item.code, item.detail) == (c.code, c.detail) for c in _by_time(order))


def _updated(item: AttentionItem, case: Case | None, order: Order, at: datetime) -> AttentionItem:
    if item.is_open:
        if case is not None:
            return replace(item, amount_minor=case.amount_minor)
        return item if may_hold(item, order) else _closed(item, at)
    reopened = case is not None and item.resolved_by == RULES
    return replace(_raised(case, at), raised_at=item.raised_at) if case is not None and reopened else item


def _by_time(order: Order) -> Iterator[Case]:
    """Every case that time could have raised and the order's state does not yet rule out."""
    for job in order.jobs:
        if job.state in MAY_TAKE_MONEY:
            yield outlived(job)
            yield unknown_to_gateway(job)
    for operation in order.operations:
        if operation.state in ON_THE_WIRE:
            yield unaccounted(operation)
        if operation.state is OperationState.SUCCEEDED and not is_shown(order, operation):
            yield unseen(operation)
        if operation.state is OperationState.PLANNED or _is_being_tried(operation):
            yield waiting(operation)


def _is_being_tried(operation: Operation) -> bool:
    """It waits on until the gateway has answered: most tries of what waits for long come to nothing."""
    return operation.state is OperationState.SUBMITTING and operation.accepted_at is None


def _closed(item: AttentionItem, at: datetime) -> AttentionItem:
    return replace(item, resolved_at=at, resolved_by=RULES, resolution="it no longer holds", amount_minor=0)


def _raised(case: Case, at: datetime) -> AttentionItem:
    return AttentionItem(case.code, case.detail, raised_at=at, amount_minor=case.amount_minor)


# --- what holds now --------------------------------------------------------------------------------------------------

COMPUTED: Final = frozenset(
    {
        "paid_twice",
        "paid_on_earlier_job",
        "paid_after_cancellation",
        "authorized_after_cancellation",
        "authorized_twice",
        "overpaid",
        "underpaid",
        "currency_differs",
        "amount_differs",
        "refunded_more_than_captured",
        "evidence_contradicts",
        "refund_made_elsewhere",
        "void_made_elsewhere",
    }
)


def _standing(order: Order) -> Iterator[Case]:
    yield from (_misfit_case(misfit, order) for misfit in order.misfits if _is_unsettled(misfit))
    taken = totals(order)
    yield from _too_much(order, taken.kept_minor - order.amount.minor)
    if taken.captured_minor < order.amount.minor:
        yield from _too_little(order)
    if order.cancelled_at is not None and taken.kept_minor > 0:
        detail = "the order was cancelled, and money was taken for it"
        yield Case("paid_after_cancellation", detail, taken.kept_minor)
    yield from _held(order, taken.kept_minor)
    for payment in order.payments:
        if contradict(payment.statuses):
            words = ", ".join(payment.statuses)
            yield Case("evidence_contradicts", f"the gateway has called payment {payment.reference} {words}")
    yield from _made_elsewhere(order)


def _held(order: Order, kept: int) -> Iterator[Case]:
    """Money that is held, and should not be captured."""
    holds = {payment.reference: held for payment in order.payments if (held := held_minor(payment))}
    if holds and order.cancelled_at is not None:
        detail = "the order was cancelled, and a payment for it is authorized"
        yield Case("authorized_after_cancellation", detail, sum(holds.values()))
    too_much = kept + sum(holds.values()) - order.amount.minor
    if holds and too_much > 0:
        names = " and ".join(sorted({*holds, *(payment.reference for payment in order.payments if _is_kept(payment))}))
        yield Case("authorized_twice", f"payments {names} hold more than is due", too_much)


def _is_unsettled(misfit: Misfit) -> bool:
    """One that took money is settled when all of it was given back; one that took none is for a person to judge."""
    return misfit.kept_minor > 0 or misfit.captured_minor == 0 or misfit.code == "refunded_more_than_captured"


def _misfit_case(misfit: Misfit, order: Order) -> Case:
    same_currency = misfit.currency == order.amount.currency
    at_risk = misfit.kept_minor if same_currency else (order.amount.minor if misfit.kept_minor else 0)
    return Case(misfit.code, misfit.detail, at_risk)


def _too_much(order: Order, surplus: int) -> Iterator[Case]:
    paid = [(job, payment) for job in order.jobs for payment in job.payments if _is_kept(payment)]
    if surplus > 0 and len(paid) > 1:
        names = " and ".join(sorted(payment.reference for _, payment in paid))
        yield Case("paid_twice", f"payments {names} both took money", surplus)
        return
    later_page = [job for job in order.jobs if job.state in (JobState.INTENT, JobState.OPEN)]
    for job, payment in paid:
        if any(later.number > job.number for later in later_page):
            yield Case("paid_on_earlier_job", f"payment {payment.reference} was made on an earlier page")


def _too_little(order: Order) -> Iterator[Case]:
    for payment in order.payments:
        if payment.status is PaymentStatus.CAPTURED and _is_kept(payment) and not was_captured_here(order, payment):
            taken = Money(payment.captured_minor, order.amount.currency)
            detail = f"payment {payment.reference} took {taken}, the order is for {order.amount}"
            yield Case("underpaid", detail, payment.captured_minor - payment.refunded_minor)


def _made_elsewhere(order: Order) -> Iterator[Case]:
    for payment in order.payments:
        ours = [op for op in order.operations if op.payment_reference == payment.reference and _may_have_acted(op)]
        asked = sum(op.amount_minor for op in ours if op.kind is OperationKind.REFUND)
        if payment.refunded_minor > asked:
            yield Case("refund_made_elsewhere", f"payment {payment.reference} was refunded by somebody else")
        taken_back = payment.captured_minor > 0 and payment.status in (PaymentStatus.VOIDED, PaymentStatus.CANCELLED)
        if taken_back and not any(op.kind is OperationKind.VOID for op in ours):
            yield Case("void_made_elsewhere", f"payment {payment.reference} was voided by somebody else")


def _may_have_acted(operation: Operation) -> bool:
    return operation.state in ON_THE_WIRE or operation.state is OperationState.SUCCEEDED


def _is_kept(payment: Payment) -> bool:
    return payment.status in HELD and payment.captured_minor > payment.refunded_minor
