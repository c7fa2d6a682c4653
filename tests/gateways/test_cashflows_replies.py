"""Replies of every shape, read to the last member: what a change did, when money came, what refusals are called."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest

from backend.domain.facts import Evidence, EvidenceSource, JobSnapshot, PaymentFact
from backend.domain.money import CurrencyCode, Money
from backend.domain.operations import OperationKind
from backend.domain.references import JobReference, PaymentReference
from backend.domain.standing import PaymentStanding
from backend.domain.statuses import PaymentStatus
from backend.domain.terms import Mode
from backend.gateways.cashflows import CashflowsService
from backend.gateways.cashflows.operations import allowed_operations, read_outcome
from backend.gateways.cashflows.plugin import make
from backend.gateways.cashflows.signing import hmac_sha256_hash, sha512_hash, webhook_signature
from backend.gateways.cashflows.wire import read_error_code, read_job
from backend.gateways.http import GatewayHttp
from backend.gateways.reading import WireError
from backend.gateways.registry import GatewayContext
from backend.ports import ChangeOutcome, Done, OperationRequest, Redirect, Refused, Unknown, Waiting

from .test_cashflows_wire import JOB, REQUEST, created, job, payment, service

CAPTURE, VOID, REFUND = OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND


def carried(status: object, reference: str = "231") -> bytes:
    return json.dumps({"data": {"reference": reference, "status": status}}).encode()


NOBODY_KNOWS = Unknown("the reply has a status that nobody knows")
STILL_THERE = Unknown("the payment is not cancelled")


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        (CAPTURE, "Completed", Done("231")),
        (REFUND, "completed", Done("231")),
        (REFUND, 9010, Done("231")),
        (REFUND, "Pending", Waiting("231")),
        (CAPTURE, 10, Waiting("231")),
        (REFUND, "Failed", Refused("Failed")),
        (CAPTURE, "FAILED", Refused("Failed")),
        (REFUND, "Quarantined", NOBODY_KNOWS),
        (CAPTURE, "Paid", NOBODY_KNOWS),
        (VOID, "Cancelled", Done(None)),
        (VOID, 9100, Done(None)),
        (VOID, "Paid", STILL_THERE),
        (VOID, "Completed", STILL_THERE),
        (VOID, "Failed", STILL_THERE),
    ],
)
def test_each_reply_to_a_change_is_one_outcome(kind: OperationKind, status: object, outcome: ChangeOutcome) -> None:
    assert read_outcome(kind, carried(status)) == outcome


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"errorReport": {"errors": [{"code": "InvalidAmount"}, {"code": "Other"}]}}, "InvalidAmount"),
        ({"ErrorReport": {"Errors": [{"Code": "Record.Not_Found"}]}}, "Record.Not_Found"),
        ({"errorReport": {"errors": [{"code": "Ada King, 1 High Street"}]}}, "no error code"),
        ({"errorReport": {"errors": [{"code": 4111111111111111}]}}, "no error code"),
        ({"errorReport": {"errors": []}}, "no error report"),
        ({"message": "Ada King"}, "no error report"),
    ],
)
def test_a_refusal_is_called_by_its_code_and_by_no_text_of_the_gateways(report: dict[str, Any], code: str) -> None:
    assert read_error_code(json.dumps(report).encode()) == code


def taken_at(*payments: dict[str, Any], **told: Any) -> datetime | None:
    return read_job(json.dumps(job("Paid", *payments, **told)).encode()).payments[0].taken_at


NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2026-03-02T12:00:00", NOON),
        ("2026-03-02T12:00:00Z", NOON),
        ("2026-03-02T12:00:00.1234567", NOON + timedelta(microseconds=123456)),
        ("2026-03-02T14:00:00+02:00", NOON),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_job_with_one_payment_tells_when_its_money_came(text: str, when: datetime | None) -> None:
    told = taken_at(payment("Paid"), paidDateTimeUtc=text)
    assert told == when
    assert told is None or told.tzinfo is UTC


def test_a_jobs_own_time_is_no_answer_for_one_of_several_payments() -> None:
    paid = "2026-03-02T12:00:00Z"
    assert taken_at(payment("Paid"), payment("Failed", "212"), paidDateTimeUtc=paid) is None
    assert taken_at(payment("Paid"), payment("Failed", "212"), payment("Failed", "213"), paidDateTimeUtc=paid) is None


def test_the_first_capture_that_was_carried_out_tells_when_money_came() -> None:
    captures = [
        {"status": "Failed", "amountToCapture": "1.00", "createDateTimeUtc": "2026-03-02T10:00:00"},
        {"status": "Completed", "amountToCapture": "1.00", "createDateTimeUtc": "2026-03-02T13:00:00"},
        {"status": "Completed", "amountToCapture": "2.00", "createDateTimeUtc": "2026-03-02T12:00:00"},
    ]
    assert taken_at(payment("Paid", captures=captures), paidDateTimeUtc="2026-03-02T09:00:00") == NOON


def test_an_amount_that_is_not_exact_is_named_as_the_reason() -> None:
    with pytest.raises(WireError, match=r"^the reply states an amount that is not exact$"):
        read_job(json.dumps(job("Paid", payment("Paid", amountToCollect="10.001"))).encode())


def test_the_day_of_a_void_is_londons_whatever_the_machines() -> None:
    past_midnight = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)  # 00:30 on the 2nd in London
    standing = PaymentStanding(PaymentStatus.CAPTURED, 10, 10, 0, past_midnight)
    assert allowed_operations(standing, datetime(2026, 7, 2, 22, 59, tzinfo=UTC)) == {REFUND, VOID}
    assert allowed_operations(standing, datetime(2026, 7, 2, 23, 0, tzinfo=UTC)) == {REFUND}


def test_what_is_captured_in_full_is_captured_no_further() -> None:
    assert allowed_operations(PaymentStanding(PaymentStatus.AUTHORIZED, 10, 9, 0, None), NOON) == {CAPTURE, VOID}
    assert allowed_operations(PaymentStanding(PaymentStatus.AUTHORIZED, 10, 10, 0, None), NOON) == {VOID}


class Replies:
    """A gateway that answers every call alike, and remembers what it was asked."""

    def __init__(self, status: int, body: Any) -> None:
        self.asked: list[httpx.Request] = []
        self._reply = status, body
        self.cashflows: CashflowsService = service(httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        status, body = self._reply
        return httpx.Response(status, json=body)


async def test_a_change_goes_to_its_payment_whatever_the_references_hold() -> None:
    gateway = Replies(201, {"data": {"reference": "231", "status": "Completed"}})
    request = OperationRequest(
        REFUND, "TEST-001~r1", JobReference("a/b"), PaymentReference("c/../d"), Money(150, CurrencyCode("GBP"))
    )
    assert await gateway.cashflows.change_payment(request) == Done("231")
    (asked,) = gateway.asked
    assert asked.url.raw_path == b"/api/gateway/payment-jobs/a%2Fb/payments/c%2F..%2Fd/refunds"


async def test_a_probe_asks_for_the_methods_of_one_pound_and_has_nothing_to_say_where_they_are_listed() -> None:
    gateway = Replies(200, {"data": [{"paymentMethod": "Card"}]})
    assert await gateway.cashflows.probe() is None
    (asked,) = gateway.asked
    assert dict(asked.url.params) == {"collectAmount": "1.00", "currency": "GBP"}


async def test_a_probe_of_an_account_that_is_not_known_names_what_to_check() -> None:
    told = await Replies(404, {}).cashflows.probe()
    assert told is not None
    assert "CASHFLOWS_MERCHANT_ID is wrong" in told


async def test_a_probe_repeats_why_there_is_no_answer() -> None:
    assert await Replies(401, {}).cashflows.probe() == "the gateway answered 401"


async def test_a_read_names_the_job_and_no_other_address() -> None:
    gateway = Replies(200, job("Paid", payment("Paid"), reference="210"))
    assert isinstance(await gateway.cashflows.retrieve_payment_job(JobReference("210")), JobSnapshot)
    await gateway.cashflows.retrieve_payment_job(JobReference("a/../b"))
    assert [asked.url.raw_path.rpartition(b"/")[2] for asked in gateway.asked] == [b"210", b"a%2F..%2Fb"]


async def test_a_page_that_is_none_leaves_the_outcome_open_and_the_job_known() -> None:
    gateway = Replies(201, created(links={"action": {"url": "javascript:alert(1)"}}))
    told = await gateway.cashflows.create_payment_job(REQUEST)
    assert told == Unknown("the action link is no page of the gateway's", JOB)


async def test_a_refusal_tells_status_and_code() -> None:
    gateway = Replies(400, {"errorReport": {"errors": [{"code": "InvalidAmount", "message": "Ada King"}]}})
    assert await gateway.cashflows.create_payment_job(REQUEST) == Refused("400 InvalidAmount")
    assert await gateway.cashflows.cancel_payment_job(JOB) == Refused("400 InvalidAmount")
    assert [asked.method for asked in gateway.asked] == ["POST", "PATCH"]


async def test_a_payment_is_told_with_everything_that_it_was_asked_for_and_took() -> None:
    told = payment(
        "Paid",
        captures=[{"status": "Completed", "amountToCapture": "6.00", "createDateTimeUtc": "2026-03-02T12:00:00"}],
    )
    body = json.dumps(job("Paid", told)).encode()
    (fact,) = read_job(body).payments
    assert fact == PaymentFact(
        payment_reference=PaymentReference("211"),
        status=PaymentStatus.CAPTURED,
        evidence=Evidence(EvidenceSource.RETRIEVAL, sha256(body).hexdigest(), "Paid"),
        asked_amount="10.00",
        asked_currency="GBP",
        captured_minor=600,
        refunded_minor=0,
        taken_at=NOON,
    )


def test_a_payment_without_an_amount_or_currency_is_named_as_the_reason() -> None:
    for missing in (job("Paid", payment("Paid", amountToCollect=None)), job("Paid", payment("Paid"), currency=None)):
        with pytest.raises(WireError, match=r"^the reply states no amount or no currency$"):
            read_job(json.dumps(missing).encode())


SETTINGS = {
    "CASHFLOWS_MERCHANT_ID": "200426",
    "CASHFLOWS_API_KEY": "new",
    "CASHFLOWS_API_KEY_PREVIOUS": "old-key",
    "CASHFLOWS_API_SECRET": "api-secret",
    "CASHFLOWS_WEBHOOK_SECRET": "whsec",
    "CASHFLOWS_GATEWAY_URL": "https://gateway.example",
}


async def sent_by(scheme: str, mode: Mode = Mode.INTEGRATION) -> tuple[CashflowsService, list[httpx.Request]]:
    """The adapter as settings make it, and its calls where every key is refused."""
    asked: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(401)

    http = GatewayHttp(httpx.MockTransport(refuse), deadline_seconds=5)
    made = make(GatewayContext(mode=mode, settings=SETTINGS | {"CASHFLOWS_SCHEME": scheme}, http=http))
    await made.retrieve_payment_job(JOB)
    return made, asked


async def test_settings_decide_scheme_account_and_keys() -> None:
    _, published = await sent_by("sha512")
    assert [asked.headers["Hash"] for asked in published] == [sha512_hash("new", b""), sha512_hash("old-key", b"")]
    signing, (own,) = await sent_by("hmac-sha256")
    assert own.headers["Hash"] == hmac_sha256_hash("api-secret", b"")
    assert (own.headers["ConfigurationId"], own.url.host) == ("200426", "gateway.example")
    assert signing.verify_webhook_signature(b"{}", webhook_signature("whsec", b"{}"))


async def test_only_mock_mode_is_not_configured_and_says_so() -> None:
    for mode in Mode:
        made, _ = await sent_by("hmac-sha256", mode)
        assert made.is_configured is (mode is not Mode.MOCK)
        assert (made.notice is None) is made.is_configured


async def test_every_secret_of_the_settings_is_hidden() -> None:
    made, _ = await sent_by("hmac-sha256")
    assert made.scrub("old-key api-secret whsec") == "[hidden] [hidden] [hidden]"


@pytest.mark.parametrize("mode", list(Mode))
async def test_only_in_production_a_page_must_be_the_gateways_own(mode: Mode) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json=created(links={"action": {"url": "https://elsewhere.example/pay"}}))

    http = GatewayHttp(httpx.MockTransport(answer), deadline_seconds=5)
    made = make(GatewayContext(mode=mode, settings=SETTINGS | {"CASHFLOWS_SCHEME": "sha512"}, http=http))
    assert isinstance(await made.create_payment_job(REQUEST), Unknown if mode is Mode.PRODUCTION else Redirect)


def test_a_payment_that_took_nothing_has_no_time_of_taking() -> None:
    assert taken_at(payment("Declined"), paidDateTimeUtc="2026-03-02T12:00:00Z") is None
