from datetime import timedelta

import pytest

from backend.domain.statuses import JobState, OrderStatus, PaymentStatus
from backend.service.start_payment import GatewayDidNotAnswer
from tests.domain.builders import terms

from .world import NOON, World


async def test_an_open_order_is_looked_at_less_and_less_often(here: World) -> None:
    await here.start()
    looks = []
    for _ in range(4):
        due = (await here.order()).next_check_at
        assert due is not None
        here.later(seconds=(due - here.simulator.clock.now()).total_seconds())
        assert await here.reconciler.run_due() == 1
        looks.append((due - NOON).total_seconds())
    assert looks == [10, 30, 70, 130]


async def test_a_paid_order_is_confirmed_at_once_and_looked_at_a_few_times_more(here: World) -> None:
    await here.press((await here.start()).action_url, "pay")
    await here.deliver()
    here.later(seconds=10)
    await here.work()
    order = await here.order()
    paid_at = order.payments[0].captured_at
    assert paid_at is not None
    assert (order.next_check_at, order.jobs[0].state) == (paid_at + timedelta(hours=1), JobState.CLOSED)
    assert order.payments[0].taken_at == NOON, "the gateway's own time, which the webhook did not tell"
    looks = []
    while (order := await here.order()).next_check_at is not None:
        looks.append(order.next_check_at)
        here.later(seconds=(order.next_check_at - here.simulator.clock.now()).total_seconds())
        await here.work()
        assert len(looks) < 10
    assert [(at - paid_at).days for at in looks] == [0, 0, 7, 30]
    assert await here.reads_at_gateway() == 1 + len(looks), "each look asks the gateway"
    assert await here.status() is OrderStatus.PAID


async def test_an_intent_left_by_a_crash_is_cleared_up(here: World) -> None:
    crashed = here.start_payment._new_order(terms(), "crashed", "customer alice")  # noqa: SLF001
    await here.orders.insert(crashed)
    here.later(seconds=19)
    assert await here.reconciler.run_due() == 0
    here.later(seconds=1)
    await here.work()
    order = await here.order()
    assert (order.jobs[0].state, order.next_check_at) == (JobState.ORPHAN, None)


async def test_a_page_that_ran_out_expires_the_order(here: World) -> None:
    await here.start()
    here.later(hours=1, minutes=5)
    await here.work()
    assert await here.status() is OrderStatus.EXPIRED
    assert (await here.order()).next_check_at is None


async def test_a_last_look_that_the_gateway_does_not_answer_is_had_again(here: World) -> None:
    """The page ended early; what came of a payment that was under way then, nobody else would ask."""
    await here.press((await here.start()).action_url, "cancel")
    here.later(seconds=10)
    await here.work()
    last = (await here.order()).next_check_at
    assert last is not None
    await here.fault("error-503-before.read.x6")
    here.later(seconds=(last - here.clock.now()).total_seconds())
    for wait in (20, 40):
        assert await here.reconciler.run_due() == 1
        due = (await here.order()).next_check_at
        assert due == here.clock.now() + timedelta(seconds=wait)
        here.later(seconds=wait)
    assert await here.reconciler.run_due() == 1
    assert (await here.order()).next_check_at is None


@pytest.mark.parametrize("fault", ["wrong-amount", "wrong-currency"])
async def test_a_gateway_that_names_another_amount_pays_nothing(here: World, fault: str) -> None:
    await here.fault(f"{fault}.read")
    await here.fault("lost-webhook")
    await here.press((await here.start()).action_url, "pay")
    here.later(seconds=10)
    await here.work()
    assert await here.status() is not OrderStatus.PAID
    (item,) = (await here.order()).attention
    assert item.code == {"wrong-amount": "underpaid", "wrong-currency": "currency_differs"}[fault]


@pytest.mark.parametrize(
    "fault",
    [
        "error-500-before.read.x3",
        "html-reply",
        "truncated-json",
        "other-job",
        "redirect",
        "stale-read",
        "unknown-status.read.x1",
        "duplicate-keys.read.x1",
        "error-inside",
        "missing-data",
        "enormous-reply.read.x3",
        "unauthorized.read.x1",
    ],
)
async def test_an_answer_that_cannot_be_believed_is_asked_for_again(here: World, fault: str) -> None:
    await here.fault("lost-webhook")
    await here.press((await here.start()).action_url, "pay")
    await here.fault(fault if "." in fault else f"{fault}.read")
    here.later(seconds=10)
    await here.work()
    assert await here.status() is OrderStatus.PENDING
    here.later(minutes=2)
    await here.work()
    assert await here.status() is OrderStatus.PAID
    assert not any(item.is_open for item in (await here.order()).attention)


@pytest.mark.parametrize(
    "fault", ["pascal-case", "numeric-enums", "numeric-references", "numeric-amounts", "short-times"]
)
async def test_every_spelling_of_the_gateway_is_read(here: World, fault: str) -> None:
    await here.fault(fault)
    await here.press((await here.start()).action_url, "pay")
    await here.deliver()
    here.later(seconds=10)
    await here.work()
    order = await here.order()
    assert [payment.status for payment in order.payments] == [PaymentStatus.CAPTURED]
    assert order.attention == ()


async def test_a_job_that_the_gateway_does_not_know_is_raised_to_a_person(here: World) -> None:
    await here.start()
    await here.fault("wrong-environment.read")
    here.later(seconds=10)
    await here.work()
    assert [item.code for item in (await here.order()).attention] == ["job_unknown_to_gateway"]


async def test_a_job_that_outlives_its_expiry_is_raised_to_a_person(here: World) -> None:
    await here.start()
    await here.fault("stale-read.read.x100")
    here.later(hours=3, minutes=1)
    await here.work()
    order = await here.order()
    assert [item.code for item in order.attention] == ["job_outlived_its_expiry"]
    assert order.next_check_at == here.simulator.clock.now() + timedelta(hours=6)


async def test_after_hours_without_a_worker_the_gateway_is_asked_before_a_person(here: World) -> None:
    await here.start()
    here.later(hours=4)
    await here.work()
    assert await here.status() is OrderStatus.EXPIRED
    assert (await here.order()).attention == ()


async def test_a_lost_job_that_is_paid_after_all_pays_the_order(here: World) -> None:
    """Nobody should hold its page; if somebody did, the money is recognised all the same."""
    await here.fault("lost-reply.create")
    with pytest.raises(GatewayDidNotAnswer):
        await here.start()
    (lost,) = await here.jobs_at_gateway()
    await here.press(f"http://simulator.example/payment?ref={lost['pageReference']}", "pay")
    await here.deliver()
    await here.work()
    assert await here.status() is OrderStatus.PAID


async def test_a_gateway_that_answers_nothing_is_left_alone_for_longer_each_time(here: World) -> None:
    """Fifty orders fall due in an outage: a batch is asked about, then one now and again, and all once it answers."""
    for number in range(50):
        await here.start(f"A-{number}")
    await here.fault("error-503-before.read.x999", "*")
    here.later(minutes=1)
    asked = []
    for _ in range(120):
        before = await here.reads_at_gateway()
        while await here.reconciler.run_due():
            pass
        asked.append(await here.reads_at_gateway() - before)
        here.later(seconds=1)
    most = max(asked[1:])
    assert asked[0] <= 3 * 20, "one batch, each question repeated by the adapter at most twice"
    assert most <= 3, "then one order at a time"
    assert sum(1 for count in asked[1:] if count) <= 8, "1, 2, 4, 8, 16, 30 seconds apart"
    assert (await here.client.delete("/control/faults/*")).is_success
    here.later(seconds=30)
    await here.work()
    orders = [await here.order(f"A-{number}") for number in range(50)]
    assert all(order.next_check_at is not None and order.next_check_at > here.clock.now() for order in orders)
    assert all(order.last_look_at is not None for order in orders)
