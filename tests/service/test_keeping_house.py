"""What goes on beside payments: erasing, registering, sweeping, easing off, replaying, counting unknown words."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from backend.domain.deliveries import Delivery, delivery_id
from backend.domain.errors import OperationIsSettled, RegistrationDiffers
from backend.domain.events import AttentionRaised
from backend.domain.facts import JobSnapshot
from backend.domain.ledger import defects
from backend.domain.model import Order
from backend.domain.operations import OperationKind, OperationState
from backend.domain.personal import ERASED
from backend.domain.references import JobReference, PaymentReference
from backend.domain.searching import DeliveryQuery, OrderQuery
from backend.domain.statuses import JobState, PaymentStatus
from backend.domain.terms import Mode
from backend.service import erase
from backend.service.delivery_subject import Outcome
from backend.service.easing import Easing
from backend.service.erase import Erase
from backend.service.register_order import RegisterOrder
from backend.service.start_payment import GatewayDidNotAnswer, GatewayNotReached
from backend.service.sweeping import PAGE, PAUSE, Sweeper
from backend.service.unknown_statuses import MOST_WORDS, UnknownStatuses
from tests.domain.builders import FIRST, fact, terms

from .world import World, world

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


# --- erasing ---


@pytest.mark.parametrize("page", [1, 100])
async def test_a_customer_is_erased_from_every_order_that_is_over(
    here: World, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase, "PAGE", page)
    for number in range(3):
        await here.paid(f"OVER-{number}")
    await here.start("OPEN-1")
    await here.start("OPEN-2")
    done = await Erase(here.orders, here.store, here.clock, Mode.MOCK).customer(
        "test@example.com", by="ann", reason="asked"
    )
    assert sorted(done.erased) == ["OVER-0", "OVER-1", "OVER-2"]
    assert sorted(done.still_open) == ["OPEN-1", "OPEN-2"]
    order = await here.order("OVER-0")
    assert order.terms.customer.email == ERASED
    assert order.history[-1].actor == "operator ann"
    assert (getattr(order.history[-1].event, "by", ""), getattr(order.history[-1].event, "reason", "")) == (
        "ann",
        "asked",
    )
    assert defects(order) == []
    assert (await here.order("OPEN-1")).terms.customer.email == "test@example.com"


async def test_a_job_that_the_gateway_never_named_is_no_reason_for_ever_to_keep_its_customer(here: World) -> None:
    await here.fault("lost-reply.create.x1")
    with pytest.raises(GatewayDidNotAnswer):
        await here.start()
    await here.paid()
    eraser = Erase(here.orders, here.store, here.clock, Mode.MOCK)
    early = await eraser.customer("test@example.com", by="ann", reason="asked")
    assert ((await here.order()).jobs[0].state, early.still_open) == (JobState.ORPHAN, ("TEST-001",))
    here.later(hours=12)
    late = await eraser.customer("test@example.com", by="ann", reason="asked")
    assert (late.erased, late.still_open) == (("TEST-001",), ())


async def test_a_customer_who_asks_to_pay_just_then_is_not_said_to_be_erased(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.press((await here.start()).action_url, "cancel")
    here.later(seconds=10)
    await here.work()
    search = here.store.search

    async def and_then_they_pay(query: OrderQuery, limit: int) -> Sequence[Order]:
        found = await search(query, limit)
        monkeypatch.undo()
        await here.start()
        return found

    monkeypatch.setattr(here.store, "search", and_then_they_pay)
    done = await Erase(here.orders, here.store, here.clock, Mode.MOCK).customer(
        "test@example.com", by="ann", reason="asked"
    )
    assert (done.erased, done.still_open) == ((), ("TEST-001",))


async def test_of_another_address_or_mode_nothing_is_erased(here: World) -> None:
    await here.paid()
    for address, mode in (("other@example.com", Mode.MOCK), ("test@example.com", Mode.PRODUCTION)):
        done = await Erase(here.orders, here.store, here.clock, mode).customer(address, by="ann", reason="asked")
        assert (done.erased, done.still_open) == ((), ())


# --- registering ---


async def test_the_same_registration_again_is_no_new_one_and_other_terms_are_refused(here: World) -> None:
    register = RegisterOrder(here.orders, here.clock)
    first = await register(terms(), by="shop")
    assert (first.is_new, first.order.history[0].actor) == (True, "service shop")
    assert first.order.placed_at == here.clock.now()
    again = await register(terms(), by="shop")
    assert (again.is_new, again.order) == (False, first.order)
    with pytest.raises(RegistrationDiffers):
        await register(terms(minor=999), by="shop")
    await here.start("A-CUSTOMERS")
    with pytest.raises(RegistrationDiffers):
        await register(terms("A-CUSTOMERS"), by="shop")


# --- sweeping ---


async def test_a_sweeper_drops_page_after_page_and_then_rests_for_a_minute(here: World) -> None:
    left, asked = 2 * PAGE + 1, 0

    async def drop(now: datetime) -> int:
        nonlocal left, asked
        assert now == here.clock.now()
        dropped, asked = min(left, PAGE), asked + 1
        left -= dropped
        return dropped

    sweeper = Sweeper(here.clock, drop)
    assert [await sweeper.run_due() for _ in range(5)] == [PAGE, PAGE, 1, 0, 0]
    assert asked == 3
    here.later(seconds=PAUSE.total_seconds() - 1)
    await sweeper.run_due()
    assert asked == 3
    here.later(seconds=1)
    await sweeper.run_due()
    assert asked == 4


# --- easing off ---


def rests(easing: Easing, now: datetime) -> timedelta:
    """How long nobody is asked about."""
    seconds = 0
    while easing.most(20, now + timedelta(seconds=seconds)) == 0:
        seconds += 1
    return timedelta(seconds=seconds)


def test_a_gateway_that_answers_nothing_is_left_alone_twice_as_long_each_time() -> None:
    easing, told = Easing(), []
    for _ in range(7):
        easing.note(answered=False)
        easing.end_batch(NOON)
        told.append(rests(easing, NOON).total_seconds())
    assert told == [1, 2, 4, 8, 16, 30, 30]
    assert easing.most(20, NOON + timedelta(seconds=30)) == 1, "one order tries it"


@pytest.mark.parametrize("answers", [[True, False], [False, True]])
def test_one_answer_of_a_batch_is_enough_to_go_on(answers: list[bool]) -> None:
    easing = Easing()
    easing.note(answered=False)
    easing.end_batch(NOON)
    for answered in answers:
        easing.note(answered=answered)
    easing.end_batch(NOON)
    assert easing.most(20, NOON) == 20
    easing.note(answered=False)
    easing.end_batch(NOON)
    assert rests(easing, NOON) == timedelta(seconds=1), "and what was before it is forgotten"


def test_a_batch_without_a_question_changes_nothing() -> None:
    easing = Easing()
    easing.end_batch(NOON)
    assert easing.most(20, NOON) == 20
    easing.note(answered=False)
    easing.end_batch(NOON)
    easing.end_batch(NOON + timedelta(seconds=1))
    assert easing.most(20, NOON + timedelta(seconds=1)) == 1


# --- deliveries that a person looks at ---


async def test_before_a_delivery_is_replayed_it_can_be_told_what_would_come_of_it(here: World) -> None:
    started = await here.start()
    told = {"paymentReference": str(started.payment_reference), "orderReference": "TEST-001"}
    await here.press(started.action_url, "pay")
    headers, body = here.signed(status="authorized", **told)
    await here.take(headers, body)
    name = delivery_id(Mode.MOCK, "cashflows", body)
    before = await here.order()
    assert await here.inbox.preview(name) == "nothing: order TEST-001 knows it already, and is authorized"

    other, unmatched = here.signed(status="captured", paymentReference="1", orderReference="NOT-OURS")
    await here.take(other, unmatched)
    of_nobody = await here.inbox.preview(delivery_id(Mode.MOCK, "cashflows", unmatched))
    assert of_nobody is not None
    assert of_nobody.startswith("nothing now: no such order or payment is known here")

    late, unknown = here.signed(status="captured", paymentReference="999", orderReference="TEST-001")
    await here.take(late, unknown)
    asks = await here.inbox.preview(delivery_id(Mode.MOCK, "cashflows", unknown))
    assert asks == "the gateway would be asked about payment job 1 of order TEST-001"
    assert await here.inbox.preview(delivery_id(Mode.MOCK, "cashflows", b"none")) is None
    assert await here.order() == before, "nothing was written"


async def test_a_replayed_delivery_is_pending_again_and_wakes_the_worker(here: World) -> None:
    await here.paid()
    (delivery,) = await _deliveries(here)
    woken = len(here.woken)
    again = await here.inbox.replay(delivery.id)
    assert again is not None
    assert (again.id, again.is_pending, len(here.woken)) == (delivery.id, True, woken + 1)
    assert await here.webhooks.run_pending() == 1
    assert [each.is_pending for each in await _deliveries(here)] == [False]
    assert await here.inbox.replay(delivery_id(Mode.MOCK, "cashflows", b"none")) is None
    assert len(here.woken) == woken + 1


async def test_only_what_aged_out_is_acknowledged(here: World) -> None:
    await here.paid()
    (delivery,) = await _deliveries(here)
    seen = await here.inbox.acknowledge(delivery.id)
    assert seen is not None
    assert (seen, seen.outcome) == (delivery, Outcome.APPLIED)


async def _deliveries(here: World) -> list[Delivery]:
    return list(await here.store.search_deliveries(DeliveryQuery(Mode.MOCK), 10))


# --- what operators decide ---


async def test_an_operation_that_waits_is_given_up_and_one_that_was_sent_is_not(here: World) -> None:
    await here.paid()
    here.network.down = True
    await here.ask(OperationKind.REFUND, 400)
    here.network.down = False
    given_up = await here.operations.abandon(await here.order(), 1, by="bob", reason="a mistake")
    assert (given_up.operation.number, given_up.operation.state) == (1, OperationState.ABANDONED)
    assert given_up.order == await here.order()
    assert "bob: a mistake" in given_up.operation.outcome
    assert given_up.order.history[-1].actor == "operator bob"
    await here.ask(OperationKind.REFUND, 400)
    with pytest.raises(OperationIsSettled):
        await here.operations.abandon(await here.order(), 2, by="bob", reason="a mistake")


async def test_an_operation_settled_by_a_persons_word_is_told_with_its_order(here: World) -> None:
    await here.paid()
    await here.fault("lost-request.refund")
    await here.ask(OperationKind.REFUND, 400)
    told = await here.operations.resolve_operation(
        await here.order(), 1, carried_out=False, by="bob", evidence="not in the portal"
    )
    assert (told.order, told.operation.state) == (await here.order(), OperationState.REJECTED)
    assert "bob: not in the portal" in told.operation.outcome


async def test_only_the_case_that_was_looked_at_is_closed_and_by_whom_is_told(here: World) -> None:
    order = await here.paid()
    raised = [
        AttentionRaised("status_unknown", "one"),
        AttentionRaised("status_unknown", "two"),
        AttentionRaised("by_hand", "x"),
    ]
    order = await here.orders.change(order, lambda _: raised, actor="test")
    order = await here.operations.resolve_attention(order, "status_unknown", "two", by="bob", evidence="seen")
    assert [item.is_open for item in order.attention] == [True, False, True]
    assert (order.attention[1].resolved_by, order.attention[1].resolution) == ("bob", "seen")
    order = await here.operations.resolve_attention(order, "status_unknown", None, by="bob", evidence="seen")
    assert [item.is_open for item in order.attention] == [False, False, True]


async def test_a_check_asks_the_gateway_at_once_and_says_who_wanted_it(here: World) -> None:
    started = await here.start()
    await here.press(started.action_url, "pay")
    order = await here.operations.check_now(await here.order(), by="bob")
    assert order.payments[0].status is PaymentStatus.CAPTURED
    assert "operator_looked" in {entry.event.kind for entry in order.history if entry.actor == "operator bob"}


# --- words that nobody knows ---


def snapshot(*words: str) -> JobSnapshot:
    facts = [
        replace(
            fact(PaymentStatus.PENDING, PaymentReference(f"{number}")),
            evidence=replace(fact(PaymentStatus.PENDING).evidence, wording=word),
        )
        for number, word in enumerate(words)
    ]
    known = fact(PaymentStatus.CAPTURED, FIRST)
    not_understood = frozenset(each.payment_reference for each in facts)
    return JobSnapshot(JobReference("1"), None, True, (*facts, known), not_understood)


def test_unknown_words_are_counted_by_gateway_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    statuses = UnknownStatuses()
    with caplog.at_level(logging.WARNING):
        statuses.note("cashflows", snapshot("Frozen", "Thawed"))
        statuses.note("cashflows", snapshot("Frozen"))
        statuses.note("acme", snapshot("Frozen"))
    assert statuses.counts == {("cashflows", "Frozen"): 2, ("cashflows", "Thawed"): 1, ("acme", "Frozen"): 1}
    assert statuses.by_gateway(["cashflows", "acme", "quiet"]) == {"cashflows": 3, "acme": 1, "quiet": 0}
    assert [record.getMessage() for record in caplog.records] == [
        "gateway cashflows told a status that nobody here knows: Frozen",
        "gateway cashflows told a status that nobody here knows: Thawed",
        "gateway acme told a status that nobody here knows: Frozen",
    ]


def test_what_a_gateway_writes_grows_without_bound_nowhere() -> None:
    statuses = UnknownStatuses()
    for number in range(MOST_WORDS + 10):
        statuses.note("cashflows", snapshot(f"word {number}"))
    assert len(statuses.counts) == MOST_WORDS + 1
    assert statuses.counts["cashflows", "other"] == 10
    assert statuses.by_gateway(["cashflows"]) == {"cashflows": MOST_WORDS + 10}


# --- starting ---


async def test_a_start_that_is_refused_or_unclear_says_what_to_do() -> None:
    async with world() as here:
        await here.fault("error-500-after.create")
        with pytest.raises(GatewayDidNotAnswer, match=r"order TEST-001; .*: send the same request again$"):
            await here.start()
        here.network.down = True
        with pytest.raises(GatewayNotReached, match=r"order TEST-002; send the same request again$"):
            await here.start("TEST-002")
