"""Refused credentials, counted over processes: each ``Process`` here has its own adapter, and all share one store."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
from msgspec.structs import replace

from backend.clock import SystemClock
from backend.domain.facts import JobSnapshot
from backend.domain.lock_out import MOST_REFUSALS, LockOut, answered, refused, resumed
from backend.domain.references import JobReference
from backend.gateways.cashflows import CashflowsService, Sha512
from backend.gateways.cashflows.signing import sha512_hash
from backend.gateways.http import GatewayHttp
from backend.ports import NoSuchJob, PaymentGateway, StoreOutcomeUnknown, StoreUnavailable, Unavailable
from backend.service.gateway_guard import GatewayGuard
from backend.stores import MemoryStore

JOB = JobReference("210221000033558552")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Account:
    """The gateway's side: which key it takes, and how often it was called."""

    key: str = "right"
    calls: int = 0
    is_down: bool = False
    reply: httpx.Response = field(default_factory=lambda: httpx.Response(404))

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_down:
            raise httpx.ConnectError("down")
        self.calls += 1
        return self.reply if request.headers["Hash"] == sha512_hash(self.key, request.content) else httpx.Response(401)


class Process:
    def __init__(self, store: MemoryStore, account: Account, key: str = "wrong") -> None:
        transport = httpx.MockTransport(account.answer)

        async def no_pause(_: float) -> None: ...

        inner = CashflowsService(
            merchant_id="1",
            scheme=Sha512(key),
            gateway_url="https://gateway.example",
            http=GatewayHttp(transport, deadline_seconds=5, sleep=no_pause),
            is_configured=True,
        )
        self.guard = GatewayGuard({"cashflows": inner}, store, SystemClock())

    @property
    def gateway(self) -> PaymentGateway:
        return self.guard.gateways["cashflows"]

    async def call(self) -> bool:
        """Whether the gateway answered."""
        return isinstance(await self.gateway.retrieve_payment_job(JOB), JobSnapshot | NoSuchJob)


async def started(store: MemoryStore, account: Account, key: str = "wrong") -> Process:
    process = Process(store, account, key)
    await process.guard.refresh()
    return process


async def test_one_refusal_in_each_of_two_processes_stops_both() -> None:
    store, account = MemoryStore(), Account()
    first, second = await started(store, account), await started(store, account)
    await first.call()
    assert first.gateway.refusal() is None
    await second.call()
    assert "refused our credentials 2 times" in str(second.gateway.refusal())
    await first.guard.refresh()
    assert "refused our credentials 2 times" in str(first.gateway.refusal())
    await first.call()
    await second.call()
    assert account.calls == 2


async def test_many_processes_that_start_at_once_are_refused_once_each_at_most() -> None:
    store, account = MemoryStore(), Account()
    processes = [await started(store, account) for _ in range(8)]
    await asyncio.gather(*(process.call() for process in processes))
    for process in processes:
        await process.guard.refresh()
        await process.call()
    assert account.calls == 8
    assert all(process.gateway.refusal() for process in processes)


async def test_a_program_that_is_started_again_and_again_calls_twice_in_all() -> None:
    store, account = MemoryStore(), Account()
    for _ in range(5):
        process = await started(store, account)
        await process.call()
    assert account.calls == MOST_REFUSALS


async def test_an_operator_opens_it_for_all_and_the_next_refusal_closes_it_for_all() -> None:
    store, account = MemoryStore(), Account()
    first, second = await started(store, account), await started(store, account)
    for _ in range(2):
        await first.call()
    await second.guard.refresh()
    assert await second.guard.resume("cashflows", "olive") is None
    await first.guard.refresh()
    assert first.gateway.refusal() is None
    await first.call()
    assert first.gateway.refusal() is not None
    await second.guard.refresh()
    assert second.gateway.refusal() is not None
    assert account.calls == 3


async def test_after_the_gateway_took_the_credentials_again_all_is_forgotten() -> None:
    store, account = MemoryStore(), Account()
    first, second = await started(store, account), await started(store, account)
    for _ in range(2):
        await first.call()
    await first.guard.resume("cashflows", "olive")
    account.key = "wrong"
    await second.guard.refresh()
    assert await second.call()
    account.key = "right"
    third = await started(store, account)
    await third.call()
    assert third.gateway.refusal() is None, "the count began anew"


async def test_a_process_that_stopped_by_itself_stops_the_others() -> None:
    """Its own two refusals in a row are enough, also if another process was answered in between."""
    store, account = MemoryStore(), Account()
    first, second = await started(store, account), await started(store, account)
    await first.call()
    account.key = "wrong"
    await second.guard.refresh()
    assert await second.call()
    account.key = "right"
    await first.call()
    await second.guard.refresh()
    assert first.gateway.refusal() is not None
    assert second.gateway.refusal() is not None


async def test_other_settings_are_another_account() -> None:
    store, account = MemoryStore(), Account()
    old = await started(store, account)
    for _ in range(2):
        await old.call()
    new = await started(store, account, key="right")
    assert new.gateway.refusal() is None
    assert await new.call()
    again = await started(store, account)
    assert again.gateway.refusal() is not None, "the old settings are still the wrong ones"


async def test_a_gateway_that_is_down_forgives_nothing() -> None:
    store, account = MemoryStore(), Account()
    first, second = await started(store, account), await started(store, account)
    await first.call()
    await second.guard.refresh()
    account.is_down = True
    await second.call()
    account.is_down = False
    await second.call()
    assert second.gateway.refusal() is not None


async def test_it_is_said_in_the_log_of_every_process(caplog: pytest.LogCaptureFixture) -> None:
    store, account = MemoryStore(), Account()
    first, second = await started(store, account), await started(store, account)
    for _ in range(2):
        await first.call()
    caplog.clear()
    await second.guard.refresh()
    assert "gateway cashflows refused our credentials 2 times in a row" in caplog.text
    await second.guard.resume("cashflows", "olive")
    assert "operator olive had gateway cashflows called again" in caplog.text


async def test_a_process_that_is_open_itself_says_as_well_that_an_operator_opened_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, account = MemoryStore(), Account()
    first, second = await started(store, account), await started(store, account)
    await first.call()
    await second.call()
    await second.guard.resume("cashflows", "olive")
    caplog.clear()
    assert first.gateway.refusal() is None
    await first.guard.refresh()
    assert "operator olive had gateway cashflows called again" in caplog.text
    caplog.clear()
    await first.guard.refresh()
    assert not caplog.text


async def test_statuses_that_nobody_knows_are_counted_by_word() -> None:
    told = {
        "reference": JOB,
        "paymentStatus": "Quarantined",
        "currency": "GBP",
        "amountToCollect": "10.00",
        "payments": [{"reference": "211", "status": "Quarantined"}, {"reference": "212", "status": "Failed"}],
    }
    account = Account(reply=httpx.Response(200, json={"data": told}))
    process = await started(MemoryStore(), account, key="right")
    for _ in range(2):
        assert await process.call()
    assert process.guard.unknown_statuses.counts == {("cashflows", "Quarantined"): 2}


class Away(MemoryStore):
    """A store whose records can be taken away."""

    is_away = False
    doubts = 0

    async def read_record(self, record_id):  # type: ignore[no-untyped-def]
        if self.is_away:
            raise StoreUnavailable("away")
        return await super().read_record(record_id)

    async def write_record(self, record, expected_version):  # type: ignore[no-untyped-def]
        written = await super().write_record(record, expected_version)
        if self.doubts:
            self.doubts -= 1
            raise StoreOutcomeUnknown("the connection broke after it was written")
        return written


async def test_without_the_store_each_adapter_counts_and_tells_the_others_later() -> None:
    store, account = Away(), Account()
    first, second = await started(store, account), await started(store, account)
    store.is_away = True
    for _ in range(3):
        assert isinstance(await first.gateway.retrieve_payment_job(JOB), Unavailable)
    assert account.calls == 2
    assert first.gateway.refusal() is not None
    store.is_away = False
    await first.guard.refresh()
    await second.guard.refresh()
    assert second.gateway.refusal() is not None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"refusals": "many"}'])
async def test_a_record_that_nobody_here_wrote_stops_no_payment(text: str, caplog: pytest.LogCaptureFixture) -> None:
    store, account = MemoryStore(), Account()
    process = await started(store, account, key="right")
    await process.guard.resume("cashflows", "olive")
    [record] = await store.list_records("guard/", None, 10)
    assert await store.write_record(replace(record, text=text, version=record.version + 1), record.version)
    await process.guard.refresh()
    assert "cannot be read" in caplog.text
    assert await process.call()


async def test_a_record_of_a_later_version_counts() -> None:
    store, account = MemoryStore(), Account()
    process = await started(store, account)
    for _ in range(2):
        await process.call()
    [record] = await store.list_records("guard/", None, 10)
    later = json.dumps(json.loads(record.text) | {"region": "eu"})
    assert await store.write_record(replace(record, text=later, version=record.version + 1), record.version)
    assert (await started(store, account)).gateway.refusal() is not None


async def test_a_write_in_doubt_is_counted_at_least_once() -> None:
    store, account = Away(), Account()
    first = await started(store, account)
    store.doubts = 1
    await first.call()
    await first.guard.refresh()
    again = await started(store, account)
    await again.call()
    assert again.gateway.refusal() is not None


def test_an_answer_that_came_late_does_not_open_what_is_closed() -> None:
    closed = refused(LockOut(), 2, NOON)
    assert closed.is_closed
    assert answered(closed) == closed
    opened = resumed(closed, "olive")
    assert (opened.is_closed, opened.refusals, opened.resumed_by) == (False, 1, "olive")
    assert answered(opened).refusals == 0
