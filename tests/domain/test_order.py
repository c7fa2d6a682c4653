"""What an order learns, in any order of arrival, and that its history tells the whole of it."""

from datetime import timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace

from backend.domain.events import EvidenceSetAside, JobClosed, JobLost, JobOpened, JobRejected, PaymentObserved
from backend.domain.facts import Evidence, EvidenceSource, JobSnapshot
from backend.domain.history import broken_at, next_entry
from backend.domain.learning import learn_job
from backend.domain.ledger import TellsNoOrder, defects, replay, retold
from backend.domain.model import Order
from backend.domain.order_status import order_status, totals
from backend.domain.references import JobReference, OwnReference
from backend.domain.statuses import JobState, OrderStatus, PaymentStatus

from .builders import FIRST, JOB, NOW, PAGE, SECOND, after, fact, learn, opened, placed, planned

S = PaymentStatus


def test_an_order_is_paid_by_a_confirmed_capture_of_its_amount() -> None:
    order = learn(opened(), fact(S.CAPTURED))
    assert order_status(order) is OrderStatus.PAID
    assert totals(order).captured_minor == 1000
    assert order.attention == ()


@pytest.mark.parametrize("status", [S.PENDING, S.AUTHORIZED, S.DECLINED, S.FAILED, S.EXPIRED, S.CANCELLED, S.VOIDED])
def test_nothing_but_a_capture_makes_an_order_paid(status: PaymentStatus) -> None:
    assert order_status(learn(opened(), fact(status))) is not OrderStatus.PAID


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        ("10.01", "GBP", "overpaid"),
        ("9.99", "GBP", "underpaid"),
        ("1000", "GBP", "overpaid"),
        ("0.10", "GBP", "underpaid"),
        ("10.00", "EUR", "currency_differs"),
        ("ten", "GBP", "amount_differs"),
        ("10.001", "GBP", "amount_differs"),
        ("10.01", None, "overpaid"),
        (None, "EUR", "currency_differs"),
        ("", "GBP", "amount_differs"),
        ("-10.00", "GBP", "amount_differs"),
        ("1e1", "GBP", "amount_differs"),
    ],
)
def test_a_capture_of_another_amount_or_currency_is_set_aside_for_a_person(
    amount: str | None, currency: str | None, code: str
) -> None:
    order = learn(opened(), fact(S.CAPTURED, amount=amount, currency=currency))
    assert order_status(order) is OrderStatus.REVIEW
    assert totals(order).captured_minor == 0
    assert [item.code for item in order.attention] == [code]
    assert order.attention[0].amount_minor > 0
    assert isinstance(order.history[-1].event, EvidenceSetAside)


def test_evidence_set_aside_is_not_set_aside_again() -> None:
    wrong = fact(S.CAPTURED, amount="10.01")
    once = learn(opened(), wrong)
    assert learn(once, wrong) == once


@pytest.mark.parametrize("spelling", ["10", "10.0", "10.00", "10.000", "010.00"])
def test_the_spelling_of_the_amount_does_not_matter(spelling: str) -> None:
    assert order_status(learn(opened(), fact(S.CAPTURED, amount=spelling))) is OrderStatus.PAID


def test_a_repeated_fact_changes_nothing() -> None:
    paid = learn(opened(), fact(S.CAPTURED))
    assert learn(paid, fact(S.CAPTURED), fact(S.PENDING), fact(S.AUTHORIZED)) == paid


def test_a_second_payment_of_the_same_job_may_succeed_after_a_first_was_declined() -> None:
    order = learn(opened(), fact(S.DECLINED))
    assert order_status(order) is OrderStatus.FAILED
    order = learn(order, fact(S.PENDING, SECOND))
    assert order_status(order) is OrderStatus.PENDING
    order = learn(order, fact(S.CAPTURED, SECOND))
    assert order_status(order) is OrderStatus.PAID
    assert [payment.status for payment in order.payments] == [S.DECLINED, S.CAPTURED]
    assert order.attention == ()


SCENARIOS = {
    "declined, then paid": [fact(S.DECLINED), fact(S.PENDING, SECOND), fact(S.CAPTURED, SECOND)],
    "authorized, captured, refunded in part": [
        fact(S.AUTHORIZED),
        fact(S.CAPTURED, captured=1000, refunded=0),
        fact(S.CAPTURED, captured=1000, refunded=300),
    ],
    "paid, then voided in the portal": [fact(S.PENDING), fact(S.CAPTURED), fact(S.VOIDED, captured=1000)],
    "paid twice": [fact(S.CAPTURED), fact(S.CAPTURED, SECOND), fact(S.PENDING)],
    "captured and declined at once": [fact(S.CAPTURED), fact(S.DECLINED)],
    "with another order's amount among them": [fact(S.CAPTURED), fact(S.CAPTURED, SECOND, amount="99.00")],
}


def facts_of(order: Order) -> object:
    """The order but for the times, the history and the sequence in which payments and items became known."""
    payments = {payment.reference: payment for payment in order.payments}
    return payments, {(item.code, item.detail) for item in order.attention}, order_status(order)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_order_of_arrival_ends_in_the_same_state(scenario: str) -> None:
    facts = SCENARIOS[scenario]
    expected = facts_of(learn(opened(), *facts))
    for arrival in permutations(facts * 2 if len(facts) < 3 else facts):
        assert facts_of(learn(opened(), *arrival)) == expected


def test_money_taken_twice_is_raised_to_a_person_and_stays_paid() -> None:
    order = learn(opened(), fact(S.CAPTURED), fact(S.CAPTURED, SECOND))
    assert order_status(order) is OrderStatus.PAID
    assert totals(order).captured_minor == 2000
    assert [item.code for item in order.attention] == ["paid_twice"]


def test_contradicting_evidence_is_kept_and_raised() -> None:
    order = learn(opened(), fact(S.DECLINED), fact(S.CAPTURED))
    assert order.payments[0].statuses == (S.DECLINED, S.CAPTURED)
    assert [item.code for item in order.attention] == ["evidence_contradicts"]


def test_refunds_are_totals() -> None:
    paid = learn(opened(), fact(S.CAPTURED))
    part = learn(paid, fact(S.CAPTURED, captured=1000, refunded=300), fact(S.CAPTURED, captured=1000, refunded=300))
    assert (order_status(part), totals(part).refunded_minor) == (OrderStatus.PARTIALLY_REFUNDED, 300)
    whole = learn(part, fact(S.CAPTURED, captured=1000, refunded=1000))
    assert order_status(whole) is OrderStatus.REFUNDED


@pytest.mark.parametrize(
    ("captured", "refunded", "code"),
    [(1001, 0, "overpaid"), (1000, 1001, "refunded_more_than_captured")],
)
def test_impossible_totals_are_set_aside(captured: int, refunded: int, code: str) -> None:
    order = learn(opened(), fact(S.CAPTURED, captured=captured, refunded=refunded))
    assert (totals(order).captured_minor, [item.code for item in order.attention]) == (0, [code])


def test_a_job_tells_of_all_its_payments_and_whether_it_is_over() -> None:
    order = opened()
    snapshot = JobSnapshot(JOB, order.jobs[0].own_reference, False, (fact(S.DECLINED), fact(S.CAPTURED, SECOND)))
    order = after(order, *learn_job(order, order.jobs[0], snapshot))
    assert order_status(order) is OrderStatus.PAID
    assert order.jobs[0].state is JobState.CLOSED
    assert learn_job(order, order.jobs[0], snapshot) == ()


@pytest.mark.parametrize(("before", "after_it"), [(S.CAPTURED, S.VOIDED), (S.AUTHORIZED, S.CANCELLED)])
def test_an_account_from_before_a_void_closes_no_page_that_can_be_paid_again(before: S, after_it: S) -> None:
    order = learn(opened(), fact(before), fact(after_it))
    job = order.jobs[0]
    stale, fresh = (JobSnapshot(JOB, job.own_reference, False, (fact(status),)) for status in (before, after_it))
    assert learn_job(order, job, stale) == ()
    assert [type(event) for event in learn_job(order, job, fresh)] == [JobClosed]


def test_a_status_that_nobody_knows_is_shown_until_one_comes_that_is_known() -> None:
    order = opened()
    odd = replace(fact(S.PENDING), evidence=Evidence(EvidenceSource.RETRIEVAL, "0" * 64, "Quarantined"))
    snapshot = JobSnapshot(JOB, order.jobs[0].own_reference, True, (odd,), frozenset({FIRST}))
    order = after(order, *learn_job(order, order.jobs[0], snapshot))
    assert order_status(order) is OrderStatus.PENDING
    assert [(item.code, item.detail) for item in order.attention if item.is_open] == [
        ("status_unknown", f"payment {FIRST} is “Quarantined” at the gateway")
    ]
    assert learn_job(order, order.jobs[0], snapshot) == (), "looking again tells nothing new"

    snapshot = JobSnapshot(JOB, order.jobs[0].own_reference, False, (fact(S.CAPTURED),))
    order = after(order, *learn_job(order, order.jobs[0], snapshot))
    assert order_status(order) is OrderStatus.PAID
    assert not [item for item in order.attention if item.is_open]


def test_a_job_of_another_order_number_moves_nothing() -> None:
    order = opened()
    snapshot = JobSnapshot(JOB, OwnReference("OTHER-1"), False, (fact(S.CAPTURED),))
    order = after(order, *learn_job(order, order.jobs[0], snapshot))
    assert order_status(order) is OrderStatus.PENDING
    assert [item.code for item in order.attention] == ["reference_differs"]
    assert learn_job(order, order.jobs[0], snapshot) == ()


def test_a_lost_job_is_recognised_by_what_the_gateway_calls_it() -> None:
    order = after(planned(placed()), JobLost(1, "no answer"))
    snapshot = JobSnapshot(JobReference("77"), OwnReference("TEST-001"), True, (fact(S.PENDING),))
    order = after(order, *learn_job(order, order.jobs[0], snapshot))
    assert (order.jobs[0].job_reference, order.jobs[0].state) == ("77", JobState.ORPHAN)


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (placed(), OrderStatus.PENDING),
        (planned(placed()), OrderStatus.PENDING),
        (after(planned(placed()), JobLost(1, "")), OrderStatus.PENDING),
        (after(planned(placed()), JobRejected(1, "")), OrderStatus.FAILED),
        (opened(), OrderStatus.PENDING),
        (after(opened(), JobClosed(1, "")), OrderStatus.EXPIRED),
        (learn(opened(), fact(S.AUTHORIZED)), OrderStatus.AUTHORIZED),
        (learn(opened(), fact(S.DECLINED)), OrderStatus.FAILED),
        (learn(opened(), fact(S.FAILED)), OrderStatus.FAILED),
        (learn(opened(), fact(S.EXPIRED)), OrderStatus.EXPIRED),
        (learn(opened(), fact(S.CANCELLED)), OrderStatus.CANCELLED),
        (learn(opened(), fact(S.CAPTURED), fact(S.VOIDED, captured=1000)), OrderStatus.CANCELLED),
        (planned(learn(opened(), fact(S.CANCELLED)), 2), OrderStatus.PENDING),
    ],
)
def test_the_status_is_the_word_for_what_is_known(order: Order, status: OrderStatus) -> None:
    assert order_status(order) is status


def test_the_history_tells_the_whole_order() -> None:
    order = learn(opened(), fact(S.DECLINED), fact(S.CAPTURED, SECOND), fact(S.CAPTURED, amount="1.00"))
    assert broken_at(order.history) is None
    assert replay(order.history) == order
    assert [(entry.before, entry.after) for entry in order.history[-3:]] == [
        (OrderStatus.PENDING, OrderStatus.FAILED),
        (OrderStatus.FAILED, OrderStatus.PAID),
        (OrderStatus.PAID, OrderStatus.PAID),
    ]


def test_a_payment_heard_of_before_its_page_was_is_the_same_payment() -> None:
    early = learn(planned(placed()), fact(S.CAPTURED))
    order = after(early, JobOpened(1, JOB, PAGE, (FIRST, SECOND)))
    assert [(payment.reference, payment.captured_minor) for payment in order.payments] == [(FIRST, 1000), (SECOND, 0)]
    assert order_status(order) is OrderStatus.PAID


def test_a_history_that_was_chained_anew_around_another_status_does_not_tell_the_order() -> None:
    order = learn(opened(), fact(S.DECLINED))
    last = order.history[-1]
    forged = next_entry(
        order.history[:-1],
        at=last.at,
        operation=last.operation,
        actor=last.actor,
        event=last.event,
        before=last.before,
        after=OrderStatus.PAID,
    )
    assert defects(replace(order, history=(*order.history[:-1], forged))) == ["history is not what the history tells"]
    assert defects(order) == []


def test_an_empty_history_tells_of_no_order() -> None:
    assert replay(()) is None


def test_every_change_to_a_history_shows() -> None:
    history = learn(opened(), fact(S.CAPTURED)).history
    entry = history[2]
    assert isinstance(history[3].event, PaymentObserved)
    for forged in (
        replace(entry, actor="somebody else"),
        replace(entry, at=NOW + timedelta(microseconds=1)),
        replace(entry, operation="other"),
        replace(entry, after=OrderStatus.PAID),
        replace(entry, event=JobClosed(1, "")),
        replace(entry, digest="0" * 64),
    ):
        assert broken_at((*history[:2], forged, *history[3:])) == 3
    assert broken_at(history[1:]) == 1
    assert broken_at((*history[:2], history[3], history[2])) == 3
    assert FIRST in {payment.reference for payment in learn(opened()).payments}


def test_a_history_that_somebody_wrote_into_may_tell_of_no_order() -> None:
    """Also where whoever did so chained it anew."""
    first = placed().history[0]
    again = next_entry(
        (first,), at=NOW, operation="again", actor="x", event=first.event, before=first.before, after=first.after
    )
    assert broken_at((first, again)) is None
    for history in ((), (first, again)):
        with pytest.raises(TellsNoOrder):
            retold(history)
        (told,) = defects(replace(placed(), history=history))
        assert told.startswith("its history tells of no order")
