"""A checkout in a real browser: from the try-out page over the hosted page to an order that is paid, or not."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.program.host import Backend
from tests.program.shop import DECLINED_CARD, EXPIRED_CARD, Shop, paid_exactly_once

from .conftest import NewVisitor
from .customer import cancel, pay, take_picture

pytestmark = pytest.mark.xdist_group("browser-checkout")

SUCCESS = re.compile(r"/api/payment/success\?")
CANCELLED = re.compile(r"/api/payment/cancel\?")


@pytest.fixture
def shop(backend: Backend) -> Shop:
    return Shop(backend)


def test_a_payment_from_the_try_out_page_turns_it_to_paid_without_a_reload(page: Page) -> None:
    page.goto("/try-out")
    page.evaluate("window.loadedOnce = true")
    page.get_by_role("button", name="Create payment").click()
    expect(page.get_by_role("status")).to_have_text("pending")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the payment page").click()
    hosted = opened.value
    pay(hosted)

    expect(hosted).to_have_url(SUCCESS)
    expect(hosted.get_by_role("heading", name="Thank you, your order is paid")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("paid")
    expect(page.get_by_role("listitem")).to_have_text(re.compile("captured$"))
    assert page.evaluate("window.loadedOnce") is True
    take_picture(page, "try-out-paid")


def test_two_clicks_on_create_make_one_payment(page: Page, backend: Backend) -> None:
    page.goto("/try-out")
    reference = page.locator("[name=order_reference]").input_value()
    page.get_by_role("button", name="Create payment").dblclick()
    expect(page.get_by_role("link", name="Open the payment page")).to_be_visible()
    assert len(jobs(backend, reference)) == 1


def test_a_refusal_stays_although_the_order_before_it_was_still_being_followed(page: Page) -> None:
    looks: list[Route] = []
    page.route("**/api/orders/**", lambda route: looks.append(route))
    page.goto("/try-out")
    with page.expect_request("**/api/orders/**"):
        page.get_by_role("button", name="Create payment").click()
    page.locator("[name=amount]").fill("12.345")
    page.get_by_role("button", name="Create payment").click()
    expect(page.get_by_role("status")).to_have_text("failed")
    with page.expect_response("**/api/orders/**") as answered:
        looks[0].continue_()
    answered.value.finished()
    page.evaluate("fetch('/healthz').then((response) => response.text())")
    assert page.get_by_role("status").inner_text() == "failed"


def test_a_declined_card_may_be_followed_by_another_on_the_same_page(page: Page, shop: Shop, backend: Backend) -> None:
    created = shop.created("DECLINED-THEN-PAID")
    page.goto(created["action_url"])
    pay(page, DECLINED_CARD)
    expect(page.get_by_role("alert")).to_contain_text("declined")
    assert page.url == created["action_url"]
    pay(page)
    expect(page).to_have_url(SUCCESS)

    order = shop.order_once("paid", "DECLINED-THEN-PAID")
    assert [payment["status"] for payment in order["payments"]] == ["declined", "captured"]
    [job] = jobs(backend, "DECLINED-THEN-PAID")
    assert [payment["status"] for payment in job["payments"]] == ["Declined", "Paid"]


def test_a_return_page_that_was_opened_after_a_decline_turns_to_paid_by_itself(
    page: Page, shop: Shop, new_visitor: NewVisitor
) -> None:
    page.goto(shop.created("DECLINED-AND-BACK")["action_url"])
    pay(page, DECLINED_CARD)
    expect(page.get_by_role("alert")).to_contain_text("declined")
    shop.order_once("failed", "DECLINED-AND-BACK")
    back = new_visitor().new_page()
    back.goto("/api/payment/success?ref=DECLINED-AND-BACK")
    expect(back.get_by_role("heading", name="The last try did not go through")).to_be_visible()
    pay(page)
    expect(back.get_by_role("heading", name="Thank you, your order is paid")).to_be_visible()


def test_an_expired_card_is_called_that(page: Page, shop: Shop) -> None:
    page.goto(shop.created("EXPIRED-CARD")["action_url"])
    pay(page, EXPIRED_CARD)
    expect(page.get_by_role("alert")).to_contain_text("expired card")
    assert [payment["status"] for payment in shop.order_once("failed", "EXPIRED-CARD")["payments"]] == ["declined"]


def test_a_mistyped_card_is_pointed_out_and_costs_no_attempt(page: Page, shop: Shop) -> None:
    page.goto(shop.created("MISTYPED")["action_url"])
    pay(page, "4111 1111 1111 1112")
    expect(page.get_by_label("Card number")).to_have_attribute("aria-invalid", "true")
    pay(page)
    expect(page).to_have_url(SUCCESS)
    assert paid_exactly_once(shop.order_once("paid", "MISTYPED"))


def test_cancel_leads_back_and_the_order_is_cancelled(page: Page, shop: Shop) -> None:
    page.goto(shop.created("CANCELLED")["action_url"])
    cancel(page)
    expect(page).to_have_url(CANCELLED)
    expect(page.get_by_role("heading", name="The payment was cancelled")).to_be_visible()
    assert shop.order_once("cancelled", "CANCELLED")["captured"] == "0.00"


def test_the_hosted_page_works_without_script(new_visitor: NewVisitor, shop: Shop) -> None:
    page = new_visitor(java_script_enabled=False).new_page()
    page.goto(shop.created("NO-SCRIPT")["action_url"])
    pay(page)
    expect(page.get_by_role("heading", name="Thank you, your order is paid")).to_be_visible()
    assert paid_exactly_once(shop.order("NO-SCRIPT"))


def test_going_back_to_a_page_that_was_paid_offers_no_second_payment(page: Page, shop: Shop) -> None:
    page.goto(shop.created("PAID-ONCE")["action_url"])
    pay(page)
    expect(page).to_have_url(SUCCESS)
    page.go_back()
    expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    assert paid_exactly_once(shop.order_once("paid", "PAID-ONCE"))


def test_the_api_documentation_needs_no_other_host(page: Page) -> None:
    page.goto("/docs")
    expect(page.get_by_text("/api/payment/create")).to_be_visible()


def jobs(backend: Backend, order: str) -> Any:
    """What the simulated gateway believes of the jobs for one order."""
    return backend.client.get("/sandbox/jobs.json", params={"order": order}).json()["jobs"]
