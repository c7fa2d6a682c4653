"""axe-core, which finds what keeps people out who use assistive technology: ``python -m tests.browser.axe``."""

import os
from typing import Any, Final

import pytest
from playwright.sync_api import Page

from tests.npm_file import NpmFile

AXE: Final = NpmFile(
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    "axe.min.js",
)
MISSING: Final = "axe-core is not installed: python -m tests.browser.axe (needs npm)"
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it stands, a line each."""
    if not AXE.path.is_file():
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    page.evaluate(AXE.path.read_text(encoding="utf-8"))  # by the debugger, which the page's policy does not concern
    options = {"runOnly": {"type": "tag", "values": RULES}, "preload": False}  # it would fetch the style sheets
    found: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{each['id']}: {each['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


if __name__ == "__main__":
    AXE.install()
