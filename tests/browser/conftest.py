"""One Chromium and one backend in mock mode for each module; every test gets a visitor with no past.

Without Chromium these tests are skipped, unless REQUIRE_BROWSER=1 asks for a failure.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.program.host import Backend, Host, copy_project
from tests.program.process import PATIENCE_SECONDS

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-proxy-server")
REFUSED: Final = "Failed to load resource"
"""What Chromium says of every answer from 400 on, which tests ask for on purpose."""
MISSING: Final = f"no Chromium found (looked for {', '.join(NAMES)})"

NewVisitor: TypeAlias = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(MISSING)
    return found or pytest.skip(MISSING)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def backend(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    project = copy_project(tmp_path_factory.mktemp("clone"))
    with Host(project, tmp_path_factory.mktemp("host")) as host:
        yield host.backend()


@pytest.fixture
def new_visitor(browser: Browser, backend: Backend) -> Iterator[NewVisitor]:
    """Opens browser profiles; at the end none of their pages has complained or asked another host for anything."""
    contexts: list[BrowserContext] = []
    trouble: list[str] = []

    def note_error(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(REFUSED):
            trouble.append(message.text)

    def note_request(request: Request) -> None:
        if not request.url.startswith(f"{backend.url}/"):
            trouble.append(f"asked for {request.url}")

    def new_visitor(**options: Any) -> BrowserContext:
        context = browser.new_context(base_url=backend.url, locale="en-GB", **options)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        context.on("console", note_error)
        context.on("weberror", lambda error: trouble.append(str(error.error)))
        context.on("request", note_request)
        contexts.append(context)
        return context

    yield new_visitor
    for context in contexts:
        context.close()
    sys.stdout.write(backend.process.logs)
    assert trouble == []


@pytest.fixture
def page(new_visitor: NewVisitor) -> Page:
    return new_visitor().new_page()
