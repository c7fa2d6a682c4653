"""Cashflows behind the gateway port: one adapter for both schemes, for the real gateway and for the simulator.

Each reply is judged by whether the outcome is known. A refusal counts only when the gateway itself says so (a 4xx);
anything unreadable or 5xx after sending leaves the outcome unknown.
"""

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from ...domain.facts import Hint, JobSnapshot, SignedFact
from ...domain.references import JobReference
from ...ports import (
    Cancelled,
    CancelOutcome,
    CreateOutcome,
    JobRequest,
    NoSuchJob,
    NotSent,
    Refused,
    RetrieveOutcome,
    Unavailable,
    Unknown,
    WebhookRejected,
)
from ..http import GatewayHttp, NoAnswer, NothingSent, Reply
from .reading import WireError
from .schemes import SIGNATURE_HEADER, Scheme
from .webhook import echo
from .wire import job_body, read_created, read_error_code, read_job

log = logging.getLogger(__name__)

API_PATH: Final = "/api/gateway"

MOCK_NOTICE: Final = "MOCKED: Please configure Cashflows credentials in backend/.env"


class CashflowsService:
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
    ) -> None:
        """``gateway_url`` is the host's, with or without ``/api/gateway``.

        With a ``page_domain`` customers are only ever sent to https pages in it; None allows any web address.
        """
        self._merchant_id = merchant_id
        self._scheme = scheme
        self._base_url = gateway_url.rstrip("/").removesuffix(API_PATH) + API_PATH
        self._http = http
        self._page_domain = page_domain
        self.is_configured = is_configured
        self.notice = None if is_configured else MOCK_NOTICE

    async def create_payment_job(self, request: JobRequest) -> CreateOutcome:
        """Ask for a payment job. After Unknown it may exist, but nobody holds its page."""
        try:
            reply = await self._send("POST", "/payment-jobs", job_body(request))
        except NothingSent as exc:
            return NotSent(str(exc))
        except NoAnswer as exc:
            return Unknown(str(exc))
        if reply.status not in (200, 201):
            return _judge(reply)
        try:
            created = read_created(reply.body)
        except WireError as exc:
            return Unknown(str(exc))
        if not _is_page(created.action_url, self._page_domain):
            return Unknown("the action link is no page of the gateway's")
        return created

    async def retrieve_payment_job(self, reference: JobReference) -> RetrieveOutcome:
        try:
            reply = await self._send("GET", f"/payment-jobs/{quote(reference, safe='')}")
        except (NothingSent, NoAnswer) as exc:
            return Unavailable(str(exc))
        if reply.status == 404:
            return NoSuchJob()
        if reply.status != 200:
            return Unavailable(f"the gateway answered {reply.status}")
        return _snapshot(reply.body, reference)

    async def cancel_payment_job(self, reference: JobReference) -> CancelOutcome:
        """End a job whose payments are unsettled. Source: Gateway API, ``PATCH /payment-jobs/{job}/cancel``."""
        try:
            reply = await self._send("PATCH", f"/payment-jobs/{quote(reference, safe='')}/cancel")
        except NothingSent as exc:
            return NotSent(str(exc))
        except NoAnswer as exc:
            return Unknown(str(exc))
        return Cancelled() if reply.status == 200 else _judge(reply)

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

    async def _send(self, method: str, path: str, body: bytes = b"") -> Reply:
        headers = {"ConfigurationId": self._merchant_id, "Hash": self._scheme.hash_header(body)}
        if body:
            headers["Content-Type"] = "application/json"
        return await self._http.send(method, self._base_url + path, body=body, headers=headers)


def _judge(reply: Reply) -> Refused | Unknown:
    """A 4xx says that nothing happened and nothing will; whatever else came leaves that open."""
    if 400 <= reply.status < 500 and reply.status not in (408, 425, 429):
        code = read_error_code(reply.body)
        log.warning("Cashflows refused with %s (%s)", reply.status, code)
        return Refused(f"{reply.status} {code}")
    return Unknown(f"the gateway answered {reply.status}")


def _snapshot(body: bytes, reference: JobReference) -> JobSnapshot | Unavailable:
    try:
        snapshot = read_job(body)
    except WireError as exc:
        return Unavailable(str(exc))
    if snapshot.job_reference != reference:
        return Unavailable("the reply is about another payment job")
    return snapshot


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
