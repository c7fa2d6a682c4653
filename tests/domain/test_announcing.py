import json

import pytest
from msgspec.structs import replace

from backend.domain.announcing import announced, trial_event
from backend.domain.cases import NOTIFICATION_FAILING
from backend.domain.events import AttentionRaised, AttentionResolved, JobClosed, OrderCancelled
from backend.domain.facts import PaymentFact
from backend.domain.learning import learn_payment
from backend.domain.ledger import record, replay
from backend.domain.model import Order
from backend.domain.notifications import NotificationType
from backend.domain.statuses import OrderStatus, PaymentStatus
from backend.domain.terms import Mode

from .builders import NOW, after, fact, learn, opened, planned

CAPTURED = fact(PaymentStatus.CAPTURED, captured=1000)


def told(order: Order) -> list[str]:
    return [each.type for each in order.outbox]


@pytest.mark.parametrize(
    ("facts", "types"),
    [
        ([fact(PaymentStatus.AUTHORIZED)], ["order.authorized"]),
        ([fact(PaymentStatus.DECLINED)], ["order.payment_failed"]),
        ([CAPTURED], ["order.paid"]),
        ([fact(PaymentStatus.AUTHORIZED), CAPTURED], ["order.authorized", "order.paid"]),
        ([fact(PaymentStatus.CAPTURED, amount="9.99")], ["order.attention"]),
    ],
)
def test_a_change_of_status_is_told_once(facts: list[PaymentFact], types: list[str]) -> None:
    order = learn(opened(), *facts, *facts)
    assert told(order) == types
    assert [each.sequence for each in order.outbox] == list(range(1, len(types) + 1))
    assert order.notified == len(types)


def test_a_refund_is_told_by_its_amount() -> None:
    order = learn(opened(), CAPTURED, fact(PaymentStatus.CAPTURED, captured=1000, refunded=400))
    assert told(order)[:2] == [NotificationType.PAID, NotificationType.REFUNDED]
    assert json.loads(order.outbox[1].body)["data"]["refunded"] == "4.00"


def test_nothing_is_told_of_an_order_that_is_only_waiting() -> None:
    assert told(opened()) == told(planned(opened(), 2)) == []


def test_the_end_of_a_page_and_the_shops_own_cancellation_are_told() -> None:
    assert told(after(opened(), JobClosed(1, "over"), at=opened().jobs[0].expires_at)) == ["order.expired"]
    assert told(after(opened(), OrderCancelled("shop", "a test"))) == ["order.cancelled"]


def test_the_body_is_frozen_names_no_customer_and_counts() -> None:
    paid = learn(opened(), CAPTURED)
    assert json.loads(paid.outbox[0].body) == {
        "type": "order.paid",
        "timestamp": NOW.isoformat(timespec="microseconds"),
        "data": {
            "order_reference": "TEST-001",
            "mode": "mock",
            "sequence": 1,
            "status": "paid",
            "currency": "GBP",
            "amount": "10.00",
            "captured": "10.00",
            "refunded": "0.00",
            "attention": [],
        },
    }
    assert (paid.outbox[0].id, paid.outbox[0].created_at) == ("mock/TEST-001/1", NOW)
    later = learn(paid, fact(PaymentStatus.CAPTURED, captured=1000, refunded=1000))
    assert later.outbox[0] == paid.outbox[0]


def test_that_the_shop_cannot_be_told_is_not_told_to_the_shop() -> None:
    order = after(opened(), AttentionRaised(NOTIFICATION_FAILING, "notification 1"))
    assert told(order) == []
    order = learn(order, fact(PaymentStatus.CAPTURED, amount="9.99"))
    assert json.loads(order.outbox[0].body)["data"]["attention"] == ["underpaid"]
    assert NOTIFICATION_FAILING not in order.outbox[0].body


def test_a_concern_that_a_person_settled_is_not_told_again() -> None:
    order = after(opened(), AttentionRaised("odd", "something"))
    settled = after(order, AttentionResolved("odd", "something", "ann", "looked it up"))
    assert told(settled) == ["order.attention"]
    status = OrderStatus.PENDING
    assert announced(settled, settled, NOW, before=status, status=status, tells_shop=True) is settled


def test_the_history_tells_how_many_were_made_and_not_how_far_they_came() -> None:
    order = learn(opened(), fact(PaymentStatus.AUTHORIZED), CAPTURED)
    emptied = replace(order, outbox=())
    told_again = replay(emptied.history)
    assert told_again is not None
    assert told_again.notified == 2


def test_where_no_shop_is_told_what_it_would_hear_is_counted_all_the_same() -> None:
    order = opened()
    news = learn_payment(order, order.jobs[0], CAPTURED)
    told_order = record(order, news, at=NOW, operation="op", actor="test")
    untold = record(order, news, at=NOW, operation="op", actor="test", tells_shop=False)
    assert [each.type for each in told_order.outbox] == ["order.paid"]
    assert untold == replace(told_order, outbox=())


def test_a_trial_names_the_mode_and_no_order() -> None:
    body = json.loads(trial_event(Mode.MOCK, NOW))
    assert body == {"type": "endpoint.test", "timestamp": NOW.isoformat(), "data": {"mode": "mock"}}
