"""Templates to answers: the frame around every page, and how amounts, times and words are written."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fastapi import Request, Response

from ...domain.model import Order
from ...domain.money import CurrencyCode, Money
from ...domain.order_status import order_status, totals
from ...domain.risk import at_risk_minor
from ...domain.roles import Role
from ...domain.terms import Mode
from ..context import ApiContext
from ..pages import templates
from .door import Session

if TYPE_CHECKING:
    from fastapi.templating import Jinja2Templates

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}
HSTS: Final = "max-age=31536000"

MODE_WORDS: Final = {
    Mode.MOCK: "Mock mode: payments are simulated, no real money moves",
    Mode.INTEGRATION: "Integration: the gateway's test money, no real money moves",
    Mode.PRODUCTION: "Production: real money",
}


def money(minor: int, currency: CurrencyCode | str) -> str:
    return str(Money(minor, CurrencyCode(currency)))


def moment(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def words(text: str) -> str:
    return text.replace("_", " ")


def order_row(order: Order) -> dict[str, Any]:
    """One line of a list of orders."""
    currency, taken = order.amount.currency, totals(order)
    return {
        "reference": order.reference,
        "address": f"/console/orders/{quote(order.reference)}",
        "status": order_status(order),
        "amount": str(order.amount),
        "captured": str(Money(taken.captured_minor, currency)),
        "refunded": str(Money(taken.refunded_minor, currency)),
        "at_risk": str(Money(at_risk_minor(order), currency)) if at_risk_minor(order) else "",
        "email": order.terms.customer.email,
        "placed_at": order.placed_at,
        "codes": sorted({item.code for item in order.attention if item.is_open}),
    }


def page(
    request: Request,
    context: ApiContext,
    session: Session | None,
    template: str,
    values: Mapping[str, Any],
    status: int = HTTPStatus.OK,
) -> Response:
    frame = {
        "mode": context.mode,
        "mode_words": MODE_WORDS[context.mode],
        "session": session,
        "form_token": context.door.form_token(session) if session is not None else "",
        "now": context.clock.now(),
    }
    headers = HEADERS | ({"Strict-Transport-Security": HSTS} if context.base_url.startswith("https://") else {})
    return _console_templates().TemplateResponse(request, f"console/{template}", {**frame, **values}, status, headers)


@cache
def _console_templates() -> "Jinja2Templates":
    known = templates()
    known.env.filters |= {"moment": moment, "words": words}
    known.env.globals |= {"money": money, "Role": Role}
    return known
