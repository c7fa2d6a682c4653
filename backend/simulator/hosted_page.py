"""The hosted payment page: shows what is to be paid, takes a test card, and sends the customer back to the shop.

Card numbers and security codes live for one request and are shown, kept and logged nowhere.
Source: Cashflows developer pages, "Hosted Payment Page"; return URLs as in "Handling payment status updates".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from . import cards
from .cards import CardEntry
from .clock import Clock
from .desk import Desk
from .faults import Call, Twist
from .model import HOLDS_MONEY, REFUSED, Job, Status
from .money import format_amount
from .pages import page
from .refusals import Refusal
from .replies import return_url
from .scripts import Scripts
from .settings import SimulatorSettings
from .signing import Scheme

SYMBOLS: Final[Mapping[str, str]] = {"GBP": "£", "EUR": "€", "USD": "$"}
ENDED: Final[Mapping[Status, tuple[str, str]]] = {
    Status.CANCELLED: ("Payment cancelled", "This payment was cancelled. No money was taken."),
    Status.EXPIRED: ("Payment expired", "The time to pay has passed. No money was taken."),
}


class HostedPage:
    def __init__(self, settings: SimulatorSettings, clock: Clock, desk: Desk, scripts: Scripts) -> None:
        self._settings = settings
        self._clock = clock
        self._desk = desk
        self._scripts = scripts

    def routes(self) -> Sequence[Route]:
        return [
            Route("/payment", self._show, methods=["GET"]),
            Route("/payment", self._submit, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        job = self._find(request)
        return self._missing() if job is None else self._page_of(job)

    async def _submit(self, request: Request) -> Response:
        job = self._find(request)
        if job is None:
            return self._missing()
        async with request.form(max_files=0, max_fields=20) as form:
            match _field(form, "action"):
                case "cancel":
                    return self._after(self._desk.cancel_by_page(job.reference))
                case "pay":
                    return self._pay(job, form)
                case "authenticate" | "fail-authentication" as answer:
                    passed = answer == "authenticate"
                    return self._after(self._desk.answer_challenge(job.reference, passed=passed))
                case _:
                    return self._page_of(job, status=400)

    def _find(self, request: Request) -> Job | None:
        try:
            return self._desk.job_of_page(request.query_params.get("ref", ""))
        except Refusal:
            return None

    def _pay(self, job: Job, form: FormData) -> Response:
        if not job.is_open or job.last_payment.challenge or _stale(form, job):
            return self._after(job)
        number = cards.clean_number(_field(form, "cc-number"))
        expiry, csc, name = _field(form, "cc-exp"), _field(form, "cc-csc").strip(), _field(form, "cc-name").strip()
        wrong = cards.mistakes(number, expiry, csc, self._clock.now())
        if wrong:
            return self._page_of(job, status=422, wrong=wrong, name=name, expiry=expiry)
        month, year = cards.parse_expiry(expiry) or (0, 0)
        entry = CardEntry(number, month, year, csc, name)
        return self._after(self._desk.pay_by_page(job.reference, entry, self._twists(job)))

    def _twists(self, job: Job) -> list[Twist]:
        scripts = self._scripts.take(Call.PAGE, job.order_number)
        return [script.fault.twist for script in scripts if script.fault.twist is not None]

    def _after(self, job: Job) -> Response:
        """Where a form leads: to the shop once the job is decided, else back to this page."""
        payment = job.money_holder or job.last_payment
        target = None
        if job.status in HOLDS_MONEY:
            target = return_url(job, payment, "returnurlsuccess")
        elif job.status is Status.CANCELLED:
            target = return_url(job, payment, "returnurlcancelled")
        return RedirectResponse(target or f"?{urlencode({'ref': job.page_reference})}", 303)

    def _page_of(
        self,
        job: Job,
        *,
        status: int = 200,
        wrong: Mapping[str, str] | None = None,
        name: str = "",
        expiry: str = "",
    ) -> Response:
        if not job.is_open:
            return self._ended(job)
        last = job.last_payment
        if last.challenge is not None:
            return page("challenge.html", **self._facts(job), app=last.challenge == "decoupled")
        refusal = last.failure.message if last.status in REFUSED and last.failure else None
        return page(
            "payment.html",
            status,
            **self._facts(job),
            wrong=wrong or {},
            name=name,
            expiry=expiry,
            refusal=refusal,
            attempts=_decided(job),
            failed_url=return_url(job, last, "returnurlfailed") if refusal else None,
            by_number=job.scheme is Scheme.HMAC_SHA256,
            guide_cards=[(_spaced(number), meaning) for number, (meaning, _) in cards.GUIDE_CARDS.items()],
            published_cards=[(_spaced(number), kind) for number, kind in cards.PUBLISHED_CARDS.items()],
            names=[(known, meaning) for known, (meaning, _) in cards.NAMES.items()],
        )

    def _ended(self, job: Job) -> Response:
        payment = job.money_holder or job.last_payment
        paid = job.status in HOLDS_MONEY
        title, text = ENDED.get(job.status, ("Payment complete", "This payment has been made. Thank you."))
        back = return_url(job, payment, "returnurlsuccess" if paid else "returnurlcancelled")
        return page("ended.html", **self._facts(job), title=title, text=text, paid=paid, back=back)

    def _missing(self) -> Response:
        return page("missing.html", 404, merchant=self._settings.merchant_name)

    def _facts(self, job: Job) -> dict[str, Any]:
        amount = format_amount(job.amount_minor, job.currency)
        symbol = SYMBOLS.get(job.currency)
        return {
            "merchant": self._settings.merchant_name,
            "amount": f"{symbol}{amount}" if symbol else f"{amount} {job.currency}",
            "currency": job.currency,
            "order_number": job.order_number,
            "note": str(job.order.get("note") or ""),
            "page_reference": job.page_reference,
        }


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _stale(form: FormData, job: Job) -> bool:
    """Whether the form was shown before the last attempt, as when its button was pressed twice."""
    attempts = _field(form, "attempts")
    return bool(attempts) and attempts != str(_decided(job))


def _decided(job: Job) -> int:
    return sum(payment.status is not Status.PENDING for payment in job.payments)


def _spaced(number: str) -> str:
    if len(number) == 15:
        return f"{number[:4]} {number[4:10]} {number[10:]}"
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))
