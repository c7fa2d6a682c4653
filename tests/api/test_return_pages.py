"""What a customer reads who comes back from the payment page, for every state that an order can be in."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from backend.domain.deciding import cancel
from backend.domain.model import Order, OrderId
from backend.domain.order_status import order_status
from backend.domain.statuses import OrderStatus, PaymentStatus
from backend.ports import StoreUnavailable
from backend.service.customer_return import UNDECIDED
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
    text = await page_of(tmp_path, with_page(ORDERS[status], is_open=False), page)
    assert "<h1>" in text
    assert status.replace("_", " ") in text


async def test_who_paid_what_the_shop_must_look_at_is_not_asked_to_pay_again(tmp_path: Path) -> None:
    assert "no need to pay again" in await page_of(tmp_path, ORDERS[OrderStatus.REVIEW])


def with_page(order: Order, *, is_open: bool) -> Order:
    """Its payment page closes in an hour, or did an hour ago."""
    hour = timedelta(hours=1)
    closes = datetime.now(UTC) + (hour if is_open else -hour)
    return replace(order, jobs=tuple(replace(job, expires_at=closes) for job in order.jobs))


REFRESH: Final = '<meta http-equiv="refresh"'
DECLINED: Final = ORDERS[OrderStatus.FAILED]


@pytest.mark.parametrize("page", ["success", "cancel"])
async def test_a_declined_card_is_no_failure_while_another_may_be_tried(tmp_path: Path, page: str) -> None:
    text = await page_of(tmp_path, with_page(DECLINED, is_open=True), page)
    assert REFRESH in text
    assert "The last try did not go through" in text
    assert "this page will show it in a moment" in text
    assert "failed" not in text


async def test_a_declined_card_is_a_failure_once_the_payment_page_is_closed(tmp_path: Path) -> None:
    text = await page_of(tmp_path, with_page(DECLINED, is_open=False))
    assert REFRESH not in text
    assert "The payment did not go through" in text
    assert "start the payment again at the shop" in text


@pytest.mark.parametrize("is_open", [True, False])
async def test_whoever_comes_back_from_paying_is_told_to_wait(tmp_path: Path, is_open: bool) -> None:
    order = with_page(opened(), is_open=is_open)
    text = await page_of(tmp_path, order)
    assert REFRESH in text
    assert "We are waiting for your payment to be confirmed" in text
    assert (f"open until {order.jobs[0].expires_at:%Y-%m-%d %H:%M} UTC" in text) is is_open


async def test_whoever_pressed_cancel_is_not_told_that_a_payment_is_awaited(tmp_path: Path) -> None:
    text = await page_of(tmp_path, with_page(opened(), is_open=True), "cancel")
    assert REFRESH in text, "the gateway's word for it is still to come"
    assert "We are waiting" not in text
    assert "No payment has reached us" in text


@pytest.mark.parametrize("status", OrderStatus)
@pytest.mark.parametrize("page", ["success", "cancel"])
async def test_the_page_speaks_to_the_customer(tmp_path: Path, page: str, status: OrderStatus) -> None:
    assert "the customer" not in await page_of(tmp_path, with_page(ORDERS[status], is_open=True), page)


@pytest.mark.parametrize("status", [each for each in OrderStatus if each not in UNDECIDED])
async def test_nothing_is_open_or_looked_at_again_once_it_is_decided(tmp_path: Path, status: OrderStatus) -> None:
    text = await page_of(tmp_path, with_page(ORDERS[status], is_open=True))
    assert "open until" not in text
    assert REFRESH not in text


@pytest.mark.parametrize("page", ["success", "cancel"])
@pytest.mark.parametrize(("error", "status", "looks_again"), [(StoreUnavailable, 503, True), (KeyError, 500, False)])
async def test_a_browser_gets_a_page_when_nothing_can_be_said(
    tmp_path: Path, page: str, error: type[Exception], status: int, looks_again: bool
) -> None:
    class Faulty(SqliteStore):
        async def get(self, _: OrderId) -> Order | None:
            raise error("a fault of the tests")

    async with program(tmp_path, store=lambda _: Faulty(tmp_path / "orders.sqlite3")) as here:
        address = f"/api/payment/{page}?ref=TEST-001"
        told, as_json = await here.client.get(address, headers=BROWSER), await here.client.get(address)
    assert (told.status_code, as_json.status_code) == (status, status)
    assert as_json.headers["content-type"] == "application/problem+json"
    assert "your payment is safe" in told.text
    assert "a fault" not in told.text
    assert (REFRESH in told.text) is looks_again
    assert told.headers.get("retry-after") == as_json.headers.get("retry-after")
    assert told.headers.get_list("x-request-id")
    assert "default-src 'none'" in told.headers["content-security-policy"]
