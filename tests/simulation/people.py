"""Customers and operators: what they ask for, how they repeat themselves, and what they may expect of an answer."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

from backend.domain.errors import DomainError
from backend.domain.model import Order, order_id
from backend.domain.money import CurrencyCode, Money
from backend.domain.operations import OperationKind
from backend.domain.planning import OperationAsk
from backend.domain.references import OrderReference, UserId
from backend.domain.statuses import PaymentStatus
from backend.domain.terms import Customer, Mode, OrderTerms
from backend.ports import StoreError
from backend.service.start_payment import PaymentNotStarted, StartedPayment
from backend.simulator.cards import APPROVED, BLOCKED, DECLINED, TECHNICAL_FAILURE, Outcome
from backend.simulator.desk import COMMISSIONED
from backend.simulator.refusals import Refusal
from backend.simulator.scripts import EVERY_ORDER

from .process import HungUp, Services

if TYPE_CHECKING:
    from .world import World

T = TypeVar("T")

TRIES: Final = 8
CURRENCIES: Final = ("GBP", "GBP", "EUR", "JPY", "BHD")

SCRIPTS: Final = (
    "lost-reply.create.x1", "lost-reply.refund.x1", "lost-reply.capture.x1", "lost-reply.cancel.x1",
    "lost-request.refund.x1", "lost-request.create.x1", "late-commit.create.x1", "late-commit.refund.x1",
    "late-commit.capture.x1", "delay.create.x1", "delay.refund.x1", "error-500-before.create.x1",
    "error-500-after.create.x1", "error-500-before.refund.x1", "error-500-after.refund.x1",
    "error-503-after.capture.x1",
    "too-many-requests.create.x1", "too-many-requests.read.x2", "unauthorized.read.x1", "redirect.create.x1",
    "html-reply.refund.x1", "malformed-json.create.x1", "malformed-json.read.x2", "truncated-json.refund.x1",
    "empty-reply.capture.x1", "not-utf8.read.x1", "missing-data.create.x1", "missing-data.read.x2",
    "error-inside.read.x1", "wrong-amount.read.x2", "wrong-amount.webhook.x1", "wrong-currency.read.x1",
    "wrong-currency.webhook.x1", "other-job.read.x2", "other-job.create.x1", "unknown-status.read.x2",
    "unknown-status.webhook.x1", "stale-read.x3", "missing-action-url.x1", "pascal-case", "numeric-enums",
    "numeric-references", "numeric-amounts", "short-times", "duplicate-keys.x2", "duplicate-webhook",
    "reordered-webhooks", "late-webhook", "lost-webhook.x2", "early-webhook", "foreign-webhook.x1",
    "forged-signature.x1", "failed-then-paid", "earlier-job-paid", "paid-before-cancel", "refund-pending",
    "refund-fails-later", "refund-failed", "refund-hidden",
)  # fmt: skip
"""What the gateway itself may do to an order; some of it lies, some of it takes money where none was asked."""

LIES: Final = frozenset({"wrong-amount", "wrong-currency", "foreign-webhook"})


@dataclass(frozen=True, slots=True)
class Wish:
    """One order that somebody means to pay."""

    terms: OrderTerms
    name: str


def arm_scripts(world: "World", choices: Sequence[str] = SCRIPTS) -> None:
    if world.options.variant == "no-webhooks":
        world.bank.simulator.scripts.arm(EVERY_ORDER, "lost-webhook")
    for wish in wishes(world):
        for script in world.options.scripts:
            world.scripts.append(script)
            world.bank.simulator.scripts.arm(wish.terms.reference, script)
        while world.chance.strikes("gateway_script"):
            script = world.chance.pick("gateway_script_name", choices)
            world.saw(f"script {script.partition('.')[0]}")
            world.scripts.append(script)
            world.bank.simulator.scripts.arm(wish.terms.reference, script)


def disarm_scripts(world: "World") -> None:
    for wish in wishes(world):
        world.bank.simulator.scripts.disarm(wish.terms.reference)
    if world.options.variant == "no-webhooks":
        world.bank.simulator.scripts.arm(EVERY_ORDER, "lost-webhook")


def wishes(world: "World") -> Iterator[Wish]:
    for number in range(1, world.options.orders + 1):
        name = f"c{number}"
        stream = world.chance.stream(f"wish {number}")
        currency = CurrencyCode(CURRENCIES[int(stream.random() * len(CURRENCIES))])
        terms = OrderTerms(
            mode=Mode.MOCK,
            reference=OrderReference(f"W-{number}"),
            owner=UserId(name),
            customer=Customer("test@example.com", "Test User"),
            amount=Money(int(stream.random() * 9_000) + 100, currency),
        )
        yield Wish(terms, name)


def crowd(world: "World") -> Iterator[Coroutine[Any, Any, object]]:
    for wish in wishes(world):
        yield Shopper(world, wish).shop()
        yield Office(world, wish).work()


class Person:
    def __init__(self, world: "World", wish: Wish, role: str) -> None:
        self.world = world
        self.wish = wish
        self._name = f"{role} {wish.name}"
        self.order_id = order_id(Mode.MOCK, wish.terms.reference)

    async def pause(self, low: float, high: float) -> None:
        await asyncio.sleep(self.world.chance.between(self._name, low, high))

    def likely(self, probability: float) -> bool:
        return self.world.chance.likely(self._name, probability)

    def pick(self, choices: Sequence[T]) -> T:
        return self.world.chance.pick(self._name, choices)

    async def ask(self, handle: Callable[[Services], Awaitable[T]]) -> T | None:
        """Send a request, and again if no clear answer comes; None where it was refused or nobody ever answered."""
        tries = 1 if self.world.options.variant == "no-retries" else TRIES
        for _ in range(tries):
            up = self.world.up()
            try:
                if not up:
                    raise HungUp  # noqa: TRY301
                return await self.pick(up).serve(handle)
            except DomainError as exc:
                self.world.saw(f"refused {type(exc).__name__}")
                return None
            except (HungUp, StoreError, PaymentNotStarted) as exc:
                self.world.saw(f"repeated after {type(exc).__name__}")
                await self.pause(0.2, 12)
            except Exception as exc:  # noqa: BLE001 - nothing else may come out of our services
                self.world.violate("no surprise", f"{self._name} got {exc!r}")
        return None


class Shopper(Person):
    def __init__(self, world: "World", wish: Wish) -> None:
        super().__init__(world, wish, "shopper")

    async def shop(self) -> None:
        await self.pause(0, 240)
        for _ in range(self.pick((1, 1, 2, 3))):
            started = await self._start()
            if started is not None:
                await self._use(started)
            await self._come_back()
            await self.pause(1, 120)
        if self.likely(0.15):
            await self.pause(3_300, 4_200)  # its page is nearly over, or is
            late = await self._start()
            if late is not None:
                await self._use(late)
                await self._come_back()

    async def _start(self) -> StartedPayment | None:
        if self.likely(0.25):  # a double click
            both = await asyncio.gather(self._start_once(), self._start_once())
            return both[0] or both[1]
        return await self._start_once()

    async def _start_once(self) -> StartedPayment | None:
        terms = self.wish.terms
        started = await self.ask(lambda services: services.start_payment(terms, actor=f"customer {terms.owner}"))
        if started is None or self.world.chance.strikes("customer_hangs_up"):
            return None
        await self.world.invariants.page_handed_out(started)
        return started

    async def _use(self, started: StartedPayment) -> None:
        await self.pause(0.1, 90)
        page = parse_qs(urlsplit(started.action_url).query)["ref"][0]
        job = self.world.bank.pages.get(page)
        if job is None:
            self.world.violate("real pages", f"{started.action_url} is no page of the gateway's")
            return
        action = self.pick(("pay",) * 12 + ("decline pay", "decline", "fail pay", "cancel", "leave", "leave", "later"))
        if action == "cancel":
            self.world.bank.simulator.desk.cancel_by_page(job)
        for word in action.split():
            outcome = {"pay": APPROVED, "decline": self.pick((DECLINED, BLOCKED)), "fail": TECHNICAL_FAILURE}.get(word)
            outcome = COMMISSIONED if word == "later" else outcome
            if outcome is not None:
                self._press(job, outcome)
                await self.pause(0.5, 10)

    def _press(self, job: str, outcome: Outcome) -> None:
        if "failed-then-paid" in self.world.scripts and outcome is APPROVED:
            self._pay(job, TECHNICAL_FAILURE)
        self._pay(job, outcome)

    def _pay(self, job: str, outcome: Outcome) -> None:
        try:
            self.world.bank.simulator.desk.pay(job, outcome)
        except Refusal:
            self.world.saw("page_was_over")
        else:
            self.world.reached("pay")

    async def _come_back(self) -> None:
        for _ in range(self.pick((0, 1, 1, 2))):
            await self.ask(lambda services: services.customer_return(self.wish.terms.reference))
            await self.pause(0.5, 20)


class Office(Person):
    """Operators at work on one order."""

    def __init__(self, world: "World", wish: Wish) -> None:
        super().__init__(world, wish, "office")

    async def work(self) -> None:
        await self.pause(60, 500)
        for _ in range(self.pick((1, 2, 3, 4, 5))):
            await self.pause(1, 200)
            order = await self.world.order(self.order_id)
            if order is not None:
                await self._act(order)

    async def _act(self, order: Order) -> None:
        held = [payment.status for payment in order.payments]
        captures = (OperationKind.CAPTURE,) * 6 if PaymentStatus.AUTHORIZED in held else ()
        refunds = (OperationKind.REFUND,) * (6 if PaymentStatus.CAPTURED in held else 1)
        others: tuple[str, ...] = ("cancel", "look", "approve", "abandon")
        what: OperationKind | str = self.pick((*captures, *refunds, OperationKind.VOID, *others))
        if isinstance(what, OperationKind):
            await self._operate(order, what)
        elif what == "cancel":
            await self._tell(order, lambda s, o: s.operations.cancel(o, by="ann", reason="sold out"))
            if self.likely(0.4):
                await self._tell(order, lambda s, o: s.operations.reinstate(o, by="ann", reason="found one"))
        elif what == "look":
            await self._tell(order, lambda s, o: s.operations.check_now(o, by="ann"))
        elif order.operations:
            number = self.pick([operation.number for operation in order.operations])
            if what == "approve":
                await self._tell(order, lambda s, o: s.operations.approve(o, number, by="bob"))
            else:
                await self._tell(order, lambda s, o: s.operations.abandon(o, number, by="bob", reason="no"))

    async def _operate(self, order: Order, kind: OperationKind) -> None:
        left = order.amount.minor
        partly = kind is not OperationKind.VOID and self.likely(0.5)
        minor = int(self.world.chance.between(self._name, 1, left)) if partly else None
        ask = OperationAsk(kind, "ann", "asked for", minor, number=len(order.operations) + 1)
        clicks = [self._send(ask) for _ in range(self.pick((1, 1, 1, 2)))]
        await asyncio.gather(*clicks)

    async def _send(self, ask: OperationAsk) -> None:
        async def handle(services: Services) -> tuple[Order, int]:
            order = await services.orders.load(self.order_id)
            asked = await services.operations.ask(order, ask)
            return asked.order, asked.operation.number

        done = await self.ask(handle)
        if done is not None:
            await self.world.invariants.operation_acknowledged(self.order_id, done[1], ask)

    async def _tell(self, order: Order, act: Callable[[Services, Order], Awaitable[object]]) -> None:
        async def handle(services: Services) -> bool:
            await act(services, await services.orders.load(order.id))
            return True

        await self.ask(handle)


def sights(orders: Sequence[Order]) -> Counter[str]:
    """What of interest happened, read off the histories."""
    seen: Counter[str] = Counter()
    for order in orders:
        words = [entry.event.kind for entry in order.history]
        seen.update(words)
        seen.update(f"status {entry.after}" for entry in order.history if entry.after is not entry.before)
        seen.update(f"attention {item.code}" for item in order.attention)
        seen.update("attention closed by rules" for item in order.attention if item.resolved_by == "rules")
        for entry in order.history:
            state = getattr(entry.event, "state", None)
            if state is not None:
                seen[f"operation {state} by {entry.actor.split()[0]}"] += 1
    return seen
