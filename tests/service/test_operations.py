"""Captures, voids and refunds against the simulator: each once, whatever gets lost and whoever dies."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from backend.domain.errors import (
    AmountTooLarge,
    CardNumberNotAccepted,
    NeedsAnotherPerson,
    OperationDiffers,
    OperationNotAllowed,
    OrderHoldsMoney,
    OrderWasCancelled,
)
from backend.domain.ledger import defects
from backend.domain.model import Order
from backend.domain.operations import OperationKind, OperationState
from backend.domain.planning import OperationAsk
from backend.domain.risk import at_risk_minor
from backend.domain.statuses import JobState, OrderStatus, PaymentStatus
from backend.domain.terms import Mode
from backend.ports import Done, OperationRequest
from backend.service.orders import Orders
from backend.service.reconcile import Reconciler
from backend.stores import MemoryStore
from backend.stores.transfer import export_orders, import_orders

from .mortality import Died, Mortality
from .world import Ahead, World, world

CAPTURE, REFUND, VOID = OperationKind.CAPTURE, OperationKind.REFUND, OperationKind.VOID
S = OperationState
MOST_MOMENTS = 40


@pytest.fixture(params=["hmac-sha256", "sha512"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with world(scheme=request.param) as made:
        yield made


@pytest.fixture(params=["hmac-sha256", "sha512"])
async def reserving(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A gateway account that only authorizes, and allows partial captures."""
    async with world(scheme=request.param, auto_capture=False, partial_capture=True) as made:
        yield made


async def test_a_reason_that_holds_a_card_number_is_kept_nowhere(either: World) -> None:
    order = await either.paid()
    words = "my card 4111 1111 1111 1111"
    with pytest.raises(CardNumberNotAccepted):
        await either.operations.ask(order, OperationAsk(REFUND, "ann", words))
    with pytest.raises(CardNumberNotAccepted):
        await either.operations.resolve_attention(order, "any", None, by="ann", evidence=words)
    with pytest.raises(CardNumberNotAccepted):
        await either.operations.cancel(order, by="ann", reason=words)
    assert await either.order() == order


async def payments(here: World) -> list[dict[str, Any]]:
    return [payment for job in await here.jobs_at_gateway() for payment in job["payments"]]


async def refunded_at_gateway(here: World) -> list[int]:
    """The amounts of all refunds there, whatever became of them."""
    return [refund["amountMinor"] for payment in await payments(here) for refund in payment["refunds"]]


async def calls_at_gateway(here: World, ending: str) -> int:
    requests = (await here.client.get("/requests.json")).json()["requests"]
    return sum(request["method"] != "GET" and request["path"].endswith(ending) for request in requests)


async def test_refunds_repeat_until_nothing_is_left(either: World) -> None:
    await either.paid()
    first = await either.ask(REFUND, 300)
    assert (first.operation.state, first.operation.own_reference) == (S.SUCCEEDED, "TEST-001~r1")
    assert await either.status() is OrderStatus.PARTIALLY_REFUNDED
    with pytest.raises(AmountTooLarge, match=r"at most 7\.00 GBP"):
        await either.ask(REFUND, 701)
    rest = await either.ask(REFUND)
    assert rest.operation.amount_minor == 700
    assert await either.status() is OrderStatus.REFUNDED
    with pytest.raises(OperationNotAllowed, match="allows nothing"):
        await either.ask(REFUND)
    assert await refunded_at_gateway(either) == [300, 700]
    assert not (await either.order()).attention, "our own refunds surprise nobody"


async def test_a_reserved_payment_is_captured_in_parts(reserving: World) -> None:
    order = await reserving.paid()
    assert await reserving.status() is OrderStatus.AUTHORIZED
    assert [(offer.kind, offer.most_minor) for offer in reserving.operations.offers(order)] == [
        (CAPTURE, 1000),
        (VOID, 1000),
    ]
    await reserving.ask(CAPTURE, 400)
    assert await reserving.status() is OrderStatus.PARTIALLY_CAPTURED
    done = await reserving.ask(CAPTURE)
    assert (done.operation.amount_minor, done.operation.state) == (600, S.SUCCEEDED)
    assert await reserving.status() is OrderStatus.PAID
    assert not (await reserving.order()).attention


async def test_a_reserved_payment_is_voided(reserving: World) -> None:
    await reserving.paid()
    done = await reserving.ask(VOID)
    assert done.operation.state is S.SUCCEEDED
    assert await reserving.status() is OrderStatus.CANCELLED
    assert not (await reserving.order()).attention


async def test_an_authorized_order_is_watched_without_an_alarm(reserving: World) -> None:
    await reserving.paid()
    for _ in range(10):
        reserving.later(hours=7)
        await reserving.work()
    order = await reserving.order()
    assert (order.attention, order.next_check_at is None) == ((), False)
    job = order.jobs[0]
    assert job.job_reference is not None
    captured_in_portal = await reserving.gateway.change_payment(
        OperationRequest(CAPTURE, "portal", job.job_reference, job.payments[0].reference, order.amount)
    )
    assert isinstance(captured_in_portal, Done)
    reserving.later(hours=7)
    await reserving.work()
    assert await reserving.status() is OrderStatus.PAID


async def test_a_payment_is_voided_until_midnight_only(here: World) -> None:
    order = await here.paid()
    assert VOID in {offer.kind for offer in here.operations.offers(order)}
    here.later(hours=12)
    assert [offer.kind for offer in here.operations.offers(order)] == [REFUND]
    with pytest.raises(OperationNotAllowed, match="allows refund"):
        await here.ask(VOID)


async def test_a_double_click_and_two_operators_are_one_refund(here: World) -> None:
    await here.paid()
    asked = await asyncio.gather(*(here.ask(REFUND, 400, by=by, number=1) for by in ("ann", "ann", "bob")))
    assert {each.operation.number for each in asked} == {1}
    assert await refunded_at_gateway(here) == [400]
    with pytest.raises(OperationDiffers, match="look at the order again"):
        await here.ask(REFUND, 500, number=1)


async def test_two_refunds_at_once_never_exceed_what_was_paid(here: World) -> None:
    await here.paid()
    asked = await asyncio.gather(
        *(here.ask(REFUND, minor, number=1) for minor in (600, 700, 800)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in asked) == 1
    assert len(await refunded_at_gateway(here)) == 1


@pytest.mark.parametrize("fault", ["lost-reply.refund", "error-500-after.refund", "late"])
async def test_a_refund_without_an_answer_is_settled_by_evidence(either: World, fault: str) -> None:
    await either.paid()
    if fault == "late":
        either.network.late = True
    else:
        await either.fault(fault)
    asked = await either.ask(REFUND, 400)
    assert asked.operation.state is S.SUCCEEDED, "the look that follows finds our own number"
    for _ in range(5):
        await either.ask(REFUND, 400, number=1)
    assert await refunded_at_gateway(either) == [400]


async def test_a_refund_that_nobody_asked_about_for_an_hour_calls_no_person(here: World) -> None:
    await here.paid()
    await here.fault("lost-reply.refund.x1")
    await here.fault("error-503-before.read.x3")
    asked = await here.ask(REFUND, 400)
    assert asked.operation.state is S.UNKNOWN
    here.later(hours=1)
    await here.work()
    order = await here.order()
    assert (order.operations[0].state, order.attention) == (S.SUCCEEDED, ())


async def test_a_clock_that_is_ahead_calls_no_person_about_what_is_just_being_sent(here: World) -> None:
    await here.paid()
    gateway, orders = {here.gateway.name: here.gateway}, Orders(here.store, Ahead(here.clock), Mode.MOCK)
    ahead = Reconciler(orders, here.store, gateway, Ahead(here.clock), Mode.MOCK)

    async def look_meanwhile(request: httpx.Request) -> httpx.Response:
        here.network.before_a_change = None
        await ahead.look(await here.order())
        return await here.network.handle_async_request(request)

    here.network.before_a_change = look_meanwhile
    asked = await here.ask(REFUND, 400)
    assert here.network.before_a_change is None, "there was such a look"
    assert (asked.operation.state, asked.order.attention) == (S.SUCCEEDED, ())


async def test_a_refund_that_never_got_there_goes_to_a_person_and_is_never_sent_again(here: World) -> None:
    await here.paid()
    await here.fault("lost-request.refund")
    asked = await here.ask(REFUND, 400)
    assert asked.operation.state is S.UNKNOWN
    for _ in range(12):
        here.later(minutes=10)
        await here.work()
        await here.ask(REFUND, 400, number=1)
    order = await here.order()
    (item,) = order.attention
    assert (item.code, item.amount_minor, at_risk_minor(order)) == ("operation_unknown", 400, 400)
    assert await refunded_at_gateway(here) == []
    await here.operations.resolve_operation(order, 1, carried_out=False, by="ann", evidence="not in the portal")
    order = await here.order()
    assert (at_risk_minor(order), order.attention[0].is_open) == (0, False)
    again = await here.ask(REFUND, 400)
    assert (again.operation.number, again.operation.state) == (2, S.SUCCEEDED)


async def test_a_refund_waits_while_the_gateway_is_not_reached(here: World) -> None:
    await here.paid()
    here.network.down = True
    asked = await here.ask(REFUND, 400)
    assert (asked.operation.state, asked.operation.submitted_at) == (S.PLANNED, None)
    here.later(hours=1, minutes=5)
    await here.work()
    (item,) = (await here.order()).attention
    assert item.code == "operation_waiting"
    here.network.down = False
    here.later(hours=1)
    await here.work()
    order = await here.order()
    assert (order.operations[0].state, order.attention[0].is_open) == (S.SUCCEEDED, False)
    assert await refunded_at_gateway(here) == [400]


async def test_a_refund_that_never_finds_a_connection_is_tried_less_and_less_often(here: World) -> None:
    """Questions are answered meanwhile, so that each look tries to send it."""
    await here.paid()
    here.network.down = True
    await here.ask(REFUND, 400)
    here.network.down = False
    tries = 0

    async def refused(_: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        raise httpx.ConnectError("connection refused")

    here.network.before_a_change = refused
    for _ in range(24 * 60):
        here.later(minutes=1)
        looked = [await here.reconciler.run_due() for _ in range(3)]
        assert looked[-1] == 0, "it is looked at without a pause"
    assert 24 * 3 < tries < 24 * 5
    (item,) = (await here.order()).attention
    assert (item.code, item.is_open) == ("operation_waiting", True)
    here.network.before_a_change = None
    here.later(hours=1)
    await here.work()
    order = await here.order()
    assert (order.operations[0].state, order.attention[0].is_open) == (S.SUCCEEDED, False)
    assert await refunded_at_gateway(here) == [400]


@pytest.mark.parametrize("kind", [CAPTURE, REFUND])
async def test_after_a_backup_was_put_back_nothing_is_sent_twice(kind: OperationKind) -> None:
    """The backup was made while the gateway was away, and the operation waited to be sent."""
    store = MemoryStore()
    async with world(store=store, auto_capture=kind is REFUND, partial_capture=True) as here:
        await here.paid()
        here.network.down = True
        await here.ask(kind, 400)
        backup = io.BytesIO()
        await export_orders(store, Mode, backup, here.clock.now(), print)
        here.network.down = False
        here.later(minutes=20)
        await here.work()
        sent = await moved(here, kind)
        store.disk.orders.clear()
        backup.seek(0)
        await import_orders(store, backup, here.clock.now(), print)
        here.later(minutes=1)
        await here.work()
        order = await here.order()
        assert (await moved(here, kind), order.operations[0].state) == (sent, S.SUCCEEDED)
        assert sent == [400]
        assert [item.code for item in order.attention if item.is_open] == []


@pytest.mark.parametrize("who", ["approves", "repeats", "repeats while no question is answered"])
async def test_after_a_backup_was_put_back_what_a_person_lets_go_is_not_sent_twice(who: str) -> None:
    """The backup was made while the refund waited: for a second person, or for the gateway."""
    store = MemoryStore()
    async with world(store=store, approve_above=1 if who == "approves" else None) as here:
        await here.paid()
        here.network.down = who != "approves"
        await here.ask(REFUND, 400, number=1)
        here.network.down = False
        kept = dict(store.disk.orders)
        await let_go(here, who)
        assert await refunded_at_gateway(here) == [400]
        store.disk.orders = kept
        here.network.down = who.endswith("answered")
        await let_go(here, who)
        here.network.down = False
        here.later(minutes=1)
        await here.work()
        assert await refunded_at_gateway(here) == [400]
        assert (await here.order()).operations[0].state is S.SUCCEEDED


async def let_go(here: World, who: str) -> None:
    if who == "approves":
        await here.operations.approve(await here.order(), 1, by="bob")
    else:
        await here.ask(REFUND, 400, number=1)


async def moved(here: World, kind: OperationKind) -> list[int]:
    """The amounts that the gateway captured or refunded, in minor units."""
    what = "captures" if kind is CAPTURE else "refunds"
    return [each["amountMinor"] for payment in await payments(here) for each in payment[what]]


async def test_a_refund_that_is_said_to_be_done_and_never_shows_goes_to_a_person(here: World) -> None:
    await here.paid()

    async def done(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json={"data": {"reference": "2330", "status": "Completed", "amountToRefund": "4.00"}}
        )

    here.network.before_a_change = done
    asked = await here.ask(REFUND, 400)
    assert (asked.operation.state, asked.order.attention) == (S.SUCCEEDED, ())
    for _ in range(26):
        here.later(hours=1)
        await here.work()
    (item,) = (await here.order()).attention
    assert (item.code, item.amount_minor, item.is_open) == ("operation_unseen", 400, True)
    assert await refunded_at_gateway(here) == []


async def test_what_is_no_longer_possible_is_given_up_unsent(here: World) -> None:
    await here.paid()
    here.network.down = True
    assert (await here.ask(VOID)).operation.state is S.PLANNED
    here.later(hours=12)
    here.network.down = False
    await here.work()
    operation = (await here.order()).operations[0]
    assert (operation.state, operation.submitted_at) == (S.ABANDONED, None)
    assert await calls_at_gateway(here, "/cancel") == 0


async def test_a_refund_that_the_gateway_is_still_working_on_keeps_the_gateways_name_for_it(either: World) -> None:
    await either.paid()
    await either.fault("refund-pending.refund")
    asked = await either.ask(REFUND, 400)
    ((theirs,),) = [payment["refunds"] for payment in await payments(either)]
    assert (asked.operation.state, asked.operation.accepted_at) == (S.SUBMITTING, either.clock.now())
    assert asked.operation.gateway_reference == theirs["reference"]


async def test_a_refund_that_the_gateway_refuses_frees_its_amount(here: World) -> None:
    order = await here.paid()
    await here.fault("refund-failed.refund")
    asked = await here.ask(REFUND, 400)
    assert asked.operation.state in (S.REJECTED, S.SUBMITTING)
    here.later(minutes=2)
    await here.work()
    assert (await here.order()).operations[0].state is S.REJECTED
    assert here.operations.offers(await here.order())[0].most_minor == order.amount.minor


async def test_a_large_refund_needs_a_second_person() -> None:
    async with world(approve_above=5) as here:
        await here.paid()
        asked = await here.ask(REFUND, 501)
        assert (asked.operation.state, asked.operation.needs_approval) == (S.PLANNED, True)
        here.later(hours=2)
        await here.work()
        order = await here.order()
        assert (await refunded_at_gateway(here), order.attention) == ([], ())
        with pytest.raises(NeedsAnotherPerson):
            await here.operations.approve(order, 1, by="ann")
        approved = await here.operations.approve(order, 1, by="bob")
        assert (approved.operation.state, approved.operation.approved_by) == (S.SUCCEEDED, "bob")
        assert (await here.ask(REFUND, 400)).operation.state is S.SUCCEEDED


async def test_a_cancelled_order_takes_no_money_and_can_be_wanted_again(here: World) -> None:
    await here.start()
    order = await here.operations.cancel(await here.order(), by="ann", reason="sold out")
    assert (await here.status(), order.jobs[0].state) == (OrderStatus.CANCELLED, JobState.CLOSED)
    assert [job["status"] for job in await here.jobs_at_gateway()] == ["Cancelled"]
    with pytest.raises(OrderWasCancelled):
        await here.start()
    await here.operations.reinstate(order, by="bob", reason="found another")
    await here.paid()
    assert await here.status() is OrderStatus.PAID
    with pytest.raises(OrderHoldsMoney, match="refund or void"):
        await here.operations.cancel(await here.order(), by="ann", reason="sold out")


async def test_who_did_what_and_why_is_in_the_history(here: World) -> None:
    await here.paid()
    await here.ask(REFUND, 400)
    order = await here.order()
    told = [(entry.actor, entry.event.kind) for entry in order.history if "operation" in entry.event.kind]
    assert told == [
        ("operator ann", "operation_planned"),
        ("operator ann", "operation_submitted"),
        ("operator ann", "operation_settled"),
    ]
    assert order.operations[0].reason == "a test"
    assert defects(order) == []


@pytest.mark.parametrize("kind", [REFUND, VOID, CAPTURE])
async def test_death_at_any_moment_never_sends_twice_and_loses_nothing(kind: OperationKind) -> None:
    outcomes = set()
    for dies_at in range(1, MOST_MOMENTS):
        mortality = Mortality()
        async with world(mortality=mortality, auto_capture=kind is not CAPTURE) as here:
            await here.paid()
            mortality.moments, mortality.dies_at = 0, dies_at
            try:
                await here.ask(kind, number=1)
            except Died:
                outcomes.add(await settled_after_death(here, kind))
            else:
                break
    else:
        pytest.fail("it takes more moments than were tried")
    assert dies_at >= 10, "plan, permission, call, answer, look and what it teaches: before and after each"
    assert outcomes == {S.SUCCEEDED, S.UNKNOWN}


async def settled_after_death(here: World, kind: OperationKind) -> OperationState:
    """The next process works on, the operator asks again: once at the gateway, or a person is told."""
    for _ in range(12):
        here.later(minutes=10)
        await here.work()
        await here.ask(kind, number=1)
    order = await here.order()
    (operation,) = order.operations
    sent = await calls_at_gateway(here, {REFUND: "/refunds", VOID: "/cancel", CAPTURE: "/captures"}[kind])
    open_items = [item.code for item in order.attention if item.is_open]
    assert (operation.state, sent, open_items) in [(S.SUCCEEDED, 1, []), (S.UNKNOWN, 0, ["operation_unknown"])]
    assert defects(order) == []
    return operation.state


@pytest.mark.parametrize("kind", [REFUND, VOID, CAPTURE])
async def test_what_was_done_is_seen_soon_although_its_sender_died_before_it_looked(kind: OperationKind) -> None:
    unseen = 0
    for dies_at in range(1, MOST_MOMENTS):
        mortality = Mortality()
        async with world(mortality=mortality, auto_capture=kind is not CAPTURE) as here:
            await here.paid()
            if kind is REFUND:
                here.later(days=8)
                await here.work()
            mortality.moments, mortality.dies_at = 0, dies_at
            try:
                await here.ask(kind, number=1)
            except Died:
                order = await here.order()
            else:
                break
            if order.operations and order.operations[0].state is S.SUCCEEDED and not shows(order, kind):
                unseen += 1
                here.later(minutes=1)
                await here.work()
                assert shows(await here.order(), kind)
    assert unseen, "nobody died between the answer and the look"


def shows(order: Order, kind: OperationKind) -> bool:
    """Whether the payment's amounts tell of the operation."""
    (payment,) = order.payments
    match kind:
        case OperationKind.REFUND:
            return payment.refunded_minor == 1000
        case OperationKind.CAPTURE:
            return payment.captured_minor == 1000
        case OperationKind.VOID:
            return payment.status in (PaymentStatus.VOIDED, PaymentStatus.CANCELLED)


class Pause(Mortality):
    """The process stands still for 15 s at the fourth moment: it has its permission stored, and has not sent yet."""

    def __init__(self) -> None:
        super().__init__()
        self.here: World | None = None

    def moment(self) -> None:
        super().moment()
        if self.here is not None and self.moments == 4:
            self.here.later(seconds=15)


async def test_a_permission_that_grew_old_is_given_back_unused() -> None:
    pause = Pause()
    async with world(mortality=pause) as here:
        await here.paid()
        pause.moments, pause.here = 0, here
        asked = await here.ask(REFUND, 400)
        assert (asked.operation.state, asked.operation.outcome) == (
            S.PLANNED,
            "the permission to send came too late to be used",
        )
        assert await refunded_at_gateway(here) == []
        here.later(minutes=1)
        await here.work()
        assert (await here.order()).operations[0].state is S.SUCCEEDED
        assert await refunded_at_gateway(here) == [400]
