"""What a customer reads who comes back from the payment page, for every state that an order can be in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from backend.domain.deciding import cancel
from backend.domain.model import Order, OrderId
from backend.domain.order_status import order_status
from backend.domain.statuses import OrderStatus, PaymentStatus
from backend.stores import SqliteStore
from tests.domain.builders import after, fact, learn, opened

from .program import program

BROWSER: Final = {"Accept": "text/html,application/xhtml+xml"}


def _orders() -> Mapping[OrderStatus, Order]:
    """One order in each state."""
    captured = fact(PaymentStatus.CAPTURED)
    return {
        order_status(order): order
        for order in (
            opened(),
            learn(opened(), fact(PaymentStatus.AUTHORIZED)),
            learn(opened(), fact(PaymentStatus.AUTHORIZED, captured=300)),
            learn(opened(), captured),
            learn(after_cancelling(), captured),
            after_cancelling(),
            learn(opened(), fact(PaymentStatus.DECLINED)),
            learn(opened(), fact(PaymentStatus.EXPIRED)),
            learn(opened(), fact(PaymentStatus.CAPTURED, refunded=400)),
            learn(opened(), fact(PaymentStatus.CAPTURED, refunded=1000)),
        )
    }


def after_cancelling() -> Order:
    order = opened()
    return after(order, *cancel(order, "ann", "out of stock"))


ORDERS: Final = _orders()


async def page_of(folder: Path, order: Order, page: str = "success") -> str:
    """The page that a browser gets which comes back for ``order``."""

    class OneOrder(SqliteStore):
        async def get(self, _: OrderId) -> Order | None:
            return order

    async with program(folder, store=lambda _: OneOrder(folder / "orders.sqlite3")) as here:
        answer = await here.client.get(f"/api/payment/{page}?ref=TEST-001", headers=BROWSER)
    assert answer.status_code == 200
    return answer.text


def test_an_order_of_every_state_is_looked_at_here() -> None:
    assert set(ORDERS) == set(OrderStatus)


@pytest.mark.parametrize("status", OrderStatus)
@pytest.mark.parametrize("page", ["success", "cancel"])
async def test_every_state_has_its_page(tmp_path: Path, page: str, status: OrderStatus) -> None:
    text = await page_of(tmp_path, ORDERS[status], page)
    assert "<h1>" in text
    assert status.replace("_", " ") in text


async def test_who_paid_what_the_shop_must_look_at_is_not_asked_to_pay_again(tmp_path: Path) -> None:
    assert "no need to pay again" in await page_of(tmp_path, ORDERS[OrderStatus.REVIEW])
