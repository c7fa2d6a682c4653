"""Cashflows behind the gateway port: one adapter for both schemes, for the real gateway and for the simulator.

Each reply is judged by whether the outcome is known. A refusal counts only when the gateway itself says so (a 4xx);
anything unreadable or 5xx after sending leaves the outcome unknown.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from ...domain.facts import Hint, JobSnapshot, SignedFact
from ...domain.money import CurrencyCode, Money
from ...domain.operations import OperationKind
from ...domain.references import JobReference
from ...domain.standing import PaymentStanding
from ...ports import (
    Cancelled,
    CancelOutcome,
    ChangeOutcome,
    CreateOutcome,
    JobRequest,
    NoSuchJob,
    NotSent,
    OperationRequest,
    Redirect,
    Refused,
    RetrieveOutcome,
    Unavailable,
    Unknown,
    WebhookRejected,
)
from ..adapter import GuardedAdapter
from ..calls import change, read
from ..exchange import Reply
from ..http import GatewayHttp
from .operations import allowed_operations, call_for, read_outcome
from .schemes import SIGNATURE_HEADER, Scheme
from .webhook import echo
from .wire import job_body, read_created, read_error_code, read_job, read_methods

log = logging.getLogger(__name__)

API_PATH: Final = "/api/gateway"

CREDENTIALS: Final = "CASHFLOWS_MERCHANT_ID, CASHFLOWS_API_KEY, CASHFLOWS_API_SECRET and CASHFLOWS_SCHEME"

PROBE_AMOUNT: Final = Money(100, CurrencyCode("GBP"))

NOT_KNOWN: Final = (
    "it does not know this account: CASHFLOWS_MERCHANT_ID is wrong, or the keys are of another environment"
)

MOCK_NOTICE: Final = "MOCKED: Please configure Cashflows credentials in backend/.env"

Told = TypeVar("Told")


class CashflowsService(GuardedAdapter):
    """The adapter; ``is_configured`` tells whether it was given real credentials or talks to the simulator."""

    name = "cashflows"

    def __init__(
        self,
        *,
        merchant_id: str,
        scheme: Scheme,
        gateway_url: str,
        http: GatewayHttp,
        is_configured: bool,
        page_domain: str | None = None,
        secrets: Collection[str] = (),
    ) -> None:
        """``gateway_url`` is the host's, with or without ``/api/gateway``; ``secrets`` are what ``scrub`` hides.

        With a ``page_domain`` customers are only ever sent to https pages in it; None allows any web address.
        """
        super().__init__("Cashflows", CREDENTIALS, secrets=secrets)
        self._merchant_id = merchant_id
        self._scheme = scheme
        self._base_url = gateway_url.rstrip("/").removesuffix(API_PATH) + API_PATH
        self._http = http
        self._page_domain = page_domain
        self._preferred_key = 0
        self.account = sha256("\0".join((merchant_id, gateway_url, *scheme.hash_headers(b""))).encode()).hexdigest()
        self.is_configured = is_configured
        self.notice = None if is_configured else MOCK_NOTICE

    async def create_payment_job(self, request: JobRequest) -> CreateOutcome:
        """Ask for a payment job. After Unknown it may exist, but nobody holds its page."""
        understand = partial(read_created, request.own_reference)
        created = await self._change("POST", "/payment-jobs", understand, job_body(request))
        if isinstance(created, Redirect) and not _is_page(created.action_url, self._page_domain):
            return Unknown("the action link is no page of the gateway's", created.job_reference)
        return created

    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome:
        """The job with all its payments; tried again where that may help, as a read changes nothing."""
        answer = await self._read(f"/payment-jobs/{quote(reference, safe='')}", read_job)
        if isinstance(answer, JobSnapshot) and answer.job_reference != reference:
            return Unavailable("the reply is about another payment job")
        return answer

    async def cancel_payment_job(self, reference: JobReference) -> CancelOutcome:
        """End a job whose payments are unsettled. Source: Gateway API, ``PATCH /payment-jobs/{job}/cancel``."""
        path = f"/payment-jobs/{quote(reference, safe='')}/cancel"
        return await self._change("PATCH", path, lambda _: Cancelled())

    async def change_payment(self, request: OperationRequest) -> ChangeOutcome:
        job, payment = quote(request.job_reference, safe=""), quote(request.payment_reference, safe="")
        method, action, body = call_for(request)
        path = f"/payment-jobs/{job}/payments/{payment}/{action}"
        return await self._change(method, path, partial(read_outcome, request.kind), body)

    def allowed_operations(self, payment: PaymentStanding, now: datetime) -> frozenset[OperationKind]:
        return allowed_operations(payment, now)

    async def supported_payment_methods(self, amount: Money) -> Sequence[str] | Unavailable:
        """The methods that a payment page offers for this amount. Source: ``GET /supported-payment-methods``."""
        query = urlencode({"collectAmount": amount.to_wire(), "currency": amount.currency})
        answer = await self._read(f"/supported-payment-methods?{query}", read_methods)
        return Unavailable(NOT_KNOWN) if isinstance(answer, NoSuchJob) else answer

    async def probe(self) -> str | None:
        """What keeps this account from taking payments, as far as a read can tell.

        A job that was never made is answered with 404, and so are keys of the other environment. Any known account can
        list its methods.
        """
        methods = await self.supported_payment_methods(PROBE_AMOUNT)
        return methods.reason if isinstance(methods, Unavailable) else None

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> None:
        self._scheme.verify_webhook(headers, body)

    def verify_webhook_signature(self, body: bytes, signature: str) -> bool:
        """``verify_webhook`` as a yes or no; a missing secret still raises WebhookNotConfigured."""
        try:
            self._scheme.verify_webhook({SIGNATURE_HEADER: signature}, body)
        except WebhookRejected:
            return False
        return True

    def read_webhook(self, body: bytes) -> SignedFact | Hint:
        return self._scheme.read_webhook(body)

    def acknowledgement(self, body: bytes) -> Mapping[str, str]:
        return echo(body)

    async def _change(
        self, method: str, path: str, understand: Callable[[bytes], Told], body: bytes = b""
    ) -> Told | Refused | NotSent | Unknown:
        """One call that may change something, never repeated."""

        async def send(hash_header: str) -> Reply:
            headers = self._headers(hash_header)
            if body:
                headers["Content-Type"] = "application/json"
            return await self._http.send(method, self._base_url + path, body=body, headers=headers)

        call = partial(self._with_live_key, body, send)
        return await change(self._guard, call, understand, error_code=read_error_code)

    async def _read(self, path: str, understand: Callable[[bytes], Told]) -> Told | NoSuchJob | Unavailable:
        async def get(hash_header: str) -> Reply:
            return await self._http.read(self._base_url + path, headers=self._headers(hash_header))

        return await read(self._guard, partial(self._with_live_key, b"", get), understand)

    async def _with_live_key(self, body: bytes, call: Callable[[str], Awaitable[Reply]]) -> Reply:
        """Call with the preferred key; a 401, after which nothing was done, is tried once with the other live key."""
        hashes = self._scheme.hash_headers(body)
        reply = await call(hashes[self._preferred_key])
        if reply.status != 401 or len(hashes) == 1:
            return reply
        self._guard.note(reply.status)
        if self._guard.reason is None:
            other = 1 - self._preferred_key
            reply = await call(hashes[other])
            if reply.status != 401:
                self._preferred_key = other
                log.error("Cashflows refused one of two API keys and took the other: check CASHFLOWS_API_KEY")
        return reply

    def _headers(self, hash_header: str) -> dict[str, str]:
        return {"ConfigurationId": self._merchant_id, "Hash": hash_header}


def _is_page(url: str, domain: str | None) -> bool:
    """Whether a customer may be sent there."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.scheme not in ("https", "http") or not url.isascii() or not url.isprintable() or "\\" in url:
        return False
    return domain is None or (parts.scheme == "https" and (host == domain or host.endswith(f".{domain}")))
