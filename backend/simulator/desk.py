"""What the gateway does when it is asked: one transaction each, with the webhooks that follow from it.

A change and its webhooks are committed together, before any answer. Time is applied first: whatever an order's
job has come to by now (expired, a pending refund completed) is what a rule gets to see.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from . import lifecycle
from .cards import APPROVED, BLOCKED, DECLINED, TECHNICAL_FAILURE, THREE_DS_FAILED, CardEntry, Outcome, outcome_of
from .clock import Clock
from .database import Database
from .faults import Call, Twist
from .intake import Intake
from .ledger import Ledger, order_key
from .model import Capture, Card, Failure, Job, PartStatus, Payment, Refund, Status
from .notices import Notice, changed_payments, notice_of, sealed
from .outbox import Outbox
from .references import new_token
from .refusals import bad_request, not_found
from .scripts import Script, Scripts
from .settings import SimulatorSettings

HIDDEN_FOR: Final = timedelta(minutes=2)
TEST_CARD: Final = Card("Visa", "411111****1111", "12", "30")
COMMISSIONED: Final = Outcome(Status.COMMISSIONED)
Rule = Callable[[Job], Job]


class Desk:
    def __init__(
        self,
        settings: SimulatorSettings,
        clock: Clock,
        database: Database,
        ledger: Ledger,
        outbox: Outbox,
        scripts: Scripts,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._ledger = ledger
        self._outbox = outbox
        self._scripts = scripts
        self.on_queued: Callable[[], None] = lambda: None
        """Called after a commit that queued webhooks."""

    # Reading

    def job(self, reference: str) -> Job:
        """The job as it stands now.

        Raises:
            Refusal: there is none.
        """
        return self.change(reference, lambda job: job)

    def job_of_page(self, page_reference: str) -> Job:
        job = self._ledger.job_of_page(page_reference)
        if job is None:
            raise not_found("Payment page")
        return self.job(job.reference)

    # Changing

    def create(self, intake: Intake, twists: Sequence[Twist] = ()) -> Job:
        """Add a job and settle it at once where the request says so."""
        now = self._clock.now()
        with self._database.transaction():
            if Twist.PAY_EARLIER_JOB in twists:
                self._pay_earlier_job(intake.job, now)
            job = self._settled_at_once(intake, now)
            self._ledger.add(job)
            self._queue(job, changed_payments(None, job), now)
        self.on_queued()
        return job

    def change(self, reference: str, rule: Rule) -> Job:
        """Apply a rule to a job as it stands now, save it and queue the webhooks; a refusal changes nothing."""
        now = self._clock.now()
        with self._database.transaction():
            stored = self._ledger.job(reference)
            if stored is None:
                raise not_found("Payment job")
            current = _as_of(stored, now)
            changed = rule(current)
            if changed is not stored:
                self._ledger.save(changed)
                self._queue(current, changed_payments(stored, current), now)
                self._queue(changed, changed_payments(current, changed), now)
        if changed is not stored:
            self.on_queued()
        return changed

    def pay_by_page(self, reference: str, entry: CardEntry, twists: Sequence[Twist]) -> Job:
        """One press of the pay button: decides the pending payment, or a new one after a refusal.

        A job that is no longer open is returned as it is, so that pressing twice takes no money twice.
        """
        now = self._clock.now()

        def rule(job: Job) -> Job:
            if not job.is_open:
                return job
            job = lifecycle.open_attempt(job, now)
            if Twist.FAIL_THEN_PAY in twists:
                job = self._settle(job, TECHNICAL_FAILURE, now, entry.kept())
                return self._settle(lifecycle.open_attempt(job, now), APPROVED, now, entry.kept())
            return self._settle(job, _page_outcome(entry, job, twists), now, entry.kept())

        return self.change(reference, rule)

    def answer_challenge(self, reference: str, *, passed: bool) -> Job:
        """The shopper's answer on the 3-D Secure page; without an open challenge nothing changes."""
        now = self._clock.now()

        def rule(job: Job) -> Job:
            if not job.is_open or job.last_payment.challenge is None:
                return job
            return self._settle(job, APPROVED if passed else THREE_DS_FAILED, now)

        return self.change(reference, rule)

    def pay(self, reference: str, outcome: Outcome = APPROVED) -> Job:
        """Decide the open job's payment as if the shopper had done it."""
        now = self._clock.now()

        def rule(job: Job) -> Job:
            return self._settle(lifecycle.open_attempt(job, now), outcome, now, TEST_CARD)

        return self.change(reference, rule)

    def cancel_by_page(self, reference: str) -> Job:
        now = self._clock.now()
        return self.change(reference, lambda job: lifecycle.cancel_job(job, now) if job.is_open else job)

    def cancel_job(self, reference: str, twists: Sequence[Twist] = ()) -> Job:
        if Twist.PAY_BEFORE_CANCEL in twists and self.job(reference).is_open:
            self.pay(reference)
        now = self._clock.now()
        return self.change(reference, lambda job: lifecycle.cancel_job(job, now))

    def cancel_payment(self, reference: str, payment: str) -> Job:
        now = self._clock.now()
        return self.change(reference, lambda job: lifecycle.cancel_payment(job, payment, now))

    def capture(self, reference: str, payment: str, amount: Callable[[Job], int | None], *, final: bool) -> Capture:
        """``amount`` reads the amount in the job's currency; None takes what is left."""
        now = self._clock.now()
        made: list[Capture] = []

        def rule(job: Job) -> Job:
            changed, capture = lifecycle.capture(
                job, payment, amount(job), now, final=final, partial_allowed=self._settings.partial_capture
            )
            made.append(capture)
            return changed

        self.change(reference, rule)
        return made[-1]

    def refund(
        self,
        reference: str,
        payment: str,
        amount: Callable[[Job], int | None],
        number: str,
        twists: Sequence[Twist] = (),
    ) -> Refund:
        now = self._clock.now()
        made: list[Refund] = []

        def rule(job: Job) -> Job:
            changed, refund = lifecycle.refund(job, payment, amount(job), number, now, **_refund_twists(twists, now))
            made.append(refund)
            return changed

        self.change(reference, rule)
        return made[-1]

    def tokenise(self, card: Card) -> str:
        token = new_token()
        self._ledger.add_token(token, card)
        return token

    def keep_house(self) -> datetime | None:
        """Apply what time alone brings about; returns when that is next needed."""
        for reference in self._ledger.due(self._clock.now()):
            self.job(reference)
        return self._ledger.next_due()

    # Inside

    def _settle(self, job: Job, outcome: Outcome, now: datetime, card: Card | None = None) -> Job:
        job = lifecycle.settle(job, outcome, now, auto_capture=self._settings.auto_capture, card=card)
        payment = job.last_payment
        if outcome.approved and job.has_option("GenerateToken") and payment.card and not payment.token:
            job = lifecycle.with_payment(job, replace(payment, token=self.tokenise(payment.card)), now)
        return job

    def _settled_at_once(self, intake: Intake, now: datetime) -> Job:
        job = intake.job
        if intake.simulated is not None:
            return self._simulated(job, intake.simulated, now)
        if intake.card is not None:
            outcome = outcome_of(intake.card, job.scheme, moto=intake.moto)
            return self._settle(job, outcome, now, intake.card.kept())
        if intake.token is not None:
            card = self._ledger.card_of_token(intake.token)
            if card is None:
                raise bad_request("InvalidToken", "The token is not known.")
            return self._settle(job, APPROVED, now, card)
        if job.parent_reference is not None:
            return self._settle(job, APPROVED, now, self._parent_card(job.parent_reference))
        return job

    def _simulated(self, job: Job, status: Status, now: datetime) -> Job:
        if status is Status.CANCELLED:
            return lifecycle.cancel_job(job, now)
        if status is Status.EXPIRED:
            return lifecycle.expire(replace(job, expires_at=now), now)
        if status in {Status.PAID, Status.RESERVED, Status.VERIFIED}:
            captured = status is not Status.RESERVED
            return lifecycle.settle(job, APPROVED, now, auto_capture=captured, card=TEST_CARD)
        failure = Failure("GenericError", f"Simulated status {status}") if status is not Status.COMMISSIONED else None
        return self._settle(job, Outcome(status, failure), now, TEST_CARD)

    def _parent_card(self, reference: str) -> Card | None:
        """The card of a recurring series. Source: Cashflows developer pages, "Recurring payments"."""
        parent = self._ledger.job(reference)
        if parent is None or not parent.has_option("IsRecurringPaymentJobParent") or parent.money_holder is None:
            raise bad_request("InvalidParentPaymentJob", "The parent payment job is not one that others can follow.")
        return parent.money_holder.card

    def _pay_earlier_job(self, later: Job, now: datetime) -> None:
        for job in self._ledger.jobs(order_number=order_key(later.order_number)):
            if job.expires_at > now and job.is_open:
                self.pay(job.reference)
                return

    def _queue(self, job: Job, payments: Sequence[Payment], now: datetime) -> None:
        for payment in payments:
            notice = notice_of(job, payment, self._settings.webhook_secret, now)
            if notice is not None:
                self._queue_notice(notice, self._scripts.take(Call.WEBHOOK, job.order_number), now)

    def _queue_notice(self, notice: Notice, scripts: Sequence[Script], now: datetime) -> None:
        notice = self._spoilt(notice, scripts)
        due_at, copies, lost = now, 1, False
        for script in scripts:
            if (sending := script.fault.sending) is None:
                continue
            first = not self._outbox.entries(job_reference=notice.job_reference, limit=1)
            if first or not sending.only_first:
                late = sending.late_seconds if script.seconds is None else script.seconds
                due_at += timedelta(seconds=late if sending.late_seconds else 0)
            copies, lost = max(copies, sending.copies), lost or sending.lost
        for _ in range(copies):
            self._outbox.add(notice, due_at, lost=lost)

    def _spoilt(self, notice: Notice, scripts: Sequence[Script]) -> Notice:
        secret = self._settings.webhook_secret
        if any(script.fault.forged_signature for script in scripts):
            secret = f"not {secret}"
        body = notice.document
        for script in scripts:
            if script.fault.edit is not None:
                body = script.fault.edit(body)
        if not scripts:
            return notice
        names = ", ".join(script.fault.name for script in scripts)
        return replace(sealed(notice, body, secret), fault=names)


def _as_of(job: Job, now: datetime) -> Job:
    return lifecycle.settle_refunds(lifecycle.settle_commissioned(lifecycle.expire(job, now), now), now)


def _page_outcome(entry: CardEntry, job: Job, twists: Sequence[Twist]) -> Outcome:
    forced = {Twist.DECLINE: DECLINED, Twist.BLOCK: BLOCKED, Twist.COMMISSION: COMMISSIONED}
    return next((forced[twist] for twist in twists if twist in forced), outcome_of(entry, job.scheme))


def _refund_twists(twists: Sequence[Twist], now: datetime) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if Twist.REFUND_PENDING in twists:
        chosen |= {"status": PartStatus.PENDING}
    if Twist.REFUND_PENDING_THEN_FAILED in twists:
        chosen |= {"status": PartStatus.PENDING, "settles_as": PartStatus.FAILED}
    if Twist.REFUND_FAILED in twists:
        chosen |= {"status": PartStatus.FAILED}
    if Twist.REFUND_HIDDEN in twists:
        chosen |= {"visible_at": now + HIDDEN_FOR}
    return chosen
