"""A ledger in a file: what one process did, another one knows."""

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from backend.simulator import Clock

from .conftest import Worlds
from .world import DECLINED, Shop, World, frozen_clock


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "made" / "ledger.sqlite3"


async def test_a_restarted_process_goes_on_being_paid(worlds: Worlds, ledger: Path) -> None:
    async with worlds(ledger_path=ledger) as first:
        created = await first.merchant.create()
        await first.shopper.pay(created, DECLINED)
        before = await first.merchant.job(created["data"]["reference"])
    async with worlds(ledger_path=ledger) as second:
        assert await second.merchant.job(created["data"]["reference"]) == before
        await second.shopper.pay(created)
        data = await second.merchant.job(created["data"]["reference"])
        assert [payment["status"] for payment in data["payments"]] == ["Declined", "Paid"]


async def test_webhooks_that_waited_leave_after_a_restart(worlds: Worlds, ledger: Path) -> None:
    async with worlds(ledger_path=ledger, shop=Shop(answer=lambda _: PlainTextResponse("down", 503))) as first:
        await first.paid("A-1")
        await first.deliver()
        await first.paid("A-2")
    async with worlds(ledger_path=ledger) as second:
        await second.deliver()
        assert [body["orderReference"] for body in second.shop.received] == ["A-2"]
        await second.later(minutes=1)
        assert [body["orderReference"] for body in second.shop.received] == ["A-2", "A-1"]


async def test_two_processes_share_jobs_clock_faults_and_tokens(worlds: Worlds, ledger: Path) -> None:
    async with worlds(ledger_path=ledger) as one, worlds(ledger_path=ledger) as other:
        created = await one.merchant.create("A-1", expirationDateTimeUtc="2026-03-02T13:00:00Z")
        assert (await other.shopper.open(created)).status_code == 200
        await one.client.put("/control/faults/A-1", json={"scripts": ["error-500-before.read.x1"]})
        reference = created["data"]["reference"]
        assert (await other.merchant.call("GET", f"/payment-jobs/{reference}")).status_code == 500
        assert (await one.merchant.call("GET", f"/payment-jobs/{reference}")).status_code == 200
        one.simulator.move_clock(timedelta(hours=2))
        assert (await other.merchant.job(reference))["paymentStatus"] == "Expired"


async def test_a_webhook_is_delivered_by_one_process_only(worlds: Worlds, ledger: Path) -> None:
    async with worlds(ledger_path=ledger) as one, worlds(ledger_path=ledger) as other:
        for number in range(20):
            await one.paid(f"A-{number}")
        claimed = one.simulator.outbox.claim_due(one.simulator.clock.now(), 5)
        await other.deliver()
        await one.deliver()
        received = [body["orderReference"] for world in (one, other) for body in world.shop.received]
        assert len(received) == len(set(received)) == 20 - len(claimed)


async def test_a_change_that_fails_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    created = await world.merchant.create()

    def broken(*_: object, **__: object) -> int:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(world.simulator.outbox, "add", broken)
    with pytest.raises(RuntimeError):
        await world.shopper.pay(created)
    assert (await world.merchant.job(created["data"]["reference"]))["paymentStatus"] == "Pending"


def test_a_clock_of_its_own_runs_with_the_world() -> None:
    assert Clock().now() <= Clock().now()
    assert frozen_clock().now() == frozen_clock().now()
