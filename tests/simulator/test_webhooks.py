import asyncio
import hashlib
import hmac
import json
import sqlite3
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .conftest import Worlds
from .world import DECLINED, HOOK, Shop, World, frozen_clock


def echoing(*names: str, status: int = 200) -> Any:
    return lambda body: JSONResponse({name: body[name] for name in names}, status)


async def test_a_signed_webhook_tells_all_in_the_guides_scheme(world: World) -> None:
    job, payment = await world.paid("A-1001")
    await world.deliver()
    raw, headers = world.shop.raw[0]
    expected = hmac.new(world.merchant.settings.webhook_secret.encode(), raw, hashlib.sha256).hexdigest()
    assert headers["x-signature"] == expected
    assert headers["content-type"] == "application/json"
    assert world.shop.received == [
        {
            "event": "payment.captured",
            "status": "captured",
            "paymentJobReference": job,
            "paymentReference": payment,
            "orderReference": "A-1001",
            "amount": "10.00",
            "currency": "GBP",
        }
    ]


async def test_an_unsigned_webhook_is_only_a_hint_in_the_published_scheme(world: World) -> None:
    created = await world.published.create()
    await world.shopper.pay(created, DECLINED, name="Luke Skywalker")
    await world.deliver()
    data = created["data"]
    assert world.shop.received == [
        {
            "notifyType": "PaymentStatusChange",
            "paymentJobReference": data["reference"],
            "paymentReference": data["payments"][0]["reference"],
        }
    ]
    assert "x-signature" not in world.shop.raw[0][1]


async def test_the_creating_scheme_decides_even_when_another_one_acts(worlds: Worlds) -> None:
    async with worlds(auto_capture=False) as world:
        created = await world.published.create()
        await world.shopper.pay(created, name="Luke Skywalker")
        await world.merchant.capture(created["data"]["reference"], created["data"]["payments"][0]["reference"])
        await world.deliver()
        assert [body["notifyType"] for body in world.shop.received] == ["PaymentStatusChange"] * 2


async def test_statuses_in_the_guides_scheme(worlds: Worlds) -> None:
    async with worlds(auto_capture=False) as world:
        created = await world.merchant.create()
        await world.shopper.pay(created, DECLINED)
        await world.shopper.pay(created)
        payment = (await world.jobs())[0]["payments"][1]["reference"]
        await world.merchant.capture(created["data"]["reference"], payment)
        await world.deliver()
        assert world.shop.statuses == ["declined", "authorized", "captured"]


@pytest.mark.parametrize("ending", ["page", "job", "payment", "expiry"])
async def test_cancelled_and_expired_are_told_in_the_published_scheme_only(world: World, ending: str) -> None:
    for merchant in (world.merchant, world.published):
        created = await merchant.create(expirationDateTimeUtc="2026-03-02T13:00:00Z")
        data = created["data"]
        if ending == "page":
            await world.shopper.press(created, "cancel")
        elif ending == "job":
            await merchant.cancel(data["reference"])
        elif ending == "payment":
            await merchant.cancel(data["reference"], data["payments"][0]["reference"])
    if ending == "expiry":
        await world.later(hours=2)
    await world.deliver()
    assert [body["paymentJobReference"] for body in world.shop.received] == [data["reference"]]


async def test_a_job_that_ends_after_a_refused_attempt_is_told_once(world: World) -> None:
    guide, published = await world.merchant.create("A-1"), await world.published.create("A-2")
    for created in (guide, published):
        await world.shopper.pay(created, DECLINED, name="Darth Maul")
    await world.deliver()
    world.shop.received.clear()
    for created in (guide, published):
        await world.merchant.cancel(created["data"]["reference"])
    await world.deliver()
    assert [body["paymentJobReference"] for body in world.shop.received] == [published["data"]["reference"]]


async def test_without_a_url_no_webhook_is_sent(world: World) -> None:
    await world.paid(parameters={"webhookUrl": ""})
    await world.deliver()
    assert world.shop.received == []


@pytest.mark.parametrize(
    ("scheme", "answer", "acknowledged"),
    [
        ("hmac-sha256", echoing("paymentReference", "paymentJobReference"), True),
        ("hmac-sha256", echoing("paymentReference", "orderReference"), True),
        ("hmac-sha256", echoing("paymentReference"), False),
        ("hmac-sha256", echoing("orderReference", "paymentJobReference"), False),
        ("hmac-sha256", echoing("paymentReference", "paymentJobReference", status=202), False),
        ("hmac-sha256", lambda _: JSONResponse({"received": True}), False),
        ("hmac-sha256", lambda _: PlainTextResponse("OK"), False),
        ("sha512", echoing("paymentReference", "paymentJobReference"), True),
        (
            "sha512",
            lambda body: JSONResponse({key[:1].upper() + key[1:]: value for key, value in body.items()}),
            True,
        ),
        ("sha512", lambda body: JSONResponse(body | {"paymentReference": "1"}), False),
        ("sha512", echoing("paymentReference", "notifyType"), False),
        ("sha512", lambda _: JSONResponse([1]), False),
        ("sha512", lambda _: Response(b"", 204), False),
        ("sha512", lambda _: Response(b"", 302, {"Location": HOOK}), False),
    ],
)
async def test_only_200_with_the_references_acknowledges(
    worlds: Worlds, scheme: str, answer: Any, acknowledged: bool
) -> None:
    async with worlds(shop=Shop(answer=answer)) as world:
        world.merchant.scheme = scheme
        created = await world.merchant.create()
        await world.shopper.pay(created, name="Luke Skywalker")
        await world.deliver()
        webhook = (await world.jobs())[0]["webhooks"][0]
        assert webhook["state"] == ("acknowledged" if acknowledged else "pending")
        await world.later(days=2)
        assert len(world.shop.received) == (1 if acknowledged else 2)


async def test_a_month_of_retries_takes_no_time(worlds: Worlds) -> None:
    async with worlds(shop=Shop(answer=lambda _: PlainTextResponse("no", 500))) as world:
        await world.paid()
        await world.deliver()
        start, times = world.simulator.clock.now(), [timedelta()]
        while (due := world.simulator.outbox.next_due()) is not None:
            world.simulator.move_clock(due - world.simulator.clock.now())
            await world.deliver()
            times.append(world.simulator.clock.now() - start)
        pauses = [later - earlier for earlier, later in pairwise(times)]
        assert sorted(pauses) == pauses
        assert set(pauses) == {timedelta(minutes=1), timedelta(days=1), timedelta(weeks=1)}
        assert timedelta(weeks=3) < times[-1] <= timedelta(days=31)
        assert len(world.shop.received) == len(times)
        webhook = (await world.jobs())[0]["webhooks"][0]
        assert webhook["state"] == "given up"
        assert {attempt["status"] for attempt in webhook["attempts"]} == {500}


async def test_a_receiver_that_fails_is_tried_again(worlds: Worlds) -> None:
    def explode(body: dict[str, Any]) -> Response:
        raise RuntimeError("the shop is broken")

    async with worlds(shop=Shop(answer=explode)) as world:
        await world.paid()
        await world.deliver()
        assert (await world.jobs())[0]["webhooks"][0]["attempts"][0]["status"] is None
        world.shop.answer = JSONResponse
        await world.later(minutes=1)
        assert (await world.jobs())[0]["webhooks"][0]["state"] == "acknowledged"


async def test_the_deliverer_sends_at_once_and_again_when_the_clock_moves(worlds: Worlds) -> None:
    arrived: asyncio.Queue[str] = asyncio.Queue()

    def answer(body: dict[str, Any]) -> Response:
        arrived.put_nowait(body["status"])
        return PlainTextResponse("no", 503)

    async with worlds(shop=Shop(answer=answer)) as world, world.simulator.running():
        await world.paid()
        assert await asyncio.wait_for(arrived.get(), 5) == "captured"
        for move in (timedelta(minutes=1), timedelta(days=1)):
            world.simulator.move_clock(move)
            assert await asyncio.wait_for(arrived.get(), 5) == "captured"


async def test_what_was_under_way_at_the_end_is_sent_again(worlds: Worlds) -> None:
    begun, answered = asyncio.Event(), asyncio.Event()

    async def never(request: httpx.Request) -> httpx.Response:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def shop(request: httpx.Request) -> httpx.Response:
        answered.set()
        return httpx.Response(200, json=json.loads(request.content))

    async with worlds() as world:
        async with httpx.AsyncClient(transport=httpx.MockTransport(never)) as silent:
            world.simulator.deliverer.use(silent)
            async with world.simulator.running():
                await world.paid()
                await asyncio.wait_for(begun.wait(), 5)
        assert (await world.jobs())[0]["webhooks"][0]["state"] == "pending"
        async with httpx.AsyncClient(transport=httpx.MockTransport(shop)) as echoing_shop:
            world.simulator.deliverer.use(echoing_shop)
            async with world.simulator.running():
                await asyncio.wait_for(answered.wait(), 5)
                await world.deliver()
        assert (await world.jobs())[0]["webhooks"][0]["state"] == "acknowledged"


async def test_a_failure_inside_the_running_context_comes_out_as_it_is(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        async with world.simulator.running():
            raise ZeroDivisionError


async def test_a_ledger_that_does_not_answer_for_a_moment_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, failed = asyncio.Event(), asyncio.Event()
    claim = world.simulator.outbox.claim_due

    def busy_once(*given: Any) -> Any:
        if failed.is_set():
            return claim(*given)
        failed.set()
        raise sqlite3.OperationalError("database is locked")

    def answer(body: dict[str, Any]) -> Response:
        arrived.set()
        return JSONResponse(body)

    world.shop.answer = answer
    monkeypatch.setattr(world.simulator.outbox, "claim_due", busy_once)
    async with world.simulator.running():
        await asyncio.wait_for(failed.wait(), 5)
        await world.paid()
        await asyncio.wait_for(arrived.wait(), 5)


async def test_a_slow_shop_does_not_hold_up_the_others(worlds: Worlds) -> None:
    released, fast = asyncio.Event(), asyncio.Event()

    async def shop(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if body["orderReference"] == "SLOW":
            await released.wait()
        else:
            fast.set()
        return httpx.Response(200, json=body)

    async with worlds() as world, httpx.AsyncClient(transport=httpx.MockTransport(shop)) as client:
        world.simulator.deliverer.use(client)
        async with world.simulator.running():
            await world.paid("SLOW")
            await world.paid("FAST")
            await asyncio.wait_for(fast.wait(), 5)
            released.set()
            await world.deliver()
        assert [job["webhooks"][0]["state"] for job in await world.jobs()] == ["acknowledged"] * 2


async def test_the_clock_moves_forward_only() -> None:
    clock = frozen_clock()
    with pytest.raises(ValueError, match="forward"):
        clock.move(timedelta(seconds=-1))
    waiting = asyncio.create_task(clock.wait_until(clock.now() + timedelta(days=300)))
    await asyncio.sleep(0)
    clock.move(timedelta(days=299))
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.move(timedelta(days=1))
    await asyncio.wait_for(waiting, 5)
