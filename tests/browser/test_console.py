"""The console in a real Chromium: on phone and desktop, light and dark, by keyboard, with no finding of axe-core."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from backend.domain.passwords import new_console_user
from backend.domain.roles import Role, new_operator_key
from tests.program.host import WEBHOOK_SECRET, Backend, Host, copy_project
from tests.program.process import until
from tests.program.receivers import Receiver
from tests.program.shop import DECLINED_CARD, Shop, pay, post_webhook
from tests.shop.receiver import SECRET

from .axe import violations
from .conftest import NewVisitor
from .customer import is_scrolled_sideways, take_picture
from .test_appearance import SCREENS, Screen

pytestmark = pytest.mark.xdist_group("browser-console")

KEY, ENTRY = new_operator_key("anna", Role.ADMIN)
PASSWORD: Final = "correct horse battery"
SETTINGS: Final = {
    "OPERATOR_KEYS": ENTRY,
    "CONSOLE_USERS": new_console_user("ruth", Role.REFUNDER, PASSWORD),
    "CASHFLOWS_WEBHOOK_SECRET": WEBHOOK_SECRET,
}
HOSTILE_NAME: Final = "<script>document.title='hit'</script>"


@pytest.fixture(scope="module")
def shop() -> Iterator[Receiver]:
    """Where the shop is told of its orders."""
    with Receiver().listening() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def backend(chromium: str, tmp_path_factory: pytest.TempPathFactory, shop: Receiver) -> Iterator[Backend]:
    """With something of everything that an operator may meet."""
    with Host(copy_project(tmp_path_factory.mktemp("clone")), tmp_path_factory.mktemp("host")) as host:
        told = {"NOTIFICATION_URL": f"http://127.0.0.1:{shop.port}/told", "NOTIFICATION_SECRET": SECRET}
        backend = host.backend(SETTINGS | told)
        customer = Shop(backend)
        for reference in ("PAID-1", "PAID-2", "PAID-3"):
            pay(backend.client, customer.created(reference)["action_url"])
            customer.order_once("paid", reference)
        pay(backend.client, customer.created("DECLINED-1")["action_url"], number=DECLINED_CARD)
        customer.created("WAITING-WWWWWWWWWW-WWWWWWWWWW-WWWWW")
        wrong = {"order": "NONE", "payment": "123", "status": "captured"}
        assert post_webhook(backend, WEBHOOK_SECRET, **wrong).status_code == 200
        overpaid = customer.created("FAULT.wrong-amount.A-1")
        pay(backend.client, overpaid["action_url"])
        yield backend


@pytest.fixture(params=SCREENS, ids=lambda screen: screen.name)
def screen(request: pytest.FixtureRequest) -> Screen:
    chosen: Screen = request.param
    return chosen


def sign_in(page: Page, secret: str = KEY, name: str = "") -> None:
    page.goto("/console")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password or operator key").fill(secret)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What needs attention")


def look_at(page: Page, screen: Screen, name: str) -> None:
    """It fits, leaves a picture, and axe-core finds nothing."""
    take_picture(page, f"console-{name}-{screen.name}")
    assert not is_scrolled_sideways(page), f"{name} is wider than {screen.width} pixels"
    assert violations(page) == []


def test_every_page_fits_and_is_accessible(new_visitor: NewVisitor, screen: Screen) -> None:
    size = {"width": screen.width, "height": screen.height}
    page = new_visitor(viewport=size, color_scheme=screen.scheme).new_page()
    page.goto("/console")
    look_at(page, screen, "sign-in")
    sign_in(page)
    expect(page.get_by_role("note")).to_contain_text("no real money moves")
    look_at(page, screen, "overview")
    page.get_by_text("Payments as a table").click()
    page.get_by_role("link", name="Orders", exact=True).click()
    look_at(page, screen, "orders")
    page.goto("/console/orders/PAID-1")
    for details in page.locator("details").all():
        details.locator("summary").click()
    look_at(page, screen, "order")
    page.goto("/console/orders?q=WAITING-WWWWWWWWWW-WWWWWWWWWW-WWWWW")
    page.get_by_role("link", name="WAITING").click()
    look_at(page, screen, "order-waiting")
    page.get_by_role("link", name="Deliveries").click()
    look_at(page, screen, "deliveries")
    page.locator("tbody a").first.click()
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("status")).to_contain_text("nothing was changed")
    look_at(page, screen, "delivery")
    page.goto("/console/orders/NOBODYS")
    expect(page.get_by_role("alert")).to_be_visible()
    look_at(page, screen, "missing")


def test_a_refund_by_keyboard_alone(new_visitor: NewVisitor) -> None:
    page = new_visitor().new_page()
    page.goto("/console/orders/PAID-2")
    page.get_by_label("Name").focus()
    page.keyboard.type("ruth")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("PAID-2")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    summary = page.locator("summary", has_text="Refund up to 10.00 GBP")
    for _ in range(30):
        page.keyboard.press("Tab")
        if summary.evaluate("each => each === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("4.00")
    page.keyboard.press("Tab")
    page.keyboard.type("sent back")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("recorded")
    expect(page.get_by_role("heading", level=1)).to_contain_text("partially refunded")
    expect(page.locator("section", has_text="Operations").first).to_contain_text("4.00 GBP")


def test_a_double_click_refunds_once(new_visitor: NewVisitor, backend: Backend) -> None:
    page = new_visitor().new_page()
    sign_in(page)
    page.goto("/console/orders/PAID-3")
    page.locator("summary", has_text="Refund up to").click()
    page.get_by_label("Amount in GBP").fill("1.00")
    page.locator("details[open]").get_by_label("Reason").fill("clicked twice")
    page.get_by_role("button", name="Refund", exact=True).dblclick()
    expect(page.get_by_role("status")).to_contain_text("recorded")
    until("the refund is seen", lambda: Shop(backend).order("PAID-3")["refunded"] != "0.00")
    page.reload()  # the second click's answer may be older than what came of the first
    expect(page.get_by_role("heading", level=1)).to_contain_text("partially refunded")
    assert Shop(backend).order("PAID-3")["refunded"] == "1.00"


def test_the_shops_endpoint_is_tried_paused_and_resumed(
    new_visitor: NewVisitor, screen: Screen, shop: Receiver
) -> None:
    size = {"width": screen.width, "height": screen.height}
    page = new_visitor(viewport=size, color_scheme=screen.scheme).new_page()
    sign_in(page)
    page.get_by_role("link", name="Notifications", exact=True).click()
    for details in page.locator("details").all():
        details.locator("summary").click()
    look_at(page, screen, "notifications")
    before = len(trials_at(shop))
    page.locator("details", has_text="Send the test").get_by_label("Reason").fill("is it there?")
    page.get_by_role("button", name="Send the test").dblclick()
    until("the shop has it", lambda: len(trials_at(shop)) == before + 1)
    page.wait_for_url("**/console/notifications?done=*")
    page.goto("/console/notifications")
    page.locator("summary", has_text="Pause").click()
    page.locator("details[open]").get_by_label("Reason").fill("the shop is moved")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Notifications are paused.")
    look_at(page, screen, "notifications-paused")
    page.get_by_role("link", name="Attention").click()
    expect(page.locator("section", has_text="What has stopped").first).to_contain_text("by anna: the shop is moved")
    look_at(page, screen, "overview-paused")
    page.get_by_role("link", name="Notifications to the shop").click()
    page.locator("summary", has_text="Resume").click()
    page.locator("details[open]").get_by_label("Reason").fill("the shop has moved")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_have_text("Notifications are sent again.")
    expect(page.locator("section", has_text="State").first).to_contain_text("in use")
    assert len(trials_at(shop)) == before + 1


def trials_at(shop: Receiver) -> list[bytes]:
    return [each.body for each in shop.requests if b"endpoint.test" in each.body]


def test_a_form_without_a_reason_is_not_sent(new_visitor: NewVisitor) -> None:
    page = new_visitor().new_page()
    sign_in(page)
    page.goto("/console/orders/PAID-1")
    page.locator("summary", has_text="Void").click()
    page.get_by_role("button", name="Void", exact=True).click()
    expect(page.locator("details[open]").get_by_label("Reason")).to_be_focused()
    assert page.url.endswith("/console/orders/PAID-1")


def test_what_a_customer_wrote_is_shown_and_not_run(new_visitor: NewVisitor, backend: Backend) -> None:
    shop = Shop(backend)
    body = {
        "amount": "10.00",
        "currency": "GBP",
        "order_reference": "HOSTILE-1",
        "customer_email": "test@example.com",
        "customer_name": HOSTILE_NAME,
    }
    assert shop.client.post("/api/payment/create", json=body, headers=shop.headers).status_code == 200
    page = new_visitor().new_page()
    sign_in(page)
    page.goto("/console/orders/HOSTILE-1")
    expect(page.get_by_text(HOSTILE_NAME)).to_be_visible()
    assert "hit" not in page.title()


def test_signing_out_ends_it(new_visitor: NewVisitor) -> None:
    page = new_visitor().new_page()
    sign_in(page, PASSWORD, "ruth")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.go_back()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
