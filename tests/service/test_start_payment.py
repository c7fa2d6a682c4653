import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from backend.domain.errors import (
    EarlierAttemptOpen,
    OrderAlreadyPaid,
    OrderAmountDiffers,
    OrderConflict,
    OrderOfAnotherCustomer,
)
from backend.domain.events import JobPlanned, OrderPlaced
from backend.domain.model import Order
from backend.domain.operations import OperationKind
from backend.domain.statuses import JobState, OrderStatus, PaymentStatus
from backend.ports import CreateOutcome, JobRequest, StoreOutcomeUnknown
from backend.service.start_payment import (
    GatewayDidNotAnswer,
    GatewayNotReached,
    GatewayRefused,
    PaymentNotStarted,
    StillStarting,
)
from backend.stores import MemoryStore
from tests.domain.builders import terms

from .world import DECLINED, PAYS, World, world


async def states(here: World) -> list[JobState]:
    return [job.state for job in (await here.order()).jobs]


async def test_a_started_payment_has_a_page_and_is_known_to_the_gateway(here: World) -> None:
    started = await here.start()
    assert started.action_url.startswith("http://simulator.example/payment?ref=")
    (job,) = await here.jobs_at_gateway()
    assert (job["reference"], job["orderNumber"], job["amountMinor"]) == (started.job_reference, "TEST-001", 1000)
    assert job["payments"][0]["reference"] == started.payment_reference
    assert await here.status() is OrderStatus.PENDING


async def test_the_intent_is_stored_before_the_gateway_is_called(here: World) -> None:
    await here.fault("lost-request.create")
    with pytest.raises(GatewayDidNotAnswer):
        await here.start()
    order = await here.order()
    assert [type(entry.event) for entry in order.history[:2]] == [OrderPlaced, JobPlanned]
    assert await here.jobs_at_gateway() == []


async def test_the_same_request_again_returns_the_same_page(here: World) -> None:
    first, again = await here.start(), await here.start()
    assert (again.action_url, again.job_reference) == (first.action_url, first.job_reference)
    assert len(await here.jobs_at_gateway()) == 1


async def test_fifty_clicks_at_once_make_one_job(here: World) -> None:
    started = await asyncio.gather(*(here.start() for _ in range(50)))
    assert len({one.action_url for one in started}) == 1
    assert len(await here.jobs_at_gateway()) == 1


@pytest.mark.parametrize(
    ("asked", "error"),
    [({"minor": 1001}, OrderAmountDiffers), ({"owner": "mallory"}, OrderOfAnotherCustomer)],
)
async def test_another_request_for_a_known_order_is_refused(
    here: World, asked: dict[str, object], error: type[OrderConflict]
) -> None:
    await here.start()
    with pytest.raises(error):
        await here.start(**asked)  # type: ignore[arg-type]
    assert len(await here.jobs_at_gateway()) == 1


async def test_a_paid_order_starts_no_payment(here: World) -> None:
    await here.press((await here.start()).action_url, "pay")
    await here.deliver()
    with pytest.raises(OrderAlreadyPaid):
        await here.start()


async def test_after_a_decline_the_same_page_takes_the_money(here: World) -> None:
    started = await here.start()
    await here.press(started.action_url, "pay", DECLINED)
    assert (await here.start()).action_url == started.action_url
    await here.press(started.action_url, "pay", PAYS)
    await here.deliver()
    await here.work()
    order = await here.order()
    assert [payment.status for payment in order.payments] == [PaymentStatus.DECLINED, PaymentStatus.CAPTURED]
    assert await here.status() is OrderStatus.PAID


async def test_a_lost_reply_is_followed_by_a_job_of_its_own_name(here: World) -> None:
    await here.fault("lost-reply.create")
    with pytest.raises(GatewayDidNotAnswer):
        await here.start()
    assert await states(here) == [JobState.ORPHAN]
    started = await here.start()
    lost, open_job = await here.jobs_at_gateway()
    assert (lost["orderNumber"], open_job["orderNumber"]) == ("TEST-001", "TEST-001~2")
    assert started.job_reference == open_job["reference"]
    await here.press(started.action_url, "pay")
    await here.deliver()
    assert await here.status() is OrderStatus.PAID


@pytest.mark.parametrize(
    ("fault", "error", "state"),
    [
        ("error-500-before", GatewayDidNotAnswer, JobState.ORPHAN),
        ("error-500-after", GatewayDidNotAnswer, JobState.ORPHAN),
        ("error-503-before", GatewayDidNotAnswer, JobState.ORPHAN),
        ("too-many-requests", GatewayDidNotAnswer, JobState.ORPHAN),
        ("html-reply", GatewayDidNotAnswer, JobState.ORPHAN),
        ("malformed-json", GatewayDidNotAnswer, JobState.ORPHAN),
        ("truncated-json", GatewayDidNotAnswer, JobState.ORPHAN),
        ("empty-reply", GatewayDidNotAnswer, JobState.ORPHAN),
        ("not-utf8", GatewayDidNotAnswer, JobState.ORPHAN),
        ("enormous-reply", GatewayDidNotAnswer, JobState.ORPHAN),
        ("missing-data", GatewayDidNotAnswer, JobState.ORPHAN),
        ("missing-action-url", GatewayDidNotAnswer, JobState.ORPHAN),
        ("other-job", GatewayDidNotAnswer, JobState.ORPHAN),
        ("redirect", GatewayDidNotAnswer, JobState.ORPHAN),
        ("unauthorized.create.x1", GatewayRefused, JobState.REJECTED),
        ("wrong-environment.create.x1", GatewayRefused, JobState.REJECTED),
    ],
)
async def test_after_every_fault_of_the_gateway_asking_again_is_safe(
    here: World, fault: str, error: type[PaymentNotStarted], state: JobState
) -> None:
    await here.fault(fault if "." in fault else f"{fault}.create")
    with pytest.raises(error):
        await here.start()
    assert await states(here) == [state]
    started = await here.start()
    assert await states(here) == [state, JobState.OPEN]
    await here.press(started.action_url, "pay")
    await here.deliver()
    assert await here.status() is OrderStatus.PAID


async def test_a_job_without_a_page_that_is_paid_after_all_is_found_by_looking(here: World) -> None:
    """The reply named the job, so that it can be asked for although no webhook comes."""
    await here.fault("missing-action-url")
    with pytest.raises(GatewayDidNotAnswer):
        await here.start()
    await here.fault("lost-webhook")
    (lost,) = await here.jobs_at_gateway()
    await here.press(f"http://simulator.example/payment?ref={lost['pageReference']}", "pay")
    here.later(seconds=10)
    await here.work()
    assert await here.status() is OrderStatus.PAID


async def test_the_page_of_another_order_is_not_handed_out_and_its_job_not_taken_for_ours(here: World) -> None:
    await here.fault("other-job.create.x1")
    with pytest.raises(GatewayDidNotAnswer):
        await here.start()
    (lost,) = await here.jobs_at_gateway()
    await here.press(f"http://simulator.example/payment?ref={lost['pageReference']}", "pay")
    await here.deliver()
    await here.work()
    order = await here.order()
    assert (await here.status(), order.jobs[0].job_reference) == (OrderStatus.PAID, lost["reference"])
    assert order.attention == ()


async def test_a_gateway_that_is_not_reached_leaves_nothing_behind(here: World) -> None:
    here.network.down = True
    with pytest.raises(GatewayNotReached):
        await here.start()
    assert await states(here) == [JobState.REJECTED]
    here.network.down = False
    assert (await here.start()).order.jobs[-1].own_reference == "TEST-001~2"


async def test_a_page_is_not_replaced_while_the_gateway_cannot_say_what_became_of_it(here: World) -> None:
    await here.press((await here.start()).action_url, "cancel")
    here.later(seconds=10)
    await here.work()
    await here.start()
    here.later(minutes=58)
    here.network.down = True
    with pytest.raises(EarlierAttemptOpen):
        await here.start()
    assert len(await states(here)) == 2


async def test_a_creator_that_died_is_waited_for_and_then_replaced(here: World) -> None:
    died = here.start_payment._new_order  # noqa: SLF001 - the state that a crash right after the insert leaves
    await here.orders.insert(died(terms(), "crashed", "customer alice"))
    with pytest.raises(StillStarting):
        await here.start()
    here.later(seconds=20)
    started = await here.start()
    assert await states(here) == [JobState.ORPHAN, JobState.OPEN]
    assert started.order.jobs[-1].own_reference == "TEST-001~2"


class LosesAnAnswer(MemoryStore):
    """Once: what is replaced is replaced, then ``meanwhile`` happens, and nobody is told of either."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def replace(self, order: Order, expected_version: int) -> bool:
        is_replaced = await super().replace(order, expected_version)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
            raise StoreOutcomeUnknown("the answer was lost")
        return is_replaced


async def test_a_plan_given_up_while_its_write_was_in_doubt_calls_for_nobody_elses_job() -> None:
    store = LosesAnAnswer()
    async with world(store=store) as here:
        await here.fault("lost-request.create")
        with pytest.raises(GatewayDidNotAnswer):
            await here.start()
        store.meanwhile = partial(here.start_payment_ahead(), terms(), actor="customer alice")
        started = await here.start()
        assert await states(here) == [JobState.ORPHAN, JobState.ORPHAN, JobState.OPEN]
        (job,) = await here.jobs_at_gateway()
        assert (job["orderNumber"], job["reference"]) == ("TEST-001~3", started.job_reference)


async def test_after_cancelling_the_customer_may_start_again(here: World) -> None:
    first = await here.start()
    await here.press(first.action_url, "cancel")
    here.later(seconds=10)
    await here.work()
    assert await here.status() is OrderStatus.CANCELLED
    second = await here.start()
    assert second.action_url != first.action_url
    await here.press(second.action_url, "pay")
    await here.deliver()
    assert await here.status() is OrderStatus.PAID


async def test_a_page_that_has_run_out_is_replaced(here: World) -> None:
    first = await here.start()
    here.later(hours=2)
    second = await here.start()
    assert second.job_reference != first.job_reference
    assert await states(here) == [JobState.CLOSED, JobState.OPEN]


async def test_a_page_that_was_paid_at_the_last_moment_is_not_replaced(here: World) -> None:
    first = await here.start()
    here.later(minutes=58)
    await here.press(first.action_url, "pay")
    with pytest.raises(OrderAlreadyPaid):
        await here.start()
    assert len(await here.jobs_at_gateway()) == 1


async def test_a_page_whose_cancellation_was_accepted_is_superseded_and_watched_until_it_is_dead(here: World) -> None:
    await here.start()
    here.later(minutes=58)
    await here.fault("error-500-before.read.x3")
    second = await here.start()
    assert second.order.jobs[-1].own_reference == "TEST-001~2"
    assert await states(here) == [JobState.SUPERSEDED, JobState.OPEN]
    here.later(seconds=10)
    await here.work()
    assert await states(here) == [JobState.CLOSED, JobState.OPEN]
    assert await here.status() is OrderStatus.PENDING


async def test_a_reply_that_comes_after_the_intent_was_given_up_discloses_no_page(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = here.gateway.create_payment_job

    async def slowly(request: JobRequest) -> CreateOutcome:
        outcome = await create(request)
        here.later(seconds=30)
        await here.work()
        return outcome

    monkeypatch.setattr(here.gateway, "create_payment_job", slowly)
    with pytest.raises(StillStarting, match="is starting the payment of order TEST-001; send this one again shortly"):
        await here.start()
    (job,) = (await here.order()).jobs
    assert (job.state, job.disclosed_at) == (JobState.ORPHAN, None)
    assert job.job_reference is not None, "its webhooks will be understood"


async def test_after_a_void_the_old_page_is_ended_before_another_is_handed_out(here: World) -> None:
    """Cashflows leaves the page of a voided payment open for another payment."""
    await here.paid()
    await here.ask(OperationKind.VOID)
    assert await states(here) == [JobState.OPEN], "it can be paid again"
    again = await here.start()
    first, second = await here.jobs_at_gateway()
    assert (first["status"], second["reference"]) == ("Cancelled", again.job_reference)
    assert await states(here) == [JobState.CLOSED, JobState.OPEN]
    await here.press(again.action_url, "pay")
    await here.deliver()
    here.later(seconds=10)
    await here.work()
    assert await here.status() is OrderStatus.PAID
    assert (await here.order()).attention == ()
