"""Faults planted on purpose, to see that the worlds find them: a defence that is never missed proves nothing.

Each is a patch of the real program, named after what somebody might get wrong.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from msgspec.structs import replace

from backend.domain import attempts, cases, learning, ledger, observing, order_status, schedule, settling
from backend.domain.deliveries import Delivery
from backend.domain.events import OperationNotSent, OperationSettled
from backend.domain.facts import Evidence, EvidenceSource, Hint, JobSnapshot, PaymentFact, SignedFact
from backend.domain.model import Job, Order
from backend.domain.money import Money
from backend.domain.operations import ON_THE_WIRE, OperationKind, OperationState
from backend.domain.statuses import PaymentStatus
from backend.gateways import exchange, http
from backend.gateways.cashflows import operations as cashflows_operations
from backend.gateways.cashflows import schemes, service, wire
from backend.gateways.cashflows.operations import ACCEPTED
from backend.gateways.cashflows.wire import COMPLETED
from backend.ports import Done, NotSent, Refused, StoreError, Taken, Unknown
from backend.service import notify, orders, reconcile, send_operation, start_payment, webhooks
from backend.service.delivery_subject import Outcome
from backend.service.sightings import Sightings
from backend.service.webhooks import Accepted, Webhooks
from backend.stores.memory import MemoryStore

from .world import Options, Variant, options_for

Plant = Callable[[], AbstractContextManager[object]]


@dataclasses.dataclass(frozen=True, slots=True)
class Planted:
    """``seed`` is a world that finds it."""

    name: str
    plant: Plant
    variant: Variant = Variant.ALL_ON
    scripts: tuple[str, ...] = ()
    rates: tuple[tuple[str, float], ...] = ()
    seed: int = 1

    def options(self, seed: int) -> Options:
        return dataclasses.replace(options_for(seed, self.variant), scripts=self.scripts, rates=self.rates)


def _together(*plants: Any) -> Plant:
    @contextmanager
    def planting() -> Iterator[None]:
        with ExitStack() as stack:
            for each in plants:
                stack.enter_context(each())
            yield

    return planting


def _put(place: Any, name: str, new: Any) -> Plant:
    return lambda: patch.object(place, name, new)


def _around(place: Any, name: str, change: Callable[..., Any]) -> Plant:
    """Call ``change`` with the original first."""
    original = getattr(place, name)

    def changed(*given: Any, **named: Any) -> Any:
        return change(original, *given, **named)

    return lambda: patch.object(place, name, changed)


# --- the store's primitives ---


async def _replace_blindly(self: MemoryStore, order: Order, _: int) -> bool:
    known = self.disk.orders.get(order.id)
    return await REPLACE(self, order, known.version if known else 0)


async def _claim_success(self: MemoryStore, order: Order, expected_version: int) -> bool:
    await REPLACE(self, order, expected_version)
    return True


async def _insert_over(self: MemoryStore, order: Order) -> bool:
    self.disk.orders.pop(order.id, None)
    return await INSERT(self, order)


async def _take_for_ever(self: MemoryStore, work: Any, mode: Any, now: Any, until: Any, limit: int) -> Any:
    return await TAKE_DUE(self, work, mode, now, until + timedelta(days=3650), limit)


async def _receive_once(self: MemoryStore, delivery: Any) -> Any:
    known = await self.get_delivery(delivery.id)
    return known or await RECEIVE(self, delivery)


REPLACE, INSERT, TAKE_DUE = MemoryStore.replace, MemoryStore.insert, MemoryStore.take_due
SETTLE, RECEIVE = MemoryStore.settle, MemoryStore.receive


async def _note_look_blindly(self: Any, order: Order, *_: Any, **__: Any) -> None:
    stored = await self._store.get(order.id)
    if stored is not None:
        looked = replace(order, version=stored.version + 1, last_look_at=self._clock.now())
        looked = replace(looked, next_check_at=schedule.next_check(looked, self._clock.now()))
        await self._store.replace(looked, stored.version)


# --- the wire ---


async def _send_again(original: Any, self: Any, method: str, *given: Any, **named: Any) -> Any:
    try:
        return await original(self, method, *given, **named)
    except exchange.NoAnswer:
        return await original(self, method, *given, **named)


async def _unknown_is_not_sent(original: Any, *given: Any, **named: Any) -> Any:
    outcome = await original(*given, **named)
    return NotSent(outcome.reason) if isinstance(outcome, Unknown) else outcome


async def _error_is_refusal(original: Any, *given: Any, **named: Any) -> Any:
    outcome = await original(*given, **named)
    answered = isinstance(outcome, Unknown) and outcome.reason.startswith("the gateway answered")
    return Refused(outcome.reason) if answered else outcome


async def _unknown_is_done(original: Any, self: Any, request: Any) -> Any:
    outcome = await original(self, request)
    return Done(None) if isinstance(outcome, Unknown) else outcome


# --- operations ---


def _silence_is_refusal(original: Any, operation: Any, fact: PaymentFact, *, alone: bool) -> Any:
    found = original(operation, fact, alone=alone)
    if found is None and operation.state is OperationState.UNKNOWN:
        return OperationSettled(operation.number, OperationState.REJECTED, None, "not there")
    return found


def _unknown_may_be_sent(original: Any, number: int, outcome: Any, order: Order) -> Any:
    if isinstance(outcome, Unknown):
        return (OperationNotSent(number, "no answer"),)
    return original(number, outcome, order)


def _unknown_is_rejected(original: Any, number: int, outcome: Any, order: Order) -> Any:
    operation = order.operation(number)
    if isinstance(outcome, Unknown) and operation is not None and operation.state in ON_THE_WIRE:
        return (OperationSettled(number, OperationState.REJECTED, None, "no answer"),)
    return original(number, outcome, order)


def _void_always_done(kind: OperationKind, body: bytes) -> Any:
    return Done(None)


# --- webhooks ---


async def _acknowledge_first(original: Any, self: Webhooks, gateway: str, headers: Any, body: bytes, token: str) -> Any:
    try:
        return await original(self, gateway, headers, body, token)
    except StoreError:
        return Accepted(self._gateways[gateway].acknowledgement(body), Outcome.LATER)


def _any_look_will_do(_: Any, __: Any, delivery: Delivery, *___: Any) -> bool:
    return delivery.attempts > 1


def _hint_is_fact(original: Any, self: Any, body: bytes) -> Any:
    hint = original(self, body)
    if not isinstance(hint, Hint) or hint.payment_reference is None:
        return hint
    evidence = Evidence(EvidenceSource.SIGNED_WEBHOOK, "ab" * 32, "Paid")
    fact = PaymentFact(hint.payment_reference, PaymentStatus.CAPTURED, evidence)
    return SignedFact(fact, hint.own_reference, hint.job_reference)


async def _find_loosely(original: Any, orders: Any, reading: Any) -> Any:
    found = await original(orders, reading)
    if found is None:
        return None
    unnamed = [job for job in found[0].jobs if job.job_reference is None]
    return found[0], (unnamed or [found[1]])[0]


async def _work_on_nothing(self: Any) -> int:
    return 0


# --- what is learned ---


def _first_payment_only(original: Any, body: bytes) -> JobSnapshot:
    snapshot: JobSnapshot = original(body)
    return replace(snapshot, payments=snapshot.payments[:1])


def _believe_any_reference(original: Any, order: Order, job: Job, snapshot: JobSnapshot) -> Any:
    return original(order, job, replace(snapshot, own_reference=job.own_reference))


async def _believe_any_job(self: Any, reference: Any) -> Any:
    return await self._read(f"/payment-jobs/{reference}", wire.read_job)


def _deltas(original: Any, known: Any, fact: PaymentFact, due: int, at: datetime) -> Any:
    joined = original(known, fact, due, at)
    captured = known.captured_minor + (fact.captured_minor or 0)
    return replace(joined, captured_minor=captured, authorized_minor=max(joined.authorized_minor, captured))


def _pending_refunds_count(parts: Any, currency: str) -> int:
    return sum(wire._minor(amount, currency) for amount, status in parts if status.lower() != "failed")  # noqa: SLF001


def _currency_unread(original: Any, due: Money, fact: PaymentFact) -> Any:
    return original(due, replace(fact, asked_currency=None))


def _amount_unread(original: Any, due: Money, fact: PaymentFact) -> Any:
    return original(due, replace(fact, asked_amount=None))


def _last_word(_: Any, learned: PaymentStatus) -> Any:
    return (learned,)


def _nothing(*_: Any, **__: Any) -> Any:
    return ()


# --- attempts ---


def _latest_of(order: Order, operation: str) -> Job | None:
    return order.jobs[-1] if orders.made_by(order, operation) else None


def _start_always(original: Any, order: Order, now: datetime) -> Any:
    attempt = original(order, now)
    if isinstance(attempt, attempts.UsePage):
        return attempts.StartJob(attempt.job.number + 1)
    return attempt


async def _page_before_record(original: Any, self: Any, *given: Any, **named: Any) -> Any:
    order, decide = given
    try:
        return await original(self, *given, **named)
    except StoreError:
        events = decide(order)
        return ledger.record(order, events, at=self._clock.now(), operation=named.get("operation") or "x", actor="x")


# --- what is written ---


def _short_memory(original: Any, order: Order, *given: Any, **named: Any) -> Any:
    changed = original(order, *given, **named)
    return replace(changed, history=changed.history[-6:])


def _unwritten_change(original: Any, order: Order, *given: Any, **named: Any) -> Any:
    changed = original(order, *given, **named)
    return replace(changed, placed_at=changed.placed_at + timedelta(seconds=1))


# --- telling the shop ---


def _skip_one(original: Any, order: Order, after: Order, *given: Any, **named: Any) -> Any:
    told = original(order, after, *given, **named)
    return replace(told, outbox=told.outbox[:-1]) if told.notified == 2 and told.notified > after.notified else told


def _newest_first(original: Any, order: Order) -> Any:
    pending = [each for each in order.outbox if each.state == "pending"]
    return pending[-1] if pending else original(order)


async def _told_whatever_he_says(original: Any, self: Any, order: Order, sent: Any, _: Any) -> None:
    await original(self, order, sent, Taken("200"))


PLANTED: Final[Sequence[Planted]] = (
    Planted("the compare-and-set dropped", _put(MemoryStore, "replace", _replace_blindly), seed=1),
    Planted("a lost race taken for a success", _put(MemoryStore, "replace", _claim_success), seed=1),
    Planted("a create that overwrites", _put(MemoryStore, "insert", _insert_over), seed=1),
    Planted("taken work never falls due again", _put(MemoryStore, "take_due", _take_for_ever), seed=4),
    Planted("a repeated webhook not counted", _put(MemoryStore, "receive", _receive_once), seed=4),
    Planted("a look noted over what others wrote", _put(orders.Orders, "note_look", _note_look_blindly), seed=30),
    Planted("every change sent again after no answer", _around(http.GatewayHttp, "send", _send_again), seed=3),
    Planted("no answer taken for not sent", _around(service, "change", _unknown_is_not_sent), seed=15),
    Planted("no answer taken for done", _around(service.CashflowsService, "change_payment", _unknown_is_done), seed=33),
    Planted(
        "a server error taken for a refusal",
        _around(service, "change", _error_is_refusal),
        scripts=("error-500-after.refund.x1", "error-500-after.capture.x1"),
        seed=4,
    ),
    Planted("an operation sent without permission", _put(send_operation, "made_by", lambda *_: True), seed=20),
    Planted(
        "silence taken for a refusal",
        _around(settling, "_settled", _silence_is_refusal),
        scripts=("late-commit.refund.x1",),
        seed=4,
    ),
    Planted(
        "an unknown operation planned again", _around(send_operation, "_decide_outcome", _unknown_may_be_sent), seed=94
    ),
    Planted(
        "an unknown operation called rejected",
        _around(send_operation, "_decide_outcome", _unknown_is_rejected),
        scripts=("lost-reply.refund.x1",),
        seed=4,
    ),
    Planted("a reply not read", _put(service, "read_outcome", _void_always_done), scripts=("stale-read.x1",), seed=78),
    Planted(
        "an accepted refund called done",
        _put(cashflows_operations, "COMPLETED", COMPLETED | ACCEPTED),
        scripts=("refund-fails-later",),
        seed=78,
    ),
    Planted(
        "an unknown operation told to nobody",
        _put(reconcile, "is_unaccounted", lambda *_: False),
        scripts=("lost-request.refund.x1",),
        seed=4,
    ),
    Planted(
        "operations not settled by the gateway's account",
        _put(learning, "settle", _nothing),
        scripts=("lost-reply.refund.x1", "lost-reply.capture.x1"),
        seed=4,
    ),
    Planted("acknowledged before it is stored", _around(Webhooks, "accept", _acknowledge_first), seed=29),
    Planted("a hint trusted", _around(schemes.Sha512, "read_webhook", _hint_is_fact), seed=4),
    Planted("a hint about one job taken for another's", _around(webhooks, "find_subject", _find_loosely), seed=3),
    Planted(
        "a hint dealt with before the gateway answered",
        _around(Sightings, "was_answered_since", _any_look_will_do),
        variant=Variant.NO_RECONCILE,
        seed=29,
    ),
    Planted("stored webhooks never worked through", _put(Webhooks, "run_pending", _work_on_nothing), seed=2),
    Planted(
        "only the first payment of a job read",
        _around(service, "read_job", _first_payment_only),
        scripts=("failed-then-paid",),
        seed=1,
    ),
    Planted(
        "another job's account believed",
        _together(
            _put(service.CashflowsService, "retrieve_payment_job", _believe_any_job),
            _around(reconcile, "learn_job", _believe_any_reference),
        ),
        scripts=("other-job.read.x9",),
        seed=1,
    ),
    Planted(
        "the amount not compared", _around(learning, "_is_for", _amount_unread), rates=(("other_money", 0.9),), seed=1
    ),
    Planted(
        "the currency not compared",
        _around(learning, "_is_for", _currency_unread),
        rates=(("other_money", 0.9),),
        seed=4,
    ),
    Planted("nothing compared", _put(learning, "objection", lambda *_: None), rates=(("other_money", 0.9),), seed=1),
    Planted(
        "the last word about a payment wins", _put(observing, "join", _last_word), scripts=("stale-read.x9",), seed=1
    ),
    Planted("amounts added up", _around(observing, "_joined", _deltas), seed=1),
    Planted(
        "reserved taken for paid",
        _together(lambda: patch.dict(wire.STATUSES, {"reserved": PaymentStatus.CAPTURED})),
        seed=3,
    ),
    Planted(
        "pending taken for paid",
        _together(lambda: patch.dict(wire.STATUSES, {"pending": PaymentStatus.CAPTURED})),
        seed=1,
    ),
    Planted(
        "a voided payment still counted", _put(order_status, "HELD", order_status.HELD | {PaymentStatus.VOIDED}), seed=1
    ),
    Planted(
        "a refund counted before it is completed",
        _put(wire, "_completed", _pending_refunds_count),
        scripts=("refund-fails-later",),
        seed=4,
    ),
    Planted("a second page beside the first", _around(start_payment, "next_attempt", _start_always), seed=2),
    Planted(
        "every payment job under the same name", _put(attempts, "own_reference", lambda reference, _: reference), seed=3
    ),
    Planted(
        "the latest job called for, not the planned one",
        _put(start_payment, "_planned_by", _latest_of),
        variant=Variant.NO_RETRIES,
        seed=1_204,
    ),
    Planted(
        "an account from before a void believed",
        _put(learning, "_is_from_before_a_void", lambda *_: False),
        variant=Variant.NO_RECONCILE,
        scripts=("stale-read.x1",),
        seed=7_442,
    ),
    Planted("a page handed out before it is recorded", _around(orders.Orders, "change", _page_before_record), seed=12),
    Planted("open pages never looked at", _put(schedule, "_job_wants", _nothing), seed=1),
    Planted(
        "an intent never given up",
        _together(*(_put(reconcile.Reconciler, name, _nothing) for name in ("_give_up_on_the_dead", "_call_a_person"))),
        seed=33,
    ),
    Planted("old history dropped", _around(orders, "record", _short_memory), seed=1),
    Planted("a change that no history tells of", _around(orders, "record", _unwritten_change), seed=1),
    Planted("misfits not raised", _put(cases, "_is_unsettled", lambda _: False), rates=(("other_money", 0.9),), seed=1),
    Planted(
        "a double payment told to nobody", _put(cases, "_too_much", _nothing), scripts=("earlier-job-paid",), seed=13
    ),
    Planted("a notification left out", _around(ledger, "announced", _skip_one), seed=1),
    Planted("the newest notification first", _around(notify, "head", _newest_first), seed=17),
    Planted(
        "a notification taken for delivered",
        _around(notify.Notifier, "_record_answer", _told_whatever_he_says),
        seed=11,
    ),
)
