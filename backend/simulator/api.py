"""The gateway API: endpoints 1 to 10 under ``/api/gateway``, signed in either scheme.

Source: Cashflows developer pages, "Gateway API reference". One function serves every call, so that signature,
journal and faults are the same for all: check, note, hold or refuse, do, spoil, answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import intake, replies
from .clock import Clock
from .connection import NoReply
from .deliverer import Deliverer
from .desk import Desk
from .distortions import JSON_TYPE, Answer
from .documents import Document, parse_document
from .faults import Call, Twist
from .journal import Journal
from .ledger import Ledger
from .model import Job, Status
from .money import DECIMALS, parse_amount
from .outbox import Outbox
from .outlasting import Outlasting
from .refusals import Refusal, bad_request, not_found, unauthorized
from .scripts import Script, Scripts, parse_scripts
from .settings import SimulatorSettings
from .signing import Scheme, hash_hmac, hash_sha512, same_hash, scheme_of_hash

PREFIX: Final = "/api/gateway"
LARGEST_BODY: Final = 1024 * 1024
FAULT_HEADER: Final = "X-Simulator-Fault"


@dataclass(slots=True)
class Exchange:
    """One request on its way through."""

    call: Call
    path: Mapping[str, str]
    query: Mapping[str, str]
    scheme: Scheme
    document: Document
    order_number: str
    scripts: list[Script] = field(default_factory=list)
    job_reference: str = ""

    @property
    def twists(self) -> list[Twist]:
        return [script.fault.twist for script in self.scripts if script.fault.twist is not None]


Reply = tuple[int, dict[str, Any]]
Work = Callable[[Exchange], Reply]


class GatewayApi:
    def __init__(
        self,
        settings: SimulatorSettings,
        clock: Clock,
        desk: Desk,
        ledger: Ledger,
        journal: Journal,
        scripts: Scripts,
        outbox: Outbox,
        deliverer: Deliverer,
        outlasting: Outlasting,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._desk = desk
        self._ledger = ledger
        self._journal = journal
        self._scripts = scripts
        self._outbox = outbox
        self._deliverer = deliverer
        self._outlasting = outlasting

    def routes(self) -> Sequence[Route]:
        job, payment = "/payment-jobs/{job}", "/payment-jobs/{job}/payments/{payment}"
        table: Sequence[tuple[str, str, Call, Work]] = (
            ("POST", "/payment-jobs", Call.CREATE, self._create),
            ("GET", job, Call.READ, self._read_job),
            ("GET", payment, Call.READ, self._read_payment),
            ("PATCH", f"{job}/cancel", Call.CANCEL, self._cancel_job),
            ("PATCH", f"{payment}/cancel", Call.CANCEL, self._cancel_payment),
            ("POST", f"{payment}/captures", Call.CAPTURE, self._capture),
            ("POST", f"{payment}/refunds", Call.REFUND, self._refund),
            ("GET", "/supported-payment-methods", Call.METHODS, self._methods),
            ("POST", "/card-tokenisation", Call.TOKENISE, self._tokenise),
            ("HEAD", "/orders/{order:path}", Call.ORDERS, self._order_exists),
        )
        return [
            Route(PREFIX + path, self._endpoint(call, work), methods=[method]) for method, path, call, work in table
        ]

    # One request from arrival to answer

    def _endpoint(self, call: Call, work: Work) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            body = await _body(request)
            return _response(await self._outlasting.see_through(self._answer(request, body, call, work)))

        return endpoint

    async def _answer(self, request: Request, body: bytes | None, call: Call, work: Work) -> Answer | None:
        """The answer to one request, noted in the journal; None is one that gets lost."""
        number = 0
        try:
            exchange = self._exchange(call, request, body)
            number = self._note(request, exchange)
            exchange.scripts = self._acting(request, exchange)
            answer = await self._carried_out(exchange, work)
        except Refusal as refusal:
            self._journal.end(number or self._note_refused(request, call), refusal.status)
            return Answer(refusal.status, replies.render(replies.error_document(refusal)))
        names = [script.fault.name for script in exchange.scripts]
        self._journal.end(number, answer.status if answer else 0, job=exchange.job_reference, faults=names)
        return answer

    def _authenticated(self, request: Request, body: bytes) -> Scheme:
        """The scheme that the request is rightly signed in.

        Raises:
            Refusal: 401 for a missing or wrong hash, 404 for a configuration that is not ours.
        """
        given = request.headers.get("Hash", "").strip()
        configuration = request.headers.get("ConfigurationId", "").strip()
        if not given or not configuration:
            raise unauthorized("The headers ConfigurationId and Hash are required.")
        if configuration != self._settings.configuration_id:
            raise Refusal(404, "RecordNotFound", "Configuration not found.")
        scheme = scheme_of_hash(given)
        if scheme is Scheme.HMAC_SHA256:
            expected = [hash_hmac(self._settings.api_secret, body)]
        else:
            keys = filter(None, (self._settings.api_key, self._settings.api_key_2))
            expected = [hash_sha512(key, body) for key in keys]
        if scheme is None or not any([same_hash(given, right) for right in expected]):  # noqa: C419 no early exit
            raise unauthorized("The hash does not match.")
        return scheme

    def _exchange(self, call: Call, request: Request, body: bytes | None) -> Exchange:
        if body is None:
            raise Refusal(413, "InvalidRequest", "The body is too large.")
        scheme = self._authenticated(request, body)
        document = parse_document(body)
        path = {name: str(value).rstrip("/") for name, value in request.path_params.items()}
        reference = path.get("job", "")
        known = self._ledger.job(reference) if reference else None
        order_number = known.order_number if known else path.get("order", "")
        if call is Call.CREATE:
            order_number = intake.order_number_of(document)
        return Exchange(call, path, request.query_params, scheme, document, order_number, job_reference=reference)

    def _note(self, request: Request, exchange: Exchange) -> int:
        return self._journal.begin(
            self._clock.now(),
            call=exchange.call,
            method=request.method,
            path=request.url.path,
            order_number=exchange.order_number,
            job=exchange.job_reference,
            scheme=exchange.scheme,
            document=exchange.document,
        )

    def _note_refused(self, request: Request, call: Call) -> int:
        return self._journal.begin(
            self._clock.now(), call=call, method=request.method, path=request.url.path, order_number="",
            job=request.path_params.get("job", ""), scheme="", document=Document(),
        )  # fmt: skip

    def _acting(self, request: Request, exchange: Exchange) -> list[Script]:
        """The scripts that act on this request: those of its order, and those of its header.

        What a create request's header names that does not act on creates is kept for the order.
        """
        if exchange.call is Call.CREATE:
            self._scripts.arm_from_order_number(exchange.order_number)
        named = request.headers.get(FAULT_HEADER, "")
        now_acting = []
        for script in parse_scripts(named):
            if script.acts_on(exchange.call):
                now_acting.append(script)
            elif exchange.order_number:
                self._scripts.arm_script(exchange.order_number, script)
        return [*self._scripts.take(exchange.call, exchange.order_number), *now_acting]

    async def _carried_out(self, exchange: Exchange, work: Work) -> Answer | None:
        """Do the work between the faults that act before and after it; None is an answer that gets lost."""
        for script in exchange.scripts:
            await self._hold(script.fault.hold_before_seconds, script)
            if script.fault.drop_before:
                return None
            if script.fault.answer is not None:
                return script.fault.answer
        status, document = work(exchange)
        if Twist.PAY_BEFORE_REPLY in exchange.twists:
            await self._pay_before_reply(exchange.job_reference)
        for script in exchange.scripts:
            await self._hold(script.fault.hold_after_seconds, script)
            if script.fault.edit is not None:
                document = script.fault.edit(document)
        answer: Answer | None = Answer(status, replies.render(document))
        for script in exchange.scripts:
            if script.fault.replace is not None and answer is not None:
                answer = script.fault.replace(answer)
        return answer

    async def _hold(self, seconds: int, script: Script) -> None:
        if seconds:
            wanted = seconds if script.seconds is None else script.seconds
            await self._clock.wait_until(self._clock.now() + timedelta(seconds=wanted))

    async def _pay_before_reply(self, reference: str) -> None:
        self._desk.pay(reference)
        for entry in self._outbox.entries(job_reference=reference):
            await self._deliverer.deliver_now(entry.id)

    # The ten calls

    def _create(self, exchange: Exchange) -> Reply:
        read = intake.read_create(exchange.document, exchange.scheme, self._clock.now())
        job = self._desk.create(read, exchange.twists)
        exchange.job_reference = job.reference
        return 201, self._job_reply(job)

    def _read_job(self, exchange: Exchange) -> Reply:
        return 200, self._job_reply(self._desk.job(exchange.path["job"]))

    def _read_payment(self, exchange: Exchange) -> Reply:
        return 200, self._payment_reply(self._desk.job(exchange.path["job"]), exchange.path["payment"])

    def _cancel_job(self, exchange: Exchange) -> Reply:
        return 200, self._job_reply(self._desk.cancel_job(exchange.path["job"], exchange.twists))

    def _cancel_payment(self, exchange: Exchange) -> Reply:
        job = self._desk.cancel_payment(exchange.path["job"], exchange.path["payment"])
        return 200, self._payment_reply(job, exchange.path["payment"])

    def _capture(self, exchange: Exchange) -> Reply:
        document = exchange.document
        final = document.flag("isFinalCapture")
        amount = _amount_reader(document, "amountToCapture", "amountToCollect")
        made = self._desk.capture(exchange.path["job"], exchange.path["payment"], amount, final=final)
        return 200, {"data": replies.capture_document(made, self._desk.job(exchange.path["job"]))}

    def _refund(self, exchange: Exchange) -> Reply:
        document = exchange.document
        number = document.text("refundNumber") or document.text("creditNumber")
        amount = _amount_reader(document, "amountToRefund")
        made = self._desk.refund(exchange.path["job"], exchange.path["payment"], amount, number, exchange.twists)
        return 200, {"data": replies.refund_document(made, self._desk.job(exchange.path["job"]))}

    def _methods(self, exchange: Exchange) -> Reply:
        currency = exchange.query.get("currency", "").upper()
        if currency and currency not in DECIMALS:
            raise bad_request("InvalidCurrency", "currency must be an ISO 4217 alphabetic code, such as GBP.")
        card = {
            "paymentMethod": "Card",
            "logo": "/assets/payment-method-card.svg",
            "issuerList": [],
            "supportsTokenisation": True,
            "tokenizedCards": [],
            "currencies": [currency] if currency else ["GBP", "EUR", "USD"],
            "surchargeAmount": "0",
            "description": "Card Simulator",
        }
        return 200, {"data": [card]}

    def _tokenise(self, exchange: Exchange) -> Reply:
        entry = intake.read_card(exchange.document, self._clock.now())
        card = entry.kept()
        return 200, {
            "data": {
                "token": self._desk.tokenise(card),
                "cardExpiryMonth": card.expiry_month,
                "cardExpiryYear": card.expiry_year,
                "truncatedCardNumber": card.truncated_number,
            }
        }

    def _order_exists(self, exchange: Exchange) -> Reply:
        if not self._ledger.has_order(exchange.path["order"]):
            raise not_found("Order")
        return 200, {}

    # Replies

    def _job_reply(self, job: Job) -> dict[str, Any]:
        data = replies.job_document(job, self._settings.configuration_id, self._clock.now())
        url = f"{self._settings.public_base_url}{PREFIX}/payment-jobs/{job.reference}"
        links = {"data": {"url": url, "type": "application/json"}}
        action = self._action_url(job)
        if action:
            links["action"] = {"url": action, "type": "text/html"}
        return {"data": data, "links": links}

    def _action_url(self, job: Job) -> str | None:
        """The page to show: ours while the job is open, the merchant's once a direct card has been approved."""
        if job.money_holder is not None and job.status is not Status.CANCELLED:
            return replies.return_url(job, job.money_holder, "returnurlsuccess")
        return f"{self._settings.public_base_url}/payment?ref={job.page_reference}" if job.is_open else None

    def _payment_reply(self, job: Job, reference: str) -> dict[str, Any]:
        payment = job.payment(reference)
        if payment is None:
            raise not_found("Payment")
        url = f"{self._settings.public_base_url}{PREFIX}/payment-jobs/{job.reference}/payments/{payment.reference}"
        data = replies.payment_document(job, payment, self._clock.now())
        return {"data": data, "links": {"data": {"url": url, "type": "application/json"}}}


def _amount_reader(document: Document, *names: str) -> Callable[[Job], int | None]:
    def read(job: Job) -> int | None:
        for name in names:
            if document.get(name) not in (None, ""):
                return parse_amount(document[name], job.currency, name)
        return None

    return read


async def _body(request: Request) -> bytes | None:
    """The exact bytes of the body; None when there are too many."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > LARGEST_BODY:
            return None
    return bytes(received)


def _response(answer: Answer | None) -> Response:
    if answer is None:
        return NoReply()
    return Response(answer.body, answer.status, {"Content-Type": JSON_TYPE, **answer.headers})
