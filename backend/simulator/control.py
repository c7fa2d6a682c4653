"""The operator's page and its JSON twin: what the gateway believes, and the levers to move it.

    GET    /                                  the page
    GET    /jobs.json?order=                  jobs, payments, webhooks, and how often each call was received
    GET    /requests.json?order=              every request received
    GET    /faults                            the faults that can be scripted
    GET    /control/clock                     what time it is here
    POST   /control/clock                     {"seconds": 3600} moves it; {"next": true} to the next thing due
    GET    /control/faults                    the scripts that are armed
    PUT    /control/faults/{order}            {"scripts": ["lost-reply.refund"]} arms; the order * means every order
    DELETE /control/faults/{order}            disarms
    POST   /control/webhooks/{id}/{lever}     send, lose, duplicate
    POST   /control/jobs/{job}/{outcome}      pay, decline, fail, block, commission, cancel

Forms get the page back, everything else JSON. Anyone who reaches it may use it, except other sites' pages.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from . import audit, replies
from .cards import APPROVED, BLOCKED, DECLINED, TECHNICAL_FAILURE, Outcome
from .desk import COMMISSIONED
from .documents import Document, parse_document
from .faults import FAULTS
from .model import Job
from .money import format_amount
from .outbox import State
from .pages import page
from .refusals import Refusal, bad_request, not_found
from .scripts import EVERY_ORDER, parse_script

if TYPE_CHECKING:
    from .simulator import Simulator

OUTCOMES: Final[Mapping[str, Outcome]] = {
    "pay": APPROVED,
    "decline": DECLINED,
    "fail": TECHNICAL_FAILURE,
    "block": BLOCKED,
    "commission": COMMISSIONED,
}
SHOWN: Final = 50
LARGEST_PAGE: Final = 10_000
FURTHEST_MOVE: Final = timedelta(days=400)
Handler = Callable[[Request], Awaitable[Response]]


class ControlPages:
    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator

    def routes(self) -> Sequence[Route]:
        return [
            Route("/", self._page, methods=["GET"]),
            Route("/jobs.json", self._jobs, methods=["GET"]),
            Route("/requests.json", self._requests, methods=["GET"]),
            Route("/faults", self._faults, methods=["GET"]),
            Route("/control/clock", self._clock, methods=["GET"]),
            Route("/control/clock", _guarded(self._move_clock), methods=["POST"]),
            Route("/control/faults", self._armed, methods=["GET"]),
            Route("/control/faults", _guarded(self._arm_by_form), methods=["POST"]),
            Route("/control/faults/{order:path}", _guarded(self._arm), methods=["PUT"]),
            Route("/control/faults/{order:path}", _guarded(self._disarm), methods=["DELETE"]),
            Route("/control/webhooks/{number:int}/{lever}", _guarded(self._pull), methods=["POST"]),
            Route("/control/jobs/{job}/{outcome}", _guarded(self._decide), methods=["POST"]),
        ]

    # What is known

    async def _page(self, request: Request) -> Response:
        simulator = self._simulator
        order = request.query_params.get("order") or None
        jobs = simulator.ledger.jobs(order_number=order, limit=SHOWN)
        return page(
            "desk.html",
            jobs=[self._row(job) for job in jobs],
            total=simulator.ledger.count(),
            order=order or "",
            now=f"{simulator.clock.now():%A, %d %B %Y %H:%M:%S} UTC",
            offset=str(simulator.clock.offset) if simulator.clock.offset else "",
            armed=simulator.scripts.armed(),
            counts=simulator.journal.counts(order)[-SHOWN:],
            fault_names=[fault.name for fault in FAULTS],
        )

    def _row(self, job: Job) -> dict[str, Any]:
        """The job's facts with amounts as people write them."""

        def written(facts: dict[str, Any]) -> dict[str, Any]:
            minor = ("amountMinor", *audit.MONEY)
            return facts | {name: format_amount(facts[name], job.currency) for name in minor if name in facts}

        facts = written(audit.job_facts(job))
        for payment in facts["payments"]:
            payment["refunds"] = [written(refund) for refund in payment["refunds"]]
        entries = self._simulator.outbox.entries(job_reference=job.reference)
        return {**facts, "open": job.is_open, "webhooks": [audit.webhook_facts(entry) for entry in entries]}

    async def _jobs(self, request: Request) -> Response:
        simulator = self._simulator
        order = request.query_params.get("order") or None
        jobs = []
        for job in simulator.ledger.jobs(order_number=order, limit=_limit(request)):
            entries = simulator.outbox.entries(job_reference=job.reference)
            jobs.append({**audit.job_facts(job), "webhooks": [audit.webhook_facts(entry) for entry in entries]})
        return JSONResponse(
            {"now": replies.timestamp(simulator.clock.now()), "jobs": jobs, "requests": simulator.journal.counts(order)}
        )

    async def _requests(self, request: Request) -> Response:
        order = request.query_params.get("order") or None
        return JSONResponse({"requests": self._simulator.journal.entries(order, _limit(request))})

    async def _faults(self, request: Request) -> Response:
        listed = [
            {
                "name": fault.name,
                "does": fault.does,
                "calls": sorted(fault.calls),
                "times": fault.times,
                "orderNumber": f"FAULT.{fault.name}.A-1001",
            }
            for fault in FAULTS
        ]
        if "text/html" in request.headers.get("accept", ""):
            return page("faults.html", faults=listed)
        return JSONResponse({"faults": listed, "script": "name[.call][.xTIMES][.sSECONDS]"})

    async def _clock(self, request: Request) -> Response:  # noqa: ARG002 a handler
        clock = self._simulator.clock
        return JSONResponse({"now": replies.timestamp(clock.now()), "offsetSeconds": int(clock.offset.total_seconds())})

    async def _armed(self, request: Request) -> Response:  # noqa: ARG002 a handler
        armed = self._simulator.scripts.armed()
        return JSONResponse(
            {"armed": [{"order": order, "script": script, "remaining": left} for order, script, left in armed]}
        )

    # Levers

    async def _move_clock(self, request: Request) -> Response:
        given = await _given(request)
        by = self._until_next() if given.flag("next") else _seconds(given.text("seconds"))
        self._simulator.move_clock(by)
        return await self._done(request, self._clock)

    def _until_next(self) -> timedelta:
        simulator = self._simulator
        due = [moment for moment in (simulator.outbox.next_due(), simulator.ledger.next_due()) if moment is not None]
        return max(min(due) - simulator.clock.now(), timedelta()) if due else timedelta()

    async def _arm_by_form(self, request: Request) -> Response:
        given = await _given(request)
        order = given.text("order").strip() or EVERY_ORDER
        if given.flag("disarm"):
            self._simulator.scripts.disarm(order)
        else:
            self._simulator.scripts.arm(order, given.text("script"))
        return await self._done(request, self._armed)

    async def _arm(self, request: Request) -> Response:
        given = await _given(request)
        scripts = given.texts("scripts")
        if not scripts:
            raise bad_request("InvalidFault", 'send {"scripts": ["lost-reply.refund"]}')
        for script in scripts:
            parse_script(script)
        for script in scripts:
            self._simulator.scripts.arm(request.path_params["order"], script)
        return await self._armed(request)

    async def _disarm(self, request: Request) -> Response:
        self._simulator.scripts.disarm(request.path_params["order"])
        return await self._armed(request)

    async def _pull(self, request: Request) -> Response:
        simulator, number = self._simulator, request.path_params["number"]
        now = simulator.clock.now()
        match request.path_params["lever"]:
            case "send":
                await simulator.deliverer.deliver_now(number)
            case "lose":
                simulator.outbox.set_state(number, State.LOST, None)
            case "duplicate":
                number = simulator.outbox.add(simulator.outbox.entry(number).notice_again(now), now)
                simulator.deliverer.wake()
            case _:
                raise not_found("Lever")

        async def webhook(_: Request) -> Response:
            return JSONResponse(audit.webhook_facts(simulator.outbox.entry(number)))

        return await self._done(request, webhook)

    async def _decide(self, request: Request) -> Response:
        reference, name = request.path_params["job"], request.path_params["outcome"]
        if name == "cancel":
            job = self._simulator.desk.cancel_job(reference)
        elif name in OUTCOMES:
            job = self._simulator.desk.pay(reference, OUTCOMES[name])
        else:
            raise not_found("Outcome")

        async def decided(_: Request) -> Response:
            return JSONResponse(audit.job_facts(job))

        return await self._done(request, decided)

    async def _done(self, request: Request, answer: Handler) -> Response:
        """Back to the page for a form, by a relative address that holds at any mount; else the JSON answer."""
        if not _is_form(request):
            return await answer(request)
        depth = request.scope["path"].removeprefix(request.scope.get("root_path", "")).count("/") - 1
        return RedirectResponse("../" * depth or "./", 303)


def _guarded(handler: Handler) -> Handler:
    """Refuse what another site's page sends, and answer refusals in the gateway's error shape."""

    async def guarded(request: Request) -> Response:
        try:
            _refuse_other_sites(request)
            return await handler(request)
        except Refusal as refusal:
            return JSONResponse(replies.error_document(refusal), refusal.status)

    return guarded


def _refuse_other_sites(request: Request) -> None:
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise Refusal(403, "Forbidden", "Another site's page may not use these controls.")


async def _given(request: Request) -> Document:
    """The members of a JSON body or the fields of a form."""
    if not _is_form(request):
        return parse_document(await request.body())
    async with request.form(max_files=0, max_fields=20) as form:
        return Document({key: value for key, value in form.items() if isinstance(value, str)})


def _is_form(request: Request) -> bool:
    return "form" in request.headers.get("content-type", "")


def _seconds(text: str) -> timedelta:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or timedelta(seconds=int(text)) > FURTHEST_MOVE:
        raise bad_request("InvalidRequest", "seconds must be a whole number, 400 days at most")
    return timedelta(seconds=int(text))


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "")
    return min(int(text), LARGEST_PAGE) if text.isascii() and text.isdigit() and len(text) < 9 else 1000
