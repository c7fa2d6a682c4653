"""Captures, voids and refunds by the real adapter against the simulator."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from backend.domain.facts import JobSnapshot, PaymentFact
from backend.domain.money import CurrencyCode, Money
from backend.domain.operations import OperationKind
from backend.domain.references import JobReference, PaymentReference
from backend.domain.standing import PaymentStanding
from backend.domain.statuses import PaymentStatus
from backend.gateways.cashflows import CashflowsService, HmacSha256
from backend.gateways.cashflows.operations import allowed_operations, call_for
from backend.gateways.http import GatewayHttp
from backend.ports import (
    Done,
    NotSent,
    OperationRequest,
    Redirect,
    Refused,
    Unknown,
    Waiting,
)
from backend.simulator import Clock, Simulator, SimulatorSettings

from .test_cashflows_wire import REQUEST

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CAPTURE, VOID, REFUND = OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND


class Account:
    """One merchant at the simulator, with a job whose customer pays."""

    def __init__(self, simulator: Simulator, client: httpx.AsyncClient, transport: httpx.AsyncBaseTransport) -> None:
        self.simulator = simulator
        self.client = client
        self.cashflows = self.over(transport)
        self.job = JobReference("")
        self.payment = PaymentReference("")

    def over(self, transport: httpx.AsyncBaseTransport) -> CashflowsService:
        account = self.simulator.settings
        return CashflowsService(
            merchant_id=account.configuration_id,
            scheme=HmacSha256(account.api_secret, account.webhook_secret),
            gateway_url="http://simulator.example",
            http=GatewayHttp(transport, deadline_seconds=5, sleep=self._no_pause),
            is_configured=True,
        )

    async def pay(self) -> None:
        created = await self.cashflows.create_payment_job(REQUEST)
        assert isinstance(created, Redirect)
        self.job, self.payment = created.job_reference, created.payments[0]
        form = {"cc-number": "4111111111111111", "cc-exp": "12/30", "cc-csc": "123", "action": "pay"}
        page = await self.client.post(created.action_url, data=form)
        assert page.status_code == 303

    def operation(self, kind: OperationKind, minor: int = 123450, name: str = "r-1") -> OperationRequest:
        return OperationRequest(kind, name, self.job, self.payment, Money(minor, CurrencyCode("GBP")))

    async def fact(self) -> PaymentFact:
        snapshot = await self.cashflows.retrieve_payment_job(self.job)
        assert isinstance(snapshot, JobSnapshot)
        return snapshot.payments[0]

    async def fault(self, script: str) -> None:
        answer = await self.client.put("/control/faults/TEST-001", json={"scripts": [script]})
        assert answer.is_success, answer.text

    async def _no_pause(self, seconds: float) -> None: ...


async def account(*, auto_capture: bool = True) -> AsyncIterator[Account]:
    clock = Clock(lambda: NOON)
    simulator = Simulator(
        SimulatorSettings(public_base_url="http://simulator.example", auto_capture=auto_capture), clock=clock
    )
    transport = httpx.ASGITransport(app=simulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator.example") as client:
        made = Account(simulator, client, transport)
        await made.pay()
        yield made
    async with simulator.running():
        pass
    simulator.close()


@pytest.fixture
async def paid() -> AsyncIterator[Account]:
    async for made in account():
        yield made


@pytest.fixture
async def reserved() -> AsyncIterator[Account]:
    async for made in account(auto_capture=False):
        yield made


async def test_an_authorized_payment_is_captured(reserved: Account) -> None:
    assert (await reserved.fact()).status is PaymentStatus.AUTHORIZED
    assert isinstance(await reserved.cashflows.change_payment(reserved.operation(CAPTURE)), Done)
    fact = await reserved.fact()
    assert (fact.status, fact.captured_minor) == (PaymentStatus.CAPTURED, 123450)


async def test_an_authorized_payment_is_voided(reserved: Account) -> None:
    assert await reserved.cashflows.change_payment(reserved.operation(VOID)) == Done(None)
    assert (await reserved.fact()).status is PaymentStatus.CANCELLED


async def test_a_captured_payment_is_voided_until_the_cut_off(paid: Account) -> None:
    assert await paid.cashflows.change_payment(paid.operation(VOID)) == Done(None)
    assert (await paid.fact()).status is PaymentStatus.VOIDED


async def test_after_the_cut_off_a_void_is_refused(paid: Account) -> None:
    paid.simulator.move_clock(timedelta(hours=13))
    assert isinstance(await paid.cashflows.change_payment(paid.operation(VOID)), Refused)
    assert (await paid.fact()).status is PaymentStatus.CAPTURED


async def test_refunds_add_up_to_what_was_captured_and_no_further(paid: Account) -> None:
    assert isinstance(await paid.cashflows.change_payment(paid.operation(REFUND, 100000)), Done)
    assert isinstance(await paid.cashflows.change_payment(paid.operation(REFUND, 23451, "r-2")), Refused)
    assert isinstance(await paid.cashflows.change_payment(paid.operation(REFUND, 23450, "r-3")), Done)
    assert (await paid.fact()).refunded_minor == 123450
    assert isinstance(await paid.cashflows.change_payment(paid.operation(REFUND, 1, "r-4")), Refused)


@pytest.mark.parametrize(
    ("fault", "outcome", "refunded"),
    [
        ("lost-reply", Unknown, 123450),
        ("lost-request", Unknown, 0),
        ("error-500-before", Unknown, 0),
        ("error-500-after", Unknown, 123450),
        ("too-many-requests", Unknown, 0),
        ("html-reply", Unknown, 123450),
        ("truncated-json", Unknown, 123450),
        ("missing-data", Unknown, 123450),
        ("unauthorized", Refused, 0),
        ("refund-pending", Waiting, 0),
        ("refund-failed", Refused, 0),
    ],
)
async def test_a_refund_is_sent_once_whatever_becomes_of_it(
    paid: Account, fault: str, outcome: type, refunded: int
) -> None:
    await paid.fault(f"{fault}.refund")
    assert isinstance(await paid.cashflows.change_payment(paid.operation(REFUND)), outcome)
    requests = (await paid.client.get("/requests.json")).json()["requests"]
    assert [request["call"] for request in requests].count("refund") == 1
    assert (await paid.fact()).refunded_minor == refunded


async def test_a_gateway_that_is_not_reached_was_sent_nothing(paid: Account) -> None:
    nowhere = paid.over(httpx.MockTransport(_refuse))
    assert isinstance(await nowhere.change_payment(paid.operation(REFUND)), NotSent)


def _refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


async def test_part_of_an_amount_is_asked_for_as_such(reserved: Account) -> None:
    method, action, body = call_for(reserved.operation(CAPTURE, 500))
    assert (method, action, json.loads(body)) == ("POST", "captures", {"amountToCapture": "5.00"})
    method, action, body = call_for(reserved.operation(REFUND, 501, "r-7"))
    assert (method, action) == ("POST", "refunds")
    assert json.loads(body) == {"amountToRefund": "5.01", "refundNumber": "r-7"}
    assert call_for(reserved.operation(VOID)) == ("PATCH", "cancel", b"")


LATE_EVENING = datetime(2026, 7, 1, 22, 59, tzinfo=UTC)  # 23:59 in London


@pytest.mark.parametrize(
    ("standing", "now", "allowed"),
    [
        (PaymentStanding(PaymentStatus.PENDING, 0, 0, 0, None), NOON, set()),
        (PaymentStanding(PaymentStatus.DECLINED, 0, 0, 0, None), NOON, set()),
        (PaymentStanding(PaymentStatus.AUTHORIZED, 10, 0, 0, None), NOON, {CAPTURE, VOID}),
        (PaymentStanding(PaymentStatus.CAPTURED, 10, 10, 0, NOON), NOON, {REFUND, VOID}),
        (PaymentStanding(PaymentStatus.CAPTURED, 10, 10, 0, NOON), NOON + timedelta(hours=12), {REFUND}),
        (PaymentStanding(PaymentStatus.CAPTURED, 10, 10, 0, LATE_EVENING), LATE_EVENING, {REFUND, VOID}),
        (
            PaymentStanding(PaymentStatus.CAPTURED, 10, 10, 0, LATE_EVENING),
            LATE_EVENING + timedelta(minutes=1),
            {REFUND},
        ),
        (PaymentStanding(PaymentStatus.CAPTURED, 10, 10, 0, None), NOON, {REFUND}),
        (PaymentStanding(PaymentStatus.CAPTURED, 10, 10, 4, NOON), NOON, {REFUND}),
        (PaymentStanding(PaymentStatus.CAPTURED, 10, 10, 10, NOON), NOON, set()),
        (PaymentStanding(PaymentStatus.VOIDED, 10, 10, 0, NOON), NOON, set()),
    ],
)
def test_only_what_the_gateway_would_accept_is_allowed(
    standing: PaymentStanding, now: datetime, allowed: set[OperationKind]
) -> None:
    assert allowed_operations(standing, now) == allowed
