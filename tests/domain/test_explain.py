from datetime import timedelta

import pytest
from msgspec.structs import replace

from backend.domain.events import (
    AttentionRaised,
    OperationApproved,
    OperationPlanned,
    OperationSettled,
    OperationSubmitted,
    OrderCancelled,
)
from backend.domain.explain import explain
from backend.domain.model import Order
from backend.domain.offers import Offer
from backend.domain.operations import OperationKind, OperationState
from backend.domain.statuses import PaymentStatus

from .builders import FIRST, NOW, after, fact, learn, opened, placed


def paid() -> Order:
    return learn(opened(), fact(PaymentStatus.CAPTURED))


def refunding(order: Order, *, needs_approval: bool = False) -> Order:
    return after(
        order,
        OperationPlanned(
            1, "TEST-001~r1", OperationKind.REFUND, 1, FIRST, 400, 0, "ann", "wrong size", None, needs_approval
        ),
    )


def test_a_new_order_waits_for_its_customer() -> None:
    told = explain(placed(), NOW, [])
    assert told.known == ("Order TEST-001 for 10.00 GBP, placed 2026-03-28 23:59:59 UTC, is pending.",)
    assert told.awaited == (
        "Awaited: the customer starts the payment.",
        "The gateway is not asked again by itself.",
    )


def test_a_payment_is_told_with_its_evidence() -> None:
    told = explain(paid(), NOW, [Offer(OperationKind.REFUND, FIRST, 1000)])
    assert told.known[2] == (
        f"Payment {FIRST} is captured, with 10.00 GBP authorized, 10.00 GBP captured; known from the "
        "gateway's answer to our question at 2026-03-28 23:59:59 UTC, which says “captured”."
    )
    assert told.may_do == (f"Possible now: refund up to 10.00 GBP of payment {FIRST}.",)


def test_an_unheard_payment_and_an_open_page_are_told() -> None:
    known = explain(opened(), NOW, []).known
    assert known[1].startswith("Payment job 1 (cashflows's 2102")
    assert known[1].endswith("has an open page.")
    assert known[2].endswith("nothing has been heard of it yet.")


def test_a_refund_that_nobody_can_account_for_is_told_with_who_asked_and_what_to_do() -> None:
    order = after(
        refunding(paid()),
        OperationSubmitted(1),
        OperationSettled(1, OperationState.UNKNOWN, None, "no clear answer: timeout"),
        AttentionRaised(
            "operation_unknown",
            f"nobody knows whether refund TEST-001~r1 of payment {FIRST} was carried out",
            400,
        ),
    )
    told = explain(order, NOW, [])
    assert told.known[-1] == (
        f"Refund 1 of 4.00 GBP of payment {FIRST} was sent, and nobody knows yet whether it was carried out; it is "
        "never sent again (no clear answer: timeout); asked for by ann at 2026-03-28 23:59:59 UTC: wrong size"
    )
    (item,) = told.needs_a_person
    assert "4.00 GBP is at risk. What to do: look it up in the gateway's portal" in item


def test_who_must_approve_and_who_cancelled_is_told() -> None:
    told = explain(refunding(paid(), needs_approval=True), NOW + timedelta(hours=1), [])
    assert "Awaited: somebody other than ann approves refund 1." in told.sentences
    cancelled = explain(after(opened(), OrderCancelled("bob", "sold out")), NOW, [])
    assert "It was cancelled by bob at 2026-03-28 23:59:59 UTC: sold out" in cancelled.sentences


def test_the_approval_of_what_needs_none_or_was_given_up_is_not_awaited() -> None:
    approving = refunding(paid(), needs_approval=True)
    given_up = after(approving, OperationSettled(1, OperationState.ABANDONED, None, "ann: too late"))
    for order in (refunding(paid()), given_up, after(approving, OperationApproved(1, "bob"))):
        assert not any("approves" in sentence for sentence in explain(order, NOW, []).sentences)


@pytest.mark.parametrize(("ahead", "delay"), [(0, 0), (2, 2), (-2, 0)])
def test_how_long_the_gateway_took_to_tell_is_told(ahead: int, delay: int) -> None:
    told = replace(fact(PaymentStatus.CAPTURED), taken_at=NOW - timedelta(seconds=ahead))
    sentences = explain(learn(opened(), told), NOW, []).sentences
    assert any(sentence.endswith(f"that was known here {delay} s later.") for sentence in sentences)
    quiet = replace(fact(PaymentStatus.DECLINED), taken_at=NOW)
    assert not any("known here" in sentence for sentence in explain(learn(opened(), quiet), NOW, []).sentences)
