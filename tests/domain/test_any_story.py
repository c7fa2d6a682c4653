"""The promise, held against a small model of it that shares no code with the domain, in any order of events.

The gateway's truth moves on as it likes; what is told of it comes late, again, or never. ``make stories`` tells more.
"""

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec import Struct
from msgspec.structs import replace

from backend.domain import deciding
from backend.domain.attempts import StartJob, next_attempt, plan_job
from backend.domain.errors import OperationConflict, OrderConflict, OrderHoldsMoney
from backend.domain.events import (
    Event,
    JobClosed,
    JobOpened,
    OperationSettled,
    OperationSubmitted,
    OperatorLooked,
)
from backend.domain.facts import EvidenceSource, PaymentFact, RefundFact, RefundState
from backend.domain.learning import learn_payment
from backend.domain.ledger import defects, record
from backend.domain.model import Job, Order
from backend.domain.operations import OperationKind, OperationState
from backend.domain.order_status import order_status, totals
from backend.domain.planning import OperationAsk, plan_operation
from backend.domain.references import JobReference, PaymentReference
from backend.domain.statuses import STRENGTH, JobState
from backend.domain.statuses import PaymentStatus as S
from backend.stores.codec import order_from_document, order_from_json, order_to_document, order_to_json
from backend.stores.upgrades import derived_anew

from .builders import NOW, PAGE, fact, placed

STORIES: Final = int(os.environ.get("STORIES", "40"))
STEPS: Final = 40
DUE: Final = 1000
PAID: Final = frozenset({"paid", "partially_refunded", "refunded"})
ENDED: Final = (S.DECLINED, S.FAILED, S.VOIDED)


class Truth(Struct, frozen=True):
    """One payment as the gateway has it at one moment."""

    status: S = S.PENDING
    captured: int = 0
    refunds: tuple[tuple[str | None, int], ...] = ()

    @property
    def refunded(self) -> int:
        return sum(amount for _, amount in self.refunds)


@dataclass
class Told:
    """The model: the most that was told of a payment, and whether it was told to be voided."""

    captured: int = 0
    refunded: int = 0
    is_voided: bool = False


@dataclass
class AtGateway:
    job: int
    moments: list[Truth] = field(default_factory=lambda: [Truth()])

    @property
    def now(self) -> Truth:
        return self.moments[-1]


class AnOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.order = placed(minor=DUE)
        self.at = NOW
        self.gateway: dict[PaymentReference, AtGateway] = {}
        self.told: dict[PaymentReference, Told] = {}
        self.is_cancelled = False

    # --- the shop and its customer ---

    @rule()
    def a_payment_is_started(self) -> None:
        try:
            attempt = next_attempt(self.order, self.at)
        except OrderConflict:
            return
        if isinstance(attempt, StartJob):
            number = attempt.number
            intent, page = timedelta(seconds=20), timedelta(hours=1)
            self.happens(*attempt.events, plan_job(self.order, number, "cashflows", self.at, intent=intent, page=page))
            self.happens(JobOpened(number, JobReference(f"21{number}"), PAGE, (self.pays(number),)))

    @precondition(lambda self: any(job.state is JobState.OPEN for job in self.order.jobs))
    @rule()
    def another_card_is_tried_on_the_open_page(self) -> None:
        self.pays(next(job.number for job in self.order.jobs if job.state is JobState.OPEN))

    @precondition(lambda self: any(job.state is JobState.OPEN for job in self.order.jobs))
    @rule()
    def the_page_ends(self) -> None:
        job = next(job for job in self.order.jobs if job.state is JobState.OPEN)
        self.happens(JobClosed(job.number, "it takes no more"))

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)

    # --- the gateway's truth moves on ---

    @precondition(lambda self: self.gateway)
    @rule(data=st.data(), end=st.sampled_from([S.DECLINED, S.FAILED, S.AUTHORIZED, S.CAPTURED, S.CAPTURED]))
    def a_card_is_answered(self, data: st.DataObject, end: S) -> None:
        payment = self.any_payment(data)
        if payment.now.status is S.PENDING:
            payment.moments.append(Truth(end, DUE if end is S.CAPTURED else 0))

    @precondition(lambda self: self.gateway)
    @rule(data=st.data(), amount=st.integers(1, DUE))
    def it_is_captured_refunded_or_voided_elsewhere(self, data: st.DataObject, amount: int) -> None:
        payment = self.any_payment(data)
        now = payment.now
        match data.draw(st.sampled_from(["capture", "refund", "void"])), now.status:
            case "capture", S.AUTHORIZED:
                payment.moments.append(replace(now, status=S.CAPTURED, captured=amount))
            case "refund", S.CAPTURED if now.refunded + amount <= now.captured:
                payment.moments.append(replace(now, refunds=(*now.refunds, (None, amount))))
            case "void", S.CAPTURED if not now.refunds:
                payment.moments.append(replace(now, status=S.VOIDED))

    # --- what is told of it ---

    @precondition(lambda self: self.gateway)
    @rule(data=st.data())
    def a_look_or_a_webhook_tells(self, data: st.DataObject) -> None:
        """Of any moment there ever was: late, again, in any order."""
        name = data.draw(st.sampled_from(sorted(self.gateway)))
        moment = data.draw(st.sampled_from(self.gateway[name].moments))
        by_webhook = data.draw(st.booleans()) and moment.captured in (0, DUE) and not moment.refunds
        self.learns(name, moment, by_webhook=by_webhook)

    @precondition(lambda self: self.gateway)
    @rule(
        data=st.data(),
        amount=st.sampled_from(["9.99", "10.01", "1000", "1.00"]),
        currency=st.sampled_from(["GBP", "USD"]),
    )
    def a_fact_about_other_money_pays_nothing(self, data: st.DataObject, amount: str, currency: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.gateway)))
        before = totals(self.order).captured_minor
        self.hears(fact(S.CAPTURED, name, amount=amount, currency=currency), self.gateway[name].job)
        assert totals(self.order).captured_minor == before

    @rule()
    def somebody_looks_and_nothing_is_told(self) -> None:
        before = order_status(self.order)
        self.happens(OperatorLooked("anna"))
        assert order_status(self.order) == before

    # --- operators ---

    @rule(
        kind=st.sampled_from(list(OperationKind)),
        amount=st.none() | st.integers(1, DUE + 1),
        end=st.sampled_from(["done", "done", "refused", "unknown", "unknown but done"]),
    )
    def an_operation_is_sent(self, kind: OperationKind, amount: int | None, end: str) -> None:
        asked = OperationAsk(kind, "anna", "as drawn", amount)
        try:
            planned: Any = plan_operation(self.order, asked, lambda *_: frozenset({kind}), approve_above_minor=None)
        except OperationConflict:
            return
        number, name = planned.operation, planned.payment_reference
        self.happens(planned, OperationSubmitted(number))
        carried_out = "done" in end and self.carries_out(kind, name, planned.own_reference, planned.amount_minor)
        if end == "done" and carried_out:
            self.happens(OperationSettled(number, OperationState.SUCCEEDED, None, "the gateway said so"))
        elif end in ("done", "refused"):
            self.happens(OperationSettled(number, OperationState.REJECTED, None, "the gateway said no"))
        else:
            self.happens(OperationSettled(number, OperationState.UNKNOWN, None, "no answer"))

    @rule()
    def the_shop_gives_the_order_up(self) -> None:
        try:
            self.happens(*deciding.cancel(self.order, "anna", "as drawn"))
            self.is_cancelled = True
        except OrderHoldsMoney:
            assert self.kept() > 0 or any(payment.status is S.AUTHORIZED for payment in self.order.payments)

    @rule()
    def the_shop_wants_it_after_all(self) -> None:
        self.happens(*deciding.reinstate(self.order, "anna", "as drawn"))
        self.is_cancelled = False

    # --- what must hold ---

    @invariant()
    def it_is_paid_exactly_when_the_money_that_fits_was_confirmed(self) -> None:
        captured, kept, status = self.captured(), self.kept(), str(order_status(self.order))
        assert totals(self.order)[1:] == (captured, captured - kept)
        if self.is_cancelled and kept:
            assert status == "review"
        elif captured >= DUE:
            assert status == ("paid" if kept >= DUE else "partially_refunded" if kept else "refunded")
        else:
            assert status not in PAID or (status == "refunded" and captured > 0 and kept == 0)

    @invariant()
    def nothing_goes_beyond_the_gateway(self) -> None:
        for payment in self.order.payments:
            assert 0 <= payment.refunded_minor <= payment.captured_minor <= payment.authorized_minor <= DUE
            moments = self.gateway[payment.reference].moments
            assert payment.captured_minor <= max(moment.captured for moment in moments)
            assert payment.refunded_minor <= max(moment.refunded for moment in moments)
        if self.kept() > DUE:
            assert any(item.is_open for item in self.order.attention), "too much is told to a person"

    @invariant()
    def the_history_tells_the_whole_state(self) -> None:
        assert defects(self.order) == []
        assert derived(self.order) == derived(derived_anew(self.order))

    @invariant()
    def what_is_stored_is_what_is_read(self) -> None:
        beside = {"version": self.order.version, "next_check_at": None, "next_notice_at": None}
        order = replace(self.order, next_check_at=None, next_notice_at=None)
        assert order_from_json(order.id, order_to_json(order), **beside) == order  # type: ignore[arg-type]
        assert order_from_document(order.id, order_to_document(order), **beside) == order  # type: ignore[arg-type]

    # --- helpers ---

    def pays(self, job: int) -> PaymentReference:
        name = PaymentReference(f"22{len(self.gateway)}")
        self.gateway[name] = AtGateway(job)
        return name

    def any_payment(self, data: st.DataObject) -> AtGateway:
        return self.gateway[data.draw(st.sampled_from(sorted(self.gateway)))]

    def carries_out(self, kind: OperationKind, name: PaymentReference, number: str, amount: int) -> bool:
        payment = self.gateway[name]
        now = payment.now
        match kind, now.status:
            case OperationKind.CAPTURE, S.AUTHORIZED:
                payment.moments.append(replace(now, status=S.CAPTURED, captured=amount))
            case OperationKind.REFUND, S.CAPTURED if now.refunded + amount <= now.captured:
                payment.moments.append(replace(now, refunds=(*now.refunds, (number, amount))))
            case OperationKind.VOID, S.CAPTURED if not now.refunds:
                payment.moments.append(replace(now, status=S.VOIDED))
            case OperationKind.VOID, S.AUTHORIZED:
                payment.moments.append(Truth(S.CANCELLED))
            case _:
                return False
        return True

    def learns(self, name: PaymentReference, moment: Truth, *, by_webhook: bool) -> None:
        if by_webhook:
            told = fact(moment.status, name, source=EvidenceSource.SIGNED_WEBHOOK)
        else:
            listed = tuple(
                RefundFact(number, f"23{at}", amount, RefundState.COMPLETED)
                for at, (number, amount) in enumerate(moment.refunds)
            )
            told = fact(moment.status, name, captured=moment.captured, refunded=moment.refunded)
            told = replace(told, refunds=listed)
        known = self.told.setdefault(name, Told())
        known.captured = max(known.captured, moment.captured)
        known.refunded = max(known.refunded, 0 if by_webhook else moment.refunded)
        known.is_voided |= moment.status is S.VOIDED
        self.hears(told, self.gateway[name].job)

    def hears(self, told: PaymentFact, number: int) -> None:
        job = self.order.job(number)
        assert isinstance(job, Job)
        self.happens(*learn_payment(self.order, job, told))
        job = self.order.job(number)
        assert isinstance(job, Job)
        again = [each for each in learn_payment(self.order, job, told) if each.kind != "operation_accepted"]
        assert again == [], "what is known already changes nothing"

    def happens(self, *events: Event) -> None:
        before = {payment.reference: payment for payment in self.order.payments}
        self.order = record(self.order, events, at=self.at, operation=f"op-{len(self.order.history)}", actor="test")
        for name, known in before.items():
            now = next(payment for payment in self.order.payments if payment.reference == name)
            assert STRENGTH[now.status] >= STRENGTH[known.status], "nothing is unlearned"
            assert now.captured_minor >= known.captured_minor
            assert now.refunded_minor >= known.refunded_minor

    def captured(self) -> int:
        return sum(told.captured for told in self.told.values() if not told.is_voided)

    def kept(self) -> int:
        return self.captured() - sum(told.refunded for told in self.told.values() if not told.is_voided)


def derived(order: Order) -> object:
    return order_status(order), order.jobs, order.operations, order.misfits, order.attention, order.cancelled_at


@pytest.mark.timeout(36_000)
def test_the_promise_holds_in_any_story_of_an_order() -> None:
    told = settings(
        max_examples=STORIES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck), deadline=None
    )
    run_state_machine_as_test(AnOrder, settings=told)
