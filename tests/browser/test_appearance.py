"""Every page at a phone's and a desktop's width, in light and dark; pictures of all are left in ``test-results/``."""

from typing import Final, Literal, NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.program.host import Backend
from tests.program.shop import DECLINED_CARD, Shop

from .conftest import NewVisitor
from .customer import cancel, is_scrolled_sideways, pay, take_picture

pytestmark = pytest.mark.xdist_group("browser-appearance")

CARD_FIELDS: Final = ("cc-number", "cc-name", "cc-exp", "cc-csc")
LONGEST_REFERENCE: Final = "WWWWWWWWWW-WWWWWWWWWW-WWWWWWWWWW-WW"


class Screen(NamedTuple):
    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


SCREENS: Final = (
    Screen("phone-light", 390, 844, "light"),
    Screen("phone-dark", 390, 844, "dark"),
    Screen("desktop-light", 1280, 800, "light"),
)


@pytest.fixture(params=SCREENS, ids=lambda screen: screen.name)
def screen(request: pytest.FixtureRequest) -> Screen:
    chosen: Screen = request.param
    return chosen


@pytest.fixture
def page(new_visitor: NewVisitor, screen: Screen) -> Page:
    size = {"width": screen.width, "height": screen.height}
    return new_visitor(viewport=size, color_scheme=screen.scheme).new_page()


@pytest.fixture
def shop(backend: Backend) -> Shop:
    return Shop(backend)


def look_at(page: Page, screen: Screen, name: str) -> None:
    """It fits its window, and leaves a picture."""
    take_picture(page, f"{name}-{screen.name}")
    assert not is_scrolled_sideways(page), f"{name} is wider than {screen.width} pixels"


def test_the_try_out_page_fits(page: Page, screen: Screen) -> None:
    page.goto("/try-out")
    look_at(page, screen, "try-out")
    page.locator("[name=order_reference]").fill(f"TRY-{screen.name}-{LONGEST_REFERENCE}"[:35])
    page.get_by_role("button", name="Create payment").click()
    expect(page.get_by_role("link", name="Open the payment page")).to_be_visible()
    page.get_by_text("The API's answer").click()
    look_at(page, screen, "try-out-created")
    page.locator("[name=amount]").fill("12.345")
    page.get_by_role("button", name="Create payment").click()
    expect(page.get_by_role("status")).to_have_text("failed")
    look_at(page, screen, "try-out-refused")


def test_the_hosted_page_fits_and_a_browser_can_fill_in_the_card(page: Page, screen: Screen, shop: Shop) -> None:
    page.goto(shop.created(f"{screen.name}-{LONGEST_REFERENCE}"[:35])["action_url"])
    for field in CARD_FIELDS:
        expect(page.locator(f"[name={field}]")).to_have_attribute("autocomplete", field)
    look_at(page, screen, "hosted")
    pay(page, DECLINED_CARD)
    expect(page.get_by_role("alert")).to_be_visible()
    look_at(page, screen, "hosted-declined")
    pay(page, "1234")
    expect(page.get_by_label("Card number")).to_have_attribute("aria-invalid", "true")
    look_at(page, screen, "hosted-mistyped")


def test_the_success_page_fits_before_and_after_the_payment(page: Page, screen: Screen, shop: Shop) -> None:
    order = f"RETURN-{screen.name}"
    action_url = shop.created(order)["action_url"]
    page.goto(f"/api/payment/success?ref={order}")
    expect(page.get_by_text("pending", exact=True)).to_be_visible()
    look_at(page, screen, "success-pending")
    page.goto(action_url)
    pay(page)
    expect(page.get_by_text("paid", exact=True)).to_be_visible()
    look_at(page, screen, "success-paid")
    page.goto(action_url)
    look_at(page, screen, "hosted-ended")


def test_the_cancel_page_fits(page: Page, screen: Screen, shop: Shop) -> None:
    page.goto(shop.created(f"CANCEL-{screen.name}")["action_url"])
    cancel(page)
    expect(page.get_by_text("cancelled", exact=True)).to_be_visible()
    look_at(page, screen, "cancel")


def test_the_page_of_an_unknown_order_fits(page: Page, screen: Screen) -> None:
    page.goto("/api/payment/success?ref=NOBODYS")
    expect(page.get_by_role("heading")).to_contain_text("do not know")
    look_at(page, screen, "unknown-order")


def test_the_simulators_own_page_fits(page: Page, screen: Screen, shop: Shop) -> None:
    shop.created(f"DESK-{screen.name}")
    page.goto("/sandbox/")
    look_at(page, screen, "desk")
