import pytest

from backend.domain.awaiting import awaited
from backend.domain.events import JobClosed, PaymentObserved
from backend.domain.model import Order
from backend.domain.statuses import PaymentStatus

from .builders import NOW, after, fact, opened, placed, planned


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (placed(), "the customer starts the payment"),
        (planned(placed()), "opens a payment page"),
        (opened(), "open until 2026-03-29 00:59 UTC"),
        (after(opened(), JobClosed(1, "")), "starts the payment again"),
        (after(opened(), PaymentObserved(1, fact(PaymentStatus.AUTHORIZED))), "captures the authorized amount"),
    ],
)
def test_what_is_awaited_is_said_in_words(order: Order, words: str) -> None:
    assert words in str(awaited(order, NOW))


def test_a_paid_order_awaits_nothing() -> None:
    assert awaited(after(opened(), PaymentObserved(1, fact(PaymentStatus.CAPTURED))), NOW) is None


def test_after_its_end_the_page_is_awaited_to_be_confirmed_over() -> None:
    order = opened()
    assert "confirms that the payment page has ended" in str(awaited(order, order.jobs[0].expires_at))
