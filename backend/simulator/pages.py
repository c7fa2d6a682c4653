"""HTML pages: templates with autoescape, one style sheet inline, and headers that allow nothing but that.

No script runs on any page and nothing is loaded from anywhere. The policy names no ``form-action``: browsers apply it
to the whole chain of redirects that follows a form, and after paying that chain leads to the shop and wherever the
shop sends its customer next, which nobody here can list.
"""

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

TEMPLATES: Final = Path(__file__).parent / "templates"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _style() -> str:
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _headers() -> dict[str, str]:
    style = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; "
        "frame-ancestors 'none'",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    # The style sheet is our own file; its bytes must stay as they are for the policy's digest to match.
    text = _environment().get_template(template).render(style=Markup(_style()), **values)  # noqa: S704
    return HTMLResponse(text, status, _headers())
