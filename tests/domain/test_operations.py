"""Operations: planned within limits, one for each ask, settled by evidence alone."""

from dataclasses import replace

import pytest

from backend.domain.deciding import abandon, approve, resolve_operation
from backend.domain.errors import (
    AmountTooLarge,
    NeedsAnotherPerson,
    NoSuchPayment,
    OperationDiffers,
    OperationInTheWay,
    OperationIsSettled,
    OperationNotAllowed,
    SeveralPayments,
)
from backend.domain.events import OperationSettled, OperationSubmitted
from backend.domain.facts import RefundFact, RefundState
from backend.domain.ledger import defects
from backend.domain.model import Job, Order
from backend.domain.operations import NEXT, OperationKind, OperationState
from backend.domain.order_status import order_status
from backend.domain.planning import OperationAsk, plan_operation, repeated
from backend.domain.references import PaymentReference
from backend.domain.schedule import BACKOFF, UNSEEN_FOR, is_unseen, next_check
from backend.domain.standing import PaymentStanding
from backend.domain.statuses import OrderStatus
from backend.domain.statuses import PaymentStatus as S

from .builders import NOW, SECOND, after, fact, learn, opened

REFUND, CAPTURE, VOID = OperationKind.REFUND, OperationKind.CAPTURE, OperationKind.VOID


def allowed(_: Job, standing: PaymentStanding) -> frozenset[OperationKind]:
    if standing.status is S.AUTHORIZED:
        return frozenset({CAPTURE, VOID})
    return frozenset({REFUND}) if standing.status is S.CAPTURED else frozenset()


def ask(
    kind: OperationKind = REFUND,
    minor: int | None = None,
    *,
    payment_reference: PaymentReference | None = None,
    number: int | None = None,
    idempotency: str | None = None,
) -> OperationAsk:
    return OperationAsk(kind, "ann", "customer asked", minor, payment_reference, number, idempotency)


def planned(order: Order, wanted: OperationAsk, limit: int | None = None) -> Order:
    return after(order, plan_operation(order, wanted, allowed, approve_above_minor=limit))


def sent(order: Order, wanted: OperationAsk) -> Order:
    order = planned(order, wanted)
    return after(order, OperationSubmitted(len(order.operations)))


def paid() -> Order:
    return learn(opened(), fact(S.CAPTURED, captured=1000, refunded=0))


def refund(number: int, minor: int, state: RefundState) -> RefundFact:
    return RefundFact(f"TEST-001~r{number}", f"23{number}", minor, state)


def test_a_refund_without_an_amount_is_of_all_that_is_left() -> None:
    order = planned(planned(paid(), ask(minor=300)), ask())
    assert [operation.amount_minor for operation in order.operations] == [300, 700]
    assert order_status(order) is OrderStatus.PAID, "an intent moves no money"
    with pytest.raises(AmountTooLarge):
        planned(order, ask(minor=1))


@pytest.mark.parametrize("minor", [0, -1, 1001])
def test_an_amount_beyond_what_is_left_is_refused(minor: int) -> None:
    with pytest.raises(AmountTooLarge):
        planned(paid(), ask(minor=minor))


def test_what_the_gateway_does_not_allow_is_refused() -> None:
    with pytest.raises(OperationNotAllowed):
        planned(opened(), ask())
    with pytest.raises(NoSuchPayment):
        planned(paid(), ask(payment_reference=PaymentReference("1")))


def test_of_two_paid_payments_one_must_be_named() -> None:
    order = learn(paid(), fact(S.CAPTURED, SECOND))
    with pytest.raises(SeveralPayments):
        planned(order, ask())
    (operation,) = planned(order, ask(payment_reference=SECOND)).operations
    assert operation.payment_reference == SECOND


def test_a_capture_or_a_void_has_the_payment_for_itself() -> None:
    order = planned(learn(opened(), fact(S.AUTHORIZED)), ask(CAPTURE))
    for kind in (CAPTURE, VOID):
        with pytest.raises(OperationInTheWay):
            planned(order, ask(kind))


def test_the_same_ask_again_is_the_same_operation() -> None:
    order = planned(paid(), ask(minor=300, number=1, idempotency="key"))
    (first,) = order.operations
    assert repeated(order, ask(minor=300, number=1)) is first
    assert repeated(order, ask(minor=300, idempotency="key")) is first
    assert repeated(order, ask(minor=300, number=2)) is None
    with pytest.raises(OperationDiffers):
        repeated(order, ask(minor=400, number=1))
    with pytest.raises(OperationDiffers):
        planned(order, ask(minor=300, number=3))


def test_a_large_refund_waits_for_a_second_person() -> None:
    order = planned(paid(), ask(minor=501), limit=500)
    assert not order.operations[0].may_be_sent
    with pytest.raises(NeedsAnotherPerson):
        approve(order, 1, "ann")
    order = after(order, *approve(order, 1, "bob"))
    assert order.operations[0].may_be_sent
    assert approve(order, 1, "bob") == ()
    assert planned(paid(), ask(minor=500), limit=500).operations[0].may_be_sent


def test_permission_to_send_is_given_once() -> None:
    order = sent(paid(), ask())
    with pytest.raises(AssertionError):
        after(order, OperationSubmitted(1))
    with pytest.raises(OperationIsSettled):
        abandon(order, 1, "ann", "changed my mind")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RefundState.COMPLETED, OperationState.SUCCEEDED),
        (RefundState.FAILED, OperationState.REJECTED),
        (RefundState.PENDING, OperationState.SUBMITTING),
    ],
)
def test_a_refund_is_settled_by_its_own_number(state: RefundState, expected: OperationState) -> None:
    done = 300 if state is RefundState.COMPLETED else 0
    told = replace(fact(S.CAPTURED, captured=1000, refunded=done), refunds=(refund(1, 300, state),))
    order = learn(sent(paid(), ask(minor=300)), told)
    (operation,) = order.operations
    assert (operation.state, operation.gateway_reference) == (expected, "231")
    assert (operation.accepted_at is not None) is (state is RefundState.PENDING)
    assert learn(order, told) == order
    assert defects(order) == []
    assert order.attention == ()


def test_silence_of_the_gateway_settles_nothing() -> None:
    order = learn(sent(paid(), ask(minor=300)), fact(S.CAPTURED, captured=1000, refunded=0))
    assert order.operations[0].state is OperationState.SUBMITTING


def test_a_capture_is_settled_by_the_captured_total() -> None:
    order = sent(learn(opened(), fact(S.AUTHORIZED)), ask(CAPTURE))
    assert learn(order, fact(S.AUTHORIZED)).operations[0].state is OperationState.SUBMITTING
    done = learn(order, fact(S.CAPTURED, captured=1000))
    assert (done.operations[0].state, order_status(done)) == (OperationState.SUCCEEDED, OrderStatus.PAID)
    gone = learn(order, fact(S.CANCELLED, captured=0))
    assert gone.operations[0].state is OperationState.REJECTED


def test_a_refund_that_nobody_here_asked_for_is_raised() -> None:
    foreign = replace(refund(9, 200, RefundState.COMPLETED), own_reference="portal")
    order = learn(paid(), replace(fact(S.CAPTURED, captured=1000, refunded=200), refunds=(foreign,)))
    assert order_status(order) is OrderStatus.PARTIALLY_REFUNDED
    assert [item.code for item in order.attention] == ["refund_made_elsewhere"]


def test_giving_back_the_second_payment_closes_the_case_and_leaves_the_order_paid() -> None:
    order = learn(paid(), fact(S.CAPTURED, SECOND, captured=1000))
    (item,) = order.attention
    assert (item.code, item.amount_minor) == ("paid_twice", 1000)
    order = sent(order, ask(payment_reference=SECOND))
    told = fact(S.CAPTURED, SECOND, captured=1000, refunded=1000)
    order = learn(order, replace(told, refunds=(refund(1, 1000, RefundState.COMPLETED),)))
    assert order_status(order) is OrderStatus.PAID
    assert [(item.code, item.is_open) for item in order.attention] == [("paid_twice", False)]


def test_money_that_does_not_fit_can_be_given_back() -> None:
    order = learn(opened(), fact(S.CAPTURED, amount="20.00", captured=2000))
    assert order_status(order) is OrderStatus.REVIEW
    order = sent(order, ask())
    assert order.operations[0].amount_minor == 2000
    told = fact(S.CAPTURED, amount="20.00", captured=2000, refunded=2000)
    order = learn(order, replace(told, refunds=(refund(1, 2000, RefundState.COMPLETED),)))
    assert order.operations[0].state is OperationState.SUCCEEDED
    assert not any(item.is_open for item in order.attention)
    assert order_status(order) is not OrderStatus.PAID


def test_a_person_may_settle_only_what_is_unknown() -> None:
    order = sent(paid(), ask())
    with pytest.raises(OperationIsSettled):
        resolve_operation(order, 1, carried_out=False, by="ann", evidence="the portal shows none")


def test_no_state_that_is_final_leads_anywhere() -> None:
    final = {OperationState.SUCCEEDED, OperationState.REJECTED, OperationState.ABANDONED}
    assert {state for state, following in NEXT.items() if not following} == final


def done(order: Order, wanted: OperationAsk) -> Order:
    order = sent(order, wanted)
    return after(order, OperationSettled(len(order.operations), OperationState.SUCCEEDED, None, "the gateway answered"))


SHOWN = {
    REFUND: [fact(S.CAPTURED, captured=1000, refunded=300)],
    CAPTURE: [fact(S.CAPTURED, captured=1000, refunded=0), fact(S.CANCELLED), fact(S.VOIDED)],
    VOID: [fact(S.CANCELLED), fact(S.VOIDED)],
}


@pytest.mark.parametrize("kind", SHOWN)
def test_what_was_done_is_looked_for_until_the_payment_shows_it(kind: OperationKind) -> None:
    before = paid() if kind is REFUND else learn(opened(), fact(S.AUTHORIZED))
    order = done(before, ask(kind, 300 if kind is REFUND else None))
    operation = order.operations[0]
    assert is_unseen(order, operation, NOW)
    assert next_check(order, NOW) == NOW + BACKOFF[0]
    assert not any(is_unseen(learn(order, shown), operation, NOW) for shown in SHOWN[kind])
    assert not is_unseen(before, operation, NOW + UNSEEN_FOR), "by then it is for the later looks"


def test_of_two_refunds_neither_is_seen_until_both_are() -> None:
    order = done(done(paid(), ask(minor=300)), ask(minor=400))
    one = learn(order, fact(S.CAPTURED, captured=1000, refunded=400))
    both = learn(order, fact(S.CAPTURED, captured=1000, refunded=700))
    assert [is_unseen(one, operation, NOW) for operation in one.operations] == [True, True]
    assert [is_unseen(both, operation, NOW) for operation in both.operations] == [False, False]


def test_an_operation_that_was_not_done_is_not_looked_for() -> None:
    order = sent(paid(), ask(minor=300))
    rejected = after(order, OperationSettled(1, OperationState.REJECTED, None, "no"))
    assert not is_unseen(order, order.operations[0], NOW)
    assert not is_unseen(rejected, rejected.operations[0], NOW)
