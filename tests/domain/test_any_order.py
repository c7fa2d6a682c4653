"""Whatever arrives in whatever order, late and again: the order ends in the same state.

A gateway's own life of a payment is drawn first (it only ever moves on); what we are told of it is any part of that, by
webhooks that tell a status and by looks that tell totals, in any order.
"""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backend.domain.events import OperationSubmitted
from backend.domain.facts import EvidenceSource, PaymentFact, RefundFact, RefundState
from backend.domain.ledger import defects
from backend.domain.model import Order
from backend.domain.operations import OperationKind
from backend.domain.order_status import order_status
from backend.domain.planning import OperationAsk, plan_operation
from backend.domain.references import PaymentReference
from backend.domain.statuses import PaymentStatus as S

from .builders import FIRST, SECOND, after, fact, learn, opened

DUE = 1000
WEBHOOK, LOOK = EvidenceSource.SIGNED_WEBHOOK, EvidenceSource.RETRIEVAL


@st.composite
def lives(draw: st.DrawFn, payment: PaymentReference) -> list[PaymentFact]:
    """What a gateway could say of one payment over its life, by both ways of saying it."""
    moments: list[tuple[S, int, int]] = [(S.PENDING, 0, 0)]
    end = draw(st.sampled_from(["declined", "voided", "captured", "captured in parts", "open"]))
    if end == "declined":
        moments.append((draw(st.sampled_from([S.DECLINED, S.FAILED])), 0, 0))
    elif end != "open":
        moments.append((S.AUTHORIZED, 0, 0))
        if end == "voided":
            moments.append((draw(st.sampled_from([S.VOIDED, S.CANCELLED])), 0, 0))
        else:
            part = draw(st.integers(1, DUE)) if end == "captured in parts" else DUE
            captured = [part, draw(st.integers(part, DUE))]
            refunds = sorted(draw(st.lists(st.integers(0, captured[-1]), max_size=3)))
            moments += [(S.CAPTURED, total, 0) for total in captured]
            moments += [(S.CAPTURED, captured[-1], total) for total in refunds]
            if draw(st.booleans()):
                moments.append((S.VOIDED, captured[-1], captured[-1]))
    told = []
    for status, captured_minor, refunded_minor in moments:
        told.append(fact(status, payment, captured=captured_minor, refunded=refunded_minor, source=LOOK))
        if status is not S.CAPTURED or captured_minor == DUE:
            told.append(fact(status, payment, source=WEBHOOK))  # it tells no amount: it is of all that was asked
        if status is S.CAPTURED and captured_minor == DUE:
            told.append(fact(status, payment, refunded=refunded_minor, source=LOOK))
    return told


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[PaymentFact], list[PaymentFact]]:
    """A part of what can be told of one or two payments, and the same again in another order, with repeats."""
    told = draw(lives(FIRST)) + (draw(lives(SECOND)) if draw(st.booleans()) else [])
    some = draw(st.lists(st.sampled_from(told), min_size=1, max_size=8))
    again = draw(st.lists(st.sampled_from(some), max_size=3))
    return some, draw(st.permutations(some + again))


def state(order: Order) -> object:
    """All that matters of an order: not the times, the history, and in what sequence things became known."""
    payments = {
        payment.reference: replace(payment, captured_at=None, taken_at=None)
        for job in order.jobs
        for payment in job.payments
    }
    cases = {(item.code, item.detail, item.amount_minor) for item in order.attention if item.is_open}
    operations = [(each.number, each.state, each.gateway_reference) for each in order.operations]
    misfits = {(each.payment_reference, each.status, each.kept_minor) for each in order.misfits}
    return order_status(order), payments, cases, operations, misfits


@settings(max_examples=150, deadline=None)
@given(arrivals())
def test_facts_in_any_order_end_in_the_same_state(told: tuple[list[PaymentFact], list[PaymentFact]]) -> None:
    some, shuffled = told
    one, other = learn(opened(), *some), learn(opened(), *shuffled)
    assert state(one) == state(other)
    assert defects(one) == defects(other) == []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_operations_on_the_wire_are_settled_alike_by_facts_in_any_order(data: st.DataObject) -> None:
    """Two refunds of ours, sent, and how the gateway lists them, perhaps with one that was made in its portal."""
    order = learn(opened(), fact(S.CAPTURED, captured=DUE, refunded=0))
    for minor in (300, 200):
        order = sent(order, OperationKind.REFUND, minor)
    ends = [data.draw(st.sampled_from(list(RefundState))) for _ in range(2)]
    elsewhere = data.draw(st.booleans())
    looks = [account(ends[:1], elsewhere=False), account(ends, elsewhere=False), account(ends, elsewhere=elsewhere)]
    looks.append(fact(S.CAPTURED, source=WEBHOOK))
    shuffled = data.draw(st.permutations(looks + data.draw(st.lists(st.sampled_from(looks), max_size=2))))
    assert state(learn(order, *shuffled)) == state(learn(order, *looks))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_capture_or_void_on_the_wire_is_settled_alike_by_facts_in_any_order(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([OperationKind.CAPTURE, OperationKind.VOID]))
    reserved = sent(learn(opened(), fact(S.AUTHORIZED, captured=0)), kind, None)
    looks = [fact(S.PENDING), fact(S.AUTHORIZED, captured=0), fact(S.AUTHORIZED, source=WEBHOOK)]
    if kind is OperationKind.CAPTURE:
        looks += [fact(S.CAPTURED, captured=DUE, refunded=0), fact(S.CAPTURED, captured=DUE, refunded=100)]
    else:
        looks += [fact(S.VOIDED, captured=0), fact(S.VOIDED, source=WEBHOOK)]
    shuffled = data.draw(st.permutations(looks))
    assert state(learn(reserved, *shuffled)) == state(learn(reserved, *looks))
    assert learn(reserved, *shuffled).operations[0].state == "succeeded"


def account(ends: Sequence[RefundState], *, elsewhere: bool) -> PaymentFact:
    """How the gateway lists our refunds, and perhaps one that somebody made in its portal."""
    amounts = (300, 200)
    listed = [RefundFact(f"TEST-001~r{n}", f"23{n}", amounts[n - 1], end) for n, end in enumerate(ends, start=1)]
    if elsewhere:
        listed.append(RefundFact(None, "239", 50, RefundState.COMPLETED))
    refunded = sum(each.amount_minor for each in listed if each.state is RefundState.COMPLETED)
    return replace(fact(S.CAPTURED, captured=DUE, refunded=refunded), refunds=tuple(listed))


def sent(order: Order, kind: OperationKind, minor: int | None) -> Order:
    asked = OperationAsk(kind, "ann", "customer asked", minor)
    order = after(order, plan_operation(order, asked, lambda *_: frozenset({kind}), approve_above_minor=None))
    return after(order, OperationSubmitted(len(order.operations)))
