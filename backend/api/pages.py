"""The few pages that a person sees: small, no script but the try-out page's, nothing from another host."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from ..domain.statuses import OrderStatus
from ..service.customer_return import UNDECIDED
from .customer_words import Words
from .schemas import PublicOrderView

if TYPE_CHECKING:
    from fastapi.templating import Jinja2Templates

FOLDER: Final = Path(__file__).parent

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

REFRESH_SECONDS: Final = 2


RETURN_PAGES: Final = frozenset({"/api/payment/success", "/api/payment/cancel"})


def is_return_page(request: Request) -> bool:
    """Whether a person waits for the answer, whatever it is."""
    return request.url.path in RETURN_PAGES and wants_html(request)


def wants_html(request: Request) -> bool:
    """Whether a browser asks; a client that takes anything gets JSON."""
    return "text/html" in request.headers.get("accept", "")


def redirect_to_frontend(frontend_url: str, page: str, reference: str) -> Response:
    """To the shop's own page, which asks the API for the order; ``page`` is ``success`` or ``cancel``."""
    return RedirectResponse(f"{frontend_url}/payment/{page}?ref={quote(reference, safe='')}", 303)


def order_page(request: Request, order: PublicOrderView, words: Words) -> Response:
    """The order for its customer; while it is undecided it is called pending, and the page loads itself anew."""
    status, refresh = (OrderStatus.PENDING, REFRESH_SECONDS) if words.is_undecided else (order.status, None)
    return _page(request, "order.html", {"order": order, "status": status, "words": words, "refresh": refresh})


def no_order_page(request: Request, status: int = 404) -> Response:
    return _page(request, "no_order.html", {}, status)


def trouble_page(request: Request, status: int, retry_after: str | None) -> Response:
    """For a return page whose order cannot be looked up; it loads itself anew where that may help."""
    response = _page(request, "trouble.html", {"refresh": retry_after}, status)
    if retry_after is not None:
        response.headers["Retry-After"] = retry_after
    return response


def try_out_page(request: Request, token: str) -> Response:
    return _page(request, "try_out.html", {"token": token, "undecided": " ".join(sorted(UNDECIDED))})


def _page(request: Request, template: str, values: dict[str, object], status: int = 200) -> Response:
    return templates().TemplateResponse(request, template, values, status, SECURITY_HEADERS)


@cache
def templates() -> "Jinja2Templates":
    """Of all pages, the console's too."""
    from fastapi.templating import Jinja2Templates  # neither a start nor a shop with pages of its own pays for it

    return Jinja2Templates(FOLDER / "templates")
