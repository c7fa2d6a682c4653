"""Operations: planned within limits, one for each ask, settled by evidence alone."""

import pytest
from msgspec.structs import replace

from backend.domain.cases import unaccounted
from backend.domain.deciding import abandon, approve, cancel, reinstate, resolve_attention, resolve_operation
from backend.domain.errors import (
    AmountTooLarge,
    NeedsAnotherPerson,
    NoSuchPayment,
    OperationDiffers,
    OperationInTheWay,
    OperationIsSettled,
    OperationNotAllowed,
    OrderHoldsMoney,
    SeveralPayments,
)
from backend.domain.events import OperationSettled, OperationSubmitted
from backend.domain.facts import PaymentFact, RefundFact, RefundState
from backend.domain.ledger import defects
from backend.domain.model import Job, Order
from backend.domain.offers import left_minor, targets
from backend.domain.operations import NEXT, OperationKind, OperationState
from backend.domain.order_status import order_status
from backend.domain.planning import OperationAsk, plan_operation, repeated
from backend.domain.references import PaymentReference
from backend.domain.schedule import BACKOFF, UNACCOUNTED_AFTER, UNSEEN_FOR, is_unaccounted, is_unseen, next_check
from backend.domain.standing import PaymentStanding
from backend.domain.statuses import OrderStatus
from backend.domain.statuses import PaymentStatus as S

from .builders import FIRST, NOW, SECOND, after, fact, learn, opened

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


def test_a_capture_of_part_leaves_the_rest_and_counts_what_was_captured_before() -> None:
    order = done(learn(opened(), fact(S.AUTHORIZED)), ask(CAPTURE, 300))
    order = learn(order, fact(S.AUTHORIZED, captured=300))
    assert order_status(order) is OrderStatus.PARTIALLY_CAPTURED
    order = planned(order, ask(CAPTURE, 200))
    assert (order.operations[1].before_minor, order.operations[1].amount_minor) == (300, 200)
    (target,) = targets(order)
    assert left_minor(order, CAPTURE, target) == 500, "what is captured, and what is spoken for, is not left"


def test_what_is_left_to_refund_is_without_what_was_given_back_and_is_being_given_back() -> None:
    order = planned(done(paid(), ask(minor=300)), ask(minor=200))
    (target,) = targets(order)
    assert left_minor(order, REFUND, target) == 500
    shown = learn(order, fact(S.CAPTURED, captured=1000, refunded=300))
    assert left_minor(shown, REFUND, targets(shown)[0]) == 500, "seen or not, it is the same 300"


def test_a_gateway_is_asked_what_its_own_job_and_payment_allow() -> None:
    def of_its_job(job: Job, standing: PaymentStanding) -> frozenset[OperationKind]:
        assert (job.number, standing.captured_at) == (1, NOW)
        return frozenset({REFUND})

    order = paid()
    plan_operation(order, ask(), of_its_job, approve_above_minor=None)
    with pytest.raises(OperationNotAllowed, match="does not allow a void now; it allows refund"):
        plan_operation(order, ask(VOID), of_its_job, approve_above_minor=None)


@pytest.mark.parametrize(
    ("captured_here", "told", "status"),
    [
        (300, fact(S.CAPTURED, captured=300), OrderStatus.PARTIALLY_CAPTURED),
        (299, fact(S.CAPTURED, captured=300), OrderStatus.REVIEW),
        (None, fact(S.CAPTURED, captured=300), OrderStatus.REVIEW),
        (None, fact(S.AUTHORIZED, captured=300), OrderStatus.PARTIALLY_CAPTURED),
        (300, fact(S.CAPTURED, captured=300, refunded=300), OrderStatus.REFUNDED),
        (300, fact(S.CAPTURED, captured=300, refunded=100), OrderStatus.PARTIALLY_CAPTURED),
    ],
)
def test_a_part_is_what_was_wanted_only_where_it_was_asked_for_here(
    captured_here: int | None, told: PaymentFact, status: OrderStatus
) -> None:
    order = learn(opened(), fact(S.AUTHORIZED))
    if captured_here is not None:
        order = done(order, ask(CAPTURE, captured_here))
    assert order_status(learn(order, told)) is status


def test_a_capture_that_was_refused_does_not_count_as_asked_for() -> None:
    order = sent(learn(opened(), fact(S.AUTHORIZED)), ask(CAPTURE, 300))
    refused = after(order, OperationSettled(1, OperationState.REJECTED, None, "the gateway refused"))
    assert order_status(learn(refused, fact(S.CAPTURED, captured=300))) is OrderStatus.REVIEW


def test_asks_without_a_key_are_no_repeats_of_one_another() -> None:
    order = planned(paid(), ask(minor=300, number=1))
    assert repeated(order, ask(minor=300)) is None
    assert repeated(order, ask(minor=300, idempotency="key")) is None


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


def test_only_what_waits_for_a_second_person_can_be_approved() -> None:
    plain = planned(paid(), ask(minor=300))
    with pytest.raises(OperationIsSettled, match="1"):
        approve(plain, 1, "bob")
    waiting = planned(paid(), ask(minor=501), limit=500)
    approved = after(waiting, *approve(waiting, 1, "bob"))
    given_up = after(waiting, *abandon(waiting, 1, "ann", "changed my mind"))
    for order in (approved, given_up):
        with pytest.raises(OperationIsSettled):
            approve(order, 1, "carol")


def test_what_is_given_up_says_who_and_why() -> None:
    order = planned(paid(), ask(minor=300))
    (operation,) = after(order, *abandon(order, 1, "ann", "changed my mind")).operations
    assert (operation.state, operation.outcome) == (OperationState.ABANDONED, "ann: changed my mind")


@pytest.mark.parametrize(("carried_out", "state"), [(True, OperationState.SUCCEEDED), (False, OperationState.REJECTED)])
def test_a_persons_word_settles_what_is_unknown(carried_out: bool, state: OperationState) -> None:
    order = after(sent(paid(), ask(minor=300)), OperationSettled(1, OperationState.UNKNOWN, None, "no answer"))
    settled = after(order, *resolve_operation(order, 1, carried_out=carried_out, by="ann", evidence="seen there"))
    assert (settled.operations[0].state, settled.operations[0].outcome) == (state, "ann: seen there")


def test_what_nobody_can_account_for_is_money_at_risk() -> None:
    (operation,) = sent(paid(), ask(minor=300)).operations
    assert unaccounted(operation).amount_minor == 300


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


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RefundState.COMPLETED, OperationState.SUCCEEDED),
        (RefundState.FAILED, OperationState.REJECTED),
        (RefundState.PENDING, OperationState.UNKNOWN),
    ],
)
def test_a_refund_that_waits_here_and_is_listed_there_is_not_sent(state: RefundState, expected: OperationState) -> None:
    """As after a backup was put back that is older than the sending."""
    told = replace(fact(S.CAPTURED, captured=1000, refunded=0), refunds=(refund(1, 300, state),))
    order = learn(planned(paid(), ask(minor=300), limit=100), told)
    (operation,) = order.operations
    assert (operation.state, operation.may_be_sent) == (expected, False)
    assert learn(order, told) == order
    assert defects(order) == []
    late = NOW + UNACCOUNTED_AFTER
    assert is_unaccounted(operation, late) is (expected is OperationState.UNKNOWN)


def test_a_capture_that_waits_here_and_was_made_there_is_not_sent() -> None:
    order = planned(learn(opened(), fact(S.AUTHORIZED)), ask(CAPTURE, 400))
    assert learn(order, fact(S.AUTHORIZED, captured=399)).operations[0].may_be_sent
    assert learn(order, fact(S.AUTHORIZED, captured=400)).operations[0].state is OperationState.SUCCEEDED
    assert learn(order, fact(S.CANCELLED, captured=0)).operations[0].state is OperationState.PLANNED


@pytest.mark.parametrize("state", [OperationState.PLANNED, OperationState.SUBMITTING])
def test_a_refund_of_the_same_name_and_another_amount_is_another_one(state: OperationState) -> None:
    order = (planned if state is OperationState.PLANNED else sent)(paid(), ask(minor=200))
    told = replace(fact(S.CAPTURED, captured=1000, refunded=300), refunds=(refund(1, 300, RefundState.COMPLETED),))
    order = learn(order, told)
    assert (order.operations[0].state, [item.code for item in order.attention]) == (state, ["refund_made_elsewhere"])


def test_silence_of_the_gateway_settles_nothing() -> None:
    order = learn(sent(paid(), ask(minor=300)), fact(S.CAPTURED, captured=1000, refunded=0))
    assert order.operations[0].state is OperationState.SUBMITTING


@pytest.mark.parametrize(("refunded", "state"), [(300, OperationState.SUCCEEDED), (299, OperationState.SUBMITTING)])
def test_where_refunds_have_no_names_the_total_tells(refunded: int, state: OperationState) -> None:
    order = learn(sent(paid(), ask(minor=300)), fact(S.CAPTURED, captured=1000, refunded=refunded))
    assert order.operations[0].state is state


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


def test_of_two_payments_that_do_not_fit_each_keeps_its_own_account() -> None:
    order = learn(opened(), fact(S.CAPTURED, amount="20.00", captured=2000), fact(S.CAPTURED, SECOND, amount="30.00"))
    order = learn(order, fact(S.CAPTURED, SECOND, amount="30.00", captured=3000, refunded=100))
    accounts = [(misfit.payment_reference, misfit.captured_minor, misfit.refunded_minor) for misfit in order.misfits]
    assert accounts == [(FIRST, 2000, 0), (SECOND, 3000, 100)]
    assert [item.amount_minor for item in order.attention] == [2000, 2900]
    assert all("payment" in misfit.detail or "order" in misfit.detail for misfit in order.misfits)


def test_a_payment_that_does_not_fit_and_took_nothing_has_nothing_to_give_back() -> None:
    order = learn(opened(), fact(S.DECLINED, amount="20.00"))
    assert [(misfit.code, misfit.captured_minor) for misfit in order.misfits] == [("amount_differs", 0)]


def test_a_case_that_a_person_closed_is_not_raised_again_and_says_on_what_evidence() -> None:
    order = learn(paid(), fact(S.CAPTURED, SECOND, captured=1000))
    order = after(order, *resolve_attention(order, "paid_twice", None, by="ann", evidence="they wanted two"))
    order = learn(order, fact(S.CAPTURED, captured=1000, refunded=0), fact(S.CAPTURED, SECOND, refunded=10))
    closed = [item for item in order.attention if item.code == "paid_twice"]
    assert [(item.is_open, item.resolved_by, item.resolution) for item in closed] == [(False, "ann", "they wanted two")]


def test_too_little_that_was_all_given_back_is_no_case_any_more() -> None:
    order = learn(opened(), fact(S.CAPTURED, captured=300))
    assert [(item.code, item.is_open) for item in order.attention] == [("underpaid", True)]
    order = learn(done(order, ask(minor=300)), fact(S.CAPTURED, captured=300, refunded=300))
    assert [(item.code, item.is_open) for item in order.attention] == [("underpaid", False)]


def test_what_is_paid_for_a_cancelled_order_is_for_a_person_until_it_is_wanted_again() -> None:
    order = after(opened(), *cancel(opened(), "ann", "out of stock"))
    assert order_status(order) is OrderStatus.CANCELLED
    order = learn(order, fact(S.CAPTURED, captured=1000))
    (item,) = order.attention
    assert (item.code, item.amount_minor, order_status(order)) == ("paid_after_cancellation", 1000, OrderStatus.REVIEW)
    with pytest.raises(OrderHoldsMoney):
        cancel(order, "ann", "again")
    wanted = after(order, *reinstate(order, "ann", "found some"))
    assert (wanted.cancelled_at, order_status(wanted), wanted.attention[0].is_open) == (None, OrderStatus.PAID, False)


def test_a_refund_asked_for_of_another_payment_explains_none_of_this_one() -> None:
    order = done(learn(paid(), fact(S.CAPTURED, SECOND)), ask(minor=300, payment_reference=SECOND))
    order = learn(order, fact(S.CAPTURED, captured=1000, refunded=300))
    found = {(item.code, item.detail) for item in order.attention if item.code == "refund_made_elsewhere"}
    assert found == {("refund_made_elsewhere", f"payment {FIRST} was refunded by somebody else")}


def test_cases_name_the_payments_and_the_amounts() -> None:
    twice = learn(paid(), fact(S.CAPTURED, SECOND))
    assert twice.attention[0].detail == f"payments {' and '.join(sorted((FIRST, SECOND)))} both took money"
    little = learn(opened(), fact(S.CAPTURED, captured=300))
    assert little.attention[0].detail == f"payment {FIRST} took 3.00 GBP, the order is for 10.00 GBP"
    assert not learn(done(learn(opened(), fact(S.AUTHORIZED)), ask(CAPTURE, 300)), fact(S.AUTHORIZED)).attention


def test_a_payment_that_took_nothing_was_never_captured() -> None:
    order = learn(opened(), fact(S.DECLINED), fact(S.CAPTURED, SECOND))
    assert [payment.captured_at for payment in order.payments] == [None, NOW]


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
    assert not is_unseen(order, operation, NOW + UNSEEN_FOR), "by then it is for the later looks"


def test_of_two_refunds_neither_is_seen_until_both_are() -> None:
    order = done(done(paid(), ask(minor=300)), ask(minor=400))
    one = learn(order, fact(S.CAPTURED, captured=1000, refunded=400))
    both = learn(order, fact(S.CAPTURED, captured=1000, refunded=700))
    assert [is_unseen(one, operation, NOW) for operation in one.operations] == [True, True]
    assert [is_unseen(both, operation, NOW) for operation in both.operations] == [False, False]


def test_one_penny_given_back_is_looked_for_as_well() -> None:
    order = done(paid(), ask(minor=1))
    assert is_unseen(order, order.operations[0], NOW)


def test_what_was_given_back_of_a_payment_that_does_not_fit_is_seen_on_it_alone() -> None:
    misfit = fact(S.CAPTURED, SECOND, amount="20.00", captured=2000)
    order = done(learn(opened(), misfit), ask())
    order = learn(order, fact(S.CAPTURED, PaymentReference("3"), amount="30.00", captured=3000, refunded=3000))
    assert is_unseen(order, order.operations[0], NOW)
    seen = learn(order, replace(misfit, refunded_minor=2000))
    assert not is_unseen(seen, seen.operations[0], NOW)


def test_an_operation_that_was_not_done_is_not_looked_for() -> None:
    order = sent(paid(), ask(minor=300))
    rejected = after(order, OperationSettled(1, OperationState.REJECTED, None, "no"))
    assert not is_unseen(order, order.operations[0], NOW)
    assert not is_unseen(rejected, rejected.operations[0], NOW)
