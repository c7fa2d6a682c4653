import asyncio
import itertools
import json
from contextlib import suppress
from datetime import timedelta

import pytest

from backend.domain.deliveries import Delivery, delivery_id
from backend.domain.errors import CardNumberNotAccepted
from backend.domain.model import Order, OrderId
from backend.domain.operations import OperationKind
from backend.domain.order_status import order_status, totals
from backend.domain.references import OwnReference
from backend.domain.statuses import JobState, OrderStatus, PaymentStatus
from backend.domain.terms import Mode
from backend.ports import StoreUnavailable, WebhookRejected, WebhookUnreadable
from backend.service.delivery_subject import Outcome
from backend.service.orders import WRITE_LIMIT, Orders
from backend.service.start_payment import GatewayDidNotAnswer, PaymentNotStarted, StartedPayment
from backend.service.sweeping import old_deliveries
from backend.stores import MemoryStore

from .mortality import Died, MortalDisk, Mortality
from .world import DECLINED, TOKENS, Ahead, SharedClock, World, world


def captured(started: StartedPayment, **changed: str) -> dict[str, str]:
    told = {
        "event": "payment.captured",
        "status": "captured",
        "paymentReference": str(started.payment_reference),
        "orderReference": str(started.order.reference),
    }
    return {**told, **changed}


async def test_a_signed_webhook_makes_the_order_paid(here: World) -> None:
    started = await here.start()
    accepted = await here.take(*here.signed(**captured(started)))
    assert accepted.outcome is Outcome.APPLIED
    assert accepted.acknowledgement == {
        "paymentReference": started.payment_reference,
        "orderReference": "TEST-001",
    }
    assert await here.status() is OrderStatus.PAID


class HungStore(MemoryStore):
    """Once ``clock`` is set, every call takes the whole limit and fails."""

    def __init__(self) -> None:
        super().__init__()
        self.clock: SharedClock | None = None
        self.calls = 0

    async def get(self, order_id: OrderId) -> Order | None:
        await self._hang()
        return await super().get(order_id)

    async def receive(self, delivery: Delivery) -> Delivery:
        await self._hang()
        return await super().receive(delivery)

    async def _hang(self) -> None:
        if self.clock is not None:
            self.calls += 1
            await self.clock.sleep(WRITE_LIMIT.total_seconds())
            raise StoreUnavailable("no answer")


async def test_a_store_that_hangs_is_waited_for_once() -> None:
    store = HungStore()
    async with world(store=store) as here:
        started = await here.start()
        headers, body = here.signed(**captured(started))
        store.clock = here.clock
        with pytest.raises(StoreUnavailable):
            await here.take(headers, body)
        assert store.calls == 1, "a gateway that waits longer gives up before it is answered"
        store.clock = None
        assert (await here.take(headers, body)).outcome is Outcome.APPLIED


async def test_a_hundred_copies_at_once_have_one_effect(here: World) -> None:
    started = await here.start()
    headers, body = here.signed(**captured(started))
    accepted = await asyncio.gather(*(here.take(headers, body) for _ in range(100)))
    assert {one.outcome for one in accepted} == {Outcome.APPLIED}
    order = await here.order()
    assert [payment.captured_minor for payment in order.payments] == [1000]
    assert sum(entry.event.kind == "payment_observed" for entry in order.history) == 1
    here.later(minutes=5)
    assert await here.webhooks.run_pending() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"x-signature": "0" * 64},
        {"x-signature": ""},
        {"x-signature": "é"},
        None,
    ],
)
async def test_a_delivery_that_is_not_the_gateways_changes_nothing(here: World, change: dict[str, str] | None) -> None:
    started = await here.start()
    headers, body = here.signed(**captured(started))
    with pytest.raises(WebhookRejected):
        await here.take(headers | change if change else {}, body)
    assert await here.status() is OrderStatus.PENDING


async def test_a_signature_covers_the_bytes_and_not_their_meaning(here: World) -> None:
    started = await here.start()
    headers, body = here.signed(**captured(started))
    with pytest.raises(WebhookRejected):
        await here.take(headers, body.replace(b", ", b","))


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"amount": "10.01", "currency": "GBP"}, "overpaid"),
        ({"amount": "10.00", "currency": "EUR"}, "currency_differs"),
        ({"amount": "1000"}, "overpaid"),
    ],
)
async def test_another_amount_is_kept_for_a_person_and_pays_nothing(
    here: World, told: dict[str, str], code: str
) -> None:
    started = await here.start()
    accepted = await here.take(*here.signed(**captured(started, **told)))
    assert accepted.outcome is Outcome.SET_ASIDE
    order = await here.order()
    assert await here.status() is OrderStatus.REVIEW
    assert [item.code for item in order.attention] == [code]


async def test_an_unknown_order_is_kept_and_applied_once_it_is_known(here: World) -> None:
    headers, body = here.signed(
        status="captured", paymentReference="211", orderReference="TEST-001", paymentJobReference="77"
    )
    accepted = await here.take(headers, body)
    assert accepted.outcome is Outcome.UNMATCHED
    assert accepted.acknowledgement["orderReference"] == "TEST-001"
    for _ in range(10):
        here.later(hours=4)
        await here.work()
    here.later(days=1)
    assert await here.webhooks.run_pending() == 0, "given up, and kept"


async def test_a_payment_that_only_the_webhook_knows_is_confirmed_with_the_gateway_first(here: World) -> None:
    started = await here.start()
    forged = captured(started, paymentReference="211111111111111111")
    accepted = await here.take(*here.signed(**forged))
    assert accepted.outcome is Outcome.CONFIRMING
    assert here.woken
    await here.work()
    assert await here.status() is OrderStatus.PENDING
    assert len((await here.order()).payments) == 1


async def test_how_much_of_a_hold_was_captured_the_gateway_is_asked_where_a_webhook_does_not_say() -> None:
    async with world(auto_capture=False, partial_capture=True) as here:
        started = await here.start()
        await here.press(started.action_url, "pay")
        here.later(seconds=10)
        await here.work()
        assert await here.status() is OrderStatus.AUTHORIZED
        await here.ask(OperationKind.CAPTURE, 600)
        here.later(seconds=5)
        accepted = await here.take(*here.signed(**captured(started)))
        assert accepted.outcome is Outcome.CONFIRMING
        await here.work()
        assert (await here.status(), totals(await here.order()).captured_minor) == (OrderStatus.PARTIALLY_CAPTURED, 600)
        assert (await here.store.lag(Mode.MOCK)).delivery_at is None
        here.later(seconds=5)
        await here.ask(OperationKind.CAPTURE)
        await here.take(*here.signed(**captured(started, event="payment.captured.again")))
        await here.work()
        assert await here.status() is OrderStatus.PAID


async def test_a_second_payment_in_the_same_job_is_confirmed_and_paid(here: World) -> None:
    started = await here.start()
    await here.press(started.action_url, "pay", DECLINED)
    await here.press(started.action_url, "pay")
    await here.deliver()
    await here.work()
    assert await here.status() is OrderStatus.PAID
    assert (await here.order()).attention == ()


async def test_a_status_that_nobody_knows_is_a_reason_to_look_and_no_more(here: World) -> None:
    started = await here.start()
    accepted = await here.take(*here.signed(**captured(started, event="payment.odd", status="odd")))
    assert accepted.outcome is Outcome.CONFIRMING
    await here.work()
    assert await here.status() is OrderStatus.PENDING
    await here.press(started.action_url, "pay")
    here.later(seconds=5)
    await here.take(*here.signed(**captured(started, event="payment.odd", status="odd")))
    await here.work()
    assert await here.status() is OrderStatus.PAID


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"status": "captured"}',
        b'{"paymentReference": "1", "orderReference": "TEST-001"}',
        b'{"status":"captured","event":"payment.declined","paymentReference":"1","orderReference":"TEST-001"}',
        b'{"status":"captured","status":"captured","paymentReference":"1","orderReference":"TEST-001"}',
    ],
)
async def test_what_cannot_be_read_is_kept_and_refused(here: World, body: bytes) -> None:
    from backend.gateways.cashflows.signing import webhook_signature

    headers = {"x-signature": webhook_signature(here.simulator.settings.webhook_secret, body)}
    with pytest.raises(WebhookUnreadable):
        await here.take(headers, body)
    assert delivery_id(Mode.MOCK, "cashflows", body) in here.store.disk.deliveries  # type: ignore[attr-defined]
    here.later(days=2)
    assert await here.webhooks.run_pending() == 0


async def test_an_unsigned_webhook_moves_nothing_until_the_gateway_confirms(published: World) -> None:
    started = await published.start()
    await published.press(started.action_url, "pay")
    await published.deliver()
    assert await published.status() is OrderStatus.PENDING
    await published.work()
    assert await published.status() is OrderStatus.PAID


async def test_a_look_that_the_gateway_did_not_answer_deals_with_no_hint(published: World) -> None:
    """Also where the hint had waited for a while before anybody asked."""
    started = await published.start()
    await published.press(started.action_url, "pay")
    await published.deliver()
    published.later(seconds=30)
    await published.fault("malformed-json.read.x1")
    await published.webhooks.run_pending()
    assert await published.status() is OrderStatus.PENDING
    published.later(minutes=30)
    await published.webhooks.run_pending()
    assert await published.status() is OrderStatus.PAID


async def test_a_look_whose_asker_died_answers_for_no_hint(published: World) -> None:
    """Somebody else claims the look each time that the hint has its turn, and dies before the gateway answers."""
    started = await published.start()
    await published.press(started.action_url, "pay")
    await published.deliver()
    for _ in range(3):
        assert await published.orders.claim_look(await published.order()) is not None
        await published.webhooks.run_pending()
        published.later(seconds=3)
    await published.webhooks.run_pending()
    assert await published.status() is OrderStatus.PAID


async def test_a_look_by_a_clock_that_is_ahead_answers_for_no_hint_and_holds_none_up(published: World) -> None:
    started = await published.start()
    ahead = Orders(published.store, Ahead(published.clock), Mode.MOCK)
    claimed = await ahead.claim_look(await published.order())
    assert claimed is not None
    await ahead.note_look(claimed, Ahead(published.clock).now(), answered=True)
    await published.press(started.action_url, "pay")
    await published.deliver()
    await published.webhooks.run_pending()
    assert await published.status() is OrderStatus.PAID


async def test_a_look_at_one_job_answers_for_no_hint_about_another(published: World) -> None:
    await published.fault("lost-reply.create.x1")
    with pytest.raises(GatewayDidNotAnswer):
        await published.start()
    (lost,) = await published.jobs_at_gateway()
    started = await published.start()
    await published.press(f"http://simulator.example/payment?ref={lost['pageReference']}", "pay")
    await published.deliver()
    await published.fault("malformed-json.read.x1")
    await published.webhooks.run_pending()
    published.later(seconds=4)
    body = {"notifyType": "PaymentStatusChange", "paymentJobReference": started.job_reference}
    await published.take({}, json.dumps(body).encode())
    await published.webhooks.run_pending()
    published.later(seconds=10)
    await published.webhooks.run_pending()
    assert await published.status() is OrderStatus.PAID


async def test_forged_hints_pay_nothing_and_cost_one_look_in_three_seconds(published: World) -> None:
    started = await published.start()
    body = f'{{"notifyType":"PaymentStatusChange","paymentJobReference":"{started.job_reference}"}}'.encode()
    for _ in range(50):
        accepted = await published.take({}, body)
        assert accepted.outcome is Outcome.CONFIRMING
        await published.webhooks.run_pending()
    assert await published.reads_at_gateway() == 1
    assert await published.status() is OrderStatus.PENDING
    await published.press(started.action_url, "pay")
    published.later(seconds=3)
    await published.work()
    assert await published.reads_at_gateway() == 2
    assert await published.status() is OrderStatus.PAID


async def test_a_flood_of_different_forged_hints_at_once_costs_one_look_in_three_seconds(published: World) -> None:
    """Two workers, and bodies that are all new: what is asked does not grow with what comes."""
    started = await published.start()

    async def forge(number: int) -> None:
        body = {"notifyType": "PaymentStatusChange", "paymentJobReference": started.job_reference}
        await published.take({}, json.dumps(body | {"paymentReference": f"{number}"}).encode())

    for wave in range(4):
        await asyncio.gather(*(forge(100 * wave + number) for number in range(60)))
        while sum(await asyncio.gather(published.webhooks.run_pending(), published.webhooks.run_pending())):
            pass
        assert await published.reads_at_gateway() <= wave + 1
        published.later(seconds=3)
    for _ in range(2):
        published.later(seconds=3)
        await published.work()
    assert await published.reads_at_gateway() <= 6, "a look answers for everything that had come before it"
    lag = await published.store.lag(Mode.MOCK)
    assert lag.delivery_at is None, "nothing is left to ask about"
    assert await published.status() is OrderStatus.PENDING


async def test_invented_hints_about_nothing_known_ask_the_gateway_nothing(published: World) -> None:
    await published.start()
    for number in range(50):
        body = f'{{"notifyType":"PaymentStatusChange","paymentJobReference":"{number}"}}'.encode()
        assert (await published.take({}, body)).outcome is Outcome.UNMATCHED
    for _ in range(30):
        published.later(hours=1)
        await published.webhooks.run_pending()
    assert await published.reads_at_gateway() == 0


async def test_an_address_whose_token_was_not_made_here_is_refused_and_not_stored(published: World) -> None:
    started = await published.start()
    body = f'{{"notifyType":"PaymentStatusChange","paymentJobReference":"{started.job_reference}"}}'.encode()
    for token in ("x", TOKENS.token("acme", OwnReference("TEST-001")), ""):
        with pytest.raises(WebhookRejected, match="no token that was made here"):
            await published.take({}, body, token)
    assert not published.store.disk.deliveries  # type: ignore[attr-defined]
    assert (await published.take({}, body)).outcome is Outcome.CONFIRMING, "the plain address works"


@pytest.mark.parametrize(
    "body",
    [b'{"notifyType":"Paid","paymentJobReference":"5555 5555 5555 4444"}', b"4111-1111-1111-1111, not even JSON"],
)
async def test_nobody_has_a_card_number_stored_without_a_signature_or_a_jobs_address(
    published: World, body: bytes
) -> None:
    with pytest.raises(CardNumberNotAccepted):
        await published.take({}, body)
    assert not published.store.disk.deliveries  # type: ignore[attr-defined]


async def test_the_jobs_own_address_tells_which_job_where_the_body_cannot(published: World) -> None:
    """An unsigned webhook before our own create reply is saved: the gateway's name of the job is news to us."""
    await published.fault("lost-reply.create")
    with pytest.raises(PaymentNotStarted):
        await published.start()
    (job,) = await published.jobs_at_gateway()
    order = await published.order()
    assert order.jobs[0].job_reference is None
    body = json.dumps({"notifyType": "PaymentStatusChange", "paymentJobReference": job["reference"]}).encode()
    assert (await published.take({}, body)).outcome is Outcome.UNMATCHED
    told = body.replace(b"PaymentStatusChange", b"PaymentStatusChanged")
    token = TOKENS.token("cashflows", order.jobs[0].own_reference)
    assert (await published.take({}, told, token)).outcome is Outcome.CONFIRMING
    await published.work()
    assert (await published.order()).jobs[0].job_reference == job["reference"]


async def test_a_webhook_that_names_no_job_of_the_gateways_calls_nobody_about_a_lost_one(published: World) -> None:
    await published.fault("lost-reply.create")
    with pytest.raises(PaymentNotStarted):
        await published.start()
    token = TOKENS.token("cashflows", OwnReference("TEST-001"))
    body = json.dumps({"notifyType": "PaymentStatusChanged", "paymentJobReference": "999999999999999999"}).encode()
    assert (await published.take({}, body, token)).outcome is Outcome.CONFIRMING
    before = await published.reads_at_gateway()
    await published.work()
    assert await published.reads_at_gateway() == before + 1
    order = await published.order()
    assert (order.jobs[0].job_reference, order.attention) == (None, ())


async def test_what_a_delivery_was_taken_as_is_kept_with_it(here: World) -> None:
    started = await here.start()
    headers, body = here.signed(**captured(started))
    token = TOKENS.token("cashflows", OwnReference("TEST-001"))
    await here.take(headers | {"content-type": "application/json", "cookie": "secret"}, body, token)
    row = await here.store.get_delivery(delivery_id(Mode.MOCK, "cashflows", body))
    assert row is not None
    assert dict(row.headers) == {
        "content-type": "application/json",
        "address-of-job": "TEST-001",
        "taken-as": "fact",
    }


async def test_what_nothing_matches_ages_out_with_a_notice_until_a_person_has_seen_it(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    headers, body = here.signed(status="captured", paymentReference="211", orderReference="NOT-OURS")
    await here.take(headers, body)
    name = delivery_id(Mode.MOCK, "cashflows", body)
    tries = 0
    for _ in range(40):
        here.later(hours=1)
        tries += await here.webhooks.run_pending()
    assert 6 <= tries <= 30, "with backoff"
    assert await here.inbox.unmatched() == 1
    assert "stays unmatched; compare it with the gateway's portal" in caplog.text
    assert "failed" not in caplog.text, "however often it was tried"
    seen = await here.inbox.acknowledge(name)
    assert seen is not None
    assert (seen.outcome, seen.is_pending) == (Outcome.ACKNOWLEDGED, False)
    assert await here.inbox.unmatched() == 0
    assert await here.inbox.acknowledge(delivery_id(Mode.MOCK, "cashflows", b"none")) is None

    old = old_deliveries(here.store, here.clock, Mode.MOCK, timedelta(days=90))
    here.later(days=88)
    assert await old.run_due() == 0
    here.later(days=2)
    assert await old.run_due() == 1
    assert await here.store.get_delivery(name) is None


@pytest.mark.parametrize("waited", [0, 30], ids=["at once", "later"])
@pytest.mark.parametrize("scheme", ["hmac-sha256", "sha512"])
async def test_death_at_any_moment_of_a_webhook_loses_nothing_and_applies_it_once(scheme: str, waited: int) -> None:
    """Every write and every call on the way from the delivery to the paid order is a moment to die at, once."""
    for dies_at in itertools.count(1):
        mortality = Mortality()
        async with world(scheme=scheme, store=MemoryStore(MortalDisk(mortality)), mortality=mortality) as here:
            await here.press((await here.start()).action_url, "pay")
            mortality.moments, mortality.dies_at = 0, dies_at
            with suppress(Died, BaseExceptionGroup):
                await here.deliver()
                here.later(seconds=waited)
                await here.webhooks.run_pending()
            died, mortality.dies_at = mortality.moments >= dies_at, None
            for _ in range(3):
                here.later(hours=1)  # by then the gateway has repeated what was not acknowledged
                await here.deliver()
                await here.webhooks.run_pending()
            order = await here.order()
            assert order_status(order) is OrderStatus.PAID
            assert [payment.captured_minor for payment in order.payments] == [1000]
            assert sum(entry.event.kind == "payment_observed" for entry in order.history) == 1
        if not died:
            break
    assert dies_at > 6


async def test_a_lost_webhook_is_made_up_for_by_looking(here: World) -> None:
    await here.fault("lost-webhook")
    await here.press((await here.start()).action_url, "pay")
    await here.deliver()
    assert await here.status() is OrderStatus.PENDING
    here.later(seconds=10)
    await here.work()
    assert await here.status() is OrderStatus.PAID


async def test_a_webhook_that_comes_before_the_create_reply_is_applied(here: World) -> None:
    await here.fault("early-webhook")
    started = await here.start()
    await here.deliver()
    here.later(seconds=10)
    await here.work()
    order = await here.order()
    assert order.attention == ()
    assert [payment.status for payment in order.payments] == [PaymentStatus.CAPTURED]
    assert started.order.reference == "TEST-001"


async def test_a_customer_who_came_back_has_the_gateway_asked(here: World) -> None:
    started = await here.start()
    await here.press(started.action_url, "cancel")
    await here.deliver()
    order = await here.customer_return(started.order.reference)
    assert order is not None
    assert await here.status() is OrderStatus.PENDING
    assert here.woken
    await here.work()
    assert await here.status() is OrderStatus.CANCELLED
    assert await here.reads_at_gateway() == 1


async def test_coming_back_again_and_again_costs_one_look(here: World) -> None:
    started = await here.start()
    for _ in range(20):
        await here.customer_return(started.order.reference)
        await here.work()
    assert await here.reads_at_gateway() == 1


async def test_when_an_earlier_page_is_paid_the_newer_one_is_taken_away(here: World) -> None:
    first = await here.start()
    here.later(minutes=58)
    await here.fault("error-500-before.read.x3")
    await here.start()
    await here.take(*here.signed(**captured(first)))
    order = await here.order()
    assert order_status(order) is OrderStatus.PAID
    assert [(item.code, item.is_open) for item in order.attention] == [("paid_on_earlier_job", True)]
    here.later(seconds=10)
    await here.work()
    order = await here.order()
    assert order.jobs[1].state is JobState.CLOSED
    assert order_status(order) is OrderStatus.PAID
    assert ("paid_on_earlier_job", False) in [(item.code, item.is_open) for item in order.attention]


async def test_a_hint_about_a_later_job_is_not_taken_for_one_about_a_lost_job(published: World) -> None:
    await published.fault("lost-reply.create.x1")
    with pytest.raises(GatewayDidNotAnswer):
        await published.start()
    started = await published.start()
    await published.press(started.action_url, "pay")
    await published.deliver()
    await published.work()
    assert await published.status() is OrderStatus.PAID
    assert (await published.order()).attention == ()
