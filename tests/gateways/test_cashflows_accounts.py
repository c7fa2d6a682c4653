"""Credentials that are refused: the second live key, and stopping before Cashflows locks the account."""

import httpx
import pytest
import respx

from backend.domain.facts import JobSnapshot
from backend.domain.money import CurrencyCode, Money
from backend.gateways.cashflows import CashflowsService, Scheme, Sha512
from backend.gateways.cashflows.signing import sha512_hash
from backend.gateways.guard import LockOutGuard
from backend.gateways.http import GatewayHttp
from backend.ports import NotSent, Redirect, Refused, Unavailable

from .test_cashflows_wire import HOST, JOB, JOBS, REQUEST, created, job, payment

NEW, OLD = "new-key", "old-key"


@pytest.fixture
def gateway() -> respx.Router:
    return respx.Router(assert_all_called=False)


@pytest.fixture
def transport(gateway: respx.Router) -> httpx.MockTransport:
    return httpx.MockTransport(gateway.async_handler)


def cashflows(transport: httpx.MockTransport, scheme: Scheme) -> CashflowsService:
    http = GatewayHttp(transport, deadline_seconds=5)
    return CashflowsService(merchant_id="1", scheme=scheme, gateway_url=HOST, http=http, is_configured=True)


def accept_only(gateway: respx.Router, *keys: str) -> respx.Route:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["Hash"] in {sha512_hash(key, request.content) for key in keys}:
            return (
                httpx.Response(201, json=created())
                if request.method == "POST"
                else httpx.Response(200, json=job("Pending"))
            )
        return httpx.Response(401, json={})

    return gateway.route(url__startswith=JOBS).mock(side_effect=answer)


async def test_the_new_key_is_tried_first(gateway: respx.Router, transport: httpx.MockTransport) -> None:
    route = accept_only(gateway, NEW, OLD)
    await cashflows(transport, Sha512(NEW, OLD)).create_payment_job(REQUEST)
    sent = route.calls.last.request
    assert (len(route.calls), sent.headers["Hash"]) == (1, sha512_hash(NEW, sent.content))


async def test_a_new_key_that_is_refused_falls_back_once_and_tells(
    gateway: respx.Router, transport: httpx.MockTransport, caplog: pytest.LogCaptureFixture
) -> None:
    route = accept_only(gateway, OLD)
    service = cashflows(transport, Sha512(NEW, OLD))
    assert isinstance(await service.create_payment_job(REQUEST), Redirect)
    assert "CASHFLOWS_API_KEY" in caplog.text
    assert NEW not in caplog.text
    assert OLD not in caplog.text
    assert isinstance(await service.retrieve_payment_job(JOB), JobSnapshot)
    assert len(route.calls) == 3, "once it is known which key works, no bad hash is sent any more"
    assert service.refusal() is None


async def test_two_refusals_in_a_row_stop_the_calls(gateway: respx.Router, transport: httpx.MockTransport) -> None:
    route = accept_only(gateway)
    service = cashflows(transport, Sha512(NEW))
    assert isinstance(await service.create_payment_job(REQUEST), Refused)
    assert service.refusal() is None
    assert isinstance(await service.retrieve_payment_job(JOB), Unavailable)
    assert "CASHFLOWS_API_KEY" in str(service.refusal())
    assert isinstance(await service.create_payment_job(REQUEST), NotSent)
    assert isinstance(await service.retrieve_payment_job(JOB), Unavailable)
    assert isinstance(await service.cancel_payment_job(JOB), NotSent)
    assert len(route.calls) == 2


async def test_two_bad_keys_are_two_refusals(gateway: respx.Router, transport: httpx.MockTransport) -> None:
    route = accept_only(gateway)
    service = cashflows(transport, Sha512(NEW, OLD))
    await service.create_payment_job(REQUEST)
    assert service.refusal() is not None
    await service.create_payment_job(REQUEST)
    assert len(route.calls) == 2


async def test_an_operator_allows_one_more_try(gateway: respx.Router, transport: httpx.MockTransport) -> None:
    accept_only(gateway)
    service = cashflows(transport, Sha512(NEW))
    await service.retrieve_payment_job(JOB)
    await service.retrieve_payment_job(JOB)
    service.resume()
    assert service.refusal() is None
    await service.retrieve_payment_job(JOB)
    assert service.refusal() is not None
    service.resume()
    accept_only(gateway, NEW)
    assert isinstance(await service.retrieve_payment_job(JOB), JobSnapshot)
    assert isinstance(await service.retrieve_payment_job(JOB), JobSnapshot)


@pytest.mark.parametrize("between", [200, 404, 500, 400])
def test_any_other_answer_between_shows_that_the_account_works(between: int) -> None:
    guard = LockOutGuard("Acme", "ACME_KEY")
    for status in (401, between, 403, between, 401):
        guard.note(status)
    assert guard.reason is None
    guard.note(403)
    assert guard.reason is not None


async def test_reads_are_tried_again_and_changes_are_not(gateway: respx.Router, transport: httpx.MockTransport) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    http = GatewayHttp(transport, deadline_seconds=5, sleep=pause)
    service = CashflowsService(merchant_id="1", scheme=Sha512(NEW), gateway_url=HOST, http=http, is_configured=True)
    reads = gateway.get(f"{JOBS}/{JOB}").mock(
        side_effect=[
            httpx.ReadError("lost"),
            httpx.Response(503),
            httpx.Response(200, json=job("Paid", payment("Paid"))),
        ]
    )
    assert isinstance(await service.retrieve_payment_job(JOB), JobSnapshot)
    assert len(reads.calls) == 3
    assert 0.1 <= pauses[0] <= 0.3
    assert 0.4 <= pauses[1] <= 1.2
    creates = gateway.post(JOBS).respond(503)
    await service.create_payment_job(REQUEST)
    assert len(creates.calls) == 1


async def test_the_tries_of_a_read_share_one_deadline(gateway: respx.Router, transport: httpx.MockTransport) -> None:
    gateway.get(f"{JOBS}/{JOB}").respond(503)
    http = GatewayHttp(transport, deadline_seconds=0.05)
    service = CashflowsService(merchant_id="1", scheme=Sha512(NEW), gateway_url=HOST, http=http, is_configured=True)
    assert await service.retrieve_payment_job(JOB) == Unavailable("TimeoutError")


async def test_supported_payment_methods_are_listed(gateway: respx.Router, transport: httpx.MockTransport) -> None:
    route = gateway.get(f"{HOST}/api/gateway/supported-payment-methods").respond(
        200, json={"data": [{"paymentMethod": "Card", "logo": "/card.svg"}, {"paymentMethod": "PayPal"}]}
    )
    service = cashflows(transport, Sha512(NEW))
    assert await service.supported_payment_methods(Money(1999, CurrencyCode("GBP"))) == ("Card", "PayPal")
    assert dict(route.calls.last.request.url.params) == {"collectAmount": "19.99", "currency": "GBP"}


def test_a_text_is_scrubbed_of_everything_that_must_reach_no_log() -> None:
    service = CashflowsService(
        merchant_id="200426100000000000",
        scheme=Sha512("new-key"),
        gateway_url=HOST,
        http=GatewayHttp(httpx.MockTransport(lambda _: httpx.Response(500)), deadline_seconds=1),
        is_configured=True,
        secrets=["new-key", "whsec-1", "ab"],
    )
    text = (
        f"Hash: {sha512_hash('new-key', b'')} X-Signature: {'a' * 64} key new-key whsec-1 "
        "card 4111 1111 1111 1111 job 210221000033558552 absent"
    )
    assert service.scrub(text) == (
        "Hash: [hidden] X-Signature: [hidden] key [hidden] [hidden] card [hidden] job 210221000033558552 absent"
    )
