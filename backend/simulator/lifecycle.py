"""The life cycle of a job and its payments, as pure functions from one job to the next.

A rule either returns the changed job or raises ``Refusal`` and changes nothing. New references and the time are
arguments or made from them; nothing here stores or sends anything.

Source: Cashflows developer pages, "Payment processing", "Managing capture requests", "Cancellations", "Refunds".
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from .cards import Outcome
from .model import Capture, Card, Job, PartStatus, Payment, Refund, Status, Step
from .references import Kind, new_reference
from .refusals import Refusal, bad_request, not_found

SETTLEMENT_ZONE: Final = ZoneInfo("Europe/London")
RESERVATION_LASTS: Final = timedelta(days=7)
COMMISSION_LASTS: Final = timedelta(hours=1)


def step(action: str, status: str, now: datetime) -> Step:
    return Step(new_reference(Kind.STEP, now), now, action, status)


def new_payment(amount_minor: int, now: datetime, action: str) -> Payment:
    return Payment(
        reference=new_reference(Kind.PAYMENT, now),
        at=now,
        amount_minor=amount_minor,
        steps=(step(action, Status.PENDING, now),),
    )


def open_attempt(job: Job, now: datetime) -> Job:
    """The job with a pending payment as its last: the first one, or a new one after a refusal or a void."""
    refuse_unless_open(job)
    if job.last_payment.status is Status.PENDING:
        return job
    attempt = new_payment(job.amount_minor, now, "DisplayHostedPage")
    return replace(job, payments=(*job.payments, attempt), updated_at=now)


def settle(job: Job, outcome: Outcome, now: datetime, *, auto_capture: bool, card: Card | None = None) -> Job:
    """Decide the pending last payment of an open job.

    Raises:
        Refusal: the job takes no more payments.
    """
    refuse_unless_open(job)
    payment = job.last_payment
    if payment.status is not Status.PENDING:
        raise _wrong_status(payment)
    payment = replace(payment, card=card or payment.card, challenge=outcome.challenge)
    if outcome.approved:
        payment = _approved(payment, now, auto_capture=auto_capture)
    elif outcome.status is Status.COMMISSIONED:
        payment = _with_status(payment, Status.COMMISSIONED, "Process", now)
        payment = replace(payment, settles_at=now + COMMISSION_LASTS)
    elif outcome.status is not Status.PENDING and outcome.status is not None:
        payment = _with_status(payment, outcome.status, "Process", now)
        payment = replace(payment, failure=outcome.failure)
    return with_payment(job, payment, now)


def settle_commissioned(job: Job, now: datetime) -> Job:
    """Commissioned payments whose money has come in become paid."""
    for payment in job.payments:
        due = payment.status is Status.COMMISSIONED and payment.settles_at is not None and payment.settles_at <= now
        if due:
            job = with_payment(job, _captured(payment, payment.amount_minor, "BackgroundProcess", now), now)
    return job


def settle_refunds(job: Job, now: datetime) -> Job:
    """Pending refunds whose time has come are completed or failed."""
    for payment in job.payments:
        if any(_refund_due(refund, now) for refund in payment.refunds):
            decided = tuple(
                replace(refund, status=refund.settles_as, settles_at=None) if _refund_due(refund, now) else refund
                for refund in payment.refunds
            )
            job = with_payment(job, replace(payment, refunds=decided), now)
    return job


def expire(job: Job, now: datetime) -> Job:
    """The job as it stands at ``now``: an open one past its validity has expired, with its pending payment."""
    if not job.is_open or now < job.expires_at:
        return job
    payments = tuple(
        _with_status(payment, Status.EXPIRED, "BackgroundProcess", now) if payment.status is Status.PENDING else payment
        for payment in job.payments
    )
    return replace(job, payments=payments, expired_at=now, updated_at=now)


def cancel_job(job: Job, now: datetime) -> Job:
    """Cancel every payment that is not settled; the job takes no more.

    Raises:
        Refusal: a payment has been taken, or the job ended otherwise.
    """
    if job.status not in {Status.PENDING, Status.RESERVED, Status.COMMISSIONED}:
        raise bad_request("InvalidPaymentStatus", f"A payment job that is {job.status} cannot be cancelled.")
    cancellable = {Status.PENDING, Status.RESERVED, Status.COMMISSIONED}
    payments = tuple(_voided(payment, now) if payment.status in cancellable else payment for payment in job.payments)
    return replace(job, payments=payments, cancelled_at=now, updated_at=now)


def cancel_payment(job: Job, reference: str, now: datetime) -> Job:
    """Release a reservation, or void a payment taken today; always the full amount. The job stays usable.

    Raises:
        Refusal: nothing to cancel, or the day's captures have been submitted.
    """
    payment = find(job, reference)
    if payment.status is Status.RESERVED or payment.status is Status.PENDING:
        return with_payment(job, _voided(payment, now), now)
    if payment.status is not Status.PAID or payment.refunds:
        raise _wrong_status(payment)
    if payment.captured_at is None or submitted(payment.captured_at, now):
        raise bad_request(
            "InvalidPaymentStatus", "The capture has been submitted at midnight; only a refund returns the money now."
        )
    return with_payment(job, _voided(payment, now), now)


def submitted(captured_at: datetime, now: datetime) -> bool:
    """Whether the midnight after a capture has passed; midnight is taken to be London's."""
    return captured_at.astimezone(SETTLEMENT_ZONE).date() < now.astimezone(SETTLEMENT_ZONE).date()


def capture(
    job: Job, reference: str, amount_minor: int | None, now: datetime, *, final: bool, partial_allowed: bool
) -> tuple[Job, Capture]:
    """Take a reservation, whole unless ``amount_minor`` says otherwise.

    A capture that takes the last of it, or that is final, makes the payment Paid.
    """
    payment = find(job, reference)
    if payment.status is not Status.RESERVED:
        raise _wrong_status(payment, "InvalidPaymentStatus")
    if payment.authorized_at is not None and now > payment.authorized_at + RESERVATION_LASTS:
        raise bad_request("InvalidPaymentStatus", "The reservation is older than seven days and has been released.")
    left = payment.authorized_minor - payment.captured_minor
    amount = left if amount_minor is None else amount_minor
    if amount > left:
        raise bad_request(
            "CaptureAmountExceedsOriginalAuthorisation", "The captures would exceed the authorised amount."
        )
    if amount <= 0 or (amount < left and not partial_allowed):
        raise bad_request("InvalidAmount", "Cards are captured in full on this account.")
    done = Capture(new_reference(Kind.CAPTURE, now), now, amount, final=final or amount == left)
    payment = replace(payment, captures=(*payment.captures, done))
    total = payment.captured_minor + amount
    payment = _captured(payment, total, "Capture", now) if done.final else replace(payment, captured_minor=total)
    return with_payment(job, payment, now), done


def refund(
    job: Job,
    reference: str,
    amount_minor: int | None,
    number: str,
    now: datetime,
    *,
    status: PartStatus = PartStatus.COMPLETED,
    settles_as: PartStatus = PartStatus.COMPLETED,
    visible_at: datetime | None = None,
) -> tuple[Job, Refund]:
    """Return captured money; the payment stays Paid and its ``refunds`` grow up to the paid amount."""
    payment = find(job, reference)
    if payment.status is not Status.PAID:
        raise bad_request("InvalidPaymentForRefund", f"A payment that is {payment.status} cannot be refunded.")
    left = payment.captured_minor - payment.refunded_minor
    if left == 0:
        raise bad_request("PaymentAlreadyFullyRefunded", "The payment has been refunded in full.")
    amount = left if amount_minor is None else amount_minor
    if amount <= 0:
        raise bad_request("InvalidAmount", "amountToRefund must be more than zero.")
    if amount > left:
        raise bad_request("RefundAmountExceedsOriginalAmount", "The refunds would exceed the paid amount.")
    settles_at = now + COMMISSION_LASTS if status is PartStatus.PENDING else None
    made = Refund(new_reference(Kind.REFUND, now), now, amount, number, status, settles_at, settles_as, visible_at)
    payment = replace(payment, refunds=(*payment.refunds, made))
    return with_payment(job, payment, now), made


def find(job: Job, reference: str) -> Payment:
    payment = job.payment(reference)
    if payment is None:
        raise not_found("Payment")
    return payment


def refuse_unless_open(job: Job) -> None:
    if not job.is_open:
        raise bad_request("InvalidPaymentStatus", f"The payment job is {job.status} and takes no more payments.")


def with_payment(job: Job, changed: Payment, now: datetime) -> Job:
    payments = tuple(changed if payment.reference == changed.reference else payment for payment in job.payments)
    return replace(job, payments=payments, updated_at=now)


def _approved(payment: Payment, now: datetime, *, auto_capture: bool) -> Payment:
    payment = replace(payment, authorized_at=now, authorized_minor=payment.amount_minor)
    if payment.amount_minor == 0:
        return _with_status(payment, Status.VERIFIED, "Process", now)
    if not auto_capture:
        return _with_status(payment, Status.RESERVED, "Process", now)
    return _captured(payment, payment.amount_minor, "Process", now)


def _captured(payment: Payment, total_minor: int, action: str, now: datetime) -> Payment:
    paid = replace(
        payment,
        authorized_minor=max(payment.authorized_minor, total_minor),
        authorized_at=payment.authorized_at or now,
        captured_minor=total_minor,
        paid_minor=total_minor,
        captured_at=now,
        settles_at=None,
    )
    return _with_status(paid, Status.PAID, action, now)


def _voided(payment: Payment, now: datetime) -> Payment:
    released = replace(payment, captured_minor=0, voided_at=now, settles_at=None, challenge=None)
    return _with_status(released, Status.CANCELLED, "Cancel", now)


def _with_status(payment: Payment, status: Status, action: str, now: datetime) -> Payment:
    return replace(payment, status=status, steps=(*payment.steps, step(action, status, now)))


def _refund_due(refund: Refund, now: datetime) -> bool:
    return refund.status is PartStatus.PENDING and refund.settles_at is not None and refund.settles_at <= now


def _wrong_status(payment: Payment, code: str = "InvalidPaymentStatus") -> Refusal:
    return bad_request(code, f"The payment is {payment.status}, which does not allow this.")
