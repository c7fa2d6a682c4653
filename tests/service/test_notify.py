"""Telling the shop, with the real services around a shop that answers as each test says."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from backend.domain.endpoint_health import PAUSE_AFTER
from backend.domain.errors import NoSuchNotification, NotificationsOff
from backend.domain.operations import OperationKind
from backend.ports import NotTaken, ShopAnswer, Taken
from backend.service.notify import TAKEN_FOR
from backend.stores import MemoryStore

from .mortality import Died, MortalDisk, Mortality
from .world import World, world


@dataclass
class Shop:
    """Remembers what it was sent, and answers 200 unless told otherwise."""

    address: str = "https://shop.example/hooks"
    answer: Callable[[str], ShopAnswer] = lambda _: Taken("answered 200")
    pause: Callable[[], Awaitable[object]] | None = None
    got: list[tuple[str, str]] = field(default_factory=list)

    async def deliver(self, notification_id: str, body: str, at: datetime) -> ShopAnswer:  # noqa: ARG002
        self.got.append((notification_id, body))
        if self.pause is not None:
            await self.pause()
        return self.answer(notification_id)

    @property
    def told(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]

    def bodies(self) -> list[Any]:
        return [json.loads(body)["data"] for _, body in self.got]


def refuses(words: str = "answered 500", **more: Any) -> Callable[[str], ShopAnswer]:
    return lambda _: NotTaken(words, **more)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def here(shop: Shop) -> AsyncIterator[World]:
    async with world(shop=shop) as made:
        yield made


def failing(order: Any) -> list[bool]:
    return [item.is_open for item in order.attention if item.code == "notification_failing"]


async def test_the_shop_is_told_of_a_payment_and_of_its_refund_in_order(here: World, shop: Shop) -> None:
    await here.paid()
    await here.ask(OperationKind.REFUND, 400)
    await here.work()
    assert shop.told == ["order.paid", "order.refunded"]
    assert [(data["sequence"], data["refunded"]) for data in shop.bodies()] == [(1, "0.00"), (2, "4.00")]
    order = await here.order()
    assert [each.state for each in order.outbox] == ["delivered", "delivered"]
    assert order.next_notice_at is None
    assert [entry.answer for each in order.outbox for entry in each.log] == ["answered 200", "answered 200"]


async def test_without_an_endpoint_nothing_is_queued_and_what_is_counted_goes_on() -> None:
    async with world() as silent:
        order = await silent.paid()
        assert (order.outbox, order.notified, order.next_notice_at) == ((), 1, None)
        assert await silent.notifier.run_due() == 0
        with pytest.raises(NotificationsOff, match="NOTIFICATION_URL"):
            await silent.notifier.send_test()
        with pytest.raises(NotificationsOff):
            await silent.notifier.redeliver(order, 1, by="ann")


async def test_what_was_queued_waits_for_an_endpoint_that_was_taken_out_of_the_settings(shop: Shop) -> None:
    store = MemoryStore()
    shop.answer = refuses()
    async with world(store=store, shop=shop) as before:
        await before.paid()
    async with world(store=store) as silent:
        await silent.customer_return((await silent.order()).reference)
        await silent.work()
        assert [each.state for each in (await silent.order()).outbox] == ["pending"]
    shop.answer = lambda _: Taken("answered 200")
    async with world(store=store, shop=shop) as again:
        again.later(hours=1)
        await again.work()
        assert [each.state for each in (await again.order()).outbox] == ["delivered"]


async def test_a_failed_attempt_is_repeated_with_the_same_bytes_and_the_next_waits(here: World, shop: Shop) -> None:
    shop.answer = refuses()
    await here.paid()
    await here.ask(OperationKind.REFUND, 400)
    await here.work()
    here.later(seconds=5)
    await here.work()
    shop.answer = lambda _: Taken("answered 200")
    here.later(minutes=5)
    await here.work()
    assert shop.told == ["order.paid"] * 3 + ["order.refunded"]
    assert len(set(shop.got[:3])) == 1
    assert [entry.answer for entry in (await here.order()).outbox[0].log] == ["answered 500"] * 2 + ["answered 200"]
    assert not (await here.notifier.health()).is_failing


async def test_days_of_failure_for_one_order_only_are_given_up_raised_and_can_be_made_up_for(
    here: World, shop: Shop
) -> None:
    shop.answer = lambda name: NotTaken("answered 422") if "TEST-001" in name else Taken("answered 200")
    await here.paid()
    for number in range(12):
        here.later(hours=24)
        await here.paid(f"OTHER-{number}")
    order = await here.order()
    assert [(each.state, each.attempts) for each in order.outbox] == [("dead", 10)]
    assert failing(order) == [True]
    assert not (await here.notifier.health()).is_paused
    assert order.notified == 1, "that the shop cannot be told is nothing to tell the shop"

    shop.answer = lambda _: Taken("answered 200")
    order = await here.notifier.redeliver(order, 1, by="ann")
    assert here.woken
    await here.work()
    order = await here.order()
    assert [each.state for each in order.outbox] == ["delivered"]
    assert failing(order) == [False]
    assert order.outbox[0].log[-2].answer == "to be sent again: ann asked for it"


async def test_an_outage_pauses_the_endpoint_with_a_notice_and_resuming_sends_everything(
    here: World, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.answer = refuses("no answer: ConnectError")
    for number in range(3):
        await here.paid(f"A-{number}")
    for _ in range(40):
        here.later(seconds=PAUSE_AFTER.total_seconds() / 39)
        await here.work()
    health = await here.notifier.health()
    assert (health.is_paused, health.paused_by) == (True, "rules")
    assert "notifications to the shop are paused by rules: it has taken nothing since" in caplog.text
    orders = [await here.order(f"A-{number}") for number in range(3)]
    assert all(each.state == "pending" for order in orders for each in order.outbox), "none is given up"
    assert [True] in [failing(order) for order in orders]

    tried = len(shop.got)
    here.later(days=30)
    await here.work()
    assert len(shop.got) == tried, "paused"
    shop.answer = lambda _: Taken("answered 200")
    await here.notifier.resume()
    await here.work()
    orders = [await here.order(f"A-{number}") for number in range(3)]
    assert all(each.state == "delivered" for order in orders for each in order.outbox)
    assert not any(any(failing(order)) for order in orders)


async def test_an_endpoint_that_says_that_it_is_gone_is_paused_at_once(here: World, shop: Shop) -> None:
    shop.answer = refuses("answered 410", is_gone=True)
    order = await here.paid()
    health = await here.notifier.health()
    assert (health.is_paused, "gone" in health.why) == (True, True)
    assert failing(order) == [True]


async def test_an_operator_pauses_tries_and_resumes(here: World, shop: Shop) -> None:
    await here.notifier.pause(by="ann", why="we are moving")
    await here.paid()
    assert shop.got == []
    assert await here.notifier.send_test() == Taken("answered 200")
    assert shop.told == ["endpoint.test"]
    assert (await here.notifier.pause(by="bob", why="me too")).paused_by == "ann"
    await here.notifier.resume()
    await here.work()
    assert shop.told == ["endpoint.test", "order.paid"]


async def test_while_the_endpoint_fails_one_order_at_a_time_tries_it(here: World, shop: Shop) -> None:
    for number in range(5):
        await here.start(f"A-{number}")
        await here.press((await here.start(f"A-{number}")).action_url, "pay")
    await here.deliver()
    shop.answer = refuses()
    assert await here.notifier.run_due() == 5
    here.later(seconds=5)
    assert await here.notifier.run_due() == 1
    shop.answer = lambda _: Taken("answered 200")
    assert await here.notifier.run_due() == 1
    assert await here.notifier.run_due() == 3


async def test_a_shop_that_asks_for_a_longer_wait_gets_it(here: World, shop: Shop) -> None:
    shop.answer = refuses("answered 429", wait=timedelta(hours=1))
    await here.paid()
    here.later(minutes=59)
    await here.work()
    assert len(shop.got) == 1
    here.later(minutes=2)
    await here.work()
    assert len(shop.got) == 2


async def test_a_notification_that_is_not_kept_cannot_be_sent_again(here: World) -> None:
    with pytest.raises(NoSuchNotification, match="keeps no notification 7"):
        await here.notifier.redeliver(await here.paid(), 7, by="ann")


async def test_two_senders_at_once_send_it_once(here: World, shop: Shop) -> None:
    await here.press((await here.start()).action_url, "pay")
    await here.deliver()

    async def rival() -> None:
        order = await here.order()
        await here.orders.steer(order, lambda known: (known, ()), actor="rival")
        assert await here.notifier.run_due() == 0

    shop.pause = rival
    assert await here.notifier.run_due() == 1
    assert len(shop.got) == 1


async def test_a_sender_that_is_stopped_gives_its_claim_back_at_once(here: World, shop: Shop) -> None:
    await here.press((await here.start()).action_url, "pay")
    await here.deliver()
    arrived = asyncio.Event()

    async def hang() -> None:
        arrived.set()
        await asyncio.Event().wait()

    shop.pause = hang
    sending = asyncio.create_task(here.notifier.run_due())
    await arrived.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    shop.pause = None
    await here.work()
    assert shop.got[0] == shop.got[1]
    order = await here.order()
    assert [each.state for each in order.outbox] == ["delivered"]
    assert order.outbox[0].attempts == 1


async def test_death_at_any_moment_loses_no_notification_and_keeps_their_order() -> None:
    """Every write and call on the way from a webhook to a delivered notification is a moment to die at, once."""
    for dies_at in itertools.count(1):
        shop, mortality = Shop(), Mortality()
        store = MemoryStore(MortalDisk(mortality))
        async with world(store=store, shop=shop, mortality=mortality) as here:
            await here.press((await here.start()).action_url, "pay")
            mortality.moments, mortality.dies_at = 0, dies_at
            shop.pause = lambda: _moment(mortality)  # noqa: B023 - used before the next round
            with suppress(Died, BaseExceptionGroup):
                await here.deliver()
                await here.notifier.run_due()
            mortality.dies_at = None
            for _ in range(4):
                here.later(seconds=TAKEN_FOR.total_seconds())
                await here.deliver()
                await here.work()
            assert set(shop.told) == {"order.paid"}
            assert len(set(shop.got)) == 1
            assert len(shop.got) <= 2
            order = await here.order()
            assert [each.state for each in order.outbox] == ["delivered"]
        if mortality.moments < dies_at:
            break
    assert dies_at > 12


async def _moment(mortality: Mortality) -> None:
    mortality.moment()
