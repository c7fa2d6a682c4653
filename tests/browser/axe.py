"""axe-core, which finds what keeps people with assistive technology out: ``python -m tests.browser.axe`` installs it.

It comes from the npm registry into the repository's ignored cache, by its locked digest; the folder's name holds the
version, so an existing file is the right one.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page

VERSION: Final = "4.14.1"
SHA512: Final = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
FILE: Final = Path(__file__).parents[2] / ".cache" / f"axe-core-{VERSION}" / "axe.min.js"
MISSING: Final = "axe-core is not installed: python -m tests.browser.axe (needs npm)"
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def install() -> None:
    if FILE.is_file():
        return
    npm = shutil.which("npm")
    assert npm is not None, MISSING
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", f"axe-core@{VERSION}", "--json", "--pack-destination", scratch]
        told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        archive = Path(scratch) / json.loads(told.stdout)[0]["filename"]
        assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == SHA512
        with tarfile.open(archive) as packed:
            found = packed.extractfile("package/axe.min.js")
            assert found is not None
            FILE.parent.mkdir(parents=True, exist_ok=True)
            partial = FILE.with_suffix(".partial")
            partial.write_bytes(found.read())
            partial.replace(FILE)


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it stands, a line each."""
    if not FILE.is_file():
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    page.evaluate(FILE.read_text(encoding="utf-8"))  # by the debugger, which the page's policy does not concern
    options = {"runOnly": {"type": "tag", "values": RULES}, "preload": False}  # it would fetch the style sheets
    found: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{each['id']}: {each['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


if __name__ == "__main__":
    install()
