"""What a customer does in a browser."""

from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from tests.program.shop import GOOD_CARD, card

RESULTS: Final = Path(__file__).parents[2] / "test-results"


def pay(page: Page, number: str = GOOD_CARD) -> None:
    """Fill in the hosted page and press its button."""
    for field, value in card(number).items():
        page.locator(f"[name={field}]").fill(value)
    page.locator("button[name=action][value=pay]").click()


def cancel(page: Page) -> None:
    page.locator("button[name=action][value=cancel]").click()


def take_picture(page: Page, name: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / f"{name}.png", full_page=True)


def is_scrolled_sideways(page: Page) -> bool:
    """Whether the page is wider than its window."""
    wider: bool = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return wider
