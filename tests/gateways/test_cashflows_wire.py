"""The adapter's wire shapes, and every reply becoming one of the port's outcomes; respx stands in for the gateway."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import pytest
import respx
from msgspec.structs import replace

from backend.domain.facts import JobSnapshot, RefundFact, RefundState
from backend.domain.money import CurrencyCode, Money
from backend.domain.references import JobReference, OrderReference, OwnReference, UserId
from backend.domain.statuses import PaymentStatus
from backend.domain.terms import Address, Customer, Mode, OrderLine, OrderTerms
from backend.gateways.cashflows import CashflowsService, HmacSha256, Sha512
from backend.gateways.cashflows.signing import hmac_sha256_hash, sha512_hash
from backend.gateways.http import GatewayHttp
from backend.ports import Cancelled, JobRequest, NoSuchJob, NotSent, Redirect, Refused, Unavailable, Unknown

HOST = "https://gateway-int.cashflows.com"
JOBS = f"{HOST}/api/gateway/payment-jobs"
JOB = JobReference("210221000033558552")
PAGE = f"{HOST}/payment?ref=4d28fe"
REQUEST = JobRequest(
    own_reference=OwnReference("TEST-001"),
    terms=OrderTerms(
        mode=Mode.INTEGRATION,
        reference=OrderReference("TEST-001"),
        owner=UserId("alice"),
        customer=Customer("test@example.com", "Ada King Löwe"),
        amount=Money(123450, CurrencyCode("GBP")),
        description='Two "entries"',
        lines=(OrderLine("Entry", 2, 61725),),
    ),
    expires_at=datetime(2026, 3, 2, 13, 0, 0, 999, tzinfo=UTC),
    success_url="https://shop.example/ok",
    failed_url="https://shop.example/failed",
    cancel_url="https://shop.example/cancelled",
    webhook_url="https://shop.example/api/webhooks/cashflows",
)


async def no_pause(seconds: float) -> None: ...


def service(transport: httpx.MockTransport, *, page_domain: str | None = None, url: str = HOST) -> CashflowsService:
    return CashflowsService(
        merchant_id="200426100000000000",
        scheme=HmacSha256("secret", "whsec"),
        gateway_url=url,
        http=GatewayHttp(transport, deadline_seconds=5, sleep=no_pause),
        is_configured=True,
        page_domain=page_domain,
    )


@pytest.fixture
def gateway() -> respx.Router:
    return respx.Router(assert_all_called=False)


@pytest.fixture
async def cashflows(gateway: respx.Router) -> AsyncIterator[CashflowsService]:
    async with httpx.MockTransport(gateway.async_handler) as transport:
        yield service(transport)


def created(**changes: Any) -> dict[str, Any]:
    """A create reply as the manual shows one."""
    return {
        "data": {
            "reference": JOB,
            "paymentStatus": "Pending",
            "currency": "GBP",
            "amountToCollect": "1234.50",
            "order": {"orderNumber": "TEST-001", "orderLines": []},
            "payments": [{"reference": "210221117473470476", "status": "Pending", "amountToCollect": "1234.50"}],
        },
        "links": {"action": {"url": PAGE, "type": "text/html"}},
        **changes,
    }


def job(status: str, *payments: dict[str, Any], **changes: Any) -> dict[str, Any]:
    data = {"reference": JOB, "paymentStatus": status, "currency": "GBP", "order": {"orderNumber": "TEST-001"}}
    return {"data": {**data, "payments": list(payments), **changes}}


def payment(status: str, reference: str = "211", **changes: Any) -> dict[str, Any]:
    return {"reference": reference, "status": status, "amountToCollect": "10.00", **changes}


async def test_the_signed_bytes_are_the_bytes_that_are_sent(gateway: respx.Router, cashflows: CashflowsService) -> None:
    route = gateway.post(JOBS).respond(201, json=created())
    await cashflows.create_payment_job(REQUEST)
    sent = route.calls.last.request
    assert sent.headers["ConfigurationId"] == "200426100000000000"
    assert sent.headers["Hash"] == hmac_sha256_hash("secret", sent.content)
    assert sent.headers["Content-Type"] == "application/json"


async def test_a_job_is_asked_for_with_everything_the_order_has(
    gateway: respx.Router, cashflows: CashflowsService
) -> None:
    route = gateway.post(JOBS).respond(201, json=created())
    outcome = await cashflows.create_payment_job(REQUEST)
    assert outcome == Redirect(JOB, PAGE, ("210221117473470476",))  # type: ignore[arg-type]
    assert json.loads(route.calls.last.request.content) == {
        "amountToCollect": "1234.50",
        "currency": "GBP",
        "locale": "en_GB",
        "expirationDateTimeUtc": "2026-03-02T13:00:00Z",
        "order": {
            "orderNumber": "TEST-001",
            "note": 'Two "entries"',
            "billingIdentity": {"emailAddress": "test@example.com"},
            "billingAddress": {"firstName": "Ada King", "lastName": "Löwe"},
            "orderLines": [
                {
                    "lineNumber": 1,
                    "name": "Entry",
                    "quantity": 2,
                    "unitPriceInclVat": "617.25",
                    "totalLineAmount": "1234.50",
                }
            ],
        },
        "parameters": {
            "returnUrlSuccess": "https://shop.example/ok",
            "returnUrlFailed": "https://shop.example/failed",
            "returnUrlCancelled": "https://shop.example/cancelled",
            "webhookUrl": "https://shop.example/api/webhooks/cashflows",
        },
    }


async def test_addresses_phone_stock_numbers_and_the_language_are_told(
    gateway: respx.Router, cashflows: CashflowsService
) -> None:
    route = gateway.post(JOBS).respond(201, json=created())
    billing = Address("1 High Street", "Flat 2", "London", "SW1A 1AA", "", "GB")
    shipping = Address(line_1="2 Low Street", city="Leeds", postcode="LS1 1AA", state="West Yorkshire", country="GB")
    customer = Customer("test@example.com", "Ada King Löwe", "+44 20 7946 0018", billing, shipping)
    lines = (OrderLine("Entry", 2, 61725, "SKU-1"),)
    terms = replace(REQUEST.terms, customer=customer, lines=lines, locale="nl_NL")
    await cashflows.create_payment_job(replace(REQUEST, terms=terms))
    told = json.loads(route.calls.last.request.content)
    assert told["locale"] == "nl_NL"
    assert told["order"]["billingAddress"] == {
        "firstName": "Ada King",
        "lastName": "Löwe",
        "addressLine1": "1 High Street",
        "addressLine2": "Flat 2",
        "zipCode": "SW1A 1AA",
        "city": "London",
        "countryIso3166Alpha2": "GB",
        "phoneNumber1": "+44 20 7946 0018",
    }
    assert told["order"]["shippingAddress"] == {
        "firstName": "Ada King",
        "lastName": "Löwe",
        "addressLine1": "2 Low Street",
        "zipCode": "LS1 1AA",
        "city": "Leeds",
        "stateProvince": "West Yorkshire",
        "countryIso3166Alpha2": "GB",
        "phoneNumber1": "+44 20 7946 0018",
    }
    assert told["order"]["orderLines"][0]["skuCode"] == "SKU-1"


async def test_a_language_without_a_page_of_its_own_gets_the_english_one(
    gateway: respx.Router, cashflows: CashflowsService
) -> None:
    route = gateway.post(JOBS).respond(201, json=created())
    await cashflows.create_payment_job(replace(REQUEST, terms=replace(REQUEST.terms, locale="fr_FR")))
    assert json.loads(route.calls.last.request.content)["locale"] == "en_GB"


@pytest.mark.parametrize("url", [HOST, f"{HOST}/", f"{HOST}/api/gateway", f"{HOST}/api/gateway/"])
async def test_the_gateway_address_may_name_the_api_path(gateway: respx.Router, url: str) -> None:
    gateway.post(JOBS).respond(201, json=created())
    async with httpx.MockTransport(gateway.async_handler) as transport:
        assert isinstance(await service(transport, url=url).create_payment_job(REQUEST), Redirect)


async def test_a_request_without_a_body_is_signed_over_the_key_alone(gateway: respx.Router) -> None:
    route = gateway.get(f"{JOBS}/{JOB}").respond(200, json=job("Pending"))
    async with httpx.MockTransport(gateway.async_handler) as transport:
        http = GatewayHttp(transport, deadline_seconds=5)
        published = CashflowsService(
            merchant_id="1", scheme=Sha512("key"), gateway_url=HOST, http=http, is_configured=True
        )
        await published.retrieve_payment_job(JOB)
    assert route.calls.last.request.content == b""
    assert route.calls.last.request.headers["Hash"] == sha512_hash("key", b"")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (httpx.Response(400, json={"errorReport": {"errors": [{"code": "InvalidAmount", "message": "x"}]}}), Refused),
        (httpx.Response(401, json={}), Refused),
        (httpx.Response(403, text="no"), Refused),
        (httpx.Response(404, json={"ErrorReport": {"Errors": [{"Code": "RecordNotFound"}]}}), Refused),
        (httpx.Response(408), Unknown),
        (httpx.Response(429), Unknown),
        (httpx.Response(500), Unknown),
        (httpx.Response(503), Unknown),
        (httpx.Response(302, headers={"Location": "http://169.254.169.254/"}), Unknown),
        (httpx.Response(204), Unknown),
        (httpx.Response(200, text="<html>"), Unknown),
        (httpx.Response(201, json={"data": None}), Unknown),
        (httpx.Response(201, json={"errorReport": {"errors": [{"code": "X"}]}}), Unknown),
        (httpx.Response(201, json=created(links={})), Unknown),
        (httpx.Response(201, json=created(links={"action": {"url": "javascript:alert(1)"}})), Unknown),
        (httpx.Response(201, json=created(links={"action": {"url": "https://a\\@b/"}})), Unknown),
        (httpx.Response(201, json=created(links={"action": {"url": "https://[::1/"}})), Unknown),
        (httpx.Response(201, json=created(data={"reference": "../../etc", "payments": []})), Unknown),
        (httpx.Response(201, json=created(data={"reference": JOB, "order": {"orderNumber": "TEST-002"}})), Unknown),
        (httpx.Response(201, content=b"x" * (1024 * 1024 + 1)), Unknown),
    ],
)
async def test_each_reply_to_create_is_one_outcome(
    gateway: respx.Router, cashflows: CashflowsService, reply: httpx.Response, outcome: type
) -> None:
    gateway.post(JOBS).mock(return_value=reply)
    assert isinstance(await cashflows.create_payment_job(REQUEST), outcome)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError, NotSent),
        (httpx.ConnectTimeout, NotSent),
        (httpx.PoolTimeout, NotSent),
        (httpx.ReadTimeout, Unknown),
        (httpx.WriteTimeout, Unknown),
        (httpx.ReadError, Unknown),
        (httpx.WriteError, Unknown),
        (httpx.RemoteProtocolError, Unknown),
    ],
)
async def test_each_transport_error_says_whether_anything_was_sent(
    gateway: respx.Router, cashflows: CashflowsService, error: type[Exception], outcome: type
) -> None:
    gateway.post(JOBS).mock(side_effect=error("secret detail"))
    gateway.patch(f"{JOBS}/{JOB}/cancel").mock(side_effect=error("secret detail"))
    gateway.get(f"{JOBS}/{JOB}").mock(side_effect=error("secret detail"))
    result = await cashflows.create_payment_job(REQUEST)
    assert isinstance(result, outcome)
    assert "secret" not in repr(result)
    assert isinstance(await cashflows.cancel_payment_job(JOB), outcome)
    assert isinstance(await cashflows.retrieve_payment_job(JOB), Unavailable)


async def test_in_production_customers_are_sent_to_the_gateways_own_pages_only(gateway: respx.Router) -> None:
    async with httpx.MockTransport(gateway.async_handler) as transport:
        production = service(transport, page_domain="cashflows.com")
        for url, allowed in {
            "https://gateway.cashflows.com/payment?ref=1": True,
            "https://cashflows.com/": True,
            "http://gateway.cashflows.com/payment": False,
            "https://gateway.cashflows.com.evil.example/": False,
            "https://evilcashflows.com/": False,
        }.items():
            gateway.post(JOBS).respond(201, json=created(links={"action": {"url": url}}))
            assert isinstance(await production.create_payment_job(REQUEST), Redirect) is allowed, url


READ = [
    ("Pending", "Pending", PaymentStatus.PENDING, True),
    ("Commissioned", "Commissioned", PaymentStatus.PENDING, True),
    ("Verified", "Verified", PaymentStatus.PENDING, True),
    ("Reserved", "Reserved", PaymentStatus.AUTHORIZED, True),
    ("Paid", "Paid", PaymentStatus.CAPTURED, False),
    ("Cancelled", "Cancelled", PaymentStatus.CANCELLED, False),
    ("Expired", "Expired", PaymentStatus.EXPIRED, False),
    ("Failed", "Failed", PaymentStatus.FAILED, True),
    ("Declined", "Declined", PaymentStatus.DECLINED, True),
    ("Pending", "Rejected", PaymentStatus.DECLINED, True),
    ("Pending", "Blocked", PaymentStatus.DECLINED, True),
    ("Quarantined", "Quarantined", PaymentStatus.PENDING, True),
    ("paid", "PAID", PaymentStatus.CAPTURED, False),
    ("Paid", "Pending", PaymentStatus.PENDING, True),
    ("Paid", "Settled", PaymentStatus.PENDING, True),
    ("Paid", "Declined", PaymentStatus.DECLINED, True),
]


@pytest.mark.parametrize(("job_word", "payment_word", "status", "payable"), READ)
async def test_statuses_are_read(
    gateway: respx.Router,
    cashflows: CashflowsService,
    job_word: str,
    payment_word: str,
    status: PaymentStatus,
    payable: bool,
) -> None:
    gateway.get(f"{JOBS}/{JOB}").respond(200, json=job(job_word, payment(payment_word)))
    snapshot = await cashflows.retrieve_payment_job(JOB)
    assert isinstance(snapshot, JobSnapshot)
    assert (snapshot.payments[0].status, snapshot.payable) == (status, payable)
    assert snapshot.payments[0].evidence.wording == payment_word


PASCAL_CASE = {
    "Data": {
        "Reference": int(JOB),
        "PaymentStatus": "Paid",
        "Currency": "GBP",
        "Order": {"OrderNumber": "TEST-001"},
        "Payments": [{"Reference": 211, "Status": "Paid", "AmountToCollect": 10.0}],
    }
}


@pytest.mark.parametrize(
    "body",
    [
        PASCAL_CASE,
        job("Paid", payment("Paid", amountToCollect="10")),
        job("Paid", payment("Paid", amountToCollect=10)),
        job("Paid", payment("Paid", amountToCollect=None), amountToCollect="10.000"),
        {**job("Paid", payment("Paid", refunds=None, steps=[{"any": "thing"}], paidAmount="10.30")), "links": None},
    ],
)
async def test_every_spelling_of_a_paid_job_is_read(
    gateway: respx.Router, cashflows: CashflowsService, body: dict[str, Any]
) -> None:
    gateway.get(f"{JOBS}/{JOB}").respond(200, json=body)
    snapshot = await cashflows.retrieve_payment_job(JOB)
    assert isinstance(snapshot, JobSnapshot)
    (fact,) = snapshot.payments
    assert (fact.payment_reference, fact.status, fact.captured_minor) == ("211", PaymentStatus.CAPTURED, 1000)
    assert (snapshot.own_reference, snapshot.job_reference) == ("TEST-001", JOB)


async def test_captures_and_refunds_are_totals_of_what_was_completed(
    gateway: respx.Router, cashflows: CashflowsService
) -> None:
    told = payment(
        "Paid",
        captures=[{"status": "Completed", "amountToCapture": "6.00"}, {"status": 9010, "amountToCapture": "4.00"}],
        refunds=[
            {"status": "Completed", "amountToRefund": "1.50"},
            {"status": "Pending", "amountToRefund": "2.00"},
            {"status": "Failed", "amountToRefund": "3.00"},
        ],
    )
    gateway.get(f"{JOBS}/{JOB}").respond(200, json=job("Paid", told))
    snapshot = await cashflows.retrieve_payment_job(JOB)
    assert isinstance(snapshot, JobSnapshot)
    assert (snapshot.payments[0].captured_minor, snapshot.payments[0].refunded_minor) == (1000, 150)


async def test_a_job_that_is_paid_by_no_payment_that_it_shows_is_not_over(
    gateway: respx.Router, cashflows: CashflowsService
) -> None:
    gateway.get(f"{JOBS}/{JOB}").respond(200, json=job("Paid"))
    snapshot = await cashflows.retrieve_payment_job(JOB)
    assert isinstance(snapshot, JobSnapshot)
    assert (snapshot.payable, snapshot.payments) == (True, ())


PART: Final = [{"status": "Completed", "amountToCapture": "4.00"}]


@pytest.mark.parametrize(
    ("told", "status", "captured"),
    [
        (payment("Paid", paidAmount="6.00"), PaymentStatus.CAPTURED, 600),
        (payment("Paid", paidAmount="10.30"), PaymentStatus.CAPTURED, 1000),
        (payment("Paid", paidAmount="0.00"), PaymentStatus.CAPTURED, 1000),
        (payment("Paid", paidAmount="10.00", captures=PART), PaymentStatus.CAPTURED, 400),
        (payment("Reserved", captures=PART), PaymentStatus.AUTHORIZED, 400),
        (payment("Expired", captures=PART), PaymentStatus.CAPTURED, 400),
        (payment("Failed", captures=PART), PaymentStatus.CAPTURED, 400),
        (payment("Cancelled", captures=PART), PaymentStatus.CANCELLED, 400),
        (payment("Cancelled", paidAmount="4.00", captures=PART), PaymentStatus.VOIDED, 400),
        (payment("Cancelled"), PaymentStatus.CANCELLED, 0),
    ],
)
async def test_what_was_taken_is_what_the_gateway_says_and_stays_when_the_rest_of_a_hold_ends(
    gateway: respx.Router, cashflows: CashflowsService, told: dict[str, Any], status: PaymentStatus, captured: int
) -> None:
    gateway.get(f"{JOBS}/{JOB}").respond(200, json=job("Paid", told))
    snapshot = await cashflows.retrieve_payment_job(JOB)
    assert isinstance(snapshot, JobSnapshot)
    (fact,) = snapshot.payments
    assert (fact.status, fact.captured_minor) == (status, captured)


async def test_a_payment_cancelled_after_it_was_paid_is_voided(
    gateway: respx.Router, cashflows: CashflowsService
) -> None:
    gateway.get(f"{JOBS}/{JOB}").respond(200, json=job("Cancelled", payment("Cancelled", paidAmount="10.00")))
    snapshot = await cashflows.retrieve_payment_job(JOB)
    assert isinstance(snapshot, JobSnapshot)
    assert snapshot.payments[0].status is PaymentStatus.VOIDED


NOT_TEN = b'"10.00"', b"10.00000000000000001"
"""A number that a float takes for ten."""


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (httpx.Response(404, json={}), NoSuchJob),
        (httpx.Response(401), Unavailable),
        (httpx.Response(500), Unavailable),
        (httpx.Response(200, text="{"), Unavailable),
        (httpx.Response(200, json=job("Paid", payment("Paid"), reference="99")), Unavailable),
        (httpx.Response(200, json=job("Paid", payment("Paid"), currency="ABC")), Unavailable),
        (httpx.Response(200, json=job("Paid", payment("Paid"), currency=None)), Unavailable),
        (httpx.Response(200, json=job("Paid", payment("Paid", amountToCollect=None))), Unavailable),
        (httpx.Response(200, json=job("Paid", payment("Paid", amountToCollect="1,000.00"))), Unavailable),
        (httpx.Response(200, json=job("Paid", payment("Paid", amountToCollect=True))), Unavailable),
        (httpx.Response(200, content=b'{"data":{"reference":"1","reference":"2"}}'), Unavailable),
        (httpx.Response(200, content=json.dumps(job("Paid", payment("Paid"))).encode().replace(*NOT_TEN)), Unavailable),
    ],
)
async def test_an_answer_that_is_not_exact_is_no_answer(
    gateway: respx.Router, cashflows: CashflowsService, reply: httpx.Response, outcome: type
) -> None:
    gateway.get(f"{JOBS}/{JOB}").mock(return_value=reply)
    assert isinstance(await cashflows.retrieve_payment_job(JOB), outcome)


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, Cancelled), (400, Refused), (404, Refused), (500, Unknown), (302, Unknown)]
)
async def test_cancelling_a_job(gateway: respx.Router, cashflows: CashflowsService, status: int, outcome: type) -> None:
    route = gateway.patch(f"{JOBS}/{JOB}/cancel").respond(status, json={})
    assert isinstance(await cashflows.cancel_payment_job(JOB), outcome)
    assert route.calls.last.request.content == b""


def test_a_signature_is_checked_as_a_yes_or_no() -> None:
    checked = service(httpx.MockTransport(lambda _: httpx.Response(500)))
    assert checked.is_configured
    signature = "e77103a6b11bd7e2e606d08486c203f890da2a19d3c92627cdbd6b1809051602"
    assert checked.verify_webhook_signature(b'{"status":"captured"}', signature)
    assert not checked.verify_webhook_signature(b'{"status":"declined"}', signature)


async def test_part_captures_and_each_refund_are_read_as_they_stand(
    gateway: respx.Router, cashflows: CashflowsService
) -> None:
    taken = payment(
        "Paid",
        captures=[
            {"status": "Completed", "amountToCapture": "6.00", "createDateTimeUtc": "2026-03-02T13:00:00+01:00"},
            {"status": "Failed", "amountToCapture": "4.00", "createDateTimeUtc": "2026-03-02T11:00:00Z"},
        ],
        refunds=[
            {"reference": "231", "refundNumber": "A~r1", "status": "Completed", "amountToRefund": "1.00"},
            {"reference": "232", "refundNumber": "A~r2", "status": "Failed", "amountToRefund": "2.00"},
            {"reference": "233", "refundNumber": "A~r3", "status": "Pending", "amountToRefund": "2.50"},
        ],
    )
    gateway.get(f"{JOBS}/{JOB}").respond(200, json=job("Paid", taken))
    snapshot = await cashflows.retrieve_payment_job(JOB)
    assert isinstance(snapshot, JobSnapshot)
    (fact,) = snapshot.payments
    assert (fact.captured_minor, fact.refunded_minor) == (600, 100)
    assert fact.taken_at == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert fact.refunds == (
        RefundFact("A~r1", "231", 100, RefundState.COMPLETED),
        RefundFact("A~r2", "232", 200, RefundState.FAILED),
        RefundFact("A~r3", "233", 250, RefundState.PENDING),
    )
