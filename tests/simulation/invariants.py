"""What must hold in every world: after each write, at each acknowledgement, and when all has come to rest.

Everything is held against the gateway's own ledger, never against what our program says of it.
"""

from collections import Counter
from typing import TYPE_CHECKING, Final

from backend.domain.attempts import MOST_TRIES
from backend.domain.cases import NOTIFICATION_FAILING, OPERATION_UNKNOWN
from backend.domain.deliveries import delivery_id
from backend.domain.ledger import defects
from backend.domain.model import Order, OrderId, Payment
from backend.domain.operations import NEXT, ON_THE_WIRE, OperationKind, OperationState
from backend.domain.order_status import HELD, order_status, totals
from backend.domain.planning import OperationAsk
from backend.domain.risk import at_risk_minor
from backend.domain.statuses import STRENGTH, JobState, OrderStatus, PaymentStatus
from backend.domain.terms import Mode
from backend.service.delivery_subject import Outcome
from backend.service.start_payment import StartedPayment
from backend.simulator.model import Job as BankJob
from backend.simulator.model import PartStatus, Status
from backend.simulator.model import Payment as BankPayment
from backend.simulator.outbox import Entry, State

from .bank import held

if TYPE_CHECKING:
    from .world import World

PAID_ONCE: Final = frozenset({OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED, OrderStatus.REFUNDED})
FOLDED_EVERY: Final = 20
"""Every so many writes the history is folded anew; at rest every order's is."""
UNMATCHED: Final = frozenset({Outcome.UNMATCHED, Outcome.GIVEN_UP, Outcome.UNREADABLE})


LYING_AMOUNTS: Final = frozenset({"wrong-amount", "wrong-currency", "duplicate-keys"})
SAID_BY: Final = {
    "reference_differs": frozenset[str](),
    "job_unknown_to_gateway": frozenset[str](),
    "overpaid": LYING_AMOUNTS,
    "underpaid": LYING_AMOUNTS,
    "currency_differs": LYING_AMOUNTS,
    "amount_differs": LYING_AMOUNTS,
    "refunded_more_than_captured": LYING_AMOUNTS,
    "refund_made_elsewhere": frozenset[str](),
    "void_made_elsewhere": frozenset[str](),
    "notification_failing": frozenset[str](),
}
"""Which of the gateway's scripts bears an alert out; in these worlds nobody uses its portal."""


class Invariants:
    def __init__(self, world: "World") -> None:
        self._world = world
        self._known: dict[OrderId, Order] = {}
        self._acknowledged: Counter[bytes] = Counter()
        self._pages: dict[str, set[str]] = {}
        self._writes = 0

    # --- after each write ---

    def order_written(self, order: Order) -> None:
        before = self._known.get(order.id)
        self._known[order.id] = order
        self._follows(before, order)
        self._paid_rightly(order)
        self._no_more_than_the_gateway(order)
        self._nothing_is_unlearned(before, order)
        self._operations_move_by_the_table(before, order)
        self._has_a_next_look(order)
        self._writes += 1
        if self._writes % FOLDED_EVERY == 0:
            self._folds(order)

    def _follows(self, before: Order | None, order: Order) -> None:
        """Nothing that was written is ever lost: versions go up by one, and histories only grow."""
        if before is None:
            return
        self._must(order.version == before.version + 1, "one write after the other", order, f"{before.version} before")
        kept = order.history[: len(before.history)] == before.history
        self._must(kept, "history only grows", order, f"{len(before.history)} entries before")
        self._must(len(order.jobs) <= MOST_TRIES, "bounded", order, f"{len(order.jobs)} jobs")

    def _paid_rightly(self, order: Order) -> None:
        """Paid only with the gateway's own capture of the right amount, in the right currency, for this order."""
        if order_status(order) not in PAID_ONCE or totals(order).captured_minor < order.amount.minor:
            return
        found = 0
        for job in self._world.bank.jobs_of(order.reference):
            right = job.currency == order.amount.currency and job.amount_minor == order.amount.minor
            if right:
                found += sum(self._world.bank.most_captured[payment.reference] for payment in job.payments)
        self._must(found >= order.amount.minor, "paid is captured", order, f"the gateway captured {found}")

    def _no_more_than_the_gateway(self, order: Order) -> None:
        bank = self._world.bank
        for payment in order.payments:
            name = payment.reference
            self._must(
                payment.captured_minor <= bank.most_captured[name], "captured there", order,
                f"{payment.captured_minor} of {bank.most_captured[name]} on {name}",
            )  # fmt: skip
            self._must(
                payment.refunded_minor <= bank.most_refunded[name], "refunded there", order,
                f"{payment.refunded_minor} of {bank.most_refunded[name]} on {name}",
            )  # fmt: skip

    def _nothing_is_unlearned(self, before: Order | None, order: Order) -> None:
        for known in before.payments if before is not None else ():
            now = next((payment for payment in order.payments if payment.reference == known.reference), None)
            kept = now is not None and STRENGTH[now.status] >= STRENGTH[known.status]
            kept = kept and now is not None and now.captured_minor >= known.captured_minor
            self._must(kept, "nothing is unlearned", order, f"{known} became {now}")

    def _operations_move_by_the_table(self, before: Order | None, order: Order) -> None:
        for operation in order.operations:
            earlier = before.operation(operation.number) if before is not None else None
            if earlier is None or earlier.state is operation.state:
                continue
            reached = {earlier.state}
            for _ in range(3):  # one write may hold several moves
                reached |= {after for state in reached for after in NEXT[state]}
            self._must(operation.state in reached, "operations move by the table", order, f"{operation}")
        for operation in order.operations:
            if operation.state is OperationState.REJECTED and operation.kind is OperationKind.REFUND:
                self._must(
                    not self._refund_went_through(operation.own_reference), "never failed when money went", order,
                    operation.own_reference,
                )  # fmt: skip

    def _has_a_next_look(self, order: Order) -> None:
        unfinished = any(job.state is JobState.INTENT for job in order.jobs)
        unfinished |= any(
            job.state in (JobState.OPEN, JobState.SUPERSEDED) and job.job_reference is not None for job in order.jobs
        )
        unfinished |= any(operation.state in ON_THE_WIRE or operation.may_be_sent for operation in order.operations)
        self._must(not unfinished or order.next_check_at is not None, "nothing waits for ever", order, "no next look")

    def _folds(self, order: Order) -> None:
        found = defects(order)
        self._must(not found, "history folds to the state", order, "; ".join(found))

    # --- at each acknowledgement ---

    async def webhook_acknowledged(self, body: bytes) -> None:
        self._acknowledged[body] += 1
        row = await self._world.store.get_delivery(delivery_id(Mode.MOCK, "cashflows", body))
        if row is None or row.received < self._acknowledged[body]:
            self._world.violate("acknowledged is stored", f"webhook {body!r}")

    async def page_handed_out(self, started: StartedPayment) -> None:
        """The page is stored, and no other page that this order's customer holds can still be paid."""
        order = await self._world.order(started.order.id)
        jobs = order.jobs if order is not None else ()
        stored = any(job.action_url == started.action_url and job.disclosed_at for job in jobs)
        if not stored:
            self._world.violate("acknowledged is stored", f"page {started.action_url}")
        held_pages = self._pages.setdefault(started.order.id, set())
        held_pages.add(started.job_reference)
        bank = self._world.bank
        payable = sorted(name for name in held_pages if name in bank.jobs and bank.jobs[name].is_open)
        now = self._world.clock.now()
        payable = [name for name in payable if bank.jobs[name].expires_at > now]
        if len(payable) > 1:
            self._world.violate("one page at a time", f"{started.order.id}: {payable}")

    async def operation_acknowledged(self, order_id: OrderId, number: int, ask: OperationAsk) -> None:
        order = await self._world.order(order_id)
        operation = order.operation(number) if order is not None else None
        same = operation is not None and operation.kind is ask.kind
        same = same and (ask.amount_minor in (None, operation.amount_minor if operation else None))
        if not same:
            self._world.violate("acknowledged is stored", f"{ask} as operation {number} of {order_id}")

    # --- at rest ---

    async def at_rest(self) -> None:
        orders = await self._world.orders()
        for order in orders:
            self._folds(order)
            self._paid_rightly(order)
            self._no_more_than_the_gateway(order)
            if self._world.options.reconciles:
                self._agrees_with_the_gateway(order)
                self._operations_say_what_happened(order)
                self._all_is_settled_or_told(order)
                self._what_does_not_fit_is_told(order)
            else:
                self._webhooks_alone_are_enough(order)
            self._alerts_are_true(order)
        if self._world.options.reconciles:
            await self._inbox_is_worked_through()
        for order in orders:
            self._shop_is_told(order)
        if self._world.options.healthy:
            for order in orders:
                self._must(not order.attention, "a healthy world alarms nobody", order, f"{order.attention}")
                self._must(at_risk_minor(order) == 0, "no money at risk", order, f"{at_risk_minor(order)}")

    def _agrees_with_the_gateway(self, order: Order) -> None:
        """Captured, refunded and held are what the gateway's ledger says, for every payment of every job."""
        misfits = self._misfits(order)
        held_there = [p for job in self._world.bank.jobs_of(order.reference) for p in job.payments if held(p)]
        there = sum(payment.captured_minor for payment in held_there)
        here = totals(order).captured_minor
        self._must(here <= there, "paid is held", order, f"{here} here, {there} there")
        for job in self._world.bank.jobs_of(order.reference):
            for theirs in job.payments:
                ours = next((payment for payment in order.payments if payment.reference == theirs.reference), None)
                if ours is None:
                    missed = held(theirs) is not None and theirs.reference not in misfits
                    # A page that nobody was given can only be paid by the simulator's own hand.
                    missed = missed and job.reference in {known.job_reference for known in order.jobs}
                    self._must(not missed, "every payment is known", order, f"{theirs}")
                elif theirs.reference not in misfits:
                    self._same(order, ours, theirs)

    def _same(self, order: Order, ours: Payment, theirs: BankPayment) -> None:
        told = _completed(theirs)
        kept = theirs.captured_minor if held(theirs) else 0
        counted = ours.captured_minor if ours.status in HELD else 0
        self._must(counted == kept, "captured is the gateway's", order, f"{counted} here, {kept} there: {ours}")
        if held(theirs):
            refunded = ours.refunded_minor
            self._must(refunded == told, "refunded is the gateway's", order, f"{refunded} here, {told} there")

    def _all_is_settled_or_told(self, order: Order) -> None:
        for job in order.jobs:
            waits = job.state is JobState.INTENT
            self._must(not waits, "nothing waits for ever", order, f"job {job.number} is {job.state}")
        told = " ".join(item.detail for item in order.attention if item.is_open)
        for operation in order.operations:
            done = operation.state not in ON_THE_WIRE and not operation.may_be_sent
            waits_for_gateway = operation.accepted_at is not None
            known = operation.own_reference in told or waits_for_gateway
            self._must(done or known, "nothing waits for ever", order, f"{operation} and nobody was told")
        status = order_status(order)
        kept = sum(self._kept_and_told(order, job) for job in self._world.bank.jobs_of(order.reference))
        if kept > order.amount.minor:
            self._must(any(item.is_open for item in order.attention), "too much is told", order, f"kept {kept}")
        if kept >= order.amount.minor and order.cancelled_at is None:
            self._must(status in (*PAID_ONCE, OrderStatus.REVIEW), "captured is paid", order, f"{status}, kept {kept}")
        if status is OrderStatus.PENDING:
            latest = order.latest_job
            lost = latest is not None and latest.state is JobState.ORPHAN
            lost |= any(item.is_open for item in order.attention)
            self._must(lost or latest is None, "nothing waits for ever", order, "still pending")

    def _kept_and_told(self, order: Order, job: BankJob) -> int:
        """What the job's payments keep, unless nobody here could know of the job.

        Nobody holds its page, so that the simulator's own hand paid it; the order has no name for it, as the reply to
        the create was lost or named another job; and its webhooks were all lost, forged, or about somebody else's
        payment. That a reply with a name and no page is made use of, ``test_start_payment.py`` shows.
        """
        kept = _kept(job.payments)
        if not kept or job.reference in {known.job_reference for known in order.jobs}:
            return kept
        entries = self._world.bank.simulator.outbox.entries(job_reference=job.reference)
        disclosed = job.reference in self._pages.get(order.id, ())
        return kept if disclosed or any(_is_true(entry) for entry in entries) else 0

    def _shop_is_told(self, order: Order) -> None:
        """Everything at least once, each first time in its turn, always the same bytes."""
        came: dict[str, str] = {}
        for name, body in self._world.shop.taken:
            if name.startswith(f"{order.id}/"):
                self._must(came.setdefault(name, body) == body, "the shop is told the same", order, name)
        wanted = [f"{order.id}/{number}" for number in range(1, order.notified + 1)]
        failing = any(item.is_open and item.code == NOTIFICATION_FAILING for item in order.attention)
        told = list(came)
        in_turn = told == wanted[: len(told)]
        self._must(in_turn, "the shop is told in order", order, f"{told} of {wanted}")
        self._must(len(told) == len(wanted) or failing, "the shop is told", order, f"{told} of {wanted}")

    def _operations_say_what_happened(self, order: Order) -> None:
        """What counts as done was done at the gateway, and nothing that was done there counts as refused."""
        if "other-job.read.x2" in self._world.scripts:
            return
        captured: Counter[str] = Counter()
        for operation in order.operations:
            found = self._world.bank.payment(operation.payment_reference)
            if operation.state is not OperationState.SUCCEEDED or found is None:
                continue
            match operation.kind:
                case OperationKind.REFUND:
                    done = self._refund_went_through(operation.own_reference)
                case OperationKind.CAPTURE:
                    captured[operation.payment_reference] += operation.amount_minor
                    taken = self._world.bank.most_captured[operation.payment_reference]
                    done = captured[operation.payment_reference] <= taken
                case OperationKind.VOID:
                    done = found[1].status is Status.CANCELLED
            self._must(done, "done is done", order, f"{operation} at {found[1].status}")

    def _what_does_not_fit_is_told(self, order: Order) -> None:
        """Money that the gateway holds and the order does not count is a matter for a person, and one is told."""
        counted = {payment.reference for payment in order.payments if payment.captured_minor}
        for job in self._world.bank.jobs_of(order.reference):
            disclosed = job.reference in {known.job_reference for known in order.jobs}
            for payment in job.payments:
                kept = payment.status is Status.PAID and payment.captured_minor > payment.refunded_minor
                if kept and disclosed and payment.reference not in counted:
                    told = any(item.is_open for item in order.attention)
                    self._must(told, "what does not fit is told", order, f"{payment.reference}")

    def _webhooks_alone_are_enough(self, order: Order) -> None:
        """Where nobody looks by himself: once every webhook of a payment was acknowledged, the order knows of it."""
        if self._world.scripts:
            return
        for payment in order.payments:
            found = self._world.bank.payment(payment.reference)
            if found is None or found[1].status is not Status.PAID or payment.reference in self._misfits(order):
                continue
            entries = self._world.bank.simulator.outbox.entries(job_reference=found[0].reference)
            about = [entry for entry in entries if entry.notice.payment_reference == payment.reference]
            if about and all(entry.state is State.ACKNOWLEDGED for entry in about):
                self._must(payment.captured_minor > 0, "webhooks alone are enough", order, payment.reference)

    def _alerts_are_true(self, order: Order) -> None:
        """A person is called only for something that the gateway's ledger bears out, or that the gateway once said."""
        theirs = [payment for job in self._world.bank.jobs_of(order.reference) for payment in job.payments]
        armed = {script.partition(".")[0] for script in self._world.scripts}
        for item in order.attention:
            allowed = SAID_BY.get(item.code)
            told = allowed is None or bool(allowed & armed)
            told |= allowed is LYING_AMOUNTS and self._world.sightings["other_money"] > 0
            self._must(told, "alerts are true", order, item.detail)
            if not item.is_open:
                continue
            if item.code == "paid_twice":
                kept = sum(1 for payment in theirs if payment.captured_minor > _completed(payment))
                self._must(kept > 1, "alerts are true", order, item.detail)
            if item.code == OPERATION_UNKNOWN:
                unknown = [o for o in order.operations if o.state in ON_THE_WIRE and o.own_reference in item.detail]
                self._must(len(unknown) == 1, "alerts are true", order, item.detail)
                hidden = unknown[0].kind is OperationKind.REFUND and self._refund_went_through(unknown[0].own_reference)
                seen = self._world.options.reconciles and hidden
                self._must(not seen, "alerts are true", order, f"{item.detail}, and the gateway shows it")

    async def _inbox_is_worked_through(self) -> None:
        for body in self._acknowledged:
            row = await self._world.store.get_delivery(delivery_id(Mode.MOCK, "cashflows", body))
            lost = row is None or (row.is_pending and row.outcome not in UNMATCHED)
            if lost:
                self._world.violate("webhooks are worked through", f"{row}")

    # --- inside ---

    def _misfits(self, order: Order) -> set[str]:
        return {misfit.payment_reference for misfit in order.misfits}

    def _refund_went_through(self, number: str) -> bool:
        return any(
            refund.number == number and refund.status is PartStatus.COMPLETED
            for job in self._world.bank.jobs.values()
            for payment in job.payments
            for refund in payment.refunds
        )

    def _must(self, holds: bool, invariant: str, order: Order, detail: str) -> None:
        if not holds:
            self._world.violate(invariant, f"{order.id} v{order.version}: {detail}")


def _is_true(entry: Entry) -> bool:
    """Whether a webhook was sent that we can believe; without signatures, nobody refuses one as forged."""
    refused = "forged-signature" in entry.notice.fault and entry.state is not State.ACKNOWLEDGED
    return entry.state is not State.LOST and not refused and "foreign-webhook" not in entry.notice.fault


def _completed(payment: BankPayment) -> int:
    return sum(refund.amount_minor for refund in payment.refunds if refund.status is PartStatus.COMPLETED)


def _kept(payments: tuple[BankPayment, ...]) -> int:
    return sum(
        payment.captured_minor - payment.refunded_minor
        for payment in payments
        if payment.status in (Status.PAID, Status.RESERVED)
    )


__all__ = ["Invariants", "PaymentStatus"]
