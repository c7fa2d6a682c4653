"""Cases for a person: raised while they hold, closed by themselves, and raised once more if they hold again."""

from datetime import timedelta

import pytest

from backend.domain.cases import ACTIONS, outlived, unaccounted, waiting
from backend.domain.deciding import cancel
from backend.domain.events import (
    AttentionRaised,
    AttentionResolved,
    JobClosed,
    JobOpened,
    JobReopened,
    OperationAccepted,
    OperationNotSent,
    OperationPlanned,
    OperationSettled,
    OperationSubmitted,
)
from backend.domain.learning import learn_payment
from backend.domain.model import RULES, AttentionItem, Order
from backend.domain.operations import OperationKind, OperationState
from backend.domain.order_status import order_status
from backend.domain.references import JobReference
from backend.domain.statuses import OrderStatus
from backend.domain.statuses import PaymentStatus as S

from .builders import FIRST, NOW, PAGE, SECOND, after, fact, learn, opened, planned


def refunding() -> Order:
    order = learn(opened(), fact(S.CAPTURED))
    plan = OperationPlanned(1, "TEST-001~r1", OperationKind.REFUND, 1, FIRST, 400, 0, "ann", "wrong size", None, False)
    return after(order, plan)


def only_item(order: Order) -> AttentionItem:
    (item,) = order.attention
    return item


def test_a_case_that_holds_again_is_open_again_since_it_first_held() -> None:
    order = after(planned(opened(), 2), JobOpened(2, JobReference("2"), PAGE, (SECOND,)))
    order = after(order, *learn_payment(order, order.jobs[0], fact(S.CAPTURED)), at=NOW + timedelta(minutes=1))
    assert only_item(order).code == "paid_on_earlier_job"
    closed = after(order, JobClosed(2, "over"), at=NOW + timedelta(minutes=2))
    assert not only_item(closed).is_open
    again = after(closed, JobReopened(2, "its payment was voided"), at=NOW + timedelta(minutes=3))
    assert only_item(again) == only_item(order)


def test_a_payment_that_was_captured_in_part_and_then_cancelled_is_for_a_person() -> None:
    """Nobody knows whether the gateway lets such a part go."""
    order = learn(opened(), fact(S.AUTHORIZED, captured=400), fact(S.CANCELLED, captured=400))
    assert [(item.code, item.is_open) for item in order.attention] == [("void_made_elsewhere", True)]


def test_money_that_is_held_for_a_cancelled_order_is_for_a_person_until_it_is_let_go() -> None:
    order = learn(after(opened(), *cancel(opened(), "ann", "sold out")), fact(S.AUTHORIZED))
    item = only_item(order)
    assert (item.code, item.amount_minor) == ("authorized_after_cancellation", 1000)
    assert (order_status(order), item.code in ACTIONS) == (OrderStatus.REVIEW, True)
    order = learn(order, fact(S.CANCELLED))
    assert (order_status(order), only_item(order).is_open) == (OrderStatus.CANCELLED, False)


def test_two_holds_are_a_case_before_both_are_captured() -> None:
    order = learn(opened(), fact(S.AUTHORIZED), fact(S.AUTHORIZED, SECOND))
    item = only_item(order)
    assert (item.code, item.amount_minor, item.code in ACTIONS) == ("authorized_twice", 1000, True)
    assert only_item(learn(order, fact(S.CAPTURED, captured=1000))).is_open
    assert not only_item(learn(order, fact(S.CANCELLED, SECOND))).is_open


def test_a_hold_that_is_captured_in_parts_is_no_case() -> None:
    assert learn(opened(), fact(S.AUTHORIZED), fact(S.AUTHORIZED, captured=400)).attention == ()


def test_a_payment_that_somebody_else_voided_is_a_case_with_something_to_do() -> None:
    item = only_item(learn(opened(), fact(S.CAPTURED), fact(S.VOIDED)))
    assert item.code == "void_made_elsewhere"
    assert item.code in ACTIONS


@pytest.mark.parametrize(("currency", "at_risk"), [("GBP", 2500), ("EUR", 1000)])
def test_money_in_another_currency_counts_as_what_the_order_is_for(currency: str, at_risk: int) -> None:
    item = only_item(learn(opened(), fact(S.CAPTURED, amount="25.00", currency=currency)))
    assert item.amount_minor == at_risk


def test_a_stronger_word_with_less_money_forgets_none_of_it() -> None:
    first, later = fact(S.CAPTURED, amount="25.00", captured=2500), fact(S.VOIDED, amount="25.00", captured=0)
    for told in ((first, later), (later, first)):
        (misfit,) = learn(opened(), *told).misfits
        assert (misfit.status, misfit.captured_minor) == (S.VOIDED, 2500)


def test_an_operation_that_waits_is_a_case_until_the_gateway_has_answered() -> None:
    order = refunding()
    case = waiting(order.operations[0])
    order = after(order, AttentionRaised(case.code, case.detail, case.amount_minor))
    tried = after(order, OperationSubmitted(1))
    assert only_item(order) == only_item(tried) == only_item(after(tried, OperationNotSent(1, "refused")))
    assert not only_item(after(tried, OperationSettled(1, OperationState.SUCCEEDED, None, "done"))).is_open
    assert not only_item(after(tried, OperationAccepted(1, None))).is_open


@pytest.mark.parametrize(("closed_by", "is_open"), [(RULES, True), ("ann", False)])
def test_a_case_is_raised_again_unless_a_person_closed_it(closed_by: str, is_open: bool) -> None:
    raised = AttentionRaised("status_unknown", f"payment {FIRST} is “ChargedBack” at the gateway", 1000)
    order = after(opened(), raised)
    since = only_item(order).raised_at
    order = after(order, AttentionResolved(raised.code, raised.detail, closed_by, "it is Paid again"))
    assert not only_item(order).is_open
    assert order.needs_attention(raised.code, raised.detail) is not is_open
    again = only_item(after(order, raised, at=NOW + timedelta(days=1)))
    assert (again.is_open, again.raised_at) == (is_open, since)


def test_an_operation_nobody_can_account_for_is_a_case_until_it_is_settled_and_then_no_money_is_at_risk() -> None:
    order = after(refunding(), OperationSubmitted(1), OperationSettled(1, OperationState.UNKNOWN, None, "timeout"))
    assert order.operations[0].settled_at is None
    case = unaccounted(order.operations[0])
    order = after(order, AttentionRaised(case.code, case.detail, case.amount_minor))
    assert (only_item(order).is_open, only_item(order).amount_minor) == (True, 400)
    settled = after(order, OperationSettled(1, OperationState.REJECTED, None, "ann: not in the portal"))
    assert settled.operations[0].settled_at == NOW
    assert (only_item(settled).is_open, only_item(settled).amount_minor) == (False, 0)


def test_what_a_person_closed_has_no_money_at_risk() -> None:
    order = learn(opened(), fact(S.CAPTURED, amount="25.00"))
    item = only_item(order)
    closed = only_item(after(order, AttentionResolved(item.code, item.detail, "ann", "refunded in the portal")))
    assert (closed.is_open, closed.amount_minor, closed.resolution) == (False, 0, "refunded in the portal")


def test_a_job_that_outlived_its_expiry_is_told_with_when_it_should_have_ended() -> None:
    assert outlived(opened().jobs[0]).detail.endswith("should have ended at 2026-03-29 00:59 UTC")
