from typing import Final

import pytest

from backend.domain.awaiting import awaited
from backend.domain.events import JobClosed, OrderCancelled, PaymentObserved
from backend.domain.model import Order
from backend.domain.order_status import order_status
from backend.domain.statuses import PaymentStatus

from .builders import NOW, after, fact, learn, opened, placed, planned

GIVEN_UP: Final = after(opened(), OrderCancelled("ann", "sold out"))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (placed(), "the customer starts the payment"),
        (planned(placed()), "opens a payment page"),
        (opened(), "open until 2026-03-29 00:59 UTC"),
        (after(opened(), JobClosed(1, "")), "starts the payment again"),
        (after(opened(), PaymentObserved(1, fact(PaymentStatus.AUTHORIZED))), "captures the authorized amount"),
        (learn(opened(), fact(PaymentStatus.DECLINED)), "open until 2026-03-29 00:59 UTC"),
        (learn(opened(), fact(PaymentStatus.CANCELLED)), "starts the payment again"),
        (learn(opened(), fact(PaymentStatus.EXPIRED)), "starts the payment again"),
        (learn(GIVEN_UP, fact(PaymentStatus.CAPTURED)), "decides about the money that came"),
    ],
)
def test_what_is_awaited_is_said_in_words(order: Order, words: str) -> None:
    assert words in str(awaited(order, NOW))


@pytest.mark.parametrize(
    "order",
    [
        learn(opened(), fact(PaymentStatus.CAPTURED)),
        learn(opened(), fact(PaymentStatus.AUTHORIZED, captured=300)),
        GIVEN_UP,
    ],
    ids=order_status,
)
def test_an_order_that_is_paid_or_given_up_awaits_nothing(order: Order) -> None:
    assert awaited(order, NOW) is None


def test_after_its_end_the_page_is_awaited_to_be_confirmed_over() -> None:
    order = opened()
    assert "confirms that the payment page has ended" in str(awaited(order, order.jobs[0].expires_at))
